"""Declares, reads and writes embeddings on the boxes or images of a dataset."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from bson import ObjectId
from pymongo import UpdateOne

from ..errors import DatasetError
from .batches import batched, now
from .collection import reload_samples, sample_collection
from .columns import Columns, dataset_of, ids_in
from .documents import AS_THEY_ARE, Document, VectorPacker, VectorUnpacker
from .label_fields import boxes_path
from .public_writes import ImageChange, write_changes
from .schema import declare

READ_AT_ONCE: Final = 1_000
"""Samples of a view whose vectors are requested at once."""

Fingerprint = dict[str, str]
"""What a vector was made from; a dictionary, which the App does not offer for filtering."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """The vectors of boxes or of whole images, in the order of the dataset or view.

    Attributes:
        ids: ids of the labels or, if whole images were embedded, of the samples.
        sample_ids: ids of their samples, of the same length.
        matrix: (N, D), C-contiguous; (0, 0) without any.
    """

    ids: list[str]
    sample_ids: list[str]
    matrix: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class VectorRows:
    """Vectors to write, and what each was made from.

    Attributes:
        ids: ids of the labels or, if whole images were embedded, of the samples.
        sample_ids: ids of their samples, of the same length.
        fingerprints: kept beside each vector, to tell whether it is still right.
        matrix: (N, D).
    """

    ids: Sequence[str]
    sample_ids: Sequence[str]
    fingerprints: Sequence[Fingerprint]
    matrix: npt.NDArray[np.float32]


def vector_path(dataset: Any, patches_field: str, field: str) -> str:
    """The full path of the vectors below a field of boxes, or of whole images (``""``).

    Raises:
        DatasetError: the dataset has no such field of boxes.
    """
    return f"{boxes_path(dataset, patches_field)}.{field}" if patches_field else field


def fingerprint_path(vectors: str) -> str:
    """The path of the fingerprints beside the vectors at a path."""
    return f"{vectors}_source"


def declare_vectors(dataset: Any, patches_field: str, field: str) -> None:
    """Declares the vectors and their fingerprints, so that FiftyOne and the App know them.

    Raises:
        DatasetError: the dataset has no such field of boxes, or holds something else there.
    """
    import fiftyone as fo

    path = vector_path(dataset, patches_field, field)
    wanted = {path: fo.VectorField, fingerprint_path(path): fo.DictField}
    for name, kind in wanted.items():
        there = dataset.get_field(name)
        if there is not None and not isinstance(there, kind):
            raise DatasetError(
                f"{name!r} of dataset {dataset.name!r} holds {type(there).__name__}, "
                f"not {kind.__name__}; rename or delete it"
            )
    source = "Model, settings and rectangle that the vector was made from"
    declare(
        dataset,
        {path: fo.VectorField(), fingerprint_path(path): fo.DictField(description=source)},
    )


def read_vectors(view: Any, patches_field: str, field: str) -> Vectors:
    """Reads every vector of a dataset or view; boxes without one are left out.

    Args:
        view: a FiftyOne dataset, a view of one, or a view of its patches.
        patches_field: the field of boxes; ``""`` for whole images.
        field: the attribute of the boxes, or the field of the samples, that holds the vectors.

    Raises:
        DatasetError: there is no such field of boxes or of vectors, or its vectors differ in
            length.
    """
    import fiftyone as fo

    dataset = dataset_of(view)
    path = vector_path(dataset, patches_field, field)
    if not isinstance(dataset.get_field(path), fo.VectorField):
        raise DatasetError(f"dataset {dataset.name!r} has no vectors in {path!r}; embed it first")
    reader = _Reader(dataset, patches_field, path)
    shown = None if view is dataset else ids_in(view, patches_field)
    ids: list[str] = []
    sample_ids: list[str] = []
    unpacker = VectorUnpacker()
    for sample_id, id_, vector in reader.all_rows() if shown is None else reader.rows(shown):
        sample_ids.append(sample_id)
        ids.append(id_)
        if isinstance(vector, bytes):
            unpacker.add(vector)
        else:
            unpacker.add_array(vector)
    return Vectors(ids=ids, sample_ids=sample_ids, matrix=unpacker.matrix())


def write_vectors(dataset: Any, patches_field: str, field: str, rows: VectorRows) -> None:
    """Writes vectors together with their fingerprints; boxes deleted since are left out.

    Args:
        dataset: a FiftyOne dataset for which ``declare_vectors`` was called.
        patches_field: the field of boxes; ``""`` for whole images.
        field: the attribute or field for the vectors.
        rows: at least one; those of one sample are adjacent.
    """
    path = vector_path(dataset, patches_field, field)
    collection = sample_collection(dataset)
    if collection is None:
        deque(write_changes(dataset, _changes(path, rows), all_boxes=False), maxlen=0)
        return
    parent, _, name = path.rpartition(".")
    collection.bulk_write(_updates(parent, name, rows), ordered=False)
    reload_samples(dataset)


def _updates(parent: str, name: str, rows: VectorRows) -> list[UpdateOne]:
    packer = VectorPacker(rows.matrix, level=AS_THEY_ARE)
    moment = now()
    updates = []
    for sample_id, group in groupby(range(len(rows.ids)), key=rows.sample_ids.__getitem__):
        change: Document = {"last_modified_at": moment}
        filters = []
        for row in group:
            # MongoDB takes letters and digits, beginning with a letter, as the name of a filter.
            place = f"{parent}.$[b{row}].{name}" if parent else name
            change[place] = packer.stored(row)
            change[fingerprint_path(place)] = rows.fingerprints[row]
            if parent:
                filters.append({f"b{row}._id": ObjectId(rows.ids[row])})
        which = {"_id": ObjectId(sample_id)}
        updates.append(UpdateOne(which, {"$set": change}, array_filters=filters or None))
    return updates


def _changes(path: str, rows: VectorRows) -> Iterator[ImageChange]:
    """The same for the public API."""
    packer = VectorPacker(rows.matrix, level=AS_THEY_ARE)
    boxes, _, name = path.rpartition(".")
    for sample_id, group in groupby(range(len(rows.ids)), key=rows.sample_ids.__getitem__):
        given = {
            rows.ids[row]: {
                name: packer.stored(row),
                fingerprint_path(name): rows.fingerprints[row],
            }
            for row in group
        }
        yield (
            ImageChange(sample_id, boxes={boxes: given})
            if boxes
            else ImageChange(sample_id, fields=given[sample_id])
        )


Row = tuple[str, str, Any]
"""Id of a sample, id of the box (or again of the sample), and the vector, stored or an array."""


class _Reader:
    """Reads the vectors at a path: from the collection if it may, otherwise through FiftyOne."""

    def __init__(self, dataset: Any, patches_field: str, path: str) -> None:
        self._dataset = dataset
        self._collection = sample_collection(dataset)
        self._patches_field = patches_field
        self._boxes, _, self._name = path.rpartition(".")

    def all_rows(self) -> Iterator[Row]:
        """The rows of the whole dataset."""
        for sample_id, found in self._samples(None):
            yield from ((sample_id, id_, vector) for id_, vector in found.items())

    def rows(self, columns: Columns) -> Iterator[Row]:
        """The rows of these samples and boxes, in their order."""
        for batch in batched(zip(*columns, strict=True), READ_AT_ONCE):
            of_samples = dict(self._samples([sample_id for sample_id, _ in batch]))
            for sample_id, ids in batch:
                found = of_samples.get(sample_id, {})
                yield from ((sample_id, id_, found[id_]) for id_ in ids if id_ in found)

    def _samples(self, ids: list[str] | None) -> Iterator[tuple[str, dict[str, Any]]]:
        """Ids of samples, with the vectors of their boxes by id, or their own by their id."""
        if self._collection is None:
            yield from self._public_samples(ids)
            return
        path = f"{self._boxes}.{self._name}" if self._boxes else self._name
        wanted = {path: True, **({f"{self._boxes}._id": True} if self._boxes else {})}
        which = {} if ids is None else {"_id": {"$in": [ObjectId(one) for one in ids]}}
        for document in self._collection.find(which, wanted):
            boxes = [document]
            if self._boxes:
                boxes = (document.get(self._patches_field) or {}).get("detections") or []
            vectors = ((str(box["_id"]), box.get(self._name)) for box in boxes)
            found = {id_: vector for id_, vector in vectors if vector is not None}
            yield str(document["_id"]), found

    def _public_samples(self, ids: list[str] | None) -> Iterator[tuple[str, dict[str, Any]]]:
        view = self._dataset if ids is None else self._dataset.select(ids)
        if not self._boxes:
            for id_, vector in zip(*view.values(["id", self._name]), strict=True):
                yield id_, {} if vector is None else {id_: vector}
            return
        paths = ["id", f"{self._boxes}.id", f"{self._boxes}.{self._name}"]
        for sample_id, own, vectors in zip(*view.values(paths), strict=True):
            pairs = zip(own or (), vectors or (), strict=True)
            yield sample_id, {id_: vector for id_, vector in pairs if vector is not None}
