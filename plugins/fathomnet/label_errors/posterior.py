"""How probable it is that a label is wrong, given everything known about its box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ..taxonomy.tree import MAX_DISTANCE
from .evidence import SHARE_WRONG, Names, Positions, row_blocks

Floats = npt.NDArray[np.float64]

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


def fit_slips(evidence: Floats, given: Positions, prior: Floats, names: Names) -> Slips:
    """Estimates how often and how far labels go wrong in these data, by expectation maximisation.

    Starts from the usual rate (``evidence.SHARE_WRONG``), with all distances equally likely.

    Args:
        evidence: see ``name_probabilities``.
        given: likewise.
        prior: likewise.
        names: the K names.
    """
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
            found[np.arange(len(found)), given[rows]] = 0.0
            distances = names.distances[given[rows]].ravel()
            seen += np.bincount(distances, weights=found.ravel(), minlength=len(available))
        rate = min(0.5, float((seen.sum() + 1) / (len(given) + _ASSUMED)))
        is_settled = abs(rate - slips.rate) < _SETTLED
        slips = Slips(rate, names.by_distance(seen + assumed))
        if is_settled:
            break
    return slips
