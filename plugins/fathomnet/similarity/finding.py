"""What an index is asked, and what it finds among the rows that the App looks at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .mapped import Rows
from .neighbours import Neighbours, cosines, nearest, similar_pairs
from .rows import RowsOfRun, existing_member_ids


@dataclass(frozen=True, slots=True)
class Queries:
    """One or several query vectors.

    Attributes:
        vectors: (Q, D).
        rows: the rows to which they belong, if the queries are ids.
        is_single: whether the answer is one list rather than a list of lists.
    """

    vectors: npt.NDArray[Any]
    rows: list[int | None]
    is_single: bool

    def __iter__(self) -> Iterator[tuple[npt.NDArray[Any], int | None]]:
        return iter(zip(self.vectors, self.rows, strict=True))

    def mean(self) -> Queries:
        """The mean of all queries as one query; a single query is unchanged."""
        if len(self.rows) == 1:
            return Queries(self.vectors, self.rows, is_single=True)
        mean = self.vectors.mean(axis=0, dtype=np.float64)
        return Queries(mean[None], [None], is_single=True)


def parse_queries(copies: RowsOfRun, query: Any) -> Queries:
    """Parses an id, ids, a vector or an array of vectors.

    Raises:
        ValueError: an id is not in the index, or a vector's length is not that of the index.
    """
    is_text = isinstance(query, str)
    values = np.asarray([query] if is_text else query)
    if np.issubdtype(values.dtype, np.number):
        return _vectors(copies, values)
    places = [copies.row_of(str(one)) for one in values.tolist()]
    rows = [place for place in places if place is not None]
    if len(rows) < len(places):
        unknown = [str(one) for one, place in zip(values, places, strict=True) if place is None]
        raise ValueError(f"these ids are not in the index: {', '.join(unknown[:5])}")
    return Queries(copies.rows.matrix[rows], places, is_single=is_text)


def _vectors(copies: RowsOfRun, values: npt.NDArray[Any]) -> Queries:
    is_single = values.ndim == 1
    vectors = values[None] if is_single else values
    dimensions = copies.rows.matrix.shape[1]
    if vectors.ndim != 2 or vectors.shape[1] != dimensions:
        raise ValueError(f"the index has vectors of {dimensions} numbers, not {values.shape}")
    if not np.isfinite(vectors).all():
        raise ValueError("the query vector is not a finite number")
    return Queries(vectors, [None] * len(vectors), is_single)


Numbers = npt.NDArray[np.intp]
Found = tuple[list[Numbers], list[npt.NDArray[np.float64]]]
"""For each row in the view, the other rows found, as positions in it, and their distances."""


@dataclass(frozen=True, slots=True)
class RowsInView:
    """The rows of an index among which to search.

    Attributes:
        copies: all rows.
        view: the numbers of the rows in a view; None for all that still exist.
    """

    copies: RowsOfRun
    view: Numbers | None

    def nearest(
        self, vector: npt.NDArray[Any], k: int | None, reverse: bool, row: int | None
    ) -> Neighbours:
        """The neighbours of one vector, without deleted labels.

        Args:
            vector: (D,).
            k: the number of neighbours; None for all.
            reverse: find the farthest instead.
            row: the row to which the vector belongs.
        """
        wanted = k
        while True:
            rows = self._rows
            found = nearest(rows.matrix, rows.inverse, vector, wanted, self.view, reverse, row)
            alive = self._alive(found) if self.view is None else np.ones(len(found.rows), bool)
            if wanted is None or alive.sum() >= (k or 0) or len(found.rows) < wanted:
                return Neighbours(found.rows[alive][:k], found.scores[alive][:k])
            wanted *= 2

    def within(self, vectors: npt.NDArray[Any], thresh: float) -> list[Neighbours]:
        """The rows within a distance of each vector."""
        numbers = self._numbers
        found = []
        for scores in cosines(self._rows.matrix[numbers], vectors):
            near = np.flatnonzero(1 - scores <= thresh)
            found.append(Neighbours(numbers[near], scores[near].astype(np.float64)))
        return found

    def nearest_of_all(self, k: int | None, reverse: bool) -> Found:
        """The neighbours of each row, without itself."""
        numbers, matrix, inverse = self._numbers, self._rows.matrix, self._rows.inverse
        places = np.empty(len(matrix), dtype=np.intp)
        places[numbers] = np.arange(len(numbers))
        take = None if k is None else k + 1
        inds, dists = [], []
        for row in numbers.tolist():
            found = nearest(matrix, inverse, matrix[row], take, numbers, reverse, row)
            others = found.rows != row
            inds.append(places[found.rows[others][:k]])
            dists.append(found.distances[others][:k])
        return inds, dists

    def within_of_all(self, thresh: float) -> Found:
        """The rows within a distance of each row."""
        matrix, inverse = self._rows.matrix, self._rows.inverse
        if self.view is not None:
            matrix, inverse = matrix[self.view], inverse[self.view]
        pairs = similar_pairs(matrix, inverse, 1 - thresh)
        ends = np.concatenate((pairs.first, pairs.second))
        others = np.concatenate((pairs.second, pairs.first))
        dists = 1 - np.concatenate((pairs.scores, pairs.scores))
        order = np.lexsort((others, ends))
        cuts = np.searchsorted(ends[order], np.arange(1, len(matrix)))
        return np.split(others[order], cuts), np.split(dists[order], cuts)

    @property
    def _rows(self) -> Rows:
        return self.copies.rows

    @property
    def _numbers(self) -> Numbers:
        return np.arange(len(self._rows.matrix)) if self.view is None else self.view

    def _alive(self, found: Neighbours) -> npt.NDArray[np.bool_]:
        samples = set(self.copies.sample_ids[found.rows].tolist())
        there = existing_member_ids(self.copies.dataset, self.copies.patches_field, samples)
        ids = self.copies.ids[found.rows].tolist()
        return np.fromiter((one in there for one in ids), dtype=bool, count=len(ids))
