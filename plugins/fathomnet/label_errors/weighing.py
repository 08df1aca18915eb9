"""Combines all signals about labels into scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ..progress import Progress, silent
from .blocks import row_blocks
from .look_alikes import find_look_alikes
from .names import Evidence, Names, Positions, shares_of
from .neighbours import evidence_of_neighbours, nearest_elsewhere
from .posterior import error_probabilities, fit_slips, name_probabilities, suggested_names
from .predictions import Opinions, evidence_of_predictions

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
        neighbours = _evidence_of_looks(case.looks, given, names, progress)
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


def _evidence_of_looks(
    looks: Looks, given: Positions, names: Names, progress: Progress
) -> Evidence:
    near = nearest_elsewhere(
        looks.matrix, looks.images, progress=lambda done: progress(done, "comparing boxes")
    )
    own = evidence_of_neighbours(near, given[looks.has], len(names))
    evidence = Evidence.nothing(len(given), len(names))
    evidence.logs[looks.has], evidence.told[looks.has] = own.logs, own.told
    return evidence
