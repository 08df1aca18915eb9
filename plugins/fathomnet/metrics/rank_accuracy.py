"""Accuracy at each of the seven ranks as a metric of any FiftyOne evaluation of labels."""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo

from ..fields import RANK_ACCURACY
from ..scoring.metric_entries import rank_entries
from ..scoring.pairs import pairs_of_results
from ..taxonomy import load_taxonomy


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
        taxonomy = load_taxonomy()
        pairs, _ = pairs_of_results(results, taxonomy)
        results.custom_metrics = (results.custom_metrics or {}) | rank_entries(pairs, taxonomy)
