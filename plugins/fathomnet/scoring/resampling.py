"""How certain a mean is: a bootstrap over groups of boxes."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

DRAWS: Final = 1_000
SEED: Final = 51
LEVEL: Final = 0.95

_AT_ONCE: Final = 4_000_000
"""Groups that are drawn at a time; this bounds the memory."""

Interval = tuple[float, float]


def bootstrap_intervals(
    values: npt.NDArray[np.float64],
    groups: npt.NDArray[np.intp],
    draws: int = DRAWS,
    seed: int = SEED,
) -> tuple[Interval, ...] | None:
    """Percentile bootstrap intervals of the means of columns, by resampling whole groups.

    Boxes of one group (an image, a dive) resemble each other: the same animals, water and light.
    Drawing single boxes would treat them as independent and make the intervals too narrow.

    Args:
        values: (N, K) K quantities of N boxes.
        groups: (N,) number of the group that each box belongs to, 0 to G - 1.
        draws: the number of data sets to draw, each of G groups with replacement.
        seed: decides the draws.

    Returns:
        The interval of ``LEVEL`` for each column; None with fewer than two groups.

    Examples:
        >>> two_dives = np.array([0, 0, 1, 1])
        >>> bootstrap_intervals(np.ones((4, 1)), two_dives)
        ((1.0, 1.0),)
        >>> bootstrap_intervals(np.ones((4, 1)), np.zeros(4, int)) is None
        True
    """
    number = int(groups.max(initial=-1)) + 1
    if number < 2:
        return None
    sums = np.stack(
        [np.bincount(groups, column, number) for column in (*values.T, np.ones(len(groups)))]
    )
    rng = np.random.default_rng(seed)
    per_round = max(1, _AT_ONCE // number)
    rounds = [min(per_round, draws - done) for done in range(0, draws, per_round)]
    totals = np.concatenate([sums @ _weights(rng, number, size).T for size in rounds], axis=1)
    # A draw of empty groups only has no mean.
    kept = totals[:, totals[-1] > 0]
    tail = (1 - LEVEL) / 2
    bounds = np.quantile(kept[:-1] / kept[-1], (tail, 1 - tail), axis=1)
    return tuple((float(low), float(high)) for low, high in bounds.T)


def _weights(rng: np.random.Generator, number: int, draws: int) -> npt.NDArray[np.float64]:
    """How often each group is drawn, (draws, groups)."""
    drawn = rng.integers(0, number, (draws, number), dtype=np.int64)
    drawn += np.arange(draws)[:, None] * number
    counts = np.bincount(drawn.ravel(), minlength=draws * number)
    return counts.reshape(draws, number).astype(np.float64)
