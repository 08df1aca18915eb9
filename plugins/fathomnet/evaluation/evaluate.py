"""Scores predictions against true labels as a FiftyOne evaluation that knows the tree of life."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..dataset.columns import dataset_of
from ..dataset.datasets import unknown_view
from ..dataset.records import Basis, bring_up_to_date, reload_known
from ..dataset.schema import boxes_path
from ..errors import DatasetError, Fault, InputError
from ..garbage_collector import collector_paused
from ..names import GROUND_TRUTH, MODEL_PREDICTIONS, evaluation_key
from ..progress import Progress, silent
from ..taxonomy import Taxonomy, load_taxonomy
from ..text import counted
from .boxes import EvaluatedBoxes, read_evaluated_boxes
from .result import EvaluationResult, Scored, result_of
from .run import (
    EvaluationDetails,
    begin_run,
    detection_config,
    end_run,
    refuse_taken_key,
    write_marks,
)
from .scoring.judging import LEAST_IOU, judge, list_matches, make_marks, pairs_of
from .scoring.scores import DISTANCE_URI, RANKS_URI, distance_entry, rank_entries


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
    fields, plus the taxonomic distance of each box. A prediction belongs to the box of its image
    with the same annotation id or, if either side has none, to the box that it overlaps by half or
    more (``scoring.judging.LEAST_IOU``). An existing evaluation with this key is replaced.

    Args:
        samples: a FiftyOne dataset or a view of its images; only boxes that a view shows count.
        pred_field: the predicted boxes.
        gt_field: the annotated boxes.
        eval_key: key of the evaluation; empty for ``names.evaluation_key(pred_field)``.
        taxonomy: the tree of concepts; None for the project's own.
        progress: called with the share done and a label.
        view: name of a saved view, which is evaluated in place of ``samples``; "" for these.
        tag: only the images that have this tag are evaluated; "" for all.

    Raises:
        InputError: the key is not valid for an evaluation, or there is no such view or tag.
        DatasetError: a field holds no boxes, the key is taken, or no predicted box has a true
            label; nothing was written.
    """
    eval_key = eval_key or evaluation_key(pred_field)
    taxonomy = load_taxonomy() if taxonomy is None else taxonomy
    config = detection_config(gt_field, pred_field, LEAST_IOU, (DISTANCE_URI, RANKS_URI))
    bring_up_to_date(samples)
    samples = _named(samples, view, tag)
    _check(samples, gt_field, pred_field)
    refuse_taken_key(dataset_of(samples), eval_key, config)
    progress(0.0, "reading boxes")
    asked = {"pred_field": pred_field, "gt_field": gt_field, "eval_key": eval_key}
    asked |= {name: value for name, value in (("view", view), ("tag", tag)) if value}
    basis = Basis.now(samples, "evaluation", eval_key, (gt_field, pred_field), **asked)
    with collector_paused():
        scored = _score(samples, gt_field, pred_field, taxonomy)
        sides = (scored.boxes.truth.boxes, scored.boxes.predictions.boxes)
        marks = make_marks(*sides, scored.judgement, scored.distances, scored.images_kept)
        matches = list_matches(*sides, scored.judgement)
    result = result_of(scored, eval_key, taxonomy)
    EvaluationDetails(result, taxonomy.sha256).write(config)
    progress(0.3, "writing verdicts")
    method = begin_run(samples, eval_key, config)
    total, done = len(scored.boxes.sample_ids), 0
    for written in write_marks(samples, scored.boxes, marks, eval_key):
        done += written
        progress(0.3 + 0.6 * done / total, f"writing verdicts {done:,}/{total:,} images")
    metrics = distance_entry(scored.pairs) | rank_entries(scored.pairs, taxonomy)
    end_run(samples, eval_key, method, matches, metrics)
    basis.write(dataset_of(samples))
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
) -> EvaluationResult:
    """Says what ``evaluate_predictions`` would find; writes nothing, and raises the same errors."""
    eval_key = check_names(samples, pred_field, gt_field, eval_key, view=view, tag=tag)
    samples = _named(samples, view, tag)
    taxonomy = load_taxonomy() if taxonomy is None else taxonomy
    return result_of(_score(samples, gt_field, pred_field, taxonomy), eval_key, taxonomy)


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
    config = detection_config(gt_field, pred_field, LEAST_IOU, ())
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


def _check(samples: Any, gt_field: str, pred_field: str) -> None:
    dataset = dataset_of(samples)
    if samples._dataset is not dataset:
        raise DatasetError(
            "a view of patches or clips is a copy whose boxes cannot be marked; evaluate a view of "
            "images, for example dataset.filter_labels(...)"
        )
    for field in (gt_field, pred_field):
        boxes_path(dataset, field)
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
    return Scored(boxes, judgement, pairs, rows, kept)


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
    path = f"{gt_field}.detections.label"
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
