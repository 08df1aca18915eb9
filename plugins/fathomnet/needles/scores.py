"""Scores how much a picture resembles a prompt rather than what the prompt must not match.

Cosine similarities to one prompt mean little by themselves: every text has its own level over all
pictures, and every picture its own over all texts. So a picture's score is its contrast with the
negative prompts, in units of the spread of contrasts over the pictures, nearly all of which show no
needle.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

TEMPERATURE: Final = 0.01
"""Of the soft maximum over negatives; CLIP's own at the end of training, which caps its inverse."""
CHANCE_SHARE: Final = 0.1
"""The share of the requested hits that may be expected to pass by chance."""
LARGEST_CHANCE: Final = 0.05
"""The highest probability that one picture may have of passing by chance."""
MAD_OF_NORMAL: Final = 0.6745
"""Median absolute deviation of a normal distribution whose standard deviation is 1."""


@dataclass(frozen=True, slots=True)
class NeedleScores:
    """The scores of one needle.

    Attributes:
        values: (N,) float64, one per picture: standard deviations above the median contrast.
        threshold: the score that a hit must exceed.
    """

    values: NDArray[np.float64]
    threshold: float

    def hits(self) -> NDArray[np.int64]:
        """Positions of the scores above the threshold, best first; ties keep their order.

        Examples:
            >>> NeedleScores(np.array([0.1, 4.2, 3.7]), threshold=3.0).hits().tolist()
            [1, 2]
        """
        order = np.argsort(-self.values, kind="stable")
        return order[self.values[order] > self.threshold]


def needle_scores(
    prompt: NDArray[np.float32], negatives: NDArray[np.float32], k: int
) -> NeedleScores:
    """Scores every picture, and sets the threshold above which it is a hit.

    Args:
        prompt: (N,) cosine similarities of the pictures to the needle.
        negatives: (M, N) their similarities to its negative prompts, M at least 1.
        k: the most hits that are requested; see ``hit_threshold``.
    """
    if not prompt.size:
        return NeedleScores(np.empty(0), hit_threshold(0, k))
    contrast = prompt - soft_maximum(negatives)
    contrast -= np.median(contrast)
    # A median of distances, because a few needles must not widen what is taken for chance.
    spread = float(np.median(np.abs(contrast))) / MAD_OF_NORMAL
    # float32 cosines are no finer than this.
    unit = max(spread, float(np.finfo(np.float32).eps))
    return NeedleScores(contrast / unit, hit_threshold(contrast.size, k))


def soft_maximum(negatives: NDArray[np.float32]) -> NDArray[np.float64]:
    """(N,) a smooth maximum of each column of (M, N).

    It is the logarithm of a mean of exponentials, so texts that say the same count only once.

    Examples:
        >>> soft_maximum(np.array([[0.3, 0.2], [0.3, 0.1]], np.float32)).round(3).tolist()
        [0.3, 0.193]
    """
    scaled = negatives.astype(np.float64) / TEMPERATURE
    largest = scaled.max(axis=0)
    return TEMPERATURE * np.asarray(largest + np.log(np.exp(scaled - largest).mean(axis=0)))


def hit_threshold(pictures: int, k: int) -> float:
    """The score that at most a tenth of ``k`` pictures would exceed by chance.

    By chance means: if no picture showed the needle and the contrasts with the negatives had a
    normal distribution.

    Examples:
        With 1,000 pictures and 25 hits, 2.5 pictures may pass by chance:

        >>> round(hit_threshold(1_000, k=25), 2)
        2.81
    """
    chance = min(CHANCE_SHARE * k / max(pictures, 1), LARGEST_CHANCE)
    return NormalDist().inv_cdf(1.0 - chance)
