"""Writes attributes of all boxes of a field at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
from bson import ObjectId
from pymongo import UpdateOne
from pymongo.collection import Collection

from ..errors import DatasetError
from ..files.garbage import collector_paused
from ..scoring.boxes import Boxes
from .collection import (
    batched,
    now,
    reload_samples,
    sample_collection,
    write_overlapped,
)
from .documents import Document
from .public_writes import ImageChange, write_changes

BATCH: Final = 500
"""Images that are written at once."""

WRITERS: Final = 2

Columns = Mapping[str, Sequence[Any]]
"""For each attribute, the value of every box; None removes the attribute from a box."""


def write_attributes(
    dataset: Any, field: str, sample_ids: Sequence[str], boxes: Boxes, columns: Columns
) -> Iterator[int]:
    """Gives every box of a field its attributes, batch by batch.

    Args:
        dataset: a FiftyOne dataset, whose attributes are declared.
        field: of the boxes.
        sample_ids: ids of all images, indexed by ``owners``.
        boxes: all boxes of the field, as they were read.
        columns: the attributes to write.

    Yields:
        The number of images written so far.

    Raises:
        DatasetError: somebody has added or removed boxes since they were read.
    """
    collection = sample_collection(dataset)
    if collection is None:
        for written, lost in write_changes(
            dataset, _changes(f"{field}.detections", sample_ids, boxes, columns)
        ):
            _refuse_lost(lost)
            yield written
        return
    with collector_paused():
        updates = batched(_updates(field, sample_ids, boxes, columns), BATCH)
        yield from write_overlapped(updates, partial(_write, collection), WRITERS)
    reload_samples(dataset)


def _write(collection: Collection[Document], batch: list[UpdateOne]) -> int:
    _refuse_lost(len(batch) - collection.bulk_write(batch, ordered=False).matched_count)
    return len(batch)


def _refuse_lost(images: int) -> None:
    if images:
        raise DatasetError(
            f"boxes of {images:,} images were changed while they were looked at; run it again"
        )


def _updates(
    field: str, sample_ids: Sequence[str], boxes: Boxes, columns: Columns
) -> Iterator[UpdateOne]:
    """One update per image with boxes, which sets boxes by position if they are still there."""
    moment = now()
    starts = np.searchsorted(boxes.owners, np.arange(len(sample_ids) + 1)).tolist()
    for number, sample_id in enumerate(sample_ids):
        start, end = starts[number], starts[number + 1]
        if start == end:
            continue
        where: Document = {"_id": ObjectId(sample_id)}
        given: Document = {"last_modified_at": moment}
        taken: Document = {}
        for place, box in enumerate(range(start, end)):
            path = f"{field}.detections.{place}"
            where[f"{path}._id"] = ObjectId(boxes.ids[box])
            for name, values in columns.items():
                if values[box] is None:
                    taken[f"{path}.{name}"] = ""
                else:
                    given[f"{path}.{name}"] = values[box]
        yield UpdateOne(where, {"$set": given, **({"$unset": taken} if taken else {})})


def _changes(
    path: str, sample_ids: Sequence[str], boxes: Boxes, columns: Columns
) -> Iterator[ImageChange]:
    """The same for the public API, which finds boxes by their ids."""
    starts = np.searchsorted(boxes.owners, np.arange(len(sample_ids) + 1)).tolist()
    for number, sample_id in enumerate(sample_ids):
        own = range(starts[number], starts[number + 1])
        if own:
            given = {
                boxes.ids[box]: {name: values[box] for name, values in columns.items()}
                for box in own
            }
            yield ImageChange(sample_id, boxes={path: given})
