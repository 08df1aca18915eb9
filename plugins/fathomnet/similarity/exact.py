"""An exact similarity backend for FiftyOne's brain that needs no server.

The vectors are those stored on the boxes. The run keeps the ids of its members; a copy of their
vectors is kept in a folder of the user's and mapped into memory. The copy reflects one state of the
dataset; if that has changed, or on another machine, it is made again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from fiftyone.brain.similarity import (
    DuplicatesMixin,
    Similarity,
    SimilarityConfig,
    SimilarityIndex,
)

from ..dataset.collection import dataset_id
from ..dataset.columns import dataset_of
from ..dataset.vectors import vector_path
from ..errors import DatasetError
from .mapped import Members, Rows, folder_of, remove_versions
from .neighbours import Neighbours, cosines, nearest, similar_pairs
from .rows import (
    RowsOfRun,
    RunOfOurs,
    StoredByOneName,
    add_vectors,
    existing_member_ids,
    know_model,
    read_members,
    remove_members,
    select_rows,
)

METHOD: Final = "fathomnet-exact"

Numbers = npt.NDArray[np.intp]
Found = tuple[list[Numbers], list[npt.NDArray[np.float64]]]
"""For each row in the view, the other rows found, as positions in it, and their distances."""


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
        is_single = values.ndim == 1
        vectors = values[None] if is_single else values
        dimensions = copies.rows.matrix.shape[1]
        if vectors.ndim != 2 or vectors.shape[1] != dimensions:
            raise ValueError(f"the index has vectors of {dimensions} numbers, not {values.shape}")
        if not np.isfinite(vectors).all():
            raise ValueError("the query vector is not a finite number")
        return Queries(vectors, [None] * len(vectors), is_single)
    places = [copies.row_of(str(one)) for one in values.tolist()]
    rows = [place for place in places if place is not None]
    if len(rows) < len(places):
        unknown = [str(one) for one, place in zip(values, places, strict=True) if place is None]
        raise ValueError(f"these ids are not in the index: {', '.join(unknown[:5])}")
    return Queries(copies.rows.matrix[rows], places, is_single=is_text)


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
            alive = np.ones(len(found.rows), bool)
            if self.view is None:
                # An index may still hold what has been deleted since.
                samples = set(self.copies.sample_ids[found.rows].tolist())
                dataset, patches_field = self.copies.dataset, self.copies.patches_field
                there = existing_member_ids(dataset, patches_field, samples)
                ids = self.copies.ids[found.rows].tolist()
                alive = np.array([one in there for one in ids], bool)
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


class ExactSimilarityConfig(RunOfOurs, SimilarityConfig):  # type: ignore[misc]  # FiftyOne is untyped
    """Settings of an exact index; ``embeddings_field`` names the stored vectors."""

    @property
    def method(self) -> str:
        return METHOD

    @property
    def run_cls(self) -> type:
        return ExactSimilarity

    @property
    def max_k(self) -> None:
        return None

    @property
    def supports_least_similarity(self) -> bool:
        return True

    @property
    def supported_aggregations(self) -> tuple[str, ...]:
        return ("mean",)


class ExactSimilarity(Similarity):  # type: ignore[misc]
    """Makes exact indexes, and removes this machine's copies of one that is deleted."""

    def initialize(self, samples: Any, brain_key: str | None) -> ExactSimilarityIndex:
        config = self.config
        if config.embeddings_field is None:
            raise ValueError(
                "an exact index needs embeddings_field: the vectors stay where they are"
            )
        try:
            members, _ = read_members(
                dataset_of(samples), config.patches_field or "", config.embeddings_field
            )
        except DatasetError:
            members = Members.of((), ())  # the field is filled by add_to_index()
        return ExactSimilarityIndex(samples, config, brain_key, members, backend=self)

    def get_fields(self, samples: Any, brain_key: str) -> list[str]:
        patches, vectors = self.config.patches_field or "", self.config.embeddings_field
        return [field for field in (patches, vector_path(samples, patches, vectors)) if field]

    def cleanup(self, samples: Any, key: str) -> None:
        remove_versions(folder_of(str(dataset_id(dataset_of(samples))), key))

    def rename(self, samples: Any, key: str, new_key: str) -> None:
        self.cleanup(samples, key)


class ExactSimilarityIndex(StoredByOneName, SimilarityIndex, DuplicatesMixin):  # type: ignore[misc]
    """FiftyOne's interface to the rows of a run; the base class describes its methods.

    Args:
        samples: the dataset.
        config: the run's settings.
        brain_key: its key; None if it is not stored.
        members: the boxes or images in the index.
        backend: the factory that made it.
    """

    def __init__(
        self,
        samples: Any,
        config: ExactSimilarityConfig,
        brain_key: str | None,
        members: Members,
        backend: ExactSimilarity | None = None,
    ) -> None:
        self._copies = RowsOfRun(
            dataset_of(samples),
            config.patches_field or "",
            config.embeddings_field or "",
            brain_key,
            members,
        )
        SimilarityIndex.__init__(self, samples, config, brain_key, backend=backend)
        DuplicatesMixin.__init__(self)

    @property
    def rows(self) -> Rows:
        """The vectors, in the index's order."""
        return self._copies.rows

    @property
    def copies(self) -> RowsOfRun:
        """The source of the rows."""
        return self._copies

    @property
    def members(self) -> dict[str, str]:
        """What the database stores of the index."""
        return self._copies.members.packed()

    @property
    def is_external(self) -> bool:
        return False

    @property
    def sample_ids(self) -> npt.NDArray[Any]:
        return self._copies.sample_ids

    @property
    def label_ids(self) -> npt.NDArray[Any] | None:
        return self._copies.ids if self.config.patches_field else None

    @property
    def total_index_size(self) -> int:
        return len(self.rows.matrix)

    def attributes(self) -> list[str]:
        return [*super().attributes(), "members"]

    @classmethod
    def _from_dict(
        cls, d: dict[str, Any], samples: Any, config: ExactSimilarityConfig, brain_key: str
    ) -> ExactSimilarityIndex:
        return cls(samples, config, brain_key, Members.unpacked(d["members"]))

    def add_to_index(
        self,
        embeddings: npt.ArrayLike,
        sample_ids: Any,
        label_ids: Any = None,
        overwrite: bool = True,
        allow_existing: bool = True,
        warn_existing: bool = False,
        reload: bool = True,
    ) -> None:
        """Writes vectors to boxes or images, and makes these members of the index."""
        vectors = np.asarray(embeddings, dtype=np.float32)
        rules = (overwrite, allow_existing, warn_existing)
        self._change_members(
            add_vectors(self._copies, vectors, sample_ids, label_ids, *rules), reload
        )

    def remove_from_index(
        self,
        sample_ids: Any = None,
        label_ids: Any = None,
        allow_missing: bool = True,
        warn_missing: bool = False,
        reload: bool = True,
    ) -> None:
        """Removes boxes or images from the index; their vectors stay on the dataset."""
        rules = (allow_missing, warn_missing)
        self._change_members(remove_members(self._copies, sample_ids, label_ids, *rules), reload)

    def _change_members(self, members: Members, reload: bool) -> None:
        self._copies.members = members
        if self.key is not None:
            self.save()
        if reload:
            self.reload()

    def get_embeddings(
        self,
        sample_ids: Any = None,
        label_ids: Any = None,
        allow_missing: bool = True,
        warn_missing: bool = False,
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[Any], npt.NDArray[Any] | None]:
        rows = select_rows(self._copies, sample_ids, label_ids, allow_missing, warn_missing)
        labels = None if self.label_ids is None else self.label_ids[rows]
        return self.rows.matrix[rows], self.sample_ids[rows], labels

    def sort_by_similarity(
        self,
        query: Any,
        k: int | None = None,
        reverse: bool = False,
        aggregation: str = "mean",
        dist_field: str | None = None,
        _mongo: bool = False,
    ) -> Any:
        query = self._parse_query(query)
        if dist_field is not None and self.label_ids is not None and not self.view._is_patches:
            # FiftyOne 1.22 cannot write the distances of boxes in a view of whole images.
            _, ids, distances = self._kneighbors(query, k, reverse, aggregation, return_dists=True)
            path = vector_path(self._copies.dataset, self.config.patches_field, dist_field)
            values = dict(zip(ids, distances, strict=True))
            self._copies.dataset.set_label_values(path, values, dynamic=True)
            dist_field = None
        return super().sort_by_similarity(query, k, reverse, aggregation, dist_field, _mongo)

    def get_model(self) -> Any:
        if self._model is None:
            know_model(self.config.fathomnet_model)
        return super().get_model()

    def reload(self) -> None:
        self._copies.forget()
        super().reload()

    def cleanup(self) -> None:
        self._copies.remove()

    def _kneighbors(
        self,
        query: Any = None,
        k: int | None = None,
        reverse: bool = False,
        aggregation: str | None = None,
        return_dists: bool = False,
    ) -> Any:
        if aggregation not in (None, "mean"):
            raise ValueError(f"aggregation {aggregation!r} is not supported; use 'mean'")
        if query is None:
            inds, dists = self._in_view().nearest_of_all(k, reverse)
            return (inds, dists) if return_dists else inds
        queries = parse_queries(self._copies, query)
        if aggregation == "mean":
            queries = queries.mean()
        in_view = self._in_view()
        found = [in_view.nearest(vector, k, reverse, row) for vector, row in queries]
        return self._formatted(found, queries, return_dists)

    def _in_view(self) -> RowsInView:
        view = self._current_inds if self.has_view else None
        if self.has_view and view is None:
            view = np.arange(self.total_index_size)
        return RowsInView(self._copies, view)

    def _radius_neighbors(
        self, query: Any = None, thresh: float | None = None, return_dists: bool = False
    ) -> Any:
        if thresh is None:
            raise ValueError("a distance threshold is needed")
        if query is None:
            inds, dists = self._in_view().within_of_all(thresh)
            return (inds, dists) if return_dists else inds
        queries = parse_queries(self._copies, query)
        found = self._in_view().within(queries.vectors, thresh)
        return self._formatted(found, queries, return_dists)

    def _formatted(self, found: list[Neighbours], queries: Queries, return_dists: bool) -> Any:
        """Ids, and distances if requested, in FiftyOne's form: a list of lists, or one list."""
        columns = [[self.sample_ids[one.rows].tolist() for one in found], None]
        if self.label_ids is not None:
            columns[1] = [self.label_ids[one.rows].tolist() for one in found]
        if return_dists:
            columns.append([one.distances.tolist() for one in found])
        if queries.is_single:
            columns = [None if column is None else column[0] for column in columns]
        return tuple(columns)
