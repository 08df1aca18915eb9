"""Searches the rows of an index that a view shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .copies import RowsOfRun
from .mapped import Rows
from .scores import Neighbours, cosines, nearest, similar_pairs
from .stored import existing_member_ids

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
