"""Scores of labels from all signals put together, and the boxes that a suspect looks like.

A score is how probable it is that a label is wrong, given everything known about its box.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
from typing_extensions import Self

from ..progress import Progress, silent
from ..taxonomy.tree import MAX_DISTANCE
from .evidence import SHARE_WRONG, Evidence, Known, Names, Positions, row_blocks, shares_of
from .from_neighbours import evidence_of_neighbours, nearest_elsewhere
from .information import Opinions, evidence_of_predictions

_ROUNDS: Final = 50
_SETTLED: Final = 1e-4
_ASSUMED: Final = 1 / SHARE_WRONG
"""Labels that are counted in addition to the real ones, one of them wrong."""


@dataclass(frozen=True, slots=True)
class Slips:
    """How labels go wrong.

    Attributes:
        rate: the share of labels that are wrong.
        to: (K, K) the probability of each wrong label, for a box whose true name is the row's.
    """

    rate: float
    to: Floats


def name_probabilities(evidence: Floats, given: Positions, prior: Floats, slips: Slips) -> Floats:
    """The probability of every name, (N, K), by Bayes.

    Given the true name, each source of evidence is taken to be independent of the others and of the
    label that was given, which is either right or a slip.

    Args:
        evidence: (N, K) log-likelihood ratios, the sum of all sources.
        given: (N,) position of the label that each box has.
        prior: (K,) share of each name.
        slips: how labels go wrong.

    Examples:
        >>> one_in_ten = Slips(rate=0.1, to=np.array([[0.0, 1.0], [1.0, 0.0]]))
        >>> nothing_known, even = np.zeros((1, 2)), np.array([0.5, 0.5])
        >>> name_probabilities(nothing_known, np.array([0]), even, one_in_ten).round(2)
        array([[0.9, 0.1]])
    """
    rows = np.arange(len(given))
    likelihood = slips.rate * slips.to.T[given]
    likelihood[rows, given] = 1 - slips.rate
    tiny = np.finfo(np.float64).tiny
    logs = evidence + np.log(prior) + np.log(np.maximum(likelihood, tiny))
    found = np.exp(logs - logs.max(axis=1, keepdims=True))
    probabilities: Floats = found / found.sum(axis=1, keepdims=True)
    return probabilities


def as_known(found: Floats, given: Positions, known: Known) -> Floats:
    """The probability of every name, (N, K), once people have said which labels are right or wrong.

    Args:
        found: likewise, before.
        given: (N,) position of the label that each box has.
        known: what they said.

    Examples:
        >>> known = Known(right=np.array([True, False]), wrong=np.array([False, True]))
        >>> before = np.array([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]])
        >>> as_known(before, np.array([0, 0]), known)
        array([[1. , 0. , 0. ],
               [0. , 0.5, 0.5]])
    """
    own = np.arange(found.shape[1]) == given[:, None]
    # Beside a name that is all but certain, the others keep the least that a number can be.
    others = np.where(own, 0.0, np.maximum(found, np.finfo(np.float64).tiny))
    others /= np.maximum(others.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    told: Floats = np.where(known.wrong[:, None], others, found)
    return np.where(known.right[:, None], own, told)


def error_probabilities(found: Floats, given: Positions) -> Floats:
    """(N,) the probability that a label is wrong: the sum over all other names.

    Examples:
        >>> error_probabilities(np.array([[0.75, 0.25], [0.25, 0.75]]), np.array([0, 0]))
        array([0.25, 0.75])
    """
    others = found.copy()
    others[np.arange(len(given)), given] = 0.0
    return np.asarray(np.minimum(others.sum(axis=1), 1.0))


def suggested_names(found: Floats, given: Positions) -> Positions:
    """(N,) the most probable name other than a box's own; with one name only, that name.

    Examples:
        >>> suggested_names(np.array([[0.7, 0.1, 0.2]]), np.array([0])).tolist()
        [2]
    """
    others = found.copy()
    others[np.arange(len(given)), given] = -1.0
    best: Positions = others.argmax(axis=1)
    return best


def fit_slips(
    evidence: Floats,
    given: Positions,
    prior: Floats,
    names: Names,
    known: Known | None = None,
) -> Slips:
    """Estimates how often and how far labels go wrong in these data, by expectation maximisation.

    Starts from the usual rate (``evidence.SHARE_WRONG``), with all distances equally likely.

    Args:
        evidence: see ``name_probabilities``.
        given: likewise.
        prior: likewise.
        names: the K names.
        known: what people said of the labels, which is certain; None for nothing.
    """
    known = Known.nothing(len(given)) if known is None else known
    # The mean number of names at each distance from a name.
    counts = np.bincount(names.distances.ravel(), minlength=MAX_DISTANCE + 1).astype(np.float64)
    counts[0] -= len(names)
    available = counts / max(len(names), 1)
    # One slip at each distance, on average, beside those that are found.
    assumed = available / max(available.sum(), 1.0) * len(available)
    slips = Slips(SHARE_WRONG, names.by_distance(available))
    for _ in range(_ROUNDS):
        seen = np.zeros_like(available)
        for rows in row_blocks(len(given)):
            found = name_probabilities(evidence[rows], given[rows], prior, slips)
            found = as_known(found, given[rows], known[rows])
            found[np.arange(len(found)), given[rows]] = 0.0
            distances = names.distances[given[rows]].ravel()
            seen += np.bincount(distances, weights=found.ravel(), minlength=len(available))
        rate = min(0.5, float((seen.sum() + 1) / (len(given) + _ASSUMED)))
        is_settled = abs(rate - slips.rate) < _SETTLED
        slips = Slips(rate, names.by_distance(seen + assumed))
        if is_settled:
            break
    return slips


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

    def without(self, left_out: npt.NDArray[np.bool_]) -> Self:
        """The same without the scores of some boxes, (N,), none of which is a suspect then."""
        return replace(
            self,
            score=np.where(left_out, np.nan, self.score),
            by_model=np.where(left_out, np.nan, self.by_model),
            by_neighbours=np.where(left_out, np.nan, self.by_neighbours),
            suspects=self.suspects[~left_out[self.suspects]],
        )


@dataclass(frozen=True, slots=True)
class Case:
    """What is known about N labelled boxes.

    Attributes:
        given: (N,) position of the label of each.
        names: all names that may be true.
        opinions: what was predicted for them; None without predictions.
        looks: their vectors; None without vectors.
        known: what people said of the labels; None for nothing.
    """

    given: Positions
    names: Names
    opinions: Opinions | None
    looks: Looks | None
    known: Known | None = None


def weigh_labels(case: Case, threshold: float, progress: Progress = silent) -> Doubts:
    """Scores every label by the probability that it is wrong.

    What people said is certain: a label that they confirmed has the score 0, one that they rejected
    1. A rejected one does not vote for its neighbours and is no measure of predictions, nor of how
    many boxes have which name; and how often and how far labels go wrong is estimated with both.

    Args:
        case: what is known about the boxes.
        threshold: the score from which a box is a suspect.
        progress: called with the share done and a label.
    """
    given, names = case.given, case.names
    known = Known.nothing(len(given)) if case.known is None else case.known
    model = neighbours = Evidence.nothing(len(given), len(names))
    if case.opinions is not None:
        progress(0.0, "weighing the predictions")
        model = evidence_of_predictions(case.opinions, given, names, known.wrong)
    if case.looks is not None:
        near = nearest_elsewhere(
            case.looks.matrix,
            case.looks.images,
            progress=lambda done: progress(done, "comparing boxes"),
        )
        has = case.looks.has
        own = evidence_of_neighbours(near, given[has], len(names), known.wrong[has])
        neighbours = Evidence.nothing(len(given), len(names))
        neighbours.logs[has], neighbours.told[has] = own.logs, own.told
    both = Evidence(model.logs + neighbours.logs, model.told | neighbours.told)
    told = both.told
    prior = shares_of(given[~known.wrong], len(names))
    slips = fit_slips(both.logs[told], given[told], prior, names, known[told])

    def judged(judge: Callable[[Floats, Positions], Judged], one: Evidence) -> Judged:
        parts = []
        for rows in row_blocks(len(given)):
            found = name_probabilities(one.logs[rows], given[rows], prior, slips)
            parts.append(judge(as_known(found, given[rows], known[rows]), given[rows]))
        return np.concatenate(parts)

    def score_by(one: Evidence) -> Floats:
        found = np.where(known.wrong, 1.0, judged(error_probabilities, one))
        return np.where(one.told, found, np.nan)

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
