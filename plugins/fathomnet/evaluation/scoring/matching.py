"""Matches predicted boxes with annotated ones."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from .columns import Boxes

Positions = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]

NO_PARTNER: Final = -1


@dataclass(frozen=True, slots=True)
class Matches:
    """Which prediction belongs to which annotated box.

    Attributes:
        of_predictions: (P,) the annotated box that each prediction matches; -1 for none.
        of_truth: (T,) the first, most confident prediction of each annotated box; -1 for none.
        ious: (P,) intersection over union of a prediction and its box; 0 if it has none.
        by_annotation_id: how many predictions were matched by annotation id, not by overlap.
    """

    of_predictions: Positions
    of_truth: Positions
    ious: Floats
    by_annotation_id: int


def match_boxes(
    truth: Boxes, predictions: Boxes, least_iou: float, barred: npt.NDArray[np.bool_]
) -> Matches:
    """Matches by annotation id where both sides have one, all others by overlap.

    Overlaps are matched as in FiftyOne's COCO evaluation with ``classwise=False``: predictions
    choose in the order of their confidence, each the free box that it overlaps most. Many
    predictions may choose a crowd, but only if they have its name.

    Args:
        truth: the annotated boxes.
        predictions: the predicted boxes of the same images.
        least_iou: intersection over union that a match by overlap needs.
        barred: (P,) predictions that are not matched by overlap.
    """
    of_predictions = np.full(len(predictions), NO_PARTNER, np.intp)
    of_truth = np.full(len(truth), NO_PARTNER, np.intp)
    # Image by image, the most confident first; equals keep their order. FiftyOne treats a
    # confidence of 0 as none.
    confidences = np.array([confidence or -1.0 for confidence in predictions.confidences], float)
    order = np.lexsort((-confidences, predictions.owners))
    numbered_boxes: dict[tuple[int, int], int] = {}
    for box, place in enumerate(zip(truth.owners.tolist(), truth.annotation_ids, strict=True)):
        if place[1] is not None:
            numbered_boxes.setdefault((place[0], place[1]), box)
    owners, numbers = predictions.owners.tolist(), predictions.annotation_ids
    for one in order.tolist():
        number = numbers[one]
        found = None if number is None else numbered_boxes.pop((owners[one], number), None)
        if found is not None:
            of_predictions[one] = found
            of_truth[found] = one
    by_number = int((of_predictions != NO_PARTNER).sum())
    ious = np.zeros(len(predictions))
    numbered = np.flatnonzero(of_predictions != NO_PARTNER)
    ious[numbered] = _ious(truth, predictions, of_predictions[numbered], numbered)
    seekers = order[(of_predictions[order] == NO_PARTNER) & ~barred[order]]
    _match_overlaps(truth, predictions, seekers, least_iou, of_predictions, of_truth, ious)
    return Matches(of_predictions, of_truth, ious, by_number)


def _match_overlaps(
    truth: Boxes,
    predictions: Boxes,
    seekers: Positions,
    least_iou: float,
    of_predictions: Positions,
    of_truth: Positions,
    ious: Floats,
) -> None:
    free = np.flatnonzero(of_truth == NO_PARTNER)
    # Crowds last, so that a box of its own is found before the crowd that it stands in.
    free = free[np.lexsort((truth.crowds[free], truth.owners[free]))]
    for one, candidates in _candidates(truth, predictions, seekers, free, least_iou):
        best = NO_PARTNER
        greatest = 0.0
        for box, iou in candidates:
            is_crowd = truth.crowds[box]
            if is_crowd and truth.labels[box] != predictions.labels[one]:
                continue
            if is_crowd and best != NO_PARTNER and not truth.crowds[best]:
                break
            if (is_crowd or of_truth[box] == NO_PARTNER) and iou >= greatest:
                best, greatest = box, iou
        if best != NO_PARTNER:
            of_predictions[one], ious[one] = best, greatest
            if of_truth[best] == NO_PARTNER:
                of_truth[best] = one


def _candidates(
    truth: Boxes, predictions: Boxes, seekers: Positions, free: Positions, least_iou: float
) -> Iterable[tuple[int, list[tuple[int, float]]]]:
    """The free boxes that each seeker overlaps enough, seekers in order, boxes in order."""
    boxes, ones = _pairs_on_images(truth, predictions, seekers, free)
    ious = _ious(truth, predictions, boxes, ones)
    enough = ious >= min(least_iou, 1 - 1e-10)
    found: dict[int, list[tuple[int, float]]] = {}
    columns = (ones[enough].tolist(), boxes[enough].tolist(), ious[enough].tolist())
    for one, box, iou in zip(*columns, strict=True):
        found.setdefault(one, []).append((box, iou))
    return found.items()


def _pairs_on_images(
    truth: Boxes, predictions: Boxes, seekers: Positions, free: Positions
) -> tuple[Positions, Positions]:
    """Each free box of the image of each seeker, and the seeker; seekers and boxes in order."""
    starts = np.searchsorted(truth.owners[free], predictions.owners[seekers], "left")
    ends = np.searchsorted(truth.owners[free], predictions.owners[seekers], "right")
    sizes = ends - starts
    within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return free[np.repeat(starts, sizes) + within], np.repeat(seekers, sizes)


def greatest_overlaps(
    truth: Boxes, predictions: Boxes, confidences: Floats
) -> tuple[Floats, Floats]:
    """How far any box of the other side covers each box.

    Args:
        truth: the annotated boxes.
        predictions: the predicted boxes of the same images.
        confidences: (P,) of the predictions.

    Returns:
        (P,) the greatest intersection over union of a prediction with an annotated box; and (T,)
        of an annotated box with a prediction, times its confidence. 0 where there is none.
    """
    everything = np.arange(len(predictions)), np.arange(len(truth))
    boxes, ones = _pairs_on_images(truth, predictions, *everything)
    ious = _ious(truth, predictions, boxes, ones)
    of_predictions, of_truth = np.zeros(len(predictions)), np.zeros(len(truth))
    np.maximum.at(of_predictions, ones, ious)
    np.maximum.at(of_truth, boxes, ious * confidences[ones])
    return of_predictions, of_truth


def _ious(truth: Boxes, predictions: Boxes, boxes: Positions, ones: Positions) -> Floats:
    """Intersection over union of pairs, (M,); for a crowd, over the prediction's area alone.

    The steps are FiftyOne's, so that a pair on the threshold falls on the same side.
    """
    gx, gy, gw, gh = truth.rectangles[boxes].T
    px, py, pw, ph = predictions.rectangles[ones].T
    width = np.minimum(px + pw, gx + gw) - np.maximum(px, gx)
    height = np.minimum(py + ph, gy + gh) - np.maximum(py, gy)
    shared = np.where((width > 0) & (height > 0), height * width, 0.0)
    area = ph * pw
    union = np.where(truth.crowds[boxes], area, area + gh * gw - shared)
    quotient = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    ious: Floats = np.minimum(quotient, 1.0)
    return ious
