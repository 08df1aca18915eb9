"""Parses the queries of an index: one or several ids or vectors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .copies import RowsOfRun


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
