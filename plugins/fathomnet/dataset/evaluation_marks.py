"""What an evaluation writes on images and boxes: the marks that FiftyOne's own would make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.collection import Collection

from ..errors import DatasetError
from ..fields import distance_attribute
from ..files.garbage import collector_paused
from ..scoring.verdicts import BoxMarks, Marks
from .collection import batched, now, reload_samples, sample_collection, write_overlapped
from .documents import Document
from .evaluated_boxes import EvaluatedBoxes, Side

BATCH: Final = 1_000
"""Images that are written at once."""

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
        DatasetError: somebody added or removed boxes since they were read.
    """
    collection = sample_collection(samples._root_dataset)
    if collection is None:
        _set_values(samples, boxes, marks, eval_key)
        yield len(boxes.sample_ids)
        return
    with collector_paused():
        updates = _updates(boxes, marks, eval_key)
        batches = batched(updates, BATCH)
        yield from write_overlapped(batches, partial(_write, collection))
    reload_samples(samples._root_dataset)


def _write(collection: Collection[Document], batch: list[UpdateOne]) -> int:
    matched = collection.bulk_write(batch, ordered=False).matched_count
    if matched < len(batch):
        raise DatasetError(
            f"{len(batch) - matched:,} images were changed or deleted while they were evaluated; "
            "run the evaluation again"
        )
    return int(matched)


def _updates(boxes: EvaluatedBoxes, marks: Marks, eval_key: str) -> Iterator[UpdateOne]:
    """An update an image. It names every box by its place, and holds only if that box is there."""
    moment = now()
    sides = ((boxes.truth, marks.truth), (boxes.predictions, marks.predictions))
    by_image = [_by_image(side, which, eval_key) for side, which in sides]
    names = [f"{eval_key}_{name}" for name in COUNTS]
    for number, sample_id in enumerate(boxes.sample_ids):
        counts = marks.counts[number]
        if counts is None:
            continue
        where: Document = {"_id": ObjectId(sample_id)}
        values: Document = dict(zip(names, counts, strict=True))
        for found in by_image:
            conditions, assignments = found.get(number, ({}, {}))
            where.update(conditions)
            values.update(assignments)
        values["last_modified_at"] = moment
        yield UpdateOne(where, {"$set": values})


def _by_image(
    side: Side, marks: BoxMarks, eval_key: str
) -> Mapping[int, tuple[Document, Document]]:
    """For each image, where its boxes are and what is set there."""
    places = [{id_: place for place, id_ in enumerate(ids)} for ids in side.stored_ids]
    paths = _Paths(side.field, eval_key)
    found: dict[int, tuple[Document, Document]] = {}
    columns = (side.boxes.owners.tolist(), side.boxes.ids, marks.verdicts, marks.partners)
    rows = zip(*columns, marks.ious, marks.distances, strict=True)
    for owner, id_, verdict, partner, iou, distance in rows:
        if verdict is None:
            continue
        conditions, assignments = found.setdefault(owner, ({}, {}))
        identity, *names = paths.at(places[owner][id_])
        conditions[identity] = ObjectId(id_)
        assignments.update(zip(names, (verdict, partner, iou, distance), strict=True))
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


def _set_values(samples: Any, boxes: EvaluatedBoxes, marks: Marks, eval_key: str) -> None:
    """``_updates`` through the public API."""
    dataset = samples._root_dataset
    for side, which in ((boxes.truth, marks.truth), (boxes.predictions, marks.predictions)):
        owners = [boxes.sample_ids[owner] for owner in side.boxes.owners.tolist()]
        columns = (which.verdicts, which.partners, which.ious, which.distances)
        for name, values in zip(mark_names(eval_key), columns, strict=True):
            rows = zip(owners, side.boxes.ids, which.verdicts, values, strict=True)
            wanted = [
                {"sample_id": sample_id, "label_id": id_, "value": value}
                for sample_id, id_, verdict, value in rows
                if verdict is not None
            ]
            if wanted:
                dataset.set_label_values(f"{side.field}.detections.{name}", wanted)
    counted = {
        sample_id: counts
        for sample_id, counts in zip(boxes.sample_ids, marks.counts, strict=True)
        if counts is not None
    }
    for position, name in enumerate(COUNTS):
        by_sample = {sample_id: counts[position] for sample_id, counts in counted.items()}
        dataset.set_values(f"{eval_key}_{name}", by_sample, key_field="id")
