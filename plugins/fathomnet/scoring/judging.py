"""Decides which boxes an evaluation counts, and as what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ..taxonomy import Taxonomy
from .boxes import Boxes
from .matching import NO_PARTNER, Matches, match_boxes
from .pairs import Pairs, pair_up

LEAST_IOU: Final = 0.5
"""The intersection over union that matches a prediction to a box without an annotation id."""

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

    A box without a label says nothing about the prediction that it matches, so neither counts.

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
