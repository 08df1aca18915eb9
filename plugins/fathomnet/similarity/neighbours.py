"""Exact nearest neighbours by cosine: a fast product finds candidates, a slow one decides.

A product in single precision gives slightly different scores for the same row, depending on its
position in the matrix and on the number of simultaneous queries. So the product only finds the rows
that can be among the nearest, by a strict bound on its error; their scores are then computed in
double precision, row by row.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

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
    # Numbers of the rows nearest to each centre, divided further if they are too many.
    nearest = _nearest(vectors, _centres(vectors))
    order = np.argsort(nearest, kind="stable")
    starts = np.flatnonzero(np.diff(nearest[order])) + 1
    groups = [
        group[start : start + GROUP]
        for group in np.split(order, starts)
        for start in range(0, len(group), GROUP)
    ]
    sizes = np.array([len(group) for group in groups])
    centres = _units(np.stack([vectors[group].mean(axis=0) for group in groups]))
    for number, group in enumerate(groups):
        likeness = centres @ centres[number]
        likeness[number] = np.inf
        others = np.argsort(-likeness, kind="stable")
        others = others[np.cumsum(sizes[others]) <= compared]
        yield group, np.sort(np.concatenate([groups[one] for one in others]))


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


Floats = npt.NDArray[np.floating[Any]]
Numbers = npt.NDArray[np.intp]

DIGITS: Final = 13
"""Decimals of a score that count; of two rows that differ by less, the earlier one is nearer."""

_ROWS_AT_ONCE: Final = 4_096
_QUERIES_AT_ONCE: Final = 512
_SINGLE: Final = float(np.finfo(np.float32).eps) / 2


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Rows in the order of their scores.

    Attributes:
        rows: their numbers.
        scores: their cosines, float64, of the same length.
    """

    rows: Numbers
    scores: npt.NDArray[np.float64]

    @property
    def distances(self) -> npt.NDArray[np.float64]:
        """Cosine distances, clipped at 0 against rounding."""
        return np.maximum(0.0, 1.0 - self.scores)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of rows.

    Attributes:
        first: number of one row.
        second: number of the other row, always the higher number.
        scores: their cosines.
    """

    first: Numbers
    second: Numbers
    scores: npt.NDArray[np.float64]


def inverse_norms(matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """One over the length of each row, float32.

    It is 0 for a row of zeros, which resembles nothing, and NaN for a row that is not finite.
    """
    inverse = np.zeros(len(matrix), dtype=np.float32)
    for part in _blocks(len(matrix)):
        lengths = _lengths(matrix[part].astype(np.float64))
        np.divide(1.0, lengths, out=inverse[part], where=lengths > 0, casting="same_kind")
        inverse[part][~np.isfinite(lengths)] = np.nan
    return inverse


def cosines(matrix: npt.NDArray[np.float32], queries: Floats) -> npt.NDArray[np.float32]:
    """The cosine of every row with every query, (Q, N), whatever the number of queries.

    Args:
        matrix: (N, D).
        queries: (Q, D).

    Examples:
        >>> cosines(np.array([[3, 0], [0, 2]], np.float32), np.array([[1, 0]])).tolist()
        [[1.0, 0.0]]
    """
    units = _exact_units(np.asarray(queries, dtype=np.float64))
    found = np.empty((len(units), len(matrix)), dtype=np.float32)
    for part in _blocks(len(matrix)):
        found[:, part] = units @ _exact_units(matrix[part].astype(np.float64)).T
    return found


def nearest(
    matrix: npt.NDArray[np.float32],
    inverse: npt.NDArray[np.float32],
    query: Floats,
    k: int | None = None,
    rows: Numbers | None = None,
    farthest: bool = False,
    first: int | None = None,
) -> Neighbours:
    """The rows with the highest cosine with the query, highest first; among equals, the earlier.

    Args:
        matrix: (N, D).
        inverse: the result of ``inverse_norms`` for it.
        query: (D,).
        k: the number of rows to find; None for all.
        rows: the rows to search, in the order that decides between equals; None for all.
        farthest: find the rows with the lowest cosine instead.
        first: the row to which the query belongs; it comes before its equals.

    Examples:
        >>> matrix = np.array([[1, 0], [0, 1], [3, 3]], np.float32)
        >>> nearest(matrix, inverse_norms(matrix), query=np.array([0, 2]), k=2).rows.tolist()
        [1, 2]
    """
    unit = _exact_units(np.asarray(query, dtype=np.float64)[None])[0]
    sign = -1.0 if farthest else 1.0
    size = len(matrix) if rows is None else len(rows)
    places: Numbers
    if k is None or k >= size:
        places = np.arange(size)
    else:
        quick = (matrix @ unit.astype(np.float32)) * inverse
        quick = sign * (quick if rows is None else quick[rows])
        # All that can be among the k highest, whatever the errors of single precision.
        error = (matrix.shape[1] + 8) * _SINGLE
        last = np.partition(quick, size - k)[size - k] if k > 0 else np.inf
        places = np.flatnonzero(quick >= last - 2 * error)
    candidates = places if rows is None else rows[places]
    scores = np.zeros(len(candidates))
    for part in _blocks(len(candidates)):
        vectors = matrix[candidates[part]].astype(np.float64)
        lengths = _lengths(vectors)
        # Not a matrix product: each row is summed alone, so that equal rows have equal scores.
        products = (vectors * unit).sum(axis=1)
        np.divide(products, lengths, out=scores[part], where=lengths > 0)
    keys = (places, candidates != first, -sign * np.round(scores, DIGITS))
    order = np.lexsort(keys)[:k]
    return Neighbours(candidates[order], scores[order])


def similar_pairs(
    matrix: npt.NDArray[np.float32],
    inverse: npt.NDArray[np.float32],
    least: float,
    progress: Callable[[float], None] | None = None,
    compared: Iterable[tuple[Numbers, Numbers]] | None = None,
) -> Pairs:
    """All pairs of rows with at least a given cosine.

    Args:
        matrix: (N, D).
        inverse: the result of ``inverse_norms`` for it.
        least: the lowest cosine that counts.
        progress: called with the share done.
        compared: groups of rows, each with the rows to compare it with, see ``comparisons``; None
            compares all with all.
    """
    error = (2 * matrix.shape[1] + 8) * _SINGLE
    firsts, seconds = [np.arange(0)], [np.arange(0)]
    done = 0
    for rows, others in _compared(len(matrix), compared):
        quick = matrix[rows] @ matrix[others].T
        quick *= inverse[rows, None] * inverse[others]
        above, right = np.nonzero(quick >= least - error)
        one = rows[above]
        other = right + others.start if isinstance(others, slice) else others[right]
        # All with all has each pair once and each row with itself, groups have some pairs twice.
        different = one != other if compared is not None else one < other
        firsts.append(np.minimum(one, other)[different])
        seconds.append(np.maximum(one, other)[different])
        done += len(rows)
        if progress:
            progress(done / len(matrix))
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    if compared is not None:
        first, second = np.unique(np.stack([first, second]), axis=1)
    scores = np.zeros(len(first))
    for part in _blocks(len(first)):
        pair = (_exact_units(matrix[ends[part]].astype(np.float64)) for ends in (first, second))
        scores[part] = np.multiply(*pair).sum(axis=1)
    kept = np.round(scores, DIGITS) >= least
    return Pairs(first[kept], second[kept], scores[kept])


def _compared(
    size: int, groups: Iterable[tuple[Numbers, Numbers]] | None
) -> Iterator[tuple[Numbers, Numbers | slice]]:
    """Blocks of rows and what to multiply them by; if possible a slice, which needs no copy."""
    if groups is None:
        for start in range(0, size, _QUERIES_AT_ONCE):
            # Of each pair only the one whose first row is the earlier is looked at.
            yield np.arange(start, min(start + _QUERIES_AT_ONCE, size)), slice(start, size)
        return
    for group, others in groups:
        for start in range(0, len(group), _QUERIES_AT_ONCE):
            yield group[start : start + _QUERIES_AT_ONCE], others


def _exact_units(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    lengths = _lengths(vectors)
    lengths[lengths == 0] = 1
    return vectors / lengths[:, None]


def _lengths(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    lengths: npt.NDArray[np.float64] = np.sqrt((vectors * vectors).sum(axis=1))
    return lengths


def _blocks(size: int) -> Iterator[slice]:
    for start in range(0, size, _ROWS_AT_ONCE):
        yield slice(start, min(start + _ROWS_AT_ONCE, size))
