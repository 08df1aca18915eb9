"""What a model's predictions say about the true names of boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ..taxonomy.tree import MAX_DISTANCE
from .evidence import LEAST, NO_NAME, Evidence, Names, Positions, mixed_log_likelihood, row_blocks

Floats = npt.NDArray[np.float64]

_TEMPERATURES: Final = 2.0 ** np.linspace(-3, 3, 25)


@dataclass(frozen=True, slots=True)
class Opinions:
    """The predictions for N boxes, each as detailed as its file.

    Attributes:
        predicted: (N,) position of the predicted name; -1 if nothing was predicted.
        confidences: (N,) NaN if the file gives none.
        probabilities: (N, K) of all names; NaN in the rows for which the file gives none. None if
            it gives none at all.
    """

    predicted: Positions
    confidences: Floats
    probabilities: npt.NDArray[np.float32] | None


def evidence_of_predictions(opinions: Opinions, given: Positions, names: Names) -> Evidence:
    """How much more likely a box's prediction makes each name, as logarithms.

    A prediction without probabilities is spread out: the predicted name gets its confidence (or,
    without one, the share of predictions that agree with the labels), and the other names share
    the rest by how often disagreements are as far away on the tree. Models are often too sure, or
    not sure enough, so confidences and probabilities are sharpened or softened until they predict
    the labels best. A model also has a prior of its own, namely what it says on average; that is
    divided out.

    Args:
        opinions: of N boxes.
        given: (N,) position of the label that each has.
        names: the K names.

    Returns:
        The evidence; it says nothing about a box for which nothing was predicted.
    """
    evidence = Evidence.nothing(len(given), len(names))
    has = np.flatnonzero(opinions.predicted != NO_NAME)
    if not len(has):
        return evidence
    shares = _spread_out(opinions, has, given, names)
    if opinions.probabilities is not None:
        own = opinions.probabilities[has].astype(np.float64)
        known = ~np.isnan(own[:, 0])
        shares[known] = _tempered(own[known], given[has][known])
    shares = np.maximum(shares, LEAST)
    evidence.told[has] = True
    evidence.logs[has] = np.log(shares) - np.log(shares.mean(axis=0))
    return evidence


def _spread_out(opinions: Opinions, has: Positions, given: Positions, names: Names) -> Floats:
    """The probabilities of predictions that give a name and perhaps a confidence."""
    predicted, labels = opinions.predicted[has], given[has]
    agree = predicted == labels
    # One more at each distance, so that what was not seen here is not impossible.
    distances = names.distances[labels[~agree], predicted[~agree]]
    seen = np.bincount(distances, minlength=MAX_DISTANCE + 1).astype(np.float64) + 1.0
    others = names.by_distance(seen)[predicted]
    # The rule of succession: never quite 0 or 1.
    share = (agree.sum() + 1) / (len(has) + 2)
    confidences = opinions.confidences[has]
    sure = np.clip(np.where(np.isnan(confidences), share, confidences), LEAST, 1 - LEAST)
    sure = _tempered(np.stack([sure, 1 - sure], axis=1), np.where(agree, 0, 1))[:, 0]
    shares = others * (1 - sure)[:, None]
    shares[np.arange(len(has)), predicted] = sure
    spread: Floats = shares
    return spread


def _tempered(shares: Floats, given: Positions) -> Floats:
    """Probabilities, (H, C), sharpened or softened so that they predict the labels best."""
    of_given = np.empty((len(_TEMPERATURES), len(shares)))
    for rows in row_blocks(len(shares)):
        logs, own = _logs(shares[rows]), given[rows]
        for number, temperature in enumerate(_TEMPERATURES):
            of_given[number, rows] = _softmax(logs / temperature)[np.arange(len(own)), own]
    qualities = [mixed_log_likelihood(one, shares.shape[1]) for one in of_given]
    best = _TEMPERATURES[int(np.argmax(qualities))]
    tempered = np.empty_like(shares)
    for rows in row_blocks(len(shares)):
        tempered[rows] = _softmax(_logs(shares[rows]) / best)
    return tempered


def _logs(shares: Floats) -> Floats:
    logs: Floats = np.log(np.maximum(shares, LEAST))
    return logs


def _softmax(logits: Floats) -> Floats:
    shares: Floats = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares
