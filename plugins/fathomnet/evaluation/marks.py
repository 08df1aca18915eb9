"""What an evaluation writes on images and boxes: the marks that FiftyOne's own would make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.collection import Collection

from ..dataset.batches import batched, now, write_overlapped
from ..dataset.collection import reload_samples, sample_collection
from ..dataset.documents import Document
from ..dataset.public_writes import ImageChange, write_changes
from ..errors import DatasetError
from ..garbage_collector import collector_paused
from ..names import distance_attribute
from .boxes import EvaluatedBoxes, Side
from .scoring.judging import BoxMarks, Marks

BATCH: Final = 500
"""Images that are written at once."""

WRITERS: Final = 2
"""Batches that are written at once: MongoDB works longer on them than they take to make."""

COUNTS: Final = ("tp", "fp", "fn")


def mark_names(eval_key: str) -> tuple[str, str, str, str]:
    """The attributes of a box, in the order of ``BoxMarks``."""
    return eval_key, f"{eval_key}_id", f"{eval_key}_iou", distance_attribute(eval_key)


def mark_schema(eval_key: str, gt_field: str, pred_field: str) -> dict[str, Any]:
    """The fields that the marks need: FiftyOne's own, and the distance."""
    import fiftyone as fo

    kinds = (fo.StringField, fo.StringField, fo.FloatField, fo.IntField)
    schema: dict[str, Any] = {f"{eval_key}_{name}": fo.IntField() for name in COUNTS}
    for field in (gt_field, pred_field):
        for name, kind in zip(mark_names(eval_key), kinds, strict=True):
            schema[f"{field}.detections.{name}"] = kind()
    return schema


def write_marks(samples: Any, boxes: EvaluatedBoxes, marks: Marks, eval_key: str) -> Iterator[int]:
    """Writes the marks, batch by batch, and yields how many images each batch was.

    Args:
        samples: the dataset or view that the boxes were read from.
        boxes: what was read.
        marks: what is to be written.
        eval_key: key of the evaluation.

    Raises:
        DatasetError: somebody removed boxes since they were read.
    """
    collection = sample_collection(samples._root_dataset)
    if collection is None:
        with collector_paused():
            public = _public_changes(boxes, marks, eval_key)
            for written, lost in write_changes(samples._root_dataset, public):
                _refuse_lost(lost)
                yield written
        return
    with collector_paused():
        changes = batched(_changes(boxes, marks, eval_key), BATCH)
        yield from write_overlapped(changes, partial(_write, collection), WRITERS)
    reload_samples(samples._root_dataset)


@dataclass(frozen=True, slots=True)
class _Change:
    """What one image gets. Boxes are named by their place in the list, which is fast.

    Attributes:
        sample_id: its id.
        read_at: its time stamp when the boxes were read; a box is in its place as long as the
            image has it.
        places: where in the document the id of each box is expected.
        values: what is set.
    """

    sample_id: ObjectId
    read_at: datetime
    places: list[tuple[str, str]]
    values: Document

    def where(self, checked: bool) -> Document:
        """The image, on condition that its boxes are in their places if they are to be checked."""
        places = self.places if checked else ()
        return {"_id": self.sample_id} | {place: ObjectId(id_) for place, id_ in places}


def _write(collection: Collection[Document], batch: list[_Change]) -> int:
    """Writes a batch, boxes by their places in images that nobody wrote to since they were read.

    A condition on the place of each box would make every update twice as dear, so that goes only
    with images that somebody did write to. What is left to chance is a box that is removed in the
    milliseconds between this look and the write.
    """
    there = collection.find(
        {"_id": {"$in": [one.sample_id for one in batch]}}, {"last_modified_at": True}
    )
    stamps = {document["_id"]: document.get("last_modified_at") for document in there}
    updates = [
        UpdateOne(one.where(checked=stamps.get(one.sample_id) != one.read_at), {"$set": one.values})
        for one in batch
    ]
    _refuse_lost(len(batch) - collection.bulk_write(updates, ordered=False).matched_count)
    return len(batch)


def _refuse_lost(images: int) -> None:
    if images:
        raise DatasetError(
            f"boxes of {images:,} images were removed while they were evaluated; run it again"
        )


def _changes(boxes: EvaluatedBoxes, marks: Marks, eval_key: str) -> Iterator[_Change]:
    """The images that get something, each with what."""
    moment = now()
    sides = ((boxes.truth, marks.truth), (boxes.predictions, marks.predictions))
    by_image = [_by_image(side, which, eval_key) for side, which in sides]
    names = [f"{eval_key}_{name}" for name in COUNTS]
    images = zip(boxes.sample_ids, boxes.modified, marks.counts, strict=True)
    for number, (sample_id, read_at, counts) in enumerate(images):
        if counts is None:
            continue
        places: list[tuple[str, str]] = []
        values: Document = dict(zip(names, counts, strict=True))
        for found in by_image:
            expected, assignments = found.get(number, ((), {}))
            places.extend(expected)
            values.update(assignments)
        values["last_modified_at"] = moment
        yield _Change(ObjectId(sample_id), read_at, places, values)


def _by_image(
    side: Side, marks: BoxMarks, eval_key: str
) -> Mapping[int, tuple[list[tuple[str, str]], Document]]:
    """For each image, where its boxes are and what is set there."""
    places = [{id_: place for place, id_ in enumerate(ids)} for ids in side.stored_ids]
    paths = _Paths(side.field, eval_key)
    found: dict[int, tuple[list[tuple[str, str]], Document]] = {}
    written = zip(marks.verdicts, marks.partners, marks.ious, marks.distances, strict=True)
    owners = side.boxes.owners.tolist()
    for owner, id_, values in zip(owners, side.boxes.ids, written, strict=True):
        if values[0] is None:
            continue
        expected, assignments = found.setdefault(owner, ([], {}))
        identity, *names = paths.at(places[owner][id_])
        expected.append((identity, id_))
        assignments.update(zip(names, values, strict=True))
    return found


class _Paths:
    """Where a box's id and marks are in a document, by the box's place in its list."""

    def __init__(self, field: str, eval_key: str) -> None:
        self._prefix = f"{field}.detections"
        self._names = ("_id", *mark_names(eval_key))
        self._known: list[tuple[str, ...]] = []

    def at(self, place: int) -> tuple[str, ...]:
        while place >= len(self._known):
            prefix = f"{self._prefix}.{len(self._known)}"
            self._known.append(tuple(f"{prefix}.{name}" for name in self._names))
        return self._known[place]


def _public_changes(boxes: EvaluatedBoxes, marks: Marks, eval_key: str) -> Iterator[ImageChange]:
    """``_changes`` for the public API, which finds boxes by their ids."""
    names = mark_names(eval_key)
    sides = []
    for side, which in ((boxes.truth, marks.truth), (boxes.predictions, marks.predictions)):
        given: dict[int, dict[str, Document]] = {}
        written = zip(which.verdicts, which.partners, which.ious, which.distances, strict=True)
        owners = side.boxes.owners.tolist()
        for owner, id_, values in zip(owners, side.boxes.ids, written, strict=True):
            if values[0] is not None:
                given.setdefault(owner, {})[id_] = dict(zip(names, values, strict=True))
        sides.append((f"{side.field}.detections", given))
    counts_of = [f"{eval_key}_{name}" for name in COUNTS]
    for number, (sample_id, counts) in enumerate(zip(boxes.sample_ids, marks.counts, strict=True)):
        if counts is not None:
            yield ImageChange(
                sample_id,
                fields=dict(zip(counts_of, counts, strict=True)),
                boxes={path: given.get(number, {}) for path, given in sides},
            )
