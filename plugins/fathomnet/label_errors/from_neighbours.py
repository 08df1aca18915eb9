"""What the nearest boxes of other images say about the true names of boxes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ..similarity.neighbours import comparisons
from .evidence import LEAST, Evidence, Positions, mixed_log_likelihood, shares_of

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

NEIGHBOURS: Final = 20
"""Neighbours that vote for a box. Votes fall off with distance, so more would add little."""

COMPARED: Final = 2**15
"""The most boxes that a box is compared with; up to so many, all are compared with all. So the work
grows with the number of boxes, not with its square."""

_NOBODY: Final = -2.0
"""Lower than any cosine."""
_SCORES_AT_ONCE: Final = 2**24
"""64 MiB in single precision."""
_REACHES: Final = 2.0 ** np.arange(-3, 4)
"""Tried as the distance at which a vote weighs 1/e, in units of the usual nearest distance."""
_RESERVES: Final = 10.0 ** np.arange(-3, 4)
"""Tried as the weight of the overall shares of names, in votes of the usual nearest box."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest boxes on other images for each of N boxes, the nearest first.

    Attributes:
        rows: (N, k) their numbers.
        cosines: (N, k) their cosines; -2 where a box has fewer neighbours.
    """

    rows: Positions
    cosines: npt.NDArray[np.float32]


def nearest_elsewhere(
    matrix: npt.NDArray[np.float32],
    images: Positions,
    k: int = NEIGHBOURS,
    progress: Callable[[float], None] | None = None,
) -> Neighbours:
    """The boxes of other images whose cosine with each box is highest.

    Boxes of the same image are left out: whoever labels one animal of a herd wrongly is likely to
    label the others the same. With more than ``COMPARED`` boxes, each is compared with that many,
    from the groups most like its own.

    Args:
        matrix: (N, D) rows of length 1.
        images: (N,) number of the image that each box is on.
        k: the number of neighbours per box.
        progress: called with the share done.
    """
    order = np.argsort(images, kind="stable")
    # In this order the boxes of an image stand together: they are taken out by a slice.
    sorted_images, vectors = images[order], matrix[order]
    size = len(order)
    k = min(k, size)
    rows, cosines = np.empty((size, k), np.intp), np.empty((size, k), np.float32)
    done = 0
    for group, others in comparisons(vectors, COMPARED):
        among = vectors[others]
        step = max(1, _SCORES_AT_ONCE // len(others))
        for begin in range(0, len(group), step):
            part = group[begin : begin + step]
            found, cosines[part] = _nearest(
                vectors[part] @ among.T, sorted_images[part], sorted_images[others], k
            )
            rows[part] = others[found]
            done += len(part)
            if progress:
                progress(done / size)
    back = np.argsort(order, kind="stable")
    return Neighbours(order[rows][back], cosines[back])


def _nearest(
    scores: npt.NDArray[np.float32], own: Positions, images: Positions, k: int
) -> tuple[Positions, npt.NDArray[np.float32]]:
    """Columns and values of the k highest scores in each row, other than those of its own image.

    Args:
        scores: (P, C) is changed.
        own: (P,) the image of each row.
        images: (C,) that of each column, sorted.
        k: how many.
    """
    starts, ends = (np.searchsorted(images, own, side) for side in ("left", "right"))
    for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
        scores[row, start:end] = _NOBODY
    last = scores.shape[1] - k
    found = np.argpartition(scores, last, axis=1)[:, last:]
    values = np.take_along_axis(scores, found, axis=1)
    best = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(found, best, axis=1), np.take_along_axis(values, best, axis=1)


def evidence_of_neighbours(
    near: Neighbours, given: Positions, names: int, wrong: Mask | None = None
) -> Evidence:
    """How much more likely each name is made by a box's neighbours, as logarithms.

    A neighbour votes for its own label, the more the nearer it is; what all labels together say
    has a weight too, which decides where no neighbour is near. How fast votes fall off, and that
    weight, are those that foresee the labels best: no box votes for itself, so that this is an
    honest test. A label that is known to be wrong is no vote, and nothing to be foreseen.

    Args:
        near: of N boxes.
        given: (N,) position of the label that each has.
        names: how many there are.
        wrong: (N,) which labels are known to be wrong; None for none.

    Returns:
        The evidence; it says nothing where a box has no neighbour.
    """
    wrong = np.zeros(len(given), bool) if wrong is None else wrong
    prior = shares_of(given[~wrong], names)
    votes = given[near.rows]
    there = (near.cosines > _NOBODY) & ~wrong[near.rows]
    has: Mask = np.asarray(there.any(axis=1))
    evidence = Evidence.nothing(len(given), names)
    if not (has & ~wrong).any():
        return evidence
    distances = np.maximum(1.0 - near.cosines.astype(np.float64), 0.0)
    usual = max(float(np.median(distances[has, 0])), LEAST)
    counted = has & ~wrong
    weights, reserve = _best_weights(distances, there, counted, votes, given, prior, usual)
    shares = reserve * np.tile(prior, (len(given), 1))
    rows = np.arange(len(given))
    for column in range(votes.shape[1]):
        shares[rows, votes[:, column]] += weights[:, column]
    shares /= shares.sum(axis=1, keepdims=True)
    evidence.told[has] = True
    evidence.logs[has] = np.log(np.maximum(shares[has], LEAST)) - np.log(prior)
    return evidence


def _best_weights(
    distances: Floats,
    there: Mask,
    counted: Mask,
    votes: Positions,
    given: Positions,
    prior: Floats,
    usual: float,
) -> tuple[Floats, float]:
    """The weights of the votes, (N, k), and of what all labels say, that foresee labels best."""
    agree = votes == given[:, None]
    best, found = -np.inf, (np.zeros_like(distances), 1.0)
    for reach in _REACHES * usual:
        weights = np.exp(-(distances - usual) / reach) * there
        sums, own = weights.sum(axis=1), (weights * agree).sum(axis=1)
        for reserve in _RESERVES.tolist():
            share = (own + reserve * prior[given]) / (sums + reserve)
            quality = mixed_log_likelihood(share[counted], len(prior))
            if quality > best:
                best, found = quality, (weights, reserve)
    return found
