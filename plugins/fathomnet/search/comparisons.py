"""Decides which rows to compare: all with all or, if they are many, with those most alike.

Comparing all with all is work that grows with the square of the number of rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

Positions = npt.NDArray[np.intp]
Vectors = npt.NDArray[np.float32]

GROUP: Final = 2**10
"""The most rows that are compared with the same others."""

_SEED: Final = 51
_SEEN: Final = 32
"""Rows per group that are used to find the centres."""
_ROUNDS: Final = 5
_AT_ONCE: Final = 2**14


def comparisons(vectors: Vectors, compared: int) -> Iterator[tuple[Positions, Positions]]:
    """Groups of rows, each with the rows to compare it with.

    Many rows are divided into groups by k-means, and a group is compared with itself and with the
    groups whose centres are most similar to its own.

    Args:
        vectors: (N, D) of length 1.
        compared: the most rows to compare each with; up to so many, all are compared with all.

    Yields:
        Sorted numbers of the rows of a group, and of those to compare them with. The groups
        together hold all rows, each once.
    """
    everything = np.arange(len(vectors))
    if len(vectors) <= compared:
        if len(vectors):
            yield everything, everything
        return
    groups = _groups(vectors)
    sizes = np.array([len(group) for group in groups])
    centres = _units(np.stack([vectors[group].mean(axis=0) for group in groups]))
    for number, group in enumerate(groups):
        likeness = centres @ centres[number]
        likeness[number] = np.inf
        others = np.argsort(-likeness, kind="stable")
        others = others[np.cumsum(sizes[others]) <= compared]
        yield group, np.sort(np.concatenate([groups[one] for one in others]))


def _groups(vectors: Vectors) -> list[Positions]:
    """Numbers of the rows nearest to each centre, divided further if they are too many."""
    nearest = _nearest(vectors, _centres(vectors))
    order = np.argsort(nearest, kind="stable")
    starts = np.flatnonzero(np.diff(nearest[order])) + 1
    return [
        group[start : start + GROUP]
        for group in np.split(order, starts)
        for start in range(0, len(group), GROUP)
    ]


def _centres(vectors: Vectors) -> Vectors:
    """The centres of groups, by k-means of a fixed sample of the rows."""
    count = -(-2 * len(vectors) // GROUP)
    rng = np.random.default_rng(_SEED)
    seen = vectors[rng.choice(len(vectors), min(len(vectors), count * _SEEN), replace=False)]
    centres = seen[:count]
    for _ in range(_ROUNDS):
        nearest = _nearest(seen, centres)
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, seen)
        has = np.bincount(nearest, minlength=count) > 0
        centres = np.where(has[:, None], _units(sums), centres)
    return centres


def _nearest(vectors: Vectors, centres: Vectors) -> Positions:
    found = np.empty(len(vectors), np.intp)
    for start in range(0, len(vectors), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        found[part] = (vectors[part] @ centres.T).argmax(axis=1)
    return found


def _units(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.finfo(np.float32).tiny), np.float32)
