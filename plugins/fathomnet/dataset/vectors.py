"""Declares, reads and writes embeddings on the boxes or images of a dataset."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from ..errors import DatasetError
from . import columns, writes
from .columns import dataset_of
from .documents import AS_THEY_ARE, ImageChange, VectorPacker, VectorUnpacker
from .schema import boxes_path, declare, labels_path

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


@dataclass(frozen=True, slots=True)
class EmbeddingRecord:
    """What a dataset keeps of where the vectors of a field are from: a model's last run, or a file.

    Attributes:
        state: what became of it.
        model: its name.
        zoo_name: its name in FiftyOne's model zoo.
        patches_field: the field of boxes; ``""`` for whole images.
        field: what holds the vectors.
        dimensions: of a vector.
        device: what computed them.
        settings: of the model.
        batch_size: boxes or images at once.
        embedded: boxes or images that got a vector.
        present: those that had one.
        map: method and points of the map that was drawn, and what is to be said of it.
        skipped: boxes or images that got none.
        skipped_images: images that could not be looked at.
        reasons: why, each with its number.
        examples: the first ones, each with its reason.
        notes: what is to be known of images that were embedded.
        text_model: the model whose texts lie in the same space, of vectors that were imported.
    """

    METHOD: ClassVar[str] = "compute_embeddings"

    state: str
    model: str
    zoo_name: str
    patches_field: str
    field: str
    dimensions: int
    device: str
    settings: Mapping[str, Any]
    batch_size: int
    embedded: int
    present: int
    map: tuple[str, int, str] | None
    skipped: int
    skipped_images: int
    reasons: tuple[tuple[str, int], ...]
    examples: tuple[str, ...]
    notes: tuple[str, ...] = ()
    text_model: str = ""


def vector_path(dataset: Any, patches_field: str, field: str) -> str:
    """The full path of the vectors below a field of labels, or of whole images (``""``).

    Raises:
        DatasetError: the dataset has no such field of labels.
    """
    return f"{labels_path(dataset, patches_field)}.{field}" if patches_field else field


def fingerprint_path(vectors: str) -> str:
    """The path of the fingerprints beside the vectors at a path."""
    return f"{vectors}_source"


def declare_vectors(dataset: Any, patches_field: str, field: str) -> None:
    """Declares the vectors and their fingerprints, so that FiftyOne and the App know them.

    Raises:
        DatasetError: the dataset has no such field of boxes, or holds something else there.
    """
    import fiftyone as fo

    if patches_field:
        boxes_path(dataset, patches_field)
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
    ids: list[str] = []
    sample_ids: list[str] = []
    unpacker = VectorUnpacker()

    def add(sample_id: str, found: dict[str, Any], shown: Iterable[str]) -> None:
        for id_ in shown:
            vector = found.get(id_)
            if vector is None:
                continue
            sample_ids.append(sample_id)
            ids.append(id_)
            if isinstance(vector, bytes):
                unpacker.add(vector)
            else:
                unpacker.add_array(vector)

    if view is dataset:
        for sample_id, found in _by_image(dataset, path):
            add(sample_id, found, found)
    else:
        # In the view's own order, which may show a sample several times.
        shown = zip(*columns.ids_in(view, patches_field), strict=True)
        for batch in writes.batched(shown, READ_AT_ONCE):
            images = dataset.select([sample_id for sample_id, _ in batch])
            of_samples = dict(_by_image(images, path))
            for sample_id, of_sample in batch:
                add(sample_id, of_samples.get(sample_id, {}), of_sample)
    return Vectors(ids=ids, sample_ids=sample_ids, matrix=unpacker.matrix())


def write_vectors(dataset: Any, patches_field: str, field: str, rows: VectorRows) -> int:
    """Writes vectors together with their fingerprints; boxes deleted since are left out.

    Args:
        dataset: a FiftyOne dataset for which ``declare_vectors`` was called.
        patches_field: the field of boxes; ``""`` for whole images.
        field: the attribute or field for the vectors.
        rows: at least one; those of one sample are adjacent.

    Returns:
        How many vectors there were to write.
    """
    changes = _changes(vector_path(dataset, patches_field, field), rows)
    deque(writes.change_images(dataset, changes), maxlen=0)
    return len(rows.ids)


def _changes(path: str, rows: VectorRows) -> Iterator[ImageChange]:
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


def _by_image(view: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Ids of samples, with the vectors of their boxes by id, or their own by their id."""
    boxes, _, name = path.rpartition(".")
    wanted: dict[str, Any] = {"boxes": {boxes: (name,)}} if boxes else {"fields": (name,)}
    for image in columns.read_images(view, **wanted):
        holders = columns.boxes_in(image, boxes) if boxes else (image,)
        vectors = ((str(one["_id"]), one.get(name)) for one in holders)
        found = {id_: vector for id_, vector in vectors if vector is not None}
        yield str(image["_id"]), found
