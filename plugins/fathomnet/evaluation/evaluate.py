"""Scores predictions against true labels as a FiftyOne evaluation that knows the tree of life."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..dataset.columns import dataset_of
from ..dataset.datasets import unknown_view
from ..dataset.hit_views import Hit, save_hits_view
from ..dataset.label_map import taxonomy_of
from ..dataset.label_pipelines import is_list
from ..dataset.records import Basis, bring_up_to_date, reload_known
from ..dataset.schema import label_type, labels_path
from ..errors import DatasetError, Fault, InputError
from ..garbage_collector import collector_paused
from ..names import GROUND_TRUTH, MODEL_PREDICTIONS, evaluation_key
from ..progress import Progress, silent
from ..taxonomy import Taxonomy
from ..taxonomy.tree import MAX_DISTANCE
from ..text import counted
from .boxes import EvaluatedBoxes, read_evaluated_boxes
from .run import (
    NAMES_KEPT,
    PROBLEMS,
    EvaluationDetails,
    EvaluationResult,
    begin_run,
    end_run,
    problem_names,
    refuse_taken_key,
    run_config,
    write_marks,
)
from .scoring.average_precision import DetectionScores, average_precision, require_pycocotools
from .scoring.columns import Pairs
from .scoring.judging import (
    LEAST_IOU,
    Judgement,
    Problems,
    find_problems,
    judge,
    list_matches,
    make_marks,
    pairs_of,
)
from .scoring.matching import NO_PARTNER
from .scoring.scores import (
    DISTANCE_URI,
    RANKS_URI,
    Interval,
    agreement,
    bootstrap_intervals,
    distance_entry,
    hierarchical_score,
    rank_entries,
    rank_table,
)


@dataclass(frozen=True, slots=True)
class Scored:
    """The boxes that were read, and how they were scored.

    Attributes:
        boxes: the annotated and the predicted boxes.
        judgement: which prediction matches which box, and what counts.
        pairs: the boxes that count, with their predictions.
        rows: (P,) the judgement's row of each pair.
        images_kept: (I,) the images whose split has a prediction.
        problems: what a detector's boxes say against annotated ones; None for predictions of the
            annotated boxes themselves.
    """

    boxes: EvaluatedBoxes
    judgement: Judgement
    pairs: Pairs
    rows: npt.NDArray[np.intp]
    images_kept: npt.NDArray[np.bool_]
    problems: Problems | None

    @property
    def distances(self) -> npt.NDArray[np.int64]:
        """(R,) the distance of every row that is a pair; 12 for the others."""
        found = np.full(len(self.judgement.row_truth), MAX_DISTANCE, np.int64)
        found[self.rows] = self.pairs.distances
        return found


def evaluate_predictions(
    samples: Any,
    pred_field: str = MODEL_PREDICTIONS,
    gt_field: str = GROUND_TRUTH,
    eval_key: str = "",
    taxonomy: Taxonomy | None = None,
    progress: Progress = silent,
    *,
    view: str = "",
    tag: str = "",
) -> EvaluationResult:
    """Scores predictions, and stores the scores as a FiftyOne evaluation.

    The run looks as if ``evaluate_detections(..., classwise=False)`` had made it, with the same
    fields, plus the taxonomic distance of each box; of crops, which have one label an image, as
    ``evaluate_classifications`` makes it. A prediction belongs to the box of its image
    with the same annotation id or, if either side has none, to the box that it overlaps by half or
    more (``scoring.judging.LEAST_IOU``). An existing evaluation with this key is replaced.

    Args:
        samples: a FiftyOne dataset or a view of its images; only boxes that a view shows count.
        pred_field: the predicted boxes, or labels of crops.
        gt_field: the annotated boxes, or labels of crops.
        eval_key: key of the evaluation; empty for ``names.evaluation_key(pred_field)``.
        taxonomy: the tree of concepts; None for that of the dataset.
        progress: called with the share done and a label.
        view: name of a saved view, which is evaluated in place of ``samples``; "" for these.
        tag: only the images that have this tag are evaluated; "" for all.

    Raises:
        InputError: the key is not valid for an evaluation, or there is no such view or tag.
        DatasetError: a field holds no boxes, the key is taken, or no predicted box has a true
            label; nothing was written.
        SetupError: the predictions are a detector's own boxes, and pycocotools is not installed.
    """
    eval_key = eval_key or evaluation_key(pred_field)
    of_crops = _is_of_crops(samples, gt_field)
    config = run_config(gt_field, pred_field, LEAST_IOU, (DISTANCE_URI, RANKS_URI), of_crops)
    bring_up_to_date(samples)
    taxonomy = taxonomy_of(samples) if taxonomy is None else taxonomy
    samples = _named(samples, view, tag)
    _check(samples, gt_field, pred_field)
    refuse_taken_key(dataset_of(samples), eval_key, config)
    progress(0.0, "reading boxes")
    asked = {"pred_field": pred_field, "gt_field": gt_field, "eval_key": eval_key}
    asked |= {name: value for name, value in (("view", view), ("tag", tag)) if value}
    basis = Basis.now(
        samples, "evaluation", eval_key, (gt_field, pred_field), asked, taxonomy=taxonomy
    )
    with collector_paused():
        scored = _score(samples, gt_field, pred_field, taxonomy)
        sides = (scored.boxes.truth.boxes, scored.boxes.predictions.boxes)
        marks = make_marks(*sides, scored.judgement, scored.distances, scored.images_kept)
        matches = list_matches(*sides, scored.judgement)
    result = _result_of(scored, eval_key, taxonomy)
    EvaluationDetails(result, taxonomy.sha256).write(config)
    progress(0.3, "writing verdicts")
    method = begin_run(samples, eval_key, config, scored.problems is not None)
    total, done = len(scored.boxes.sample_ids), 0
    for written in write_marks(samples, scored.boxes, marks, eval_key, scored.problems):
        done += written
        progress(0.3 + 0.6 * done / total, f"writing verdicts {done:,}/{total:,} images")
    metrics = distance_entry(scored.pairs) | rank_entries(scored.pairs, taxonomy)
    end_run(samples, eval_key, method, matches, metrics)
    basis.write(dataset_of(samples))
    _save_views(dataset_of(samples), scored, eval_key)
    progress(1.0, f"{counted(result.boxes, 'box', 'boxes')} scored")
    return result


def check_evaluation(
    samples: Any,
    pred_field: str = MODEL_PREDICTIONS,
    gt_field: str = GROUND_TRUTH,
    eval_key: str = "",
    taxonomy: Taxonomy | None = None,
    *,
    view: str = "",
    tag: str = "",
    with_precision: bool = True,
) -> EvaluationResult:
    """Says what ``evaluate_predictions`` would find; writes nothing, and raises the same errors.

    The average precision of many boxes takes seconds; without it a form answers at once.
    """
    eval_key = check_names(samples, pred_field, gt_field, eval_key, view=view, tag=tag)
    samples = _named(samples, view, tag)
    taxonomy = taxonomy_of(samples) if taxonomy is None else taxonomy
    scored = _score(samples, gt_field, pred_field, taxonomy)
    return _result_of(scored, eval_key, taxonomy, with_precision)


def check_names(
    samples: Any,
    pred_field: str = MODEL_PREDICTIONS,
    gt_field: str = GROUND_TRUTH,
    key: str = "",
    *,
    view: str = "",
    tag: str = "",
) -> str:
    """The key of the evaluation; raises what can be known without reading a box."""
    key = key or evaluation_key(pred_field)
    reload_known(samples)
    samples = _named(samples, view, tag)
    _check(samples, gt_field, pred_field)
    config = run_config(gt_field, pred_field, LEAST_IOU, (), _is_of_crops(samples, gt_field))
    refuse_taken_key(dataset_of(samples), key, config)
    return key


def _named(samples: Any, view: str, tag: str) -> Any:
    """The images that a saved view and a tag name, of a dataset or else of what is seen of it.

    Raises:
        InputError: there is no such view, or none of its images has the tag.
    """
    dataset = dataset_of(samples)
    if view:
        if not dataset.has_saved_view(view):
            raise InputError("evaluation", [unknown_view(dataset, view)])
        samples = dataset.load_saved_view(view)
    if tag:
        tags = samples.distinct("tags")
        if tag not in tags:
            known = ", ".join(tags[:10]) or "none"
            problem = f"no image that is looked at has the tag {tag[:200]!r}; their tags: {known}"
            raise InputError("evaluation", [Fault("tag", problem)])
        samples = samples.match_tags(tag)
    return samples


def _is_of_crops(samples: Any, gt_field: str) -> bool:
    """Whether a field holds one label an image; what else it may hold is refused later."""
    import fiftyone as fo

    return label_type(dataset_of(samples), gt_field) is fo.Classification


def _check(samples: Any, gt_field: str, pred_field: str) -> None:
    dataset = dataset_of(samples)
    if samples._dataset is not dataset:
        raise DatasetError(
            "a view of patches or clips is a copy whose boxes cannot be marked; evaluate a view of "
            "images, for example dataset.filter_labels(...)"
        )
    kinds = {is_list(labels_path(dataset, field)) for field in (gt_field, pred_field)}
    if len(kinds) > 1:
        raise DatasetError(
            f"one of {pred_field!r} and {gt_field!r} has boxes, the other one label an image: "
            "these cannot be evaluated against each other"
        )
    if gt_field == pred_field:
        raise DatasetError(f"the boxes in {gt_field!r} cannot be evaluated against themselves")


def _score(samples: Any, gt_field: str, pred_field: str, taxonomy: Taxonomy) -> Scored:
    boxes = read_evaluated_boxes(samples, gt_field, pred_field)
    truth, predictions = boxes.truth.boxes, boxes.predictions.boxes
    if not len(predictions):
        raise DatasetError(
            f"field {pred_field!r} has no predictions in the "
            f"{counted(len(boxes.sample_ids), 'image', 'images')} looked at; "
            f"{_labelled_splits(samples, gt_field)}"
        )
    # The images whose split has predictions: the model was not asked about the others.
    asked = {boxes.splits[owner] for owner in set(predictions.owners.tolist())}
    kept = np.array([split in asked for split in boxes.splits], bool)
    judgement = judge(truth, predictions, kept, _foreign(boxes))
    pairs, rows = pairs_of(judgement, truth, predictions, taxonomy)
    if not len(pairs):
        raise DatasetError(
            f"none of the boxes that {pred_field!r} predicts has a true label in {gt_field!r}, so "
            f"there is nothing to score; {_labelled_splits(samples, gt_field)}"
        )
    problems = None
    # A prediction of an annotated box has its number; a detector's own boxes have none.
    has_numbers = any(number is not None for number in predictions.annotation_ids)
    if is_list(boxes.predictions.path) and not has_numbers:
        require_pycocotools()
        problems = find_problems(truth, predictions, judgement)
    return Scored(boxes, judgement, pairs, rows, kept, problems)


def _average_precision(scored: Scored) -> DetectionScores:
    boxes = scored.boxes
    return average_precision(
        boxes.truth.boxes,
        boxes.predictions.boxes,
        boxes.truth.areas,
        boxes.sizes,
        boxes.ranks(),
        scored.images_kept[boxes.truth.boxes.owners],
        scored.images_kept[boxes.predictions.boxes.owners],
    )


MOST_SHOWN: Final = 1_000
"""Boxes of a saved view; every box has its score."""

_WORDS: Final = dict(
    zip(
        PROBLEMS,
        (
            "Detections that no annotated box accounts for, the surest first",
            "Annotated boxes that no detection matches, the least likely first",
            "Annotated boxes that a sure detection draws otherwise, the worst first",
        ),
        strict=True,
    )
)


def _save_views(dataset: Any, scored: Scored, eval_key: str) -> None:
    """Saves a view for each kind of ``Problems``; those of an earlier evaluation go."""
    boxes = scored.boxes
    for problem, name in problem_names(eval_key).items():
        side = boxes.predictions if problem == PROBLEMS[0] else boxes.truth
        found = {} if scored.problems is None else getattr(scored.problems, problem)
        worst = sorted(found.items(), key=lambda one: (-one[1], one[0]))[:MOST_SHOWN]
        owners = side.boxes.owners
        hits = [
            Hit(side.boxes.ids[place], boxes.sample_ids[owners[place]], score)
            for place, score in worst
        ]
        if hits or dataset.has_saved_view(name):
            save_hits_view(dataset, name, side.field, hits, _WORDS[problem])


def _foreign(boxes: EvaluatedBoxes) -> npt.NDArray[np.bool_]:
    """The predictions about a box of their image that the view hides."""
    truth, predictions = boxes.truth, boxes.predictions.boxes
    shown: list[set[int | None]] = [set() for _ in boxes.sample_ids]
    for owner, number in zip(truth.boxes.owners.tolist(), truth.boxes.annotation_ids, strict=True):
        shown[owner].add(number)
    hidden = [
        set(numbers) - seen if len(numbers) > len(seen) else set()
        for numbers, seen in zip(truth.stored_numbers, shown, strict=True)
    ]
    columns = zip(predictions.owners.tolist(), predictions.annotation_ids, strict=True)
    named = [number is not None and number in hidden[owner] for owner, number in columns]
    return np.array(named, bool)


def _labelled_splits(samples: Any, gt_field: str) -> str:
    """Says what could be evaluated instead, for a message."""
    from fiftyone import ViewField

    dataset = dataset_of(samples)
    path = f"{labels_path(dataset, gt_field)}.label"
    splits = dataset.distinct("split") if dataset.has_sample_field("split") else ()
    counts = {
        split: dataset.match(ViewField("split") == split).count(path) for split in splits if split
    }
    offers = [
        f"the {split} split has {count:,} labelled boxes"
        for split, count in counts.items()
        if count
    ]
    if offers:
        return f"{', '.join(offers)}: import predictions for that, or evaluate its view"
    count = dataset.count(path)
    return f"the dataset has {count:,} labelled boxes" if count else "no box has a label at all"


def _result_of(
    scored: Scored, eval_key: str, taxonomy: Taxonomy, with_precision: bool = True
) -> EvaluationResult:
    """The result of an evaluation with this key."""
    pairs, judgement = scored.pairs, scored.judgement
    truth = scored.boxes.truth.boxes
    right, distances = pairs.right, pairs.distances
    alone = judgement.row_prediction[scored.rows] == NO_PARTNER
    # The group of each pair, numbered from 0: its dive if dives are known, otherwise its image.
    dives = scored.boxes.dives
    by = "dive" if any(dive is not None for dive in dives) else "image"
    numbers: dict[Any, int] = {}
    of_image = [
        numbers.setdefault(image if dive is None else dive, len(numbers))
        for image, dive in enumerate(dives)
    ]
    owners = truth.owners[judgement.row_truth[scored.rows]]
    groups = np.unique(np.array(of_image, np.intp)[owners], return_inverse=True)[1]
    values = np.stack([right, distances], axis=1).astype(np.float64)
    bounds: tuple[Interval | None, ...] = (None, None)
    bounds = bootstrap_intervals(values, groups.astype(np.intp)) or bounds
    on_tree = pairs.on_tree
    if not on_tree.all():
        some = np.unique(groups[on_tree], return_inverse=True)[1].astype(np.intp)
        of_some = bootstrap_intervals(values[on_tree, 1:], some) if on_tree.any() else None
        bounds = (bounds[0], of_some[0] if of_some else None)
    problems = scored.problems
    detection = _average_precision(scored) if problems and with_precision else None
    names = problem_names(eval_key)
    predicted = ~alone
    labelled = np.array([label is not None for label in truth.labels], bool)
    kept = scored.images_kept[truth.owners]
    unknown = {
        name
        for names in (set(pairs.true), set(pairs.predicted))
        for name in names
        if name is not None and not taxonomy.stated(name)
    }
    return EvaluationResult(
        eval_key=eval_key,
        boxes=len(pairs),
        accuracy=float(right.mean()),
        accuracy_interval=bounds[0],
        mean_taxonomic_distance=_mean(distances[on_tree]),
        mean_taxonomic_distance_interval=bounds[1],
        interval_by=by,
        ranks=rank_table(pairs, taxonomy),
        agreement=agreement(pairs, taxonomy),
        hierarchical=hierarchical_score(pairs, taxonomy),
        boxes_without_prediction=int(alone.sum()),
        accuracy_of_predicted=_mean(right[predicted]),
        mean_taxonomic_distance_of_predicted=_mean(distances[predicted & on_tree]),
        unlabelled_boxes=int((~labelled & kept).sum()),
        boxes_not_predicted=int((labelled & ~kept).sum()),
        predictions_without_box=int((judgement.row_truth == NO_PARTNER).sum()),
        matched_by_annotation_id=judgement.matches.by_annotation_id,
        unknown_names=tuple(sorted(unknown)[:NAMES_KEPT]),
        repeated_boxes=int((labelled & kept & ~judgement.truth_kept).sum()),
        boxes_without_distance=int((~on_tree).sum()),
        map=None if detection is None else detection.map,
        map_50=None if detection is None else detection.map_50,
        map_75=None if detection is None else detection.map_75,
        detection=detection,
        missing_boxes=None if problems is None else len(problems.missing),
        spurious_boxes=None if problems is None else len(problems.spurious),
        badly_drawn_boxes=None if problems is None else len(problems.badly_drawn),
        views=tuple(name for one, name in names.items() if problems and getattr(problems, one)),
    )


def _mean(values: Sequence[Any] | npt.NDArray[Any]) -> float | None:
    return float(np.mean(values)) if len(values) else None
