"""Scores of labels from all signals put together, and the boxes that a suspect looks like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from ..progress import Progress, silent
from .evidence import Evidence, Names, Positions, row_blocks, shares_of
from .from_neighbours import evidence_of_neighbours, nearest_elsewhere
from .from_predictions import Opinions, evidence_of_predictions
from .posterior import error_probabilities, fit_slips, name_probabilities, suggested_names

SHOWN: Final = 3
"""Boxes that are shown beside a suspect."""


def find_look_alikes(
    matrix: npt.NDArray[np.float32],
    images: Positions,
    given: Positions,
    suspects: Positions,
    suggested: Positions,
) -> list[list[int]]:
    """For each suspect the nearest boxes with its suggested name, the nearest first.

    They lie on other images and are not suspects themselves. A box is given to one suspect only,
    the first that it is near to, so that all can be shown in one view.

    Args:
        matrix: (N, D) rows of length 1.
        images: (N,) number of the image that each box is on.
        given: (N,) position of the label that each has.
        suspects: (S,) numbers of the suspects, in the order in which they choose.
        suggested: (S,) position of the name that is suggested for each.

    Returns:
        S lists of at most ``SHOWN`` numbers.

    Examples:
        >>> vectors, images = np.array([[1, 0], [0, 1], [1, 0]], np.float32), np.array([0, 1, 2])
        >>> labels, suspects, suggested = np.array([0, 1, 1]), np.array([0]), np.array([1])
        >>> find_look_alikes(vectors, images, labels, suspects, suggested)
        [[2, 1]]
    """
    is_sound = np.ones(len(given), bool)
    is_sound[suspects] = False
    found: list[list[int]] = [[] for _ in suspects]
    for name in np.unique(suggested).tolist():
        members = np.flatnonzero((given == name) & is_sound)
        vectors = matrix[members]
        free = np.ones(len(members), bool)
        for turn in np.flatnonzero(suggested == name).tolist():
            suspect = suspects[turn]
            scores = vectors @ matrix[suspect]
            usable = np.flatnonzero(free & (images[members] != images[suspect]))
            best = usable[np.argsort(-scores[usable], kind="stable")[:SHOWN]]
            free[best] = False
            found[turn] = members[best].tolist()
    return found


Floats = npt.NDArray[np.float64]
Judged = TypeVar("Judged", Floats, Positions)


@dataclass(frozen=True, slots=True)
class Looks:
    """The labelled boxes that have a vector.

    Attributes:
        has: (M,) which of the N labelled boxes they are.
        matrix: (M, D) their vectors, each of length 1.
        images: (M,) number of the image that each box is on.
    """

    has: Positions
    matrix: npt.NDArray[np.float32]
    images: Positions


@dataclass(frozen=True, slots=True)
class Doubts:
    """How doubtful the labels of N boxes are.

    Attributes:
        score: (N,) probability that the label is wrong; NaN without a signal, as in the parts.
        by_model: (N,) the score by the predictions alone.
        by_neighbours: (N,) the score by the neighbours alone.
        suggested: (N,) position of the most probable other name.
        suspects: (S,) numbers of the suspects, the most suspicious first.
    """

    score: Floats
    by_model: Floats
    by_neighbours: Floats
    suggested: Positions
    suspects: Positions


@dataclass(frozen=True, slots=True)
class Case:
    """What is known about N labelled boxes.

    Attributes:
        given: (N,) position of the label of each.
        names: all names that may be true.
        opinions: what was predicted for them; None without predictions.
        looks: their vectors; None without vectors.
    """

    given: Positions
    names: Names
    opinions: Opinions | None
    looks: Looks | None


def weigh_labels(case: Case, threshold: float, progress: Progress = silent) -> Doubts:
    """Scores every label by the probability that it is wrong.

    Args:
        case: what is known about the boxes.
        threshold: the score from which a box is a suspect.
        progress: called with the share done and a label.
    """
    given, names = case.given, case.names
    model = neighbours = Evidence.nothing(len(given), len(names))
    if case.opinions is not None:
        progress(0.0, "weighing the predictions")
        model = evidence_of_predictions(case.opinions, given, names)
    if case.looks is not None:
        near = nearest_elsewhere(
            case.looks.matrix,
            case.looks.images,
            progress=lambda done: progress(done, "comparing boxes"),
        )
        has = case.looks.has
        own = evidence_of_neighbours(near, given[has], len(names))
        neighbours = Evidence.nothing(len(given), len(names))
        neighbours.logs[has], neighbours.told[has] = own.logs, own.told
    both = Evidence(model.logs + neighbours.logs, model.told | neighbours.told)
    told = both.told
    prior = shares_of(given, len(names))
    slips = fit_slips(both.logs[told], given[told], prior, names)

    def judged(judge: Callable[[Floats, Positions], Judged], one: Evidence) -> Judged:
        parts = [
            judge(name_probabilities(one.logs[rows], given[rows], prior, slips), given[rows])
            for rows in row_blocks(len(given))
        ]
        return np.concatenate(parts)

    def score_by(one: Evidence) -> Floats:
        return np.where(one.told, judged(error_probabilities, one), np.nan)

    score = score_by(both)
    order = np.argsort(-np.where(told, score, -1.0), kind="stable")
    return Doubts(
        score=score,
        by_model=score_by(model),
        by_neighbours=score_by(neighbours),
        suggested=judged(suggested_names, both),
        suspects=order[told[order] & (score[order] >= threshold)],
    )


def partners_of(case: Case, doubts: Doubts) -> dict[int, list[int]]:
    """The labelled boxes that each suspect looks like; a suspect without any is left out."""
    looks = case.looks
    if looks is None:
        return {}
    row = np.full(len(case.given), -1, np.intp)
    row[looks.has] = np.arange(len(looks.has))
    suspects = doubts.suspects[row[doubts.suspects] >= 0]
    given, suggested = case.given[looks.has], doubts.suggested[suspects]
    found = find_look_alikes(looks.matrix, looks.images, given, row[suspects], suggested)
    pairs = zip(suspects.tolist(), found, strict=True)
    return {suspect: looks.has[others].tolist() for suspect, others in pairs if others}
