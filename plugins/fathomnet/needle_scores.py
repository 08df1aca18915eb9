"""How much a picture resembles a prompt rather than what the prompt must not match.

Cosine similarities of one prompt cannot be read by themselves: every text has its own level over
all pictures, every picture its own over all texts. So a picture's score is a contrast with the
negative prompts, measured in its own spread over the pictures, nearly all of which show no needle.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

TEMPERATURE: Final = 0.01
"""Of the soft maximum over negatives: where CLIP's own ends, whose training caps its inverse."""
CHANCE_SHARE: Final = 0.1
"""Of the most hits that are asked for, how many may be expected to pass by chance."""
LARGEST_CHANCE: Final = 0.05
"""The most that one picture may have of passing by chance, however few pictures there are."""
MAD_OF_NORMAL: Final = 0.6745
"""Median absolute deviation of a normal distribution whose standard deviation is 1."""


@dataclass(frozen=True, slots=True)
class NeedleScores:
    """What one needle scores.

    Attributes:
        values: (N,) float64, one a picture: standard deviations above the median contrast.
        threshold: what a hit must exceed.
    """

    values: NDArray[np.float64]
    threshold: float

    def hits(self) -> NDArray[np.int64]:
        """Positions of the scores above the threshold, best first; equal ones in order.

        Examples:
            >>> NeedleScores(np.array([0.1, 4.2, 3.7]), threshold=3.0).hits().tolist()
            [1, 2]
        """
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
    contrast = prompt - soft_maximum(negatives)
    contrast -= np.median(contrast)
    # A median of distances, because a few needles must not widen what is taken for chance.
    spread = float(np.median(np.abs(contrast))) / MAD_OF_NORMAL
    # float32 cosines are no finer than this.
    unit = max(spread, float(np.finfo(np.float32).eps))
    return NeedleScores(contrast / unit, threshold(contrast.size, k))


def soft_maximum(negatives: NDArray[np.float32]) -> NDArray[np.float64]:
    """(N,) the largest similarity of each column of (M, N), rounded off where several are close.

    The logarithm of a mean of exponentials, so that texts which say the same count once.

    Examples:
        >>> soft_maximum(np.array([[0.3, 0.2], [0.3, 0.1]], np.float32)).round(3).tolist()
        [0.3, 0.193]
    """
    scaled = negatives.astype(np.float64) / TEMPERATURE
    largest = scaled.max(axis=0)
    return TEMPERATURE * np.asarray(largest + np.log(np.exp(scaled - largest).mean(axis=0)))


def threshold(pictures: int, k: int) -> float:
    """The score that no more than a tenth of ``k`` pictures would exceed by chance.

    By chance means: if no picture showed the needle, and contrasts with the negatives were
    spread like a normal distribution.

    Examples:
        Of 1,000 pictures 2.5 may pass by chance, which 2.81 standard deviations allow:

        >>> round(threshold(1_000, k=25), 2)
        2.81
    """
    chance = min(CHANCE_SHARE * k / max(pictures, 1), LARGEST_CHANCE)
    return NormalDist().inv_cdf(1.0 - chance)
