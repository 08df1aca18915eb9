"""Metrics for FiftyOne's own evaluations: distance on the tree, and accuracy at a rank."""

from typing import Any

import fiftyone as fo
import fiftyone.operators as foo

from .dataset.columns import dataset_of
from .dataset.label_map import taxonomy_of
from .dataset.schema import labels_path
from .evaluation.run import problem_schema
from .evaluation.scoring.columns import pairs_of_results
from .evaluation.scoring.scores import DISTANCE_LABEL, mean_distance, rank_entries
from .names import RANK_ACCURACY, TAXONOMIC_DISTANCE, distance_attribute


class TaxonomicDistance(foo.EvaluationMetric):  # type: ignore[misc]  # FiftyOne is untyped
    """The mean taxonomic distance, and the distance of each label as an attribute."""

    @property
    def config(self) -> Any:
        return foo.EvaluationMetricConfig(
            name=TAXONOMIC_DISTANCE,
            label=DISTANCE_LABEL,
            description="Steps on the tree of life from prediction to truth: 0 is best, 12 worst",
            eval_types=["classification", "detection"],
            aggregate_key=TAXONOMIC_DISTANCE,
            lower_is_better=True,
            unlisted=True,
            icon="/plugins/fathomnet/assets/tree.svg",
        )

    def compute(self, samples: Any, results: Any, **kwargs: Any) -> float | None:
        """The mean over labels whose true name is in the taxonomy; no prediction counts 12.

        If the evaluation is stored under a key, the distance becomes an attribute of the labels.
        """
        pairs, rows = pairs_of_results(results, taxonomy_of(samples))
        if results.key is not None:
            distances = pairs.distances.tolist()
            for field, ids in (
                (results.config.gt_field, results.ytrue_ids),
                (results.config.pred_field, results.ypred_ids),
            ):
                chosen = [None] * len(rows) if ids is None else ids[rows].tolist()
                by_id = dict(zip(chosen, distances, strict=True))
                by_id.pop(None, None)
                dataset = dataset_of(samples)
                path = f"{labels_path(dataset, field)}.{distance_attribute(results.key)}"
                if dataset.get_field(path) is None:
                    dataset.add_sample_field(path, fo.IntField)
                if by_id:
                    dataset.set_label_values(path, by_id)
        return mean_distance(pairs)

    def get_fields(self, samples: Any, config: Any, eval_key: str) -> list[str]:
        dataset = dataset_of(samples)
        paths = [
            f"{labels_path(dataset, field)}.{distance_attribute(eval_key)}"
            for field in (config.gt_field, config.pred_field)
        ]
        paths += problem_schema(eval_key, config.gt_field, config.pred_field)
        return [path for path in paths if dataset.get_field(path) is not None]

    def rename(self, samples: Any, config: Any, eval_key: str, new_eval_key: str) -> None:
        # FiftyOne's own would replace the first place in the path that reads like the key.
        old, new = distance_attribute(eval_key), distance_attribute(new_eval_key)
        for path in self.get_fields(samples, config, eval_key):
            renamed = path.removesuffix(old) + new
            if not path.endswith(old):
                renamed = path.removesuffix(eval_key) + new_eval_key
            dataset_of(samples).rename_sample_field(path, renamed)


class RankAccuracy(foo.EvaluationMetric):  # type: ignore[misc]  # FiftyOne is untyped
    """The accuracy at each rank, one line per rank from kingdom to species."""

    @property
    def config(self) -> Any:
        return foo.EvaluationMetricConfig(
            name=RANK_ACCURACY,
            label="Accuracy at each rank",
            description="The share of labels whose kingdom, phylum ... species is right",
            eval_types=["classification", "detection"],
            lower_is_better=False,
            unlisted=True,
            icon="/plugins/fathomnet/assets/tree.svg",
        )

    def compute(self, samples: Any, results: Any, **kwargs: Any) -> None:
        """Adds the ranks to the results itself, because FiftyOne allows one value per metric.

        A label counts at the ranks that its true lineage reaches; a missing prediction is wrong.
        """
        taxonomy = taxonomy_of(samples)
        pairs, _ = pairs_of_results(results, taxonomy)
        results.custom_metrics = (results.custom_metrics or {}) | rank_entries(pairs, taxonomy)


METRICS: tuple[type[Any], ...] = (TaxonomicDistance, RankAccuracy)

__all__ = ["METRICS"]
