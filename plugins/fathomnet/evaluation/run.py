"""An evaluation as FiftyOne itself keeps it: its run, its marks, its results and our own beside.

Marks are what an evaluation writes on images and boxes: the same that FiftyOne's own would make.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from typing_extensions import Self

from ..dataset import writes
from ..dataset.collection import drop_values, make_durable
from ..dataset.columns import dataset_of
from ..dataset.documents import Document, ImageChange
from ..dataset.label_pipelines import is_list
from ..dataset.schema import declare
from ..errors import DatasetError, Fault, InputError
from ..names import distance_attribute
from ..text import as_plain
from .boxes import EvaluatedBoxes
from .scoring.average_precision import DetectionScores
from .scoring.judging import Marks, Match, Problems
from .scoring.scores import Agreement, HierarchicalScore, Interval, RankScore

COUNTS: Final = ("tp", "fp", "fn")
NAMES_KEPT: Final = 50
"""The most unknown names that a result lists."""


def mark_names(eval_key: str) -> tuple[str, str, str, str]:
    """The attributes of a box, in the order of ``BoxMarks``."""
    return eval_key, f"{eval_key}_id", f"{eval_key}_iou", distance_attribute(eval_key)


def mark_schema(eval_key: str, config: Any) -> dict[str, Any]:
    """The fields that the marks of a run need: FiftyOne's own, and the distance."""
    import fiftyone as fo

    gt_field, pred_field = config.gt_field, config.pred_field
    if is_of_crops(config):
        distance = distance_attribute(eval_key)
        return {eval_key: fo.BooleanField()} | {
            f"{field}.{distance}": fo.IntField() for field in (gt_field, pred_field)
        }
    kinds = (fo.StringField, fo.StringField, fo.FloatField, fo.IntField)
    schema: dict[str, Any] = {f"{eval_key}_{name}": fo.IntField() for name in COUNTS}
    for field in (gt_field, pred_field):
        for name, kind in zip(mark_names(eval_key), kinds, strict=True):
            schema[f"{field}.detections.{name}"] = kind()
    return schema


PROBLEMS: Final = ("missing", "spurious", "badly_drawn")
"""What may be wrong with annotated boxes; the first is said of predictions."""


def problem_names(eval_key: str) -> dict[str, str]:
    """The attribute, and the saved view, of each of ``PROBLEMS``."""
    # FiftyOne's own attributes of an evaluation begin with its key.
    return {problem: f"{problem}_{eval_key}" for problem in PROBLEMS}


def problem_schema(eval_key: str, gt_field: str, pred_field: str) -> dict[str, Any]:
    """The fields of the scores of ``Problems``."""
    import fiftyone as fo

    fields = dict(zip(PROBLEMS, (pred_field, gt_field, gt_field), strict=True))
    return {
        f"{fields[problem]}.detections.{name}": fo.FloatField()
        for problem, name in problem_names(eval_key).items()
    }


def is_of_crops(config: Any) -> bool:
    """Whether a run is of fields of one label an image, and not of boxes."""
    return bool(config.type == "classification")


def write_marks(
    samples: Any, boxes: EvaluatedBoxes, marks: Marks, eval_key: str, problems: Problems | None
) -> Iterator[int]:
    """Writes the marks, batch by batch, and yields how many images each batch was.

    Args:
        samples: the dataset or view that the boxes were read from.
        boxes: what was read.
        marks: what is to be written.
        eval_key: key of the evaluation.
        problems: what a detector's boxes say against annotated ones; None for other predictions.

    Raises:
        DatasetError: somebody removed boxes since they were read.
    """
    changes = _changes(boxes, marks, eval_key, problems)
    lost = "removed while they were evaluated"
    yield from writes.change_images(dataset_of(samples), changes, lost=lost)


def _changes(
    boxes: EvaluatedBoxes, marks: Marks, eval_key: str, problems: Problems | None
) -> Iterator[ImageChange]:
    """The images that get something, each with what."""
    names = mark_names(eval_key)
    scores: list[dict[str, dict[int, float]]] = [{}, {}]
    if problems is not None:
        for problem, name in problem_names(eval_key).items():
            scores[problem == PROBLEMS[0]][name] = getattr(problems, problem)
    of_crops = not is_list(boxes.truth.path)
    sides = []
    for side, which, scored in (
        (boxes.truth, marks.truth, scores[0]),
        (boxes.predictions, marks.predictions, scores[1]),
    ):
        given: dict[int, dict[str, Document]] = {}
        written = zip(which.verdicts, which.partners, which.ious, which.distances, strict=True)
        owners = side.boxes.owners.tolist()
        columns = zip(owners, side.boxes.ids, written, strict=True)
        for place, (owner, id_, values) in enumerate(columns):
            if values[0] is not None:
                # That the other label of its image is its partner goes without saying of a crop.
                marked = dict(list(zip(names, values, strict=True))[-1 if of_crops else 0 :])
                marked |= {name: found.get(place) for name, found in scored.items()}
                given.setdefault(owner, {})[id_] = marked
        sides.append((side.path, given, side.stored_ids))
    counts_of = [f"{eval_key}_{name}" for name in COUNTS]
    images = zip(boxes.sample_ids, boxes.modified, marks.counts, strict=True)
    for number, (sample_id, read_at, counts) in enumerate(images):
        if counts is not None:
            yield ImageChange(
                sample_id,
                fields={eval_key: bool(counts[0])}
                if of_crops
                else dict(zip(counts_of, counts, strict=True)),
                boxes={path: given.get(number, {}) for path, given, _ in sides},
                places={
                    path: {id_: place for place, id_ in enumerate(ids[number])}
                    for path, _, ids in sides
                },
                read_at=read_at,
            )


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """How good predictions are.

    Boxes are annotated ones with a true label. A box without a prediction counts as wrong, at the
    greatest distance, as an empty name would. Distances are those of the boxes whose true name is
    in the taxonomy: the others are at no place from which one could be measured. The two
    ``..._of_predicted`` leave boxes without a prediction out, like the competition, which scored
    submitted rows.

    Attributes:
        eval_key: key of the evaluation.
        boxes: how many boxes were scored.
        accuracy: the share of boxes whose prediction is the true name.
        accuracy_interval: 95 % of the bootstrap's draws; None if there are too few groups.
        mean_taxonomic_distance: 0 is best, 12 worst; None where it is not applicable, because no
            true name is in the taxonomy.
        mean_taxonomic_distance_interval: as for accuracy.
        interval_by: the groups that the bootstrap draws: ``dive`` or ``image``.
        ranks: accuracy and macro F1 at the seven ranks.
        agreement: right, too coarse, too fine, elsewhere, missing.
        hierarchical: hierarchical precision, recall and F1.
        boxes_without_prediction: scored boxes without a prediction.
        accuracy_of_predicted: accuracy over the boxes with a prediction.
        mean_taxonomic_distance_of_predicted: mean distance over the boxes with a prediction.
        unlabelled_boxes: boxes without a true label; they and their predictions are left out.
        boxes_not_predicted: boxes in splits without any prediction; they are left out.
        predictions_without_box: predictions that match no box. They lower FiftyOne's precision,
            but no score here.
        matched_by_annotation_id: predictions that were matched by annotation id, not by overlap.
        unknown_names: true or predicted names that state no taxon of the tree, the first
            ``NAMES_KEPT``. A box with such a true name has no distance; such a prediction for
            another box scores 12.
        repeated_boxes: boxes without a prediction that repeat exactly one which has a prediction;
            they are left out.
        boxes_without_distance: scored boxes whose true name states no taxon of the tree.
        map: COCO's mean average precision over the overlaps 0.50, 0.55 ... 0.95; None for
            predictions of the annotated boxes themselves.
        map_50: the same where an overlap of 0.5 is enough.
        map_75: the same where an overlap of 0.75 is enough.
        detection: all of COCO's numbers, and those of each concept.
        missing_boxes: detections that no annotated box accounts for.
        spurious_boxes: annotated boxes that no detection matches.
        badly_drawn_boxes: annotated boxes that match, but overlap by less than 0.75.
        views: names of the saved views of these, the worst first.
    """

    eval_key: str
    boxes: int
    accuracy: float
    accuracy_interval: Interval | None
    mean_taxonomic_distance: float | None
    mean_taxonomic_distance_interval: Interval | None
    interval_by: str
    ranks: tuple[RankScore, ...]
    agreement: Agreement
    hierarchical: HierarchicalScore
    boxes_without_prediction: int
    accuracy_of_predicted: float | None
    mean_taxonomic_distance_of_predicted: float | None
    unlabelled_boxes: int
    boxes_not_predicted: int
    predictions_without_box: int
    matched_by_annotation_id: int
    unknown_names: tuple[str, ...]
    repeated_boxes: int = 0
    boxes_without_distance: int = 0
    map: float | None = None
    map_50: float | None = None
    map_75: float | None = None
    detection: DetectionScores | None = None
    missing_boxes: int | None = None
    spurious_boxes: int | None = None
    badly_drawn_boxes: int | None = None
    views: tuple[str, ...] = ()


DETAILS: Final = "taxonomic"
"""Attribute of the run's config that holds what FiftyOne's own results have no place for."""


@dataclass(frozen=True, slots=True)
class EvaluationDetails:
    """What FiftyOne's own results have no place for; it is kept in the run's config.

    Attributes:
        result: of the evaluation.
        taxonomy_sha256: hash of the tree of concepts with which it was made.
    """

    result: EvaluationResult
    taxonomy_sha256: str

    def write(self, config: Any) -> None:
        """Adds it to the config of a run that is about to be registered."""
        plain = {**as_plain(self.result), "taxonomy_sha256": self.taxonomy_sha256}
        setattr(config, DETAILS, plain)

    @classmethod
    def read(cls, dataset: Any, eval_key: str) -> Self | None:
        """Reads it back.

        Returns:
            The details; None where ``evaluate_predictions`` did not make the evaluation, or where
            it was another version that kept something else.
        """
        plain = getattr(dataset.get_evaluation_info(eval_key).config, DETAILS, None) or {}
        try:
            result = TypeAdapter(EvaluationResult).validate_python(dict(plain))
            return cls(result, str(plain["taxonomy_sha256"]))
        except (ValidationError, KeyError):
            return None


def has_details(config: Any) -> bool:
    """Whether the config of a run is one that ``evaluate_predictions`` made."""
    return getattr(config, DETAILS, None) is not None


def run_config(
    gt_field: str, pred_field: str, iou: float, metrics: Sequence[str], of_crops: bool
) -> Any:
    """The config of a run that FiftyOne could have made.

    Of boxes that is ``evaluate_detections(..., classwise=False)``, of crops
    ``evaluate_classifications``.

    Args:
        gt_field: the annotated labels.
        pred_field: the predicted labels.
        iou: the least overlap of a match of boxes.
        metrics: URIs of the metrics that the results hold.
        of_crops: whether these are fields of one label an image.
    """
    from fiftyone.utils.eval.classification import SimpleEvaluationConfig
    from fiftyone.utils.eval.coco import COCOEvaluationConfig

    if of_crops:
        return SimpleEvaluationConfig(
            pred_field, gt_field, custom_metrics=list(metrics), **{DETAILS: {}}
        )
    return COCOEvaluationConfig(
        pred_field,
        gt_field,
        iou=iou,
        classwise=False,
        custom_metrics=list(metrics),
        **{DETAILS: {}},  # in its place; ``EvaluationDetails.write`` fills it
    )


def refuse_taken_key(dataset: Any, eval_key: str, config: Any) -> None:
    """Refuses a key under which this evaluation cannot be kept.

    Raises:
        InputError: no evaluation can have this key.
        DatasetError: something else has it already.
    """
    import fiftyone as fo

    if not eval_key.isidentifier() or eval_key.startswith("_"):
        problem = f"{eval_key!r} is no key: a letter, then letters, digits and _"
        raise InputError("evaluation", [Fault("eval_key", problem)])
    if dataset.has_evaluation(eval_key):
        try:
            config.build().validate_run(dataset, eval_key)
        except ValueError as error:
            raise DatasetError(str(error)) from None
        return
    schema = mark_schema(eval_key, config)
    # Distances may be left of an evaluation that was deleted without the plugin, whose metric
    # FiftyOne asks to delete them; they are replaced.
    distance = distance_attribute(eval_key)
    taken = [path for path in schema if dataset.get_field(path) and not path.endswith(distance)]
    if is_of_crops(config):
        taken += [eval_key] if hasattr(fo.Sample, eval_key) else []
    else:
        taken += [name for name in mark_names(eval_key) if hasattr(fo.Detection, name)]
    if taken:
        raise DatasetError(
            f"{', '.join(taken)} of dataset {dataset.name!r} is there already and was not made by "
            f"an evaluation {eval_key!r}; choose another eval_key"
        )


def begin_run(samples: Any, eval_key: str, config: Any, has_problems: bool) -> Any:
    """Registers the run, in place of one that was there, and declares its fields.

    Args:
        samples: the dataset or view that is evaluated.
        eval_key: key of the evaluation.
        config: see ``run_config``.
        has_problems: whether scores of ``Problems`` will be written.

    Returns:
        FiftyOne's method object, for ``end_run``.
    """
    import fiftyone as fo

    dataset = dataset_of(samples)
    method = config.build()
    method.ensure_requirements()
    # What a run of the same fields wrote goes first, whether it came to its end or not.
    schema = mark_schema(eval_key, config)
    scores = problem_schema(eval_key, config.gt_field, config.pred_field)
    written = [path for path in schema | scores if dataset.get_field(path) is not None]
    if written:
        dataset.delete_sample_fields(written)
    if dataset.has_evaluation(eval_key):
        fo.core.evaluation.EvaluationMethod.delete_run(dataset, eval_key, cleanup=False)
        dataset._delete_empty_sidebar_group(eval_key)
    method.register_run(samples, eval_key)
    declare(dataset, schema | scores if has_problems else schema)
    return method


def end_run(
    samples: Any,
    eval_key: str,
    method: Any,
    matches: Sequence[Match],
    metrics: Mapping[str, Any],
) -> None:
    """Saves the results, by which the run is complete, and shows its fields in the sidebar.

    Args:
        samples: the dataset or view that was evaluated.
        eval_key: key of the evaluation.
        method: what ``begin_run`` gave.
        matches: a line for all that counts.
        metrics: values of the metrics, as ``EvaluationResults.custom_metrics`` has them.

    Raises:
        DatasetError: somebody else deleted the evaluation; what was written since is removed.
    """
    from fiftyone.utils.eval.classification import ClassificationResults

    dataset = dataset_of(samples)
    dataset.reload()
    if not dataset.has_evaluation(eval_key):
        drop_values(dataset, mark_schema(eval_key, method.config))
        raise DatasetError(
            f"evaluation {eval_key!r} of dataset {dataset.name!r} was deleted by somebody else "
            "during the run; start it again to make it anew"
        )
    paths = [f"{eval_key}_{name}" for name in COUNTS]
    if is_of_crops(method.config):
        paths = [eval_key]
        true, predicted, _, confidences, true_ids, ids = zip(*matches, strict=True)
        results = ClassificationResults(
            samples,
            method.config,
            eval_key,
            list(true),
            list(predicted),
            confs=list(confidences),
            ytrue_ids=list(true_ids),
            ypred_ids=list(ids),
            backend=method,
        )
    else:
        results = method.generate_results(samples, list(matches), eval_key=eval_key)
    results.custom_metrics = dict(metrics)
    method.save_run_results(samples, eval_key, results)
    samples._add_paths_to_sidebar_group(paths, eval_key)
    make_durable(dataset)
