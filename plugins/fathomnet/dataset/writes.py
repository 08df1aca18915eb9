"""The one way to write samples, fields of images and attributes of boxes.

Each function asks for the collection behind the dataset and writes into it where this project may,
otherwise through FiftyOne's public API (``public_writes``), with the same results: a stage says
what is to be written, and not how. Samples that this process already holds see it afterwards.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any, Final, TypeVar

from bson import ObjectId
from pymongo import UpdateMany, UpdateOne
from pymongo.collection import Collection

from ..errors import DatasetError
from ..garbage_collector import collector_paused
from . import public_writes
from .collection import dataset_id, insert_missing, reload_samples, sample_collection
from .documents import Document, ImageChange, now, stamped
from .label_pipelines import each_label, is_list

Batch = TypeVar("Batch")
Item = TypeVar("Item")
Written = TypeVar("Written")

BATCH: Final = 500
"""Images that are changed at once."""

TOGETHER: Final = 100
"""Crops that are changed by one update. Where the label must be the one that was seen, MongoDB's
processor time is a quarter less than with an update for each, which it would plan one by one; in
one of many more it would look up each crop's values among too many."""

WRITERS: Final = 2
"""Batches that are written at once: MongoDB works longer on them than they take to make."""

IMPORTED_AT_ONCE: Final = 3
"""Batches that the public way takes together: each of its imports makes a dataset of its own."""


def add_samples(
    dataset: Any, documents: Iterable[Document], batch: int
) -> Iterator[tuple[int, int]]:
    """Adds samples batch by batch; ids that are there already are left alone.

    Args:
        dataset: a FiftyOne dataset, whose fields are declared.
        documents: what ``documents.sample_document`` makes.
        batch: how many are written at once.

    Yields:
        How many samples were looked at, and how many of them were added.
    """
    collection = sample_collection(dataset)
    if collection is None:
        samples = public_writes.SampleImport(dataset)
        with collector_paused():
            for some in batched(documents, IMPORTED_AT_ONCE * batch):
                yield len(some), samples.add(some)
        return
    owner = dataset_id(dataset)

    def insert(some: list[Document]) -> tuple[int, int]:
        moment = now()
        return len(some), insert_missing(collection, [stamped(one, owner, moment) for one in some])

    with collector_paused():
        yield from write_overlapped(batched(documents, batch), insert)


def rewrite_field(
    dataset: Any,
    field: str,
    pipeline: Callable[[datetime | None], list[Document]],
    where: Document | None = None,
) -> None:
    """Has the server make a field of the samples anew; those that stay as they are, are untouched.

    Args:
        dataset: a FiftyOne dataset, whose fields are declared.
        field: name of a top-level field.
        pipeline: called with the ``last_modified_at`` of the samples that change, it makes an
            update; called with None, an aggregation that gives these samples alone.
        where: the query for the samples that are looked at; None for all.
    """
    collection = sample_collection(dataset)
    if collection is None:
        found = [{"$match": where}] if where else []
        public_writes.save_pipeline(dataset, [*found, *pipeline(None)], [field])
        return
    collection.update_many(where or {}, pipeline(now()))
    reload_samples(dataset)


def change_images(
    dataset: Any,
    changes: Iterable[ImageChange],
    none_removes: bool = False,
    lost: str = "",
) -> Iterator[int]:
    """Changes images, batch by batch, each in one write.

    Args:
        dataset: a FiftyOne dataset, whose fields are declared.
        changes: at most one an image, all of the same fields and paths.
        none_removes: whether None takes a value away. The public API stores None either way,
            because it cannot take a value away.
        lost: what happened to boxes that are no longer where they were seen, for the error;
            empty if that is none.

    Yields:
        How many images each batch was.

    Raises:
        DatasetError: images were left alone, because boxes are no longer where they were seen.
    """

    def refuse_lost(images: int) -> None:
        if lost and images:
            raise DatasetError(f"boxes of {images:,} images were {lost}; run it again")

    collection = sample_collection(dataset)
    with collector_paused():
        if collection is None:
            for written, left_alone in public_writes.write_changes(dataset, changes):
                refuse_lost(left_alone)
                yield written
            return
        write = partial(_write_batch, collection, none_removes)
        for written, left_alone in write_overlapped(batched(changes, BATCH), write, WRITERS):
            refuse_lost(left_alone)
            yield written
    reload_samples(dataset)


def _write_batch(
    collection: Collection[Document], none_removes: bool, batch: Sequence[ImageChange]
) -> tuple[int, int]:
    """Writes a batch, boxes by their places in images that nobody wrote to since they were read.

    A condition on the place of each box would make every update twice as dear, so that goes only
    with images that somebody did write to. What is left to chance is a box that is removed in the
    milliseconds between this look and the write.
    """
    moment = now()
    updates: list[UpdateOne | UpdateMany] = []
    valued: dict[tuple[str, ...], list[tuple[ImageChange, _Values]]] = {}
    of_boxes = []
    for change in batch:
        if (values := _values_of(change)) is None:
            of_boxes.append(change)
        else:
            valued.setdefault((*values[0], *values[1]), []).append((change, values))
    for alike_in_paths in valued.values():
        for some in batched(alike_in_paths, TOGETHER):
            updates.append(_update_of_many(some, none_removes, moment))
    read = [ObjectId(one.sample_id) for one in of_boxes if one.read_at is not None]
    stamps: dict[str, datetime | None] = {}
    if read:
        there = collection.find({"_id": {"$in": read}}, {"last_modified_at": True})
        stamps = {str(one["_id"]): one.get("last_modified_at") for one in there}
    alike: dict[tuple[str, int], list[ImageChange]] = {}
    for change in of_boxes:
        if (same := _same_for_all(change)) is not None:
            alike.setdefault(same, []).append(change)
            continue
        untouched = change.read_at is not None and stamps.get(change.sample_id) == change.read_at
        updates.append(_update_of_one(change, untouched, none_removes, moment))
    for (path, _), changes in alike.items():
        # Of a whole batch, in one update: the server reads it once.
        (attributes, *_) = changes[0].boxes[path].values()
        given = {f"{path}.$[b].{name}": value for name, value in attributes.items()}
        labels = [ObjectId(label) for change in changes for label in change.boxes[path]]
        where: Document = {"_id": {"$in": [ObjectId(change.sample_id) for change in changes]}}
        update = _update_of(given, none_removes, moment)
        updates.append(UpdateMany(where, update, array_filters=[{"b._id": {"$in": labels}}]))
    matched = collection.bulk_write(updates, ordered=False).matched_count
    return len(batch), len(batch) - matched


_Values = tuple[dict[str, Any], dict[str, ObjectId]]
"""What an image gets, by path, and the labels that it must have, by theirs."""
_PLACE: Final = "_fathomnet_place"


def _values_of(change: ImageChange) -> _Values | None:
    """What a crop gets; None for images with boxes, and where no label is changed."""
    given, labels = dict(change.fields), {}
    for path, boxes in change.boxes.items():
        if not boxes:
            continue
        if is_list(path) or len(boxes) > 1:
            return None
        ((label, attributes),) = boxes.items()
        labels[path] = ObjectId(label)
        given |= {f"{path}.{name}": value for name, value in attributes.items()}
    # Fields alone ask for no label: they cost the server no more one by one.
    return (given, labels) if labels else None


def _update_of_many(
    some: Sequence[tuple[ImageChange, _Values]], none_removes: bool, moment: datetime
) -> UpdateMany:
    """One update of images that get values at the same paths, each its own."""
    ids = [ObjectId(change.sample_id) for change, _ in some]
    where: Document = {"_id": {"$in": ids}}
    (_, (first, owned)), *_ = some
    for path in owned:
        where[f"{path}._id"] = {"$in": [labels[path] for _, (_, labels) in some]}
    given: Document = {}
    for path in sorted(first):
        column = [values[path] for _, (values, _) in some]
        own: Document = {"$arrayElemAt": [{"$literal": column}, f"${_PLACE}"]}
        given[path] = {"$ifNull": [own, "$$REMOVE"]} if none_removes else own
    place = {"$indexOfArray": [{"$literal": ids}, "$_id"]}
    changes = {"$set": {**given, "last_modified_at": moment}}
    return UpdateMany(where, [{"$set": {_PLACE: place}}, changes, {"$unset": _PLACE}])


def _same_for_all(change: ImageChange) -> tuple[str, int] | None:
    """A path and which mapping all changed boxes get there, if that is all that an image gets."""
    if change.fields or change.places or len(change.boxes) != 1:
        return None
    ((path, boxes),) = change.boxes.items()
    if not is_list(path):
        return None
    mappings = {id(attributes) for attributes in boxes.values()}
    return (path, mappings.pop()) if len(mappings) == 1 else None


def _update_of_one(
    change: ImageChange, untouched: bool, none_removes: bool, moment: datetime
) -> UpdateOne:
    """The update of one image; of an untouched one, boxes are where they were."""
    where: Document = {"_id": ObjectId(change.sample_id)}
    given: Document = dict(change.fields)
    filters: list[Document] = []
    for path, boxes in change.boxes.items():
        places = change.places.get(path)
        labels_of: dict[int, list[ObjectId]] = {}
        for id_, attributes in boxes.items():
            if places is not None or not is_list(path):
                prefix = f"{path}.{(places or {})[id_]}." if is_list(path) else f"{path}."
                if not untouched:
                    where[f"{prefix}_id"] = ObjectId(id_)
            elif id(attributes) in labels_of:
                labels_of[id(attributes)].append(ObjectId(id_))
                continue
            else:
                # MongoDB takes letters and digits, a letter first, as the name of a filter.
                name = f"b{len(filters)}"
                prefix = f"{path}.$[{name}]."
                labels_of[id(attributes)] = [ObjectId(id_)]
                filters.append({f"{name}._id": {"$in": labels_of[id(attributes)]}})
            for attribute, value in attributes.items():
                given[prefix + attribute] = value
    return UpdateOne(where, _update_of(given, none_removes, moment), array_filters=filters or None)


def _update_of(given: Document, none_removes: bool, moment: datetime) -> Document:
    """The update that gives values to paths; None takes them away, where it removes."""
    update: Document = {"$set": given}
    if none_removes:
        taken = {path: "" for path, value in given.items() if value is None}
        update = {"$set": {path: one for path, one in given.items() if one is not None}}
        update |= {"$unset": taken} if taken else {}
    update["$set"]["last_modified_at"] = moment
    return update


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of many boxes.

    Attributes:
        boxes: sample id and label id of each.
        seen: attributes that a box must still have; None also stands for one that is absent.
        state: the attributes that it gets.
        keys: all attributes that the edit is about; it loses those that are not in ``state``.
    """

    boxes: Sequence[tuple[str, str]]
    seen: Mapping[str, Any]
    state: Mapping[str, Any]
    keys: Sequence[str]


def edit_boxes(dataset: Any, path: str, edits: Iterable[Edit]) -> None:
    """Makes edits; each box in one write, and only where it is as it was seen.

    Args:
        dataset: a FiftyOne dataset.
        path: of the boxes.
        edits: in their order.
    """
    collection = sample_collection(dataset)
    for edit in edits:
        samples = [ObjectId(sample) for sample in dict.fromkeys(one for one, _ in edit.boxes)]
        labels = [ObjectId(label) for _, label in edit.boxes]
        # Samples without such a box any more are not even touched.
        seen = {"_id": {"$in": labels}, **edit.seen}
        where: Document = {"_id": {"$in": samples}}
        if is_list(path):
            where[path] = {"$elemMatch": seen}
        else:
            where |= {f"{path}.{key}": value for key, value in seen.items()}
        if collection is None:
            _save_edit(dataset, path, edit, where)
        else:
            _update_edit(collection, path, edit, where)
    if collection is not None:
        reload_samples(dataset)


def _update_edit(collection: Collection[Document], path: str, edit: Edit, where: Document) -> None:
    label = f"{path}.$[box]" if is_list(path) else path
    update: Document = {
        "$set": {f"{label}.{key}": value for key, value in edit.state.items()}
        | {"last_modified_at": now()}
    }
    removed = [key for key in edit.keys if key not in edit.state]
    if removed:
        update["$unset"] = {f"{label}.{key}": "" for key in removed}
    filters = None
    if is_list(path):
        filters = [{f"box.{key}": value for key, value in where[path]["$elemMatch"].items()}]
    collection.update_many(where, update, array_filters=filters)


def _save_edit(dataset: Any, path: str, edit: Edit, where: Document) -> None:
    """The same through the public API; the server looks just before it writes, not at once."""
    known = [key for key in edit.keys if dataset.get_field(f"{path}.{key}") is not None]
    state = {"$literal": {key: edit.state.get(key) for key in known}}
    box = {"$cond": [_as_seen(edit), {"$mergeObjects": ["$$this", state]}, "$$this"]}
    pipeline: list[Document] = [
        {"$match": where},
        {"$set": {path: each_label(path, box)}},
    ]
    public_writes.save_pipeline(dataset, pipeline, [path.partition(".")[0]])


def _as_seen(edit: Edit) -> Document:
    """Whether a box in an aggregation is one of an edit, and still as it was seen."""
    labels = {"$literal": [ObjectId(label) for _, label in edit.boxes]}
    seen = [
        {"$eq": [{"$ifNull": [f"$$this.{key}", None]}, {"$literal": value}]}
        for key, value in edit.seen.items()
    ]
    return {"$and": [{"$in": ["$$this._id", labels]}, *seen]}


def add_boxes(dataset: Any, path: str, boxes: Mapping[str, Sequence[Document]]) -> None:
    """Adds boxes to images, each image in one write; ids that are there already are left alone.

    Args:
        dataset: a FiftyOne dataset, whose fields are declared.
        path: of the boxes.
        boxes: by the id of the sample, as FiftyOne stores them.
    """
    field, _, member = path.partition(".")
    collection = sample_collection(dataset)
    for sample, some in boxes.items():
        there = {"$ifNull": [f"${path}", []]}
        ids = {"$ifNull": [f"${path}._id", []]}
        new = {"$not": [{"$in": ["$$this._id", ids]}]}
        missing = {"$filter": {"input": {"$literal": list(some)}, "cond": new}}
        every = {member: {"$concatArrays": [there, missing]}}
        change = {field: {"$mergeObjects": [{"_cls": "Detections"}, f"${field}", every]}}
        where: Document = {
            "_id": ObjectId(sample),
            f"{path}._id": {"$not": {"$all": [one["_id"] for one in some]}},
        }
        if collection is None:
            public_writes.save_pipeline(dataset, [{"$match": where}, {"$set": change}], [field])
        else:
            collection.update_one(where, [{"$set": {**change, "last_modified_at": now()}}])
    if boxes and collection is not None:
        reload_samples(dataset)


def remove_boxes(dataset: Any, path: str, edits: Iterable[Edit]) -> None:
    """Removes the boxes of edits; each image in one write, and only boxes that are as was seen."""
    collection = sample_collection(dataset)
    for edit in edits:
        samples = [ObjectId(sample) for sample in dict.fromkeys(one for one, _ in edit.boxes)]
        labels = [ObjectId(label) for _, label in edit.boxes]
        seen = {"_id": {"$in": labels}, **edit.seen}
        where: Document = {"_id": {"$in": samples}, path: {"$elemMatch": seen}}
        if collection is None:
            kept = {"$not": [_as_seen(edit)]}
            change = {path: {"$filter": {"input": f"${path}", "cond": kept}}}
            pipeline = [{"$match": where}, {"$set": change}]
            public_writes.save_pipeline(dataset, pipeline, [path.partition(".")[0]])
        else:
            update = {"$pull": {path: seen}, "$set": {"last_modified_at": now()}}
            collection.update_many(where, update)
    if collection is not None:
        reload_samples(dataset)


def write_overlapped(
    batches: Iterable[Batch], write: Callable[[Batch], Written], writers: int = 1
) -> Iterator[Written]:
    """Writes each batch in a thread of its own while the next one is being made.

    Args:
        batches: made lazily, so that one more than there are writers is in memory.
        write: writes one batch and returns what it did, say the number of items that it changed;
            called in order, where there is one writer.
        writers: how many batches are written at once.

    Yields:
        What ``write`` returned, batch by batch.
    """
    with ThreadPoolExecutor(writers, thread_name_prefix="fathomnet-write") as pool:
        pending: deque[Future[Written]] = deque()
        for batch in batches:
            if len(pending) == writers:
                yield pending.popleft().result()
            pending.append(pool.submit(write, batch))
        while pending:
            yield pending.popleft().result()


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of ``size`` consecutive items; the last one may be shorter."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch
