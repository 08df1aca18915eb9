"""How much more a picture resembles a prompt than its other resemblances would explain.

Cosine similarities of one prompt cannot be read by themselves: every text has its own level over
all pictures, every picture its own over all texts, and a text that shares words with another
rises and falls with it. So a needle's similarity is compared with what the similarities to its
negative prompts let one expect, by a linear fit over all pictures of the index; a jelly looks
like a plastic bag, but no more than "a jelly" says already. What is left over is measured in its
own spread over the pictures, nearly all of which show no needle.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

CHANCE_SHARE: Final = 0.1
"""Of the most hits that are asked for, how many may be expected to pass by chance."""
LARGEST_CHANCE: Final = 0.05
"""The most that one picture may have of passing by chance, however few pictures there are."""
RIDGE: Final = 0.01
"""Weight of the penalty on the fit, relative to the spread of one negative: negatives that say
nearly the same would otherwise be fitted to noise."""
MAD_OF_NORMAL: Final = 0.6745
"""Median absolute deviation of a normal distribution whose standard deviation is 1."""


@dataclass(frozen=True, slots=True)
class NeedleScores:
    """What one needle scores.

    Attributes:
        values: (N,) float64, one a picture: how many standard deviations more it resembles the
            needle than its resemblance to the negatives lets one expect.
        threshold: what a hit must exceed.
    """

    values: NDArray[np.float64]
    threshold: float

    def hits(self) -> NDArray[np.int64]:
        """Positions of the scores above the threshold, best first; equal ones in order."""
        order = np.argsort(-self.values, kind="stable")
        return order[self.values[order] > self.threshold]


def needle_scores(
    prompt: NDArray[np.float32], negatives: NDArray[np.float32], k: int
) -> NeedleScores:
    """Scores every picture, and says above which score it is a hit.

    Args:
        prompt: (N,) cosine similarities of the pictures to the needle.
        negatives: (M, N) their similarities to its negative prompts, M at least 1.
        k: the most hits that are asked for; see ``threshold``.
    """
    if not prompt.size:
        return NeedleScores(np.empty(0), threshold(0, k))
    rest = prompt - expected(prompt, negatives)
    rest -= np.median(rest)
    # A median of distances, because a few needles must not widen what is taken for chance.
    spread = float(np.median(np.abs(rest))) / MAD_OF_NORMAL
    # float32 cosines are no finer than this.
    return NeedleScores(
        rest / max(spread, float(np.finfo(np.float32).eps)), threshold(rest.size, k)
    )


def expected(prompt: NDArray[np.float32], negatives: NDArray[np.float32]) -> NDArray[np.float64]:
    """(N,) the similarity to a prompt that follows from those to its negatives.

    A linear fit by least squares with a small penalty (ridge regression) on the negatives, each
    in units of its own spread over the pictures. No weight is negative: otherwise the needles
    themselves, which resemble no negative, would teach the fit that such pictures are expected.

    Args:
        prompt: (N,) cosine similarities.
        negatives: (M, N) cosine similarities.
    """
    from scipy.optimize import nnls

    middle = float(prompt.mean(dtype=np.float64))
    columns = negatives.astype(np.float64)
    columns -= columns.mean(axis=1, keepdims=True)
    columns /= np.maximum(columns.std(axis=1, keepdims=True), np.finfo(np.float32).eps)
    gram = columns @ columns.T / prompt.size + RIDGE * np.eye(len(columns))
    # |root.T w - target|² differs from the sum of squares and penalty by a constant.
    root = np.linalg.cholesky(gram)
    target = np.linalg.solve(root, columns @ (prompt - middle) / prompt.size)
    weights, _ = nnls(root.T, target)
    return np.asarray(middle + weights @ columns)


def threshold(pictures: int, k: int) -> float:
    """The score that no more than a tenth of ``k`` pictures would exceed by chance.

    By chance means: if no picture showed the needle, and what the negatives leave unexplained
    were spread like a normal distribution.
    """
    chance = min(CHANCE_SHARE * k / max(pictures, 1), LARGEST_CHANCE)
    return NormalDist().inv_cdf(1.0 - chance)
