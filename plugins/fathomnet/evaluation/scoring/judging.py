"""Which boxes an evaluation counts, and what FiftyOne writes down of each.

The words and rules are those of its COCO evaluation with ``classwise=False``.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from typing_extensions import Self

from ...catalog.catalog import groups_of_repeats
from ...taxonomy import Taxonomy
from .columns import Boxes, Pairs, pair_up
from .matching import NO_PARTNER, Matches, greatest_overlaps, match_boxes

LEAST_IOU: Final = 0.5
"""The intersection over union that matches a prediction to a box without an annotation id."""

WELL_DRAWN: Final = 0.75
"""The intersection over union from which a box is drawn as the detector draws it; COCO's AP75."""

Mask = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Judgement:
    """Boxes and predictions, matched, with those that do not count marked.

    A row is one thing that counts: a prediction and the box that it matches, a prediction that
    matches no box, or a box without a prediction.

    Attributes:
        matches: which prediction belongs to which box.
        truth_kept: (T,) annotated boxes that count: those with a label, in images that count.
        predictions_kept: (P,) predictions that count.
        row_truth: (R,) the annotated box of each row; -1 for none.
        row_prediction: (R,) the prediction of each row; -1 for none.
    """

    matches: Matches
    truth_kept: Mask
    predictions_kept: Mask
    row_truth: Positions
    row_prediction: Positions


def judge(truth: Boxes, predictions: Boxes, images_kept: Mask, foreign: Mask) -> Judgement:
    """Matches predictions with boxes and decides what counts.

    A box without a label says nothing about the prediction that it matches, so neither counts. Nor
    does a box without a prediction that repeats exactly one which has a prediction: whoever finds
    an animal once has found it.

    Args:
        truth: the annotated boxes.
        predictions: the predicted boxes of the same images.
        images_kept: whether each image counts, indexed by ``owners``.
        foreign: (P,) whether a prediction is known to be about a box that is not among these.
    """
    matches = match_boxes(truth, predictions, LEAST_IOU, barred=foreign)
    labelled = np.array([label is not None for label in truth.labels], bool)
    truth_kept = labelled & images_kept[truth.owners]
    matched = matches.of_predictions != NO_PARTNER
    predictions_kept = images_kept[predictions.owners] & ~foreign
    predictions_kept[matched] &= labelled[matches.of_predictions[matched]]
    counted = np.flatnonzero(predictions_kept)
    # The boxes that repeat one another, on images of which a box that counts was missed.
    lacking = truth.owners[truth_kept & (matches.of_truth == NO_PARTNER)]
    boxes = np.flatnonzero(truth_kept & np.isin(truth.owners, lacking)).tolist()
    rectangles = truth.rectangles.tolist()
    repeats = groups_of_repeats((truth.owners[n], rectangles[n], truth.labels[n]) for n in boxes)
    for places in repeats:
        group = [boxes[place] for place in places]
        missed = [box for box in group if matches.of_truth[box] == NO_PARTNER]
        truth_kept[missed if len(missed) < len(group) else []] = False
    alone = np.flatnonzero(truth_kept & (matches.of_truth == NO_PARTNER))
    return Judgement(
        matches,
        truth_kept,
        predictions_kept,
        row_truth=np.concatenate([matches.of_predictions[counted], alone]),
        row_prediction=np.concatenate([counted, np.full(len(alone), NO_PARTNER, np.intp)]),
    )


def pairs_of(
    judgement: Judgement, truth: Boxes, predictions: Boxes, taxonomy: Taxonomy
) -> tuple[Pairs, Positions]:
    """The names of the rows that have a box.

    Returns:
        The pairs, and the row that each comes from.
    """
    rows = np.flatnonzero(judgement.row_truth != NO_PARTNER)
    true = [truth.labels[box] for box in judgement.row_truth[rows].tolist()]
    predicted = [
        None if one == NO_PARTNER else predictions.labels[one]
        for one in judgement.row_prediction[rows].tolist()
    ]
    return pair_up(true, predicted, taxonomy), rows


Match = tuple[str | None, str | None, float | None, float | None, str | None, str | None]
"""True name, predicted name, overlap, confidence, id of the box, id of the prediction."""

Counts = tuple[int, int, int]
"""True positives, false positives and false negatives."""


@dataclass(frozen=True, slots=True)
class BoxMarks:
    """What each box of a field is marked with; all None for a box that was left out.

    Attributes:
        verdicts: ``tp``, ``fp`` or ``fn``.
        partners: id of the box on the other side; "" if it has none.
        ious: intersection over union with it; None if it has none.
        distances: taxonomic distance to it.
    """

    verdicts: list[str | None]
    partners: list[str | None]
    ious: list[float | None]
    distances: list[int | None]

    @classmethod
    def blank(cls, size: int) -> Self:
        return cls([None] * size, [None] * size, [None] * size, [None] * size)

    def mark(
        self, box: int, verdict: str, partner: str, iou: float | None, distance: int | None
    ) -> None:
        """Fills in one box."""
        self.verdicts[box] = verdict
        self.partners[box] = partner
        self.ious[box] = iou
        self.distances[box] = distance


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks that an evaluation writes.

    Attributes:
        truth: marks of the annotated boxes.
        predictions: marks of the predicted boxes.
        counts: those of each image; None for an image that was left out.
    """

    truth: BoxMarks
    predictions: BoxMarks
    counts: list[Counts | None]


def make_marks(
    truth: Boxes,
    predictions: Boxes,
    judgement: Judgement,
    distances: npt.NDArray[np.int64],
    images_kept: npt.NDArray[np.bool_],
) -> Marks:
    """The marks of a judgement.

    Args:
        truth: the annotated boxes.
        predictions: the predicted boxes.
        judgement: how they were matched, and which of them count.
        distances: (R,) taxonomic distance of each row.
        images_kept: the images that count.
    """
    marks = BoxMarks.blank(len(truth)), BoxMarks.blank(len(predictions))
    ious = judgement.matches.ious.tolist()
    firsts = judgement.matches.of_truth.tolist()
    columns = (judgement.row_truth, judgement.row_prediction, distances)
    for box, one, distance in zip(*(column.tolist() for column in columns), strict=True):
        if box == NO_PARTNER:
            marks[1].mark(one, "fp", "", None, None)
        elif one == NO_PARTNER:
            marks[0].mark(box, "fn", "", None, distance)
        else:
            right = truth.labels[box] == predictions.labels[one]
            marks[1].mark(one, "tp" if right else "fp", truth.ids[box], ious[one], distance)
            if firsts[box] == one:
                partner = predictions.ids[one]
                marks[0].mark(box, "tp" if right else "fn", partner, ious[one], distance)
    counts = _tally(truth, predictions, judgement, len(images_kept))
    listed = zip(counts.tolist(), images_kept.tolist(), strict=True)
    return Marks(*marks, [(tp, fp, fn) if kept else None for (tp, fp, fn), kept in listed])


def list_matches(truth: Boxes, predictions: Boxes, judgement: Judgement) -> list[Match]:
    """The rows of a judgement in the form that FiftyOne's results expect."""
    ious = judgement.matches.ious.tolist()
    found: list[Match] = []
    columns = (judgement.row_truth.tolist(), judgement.row_prediction.tolist())
    for box, one in zip(*columns, strict=True):
        true, box_id = (None, None) if box == NO_PARTNER else (truth.labels[box], truth.ids[box])
        if one == NO_PARTNER:
            found.append((true, None, None, None, box_id, None))
            continue
        iou = None if box == NO_PARTNER else ious[one]
        label, confidence = predictions.labels[one], predictions.confidences[one]
        found.append((true, label, iou, confidence, box_id, predictions.ids[one]))
    return found


def _tally(
    truth: Boxes, predictions: Boxes, judgement: Judgement, images: int
) -> npt.NDArray[np.int64]:
    """True positives, false positives and false negatives of each image, (images, 3)."""
    has_box = judgement.row_truth != NO_PARTNER
    true = np.array([*truth.labels, None], object)[judgement.row_truth]
    predicted = np.array([*predictions.labels, None], object)[judgement.row_prediction]
    owners = np.where(
        has_box,
        np.append(truth.owners, 0)[judgement.row_truth],
        np.append(predictions.owners, 0)[judgement.row_prediction],
    )
    named = np.array([name is not None for name in predicted], bool)
    right = has_box & named & (true == predicted)
    kinds = (right, ~has_box | (named & ~right), has_box & ~right)
    return np.stack([np.bincount(owners[kind], minlength=images) for kind in kinds], axis=1)


@dataclass(frozen=True, slots=True)
class Problems:
    """What a detector's boxes say against annotated ones; scores in 0..1, the higher the worse.

    Attributes:
        missing: by the position of a prediction that no annotated box accounts for: its
            confidence, times the part of it that overlaps none. Perhaps an annotation is missing.
        spurious: by the position of an annotated box that no prediction matches: 1 less the
            greatest overlap with one, times its confidence.
        badly_drawn: by the position of an annotated box that matches, but overlaps by less than
            ``WELL_DRAWN``: the confidence, times the part that does not overlap.
    """

    missing: dict[int, float]
    spurious: dict[int, float]
    badly_drawn: dict[int, float]


def find_problems(truth: Boxes, predictions: Boxes, judgement: Judgement) -> Problems:
    """The annotated boxes that a detector's boxes speak against, and those that may be missing.

    A prediction that overlaps a box which another prediction has matched is a repeat, and says
    nothing; crowds have no place of their own.

    Args:
        truth: the annotated boxes.
        predictions: the predicted boxes.
        judgement: how they were matched, and which of them count.
    """
    given = [1.0 if one is None else one for one in predictions.confidences]
    confidences = np.array(given, np.float64)
    overlaps, support = greatest_overlaps(truth, predictions, confidences)
    has_box, has_prediction = (
        rows != NO_PARTNER for rows in (judgement.row_truth, judgement.row_prediction)
    )
    alone = judgement.row_prediction[~has_box]
    alone = alone[overlaps[alone] < LEAST_IOU]
    missed = judgement.row_truth[~has_prediction]
    missed = missed[~truth.crowds[missed]]
    both = has_box & has_prediction
    boxes, ones = judgement.row_truth[both], judgement.row_prediction[both]
    ious = judgement.matches.ious[ones]
    bad = (ious < WELL_DRAWN) & ~truth.crowds[boxes]
    columns = (
        (alone, confidences[alone] * (1 - overlaps[alone])),
        (missed, 1 - support[missed]),
        (boxes[bad], confidences[ones[bad]] * (1 - ious[bad])),
    )
    return Problems(
        *(dict(zip(at.tolist(), scores.tolist(), strict=True)) for at, scores in columns)
    )
