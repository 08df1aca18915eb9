"""The one way to read the samples that a dataset or a view shows, and what is in their columns.

``read_images`` asks for the collection behind the dataset and reads from it where this project may,
otherwise through FiftyOne's public API; what it gives is the same: MongoDB's documents, as far as
they were asked for.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import islice
from typing import Any, Final

import bson
from bson import ObjectId

from ..catalog.dives import dive_name
from .collection import sample_collection
from .documents import Document
from .schema import boxes_path, label_type

Columns = tuple[list[str], list[list[str]]]
"""Ids of samples, and for each the ids of its boxes or, for whole images, the sample's own."""

WHOLE_IMAGE: Final = (0.0, 0.0, 1.0, 1.0)
"""The rectangle of a crop's label."""

_INDEX: Final = "last_modified_at_1"
"""An index that FiftyOne makes for every dataset."""

_EARLIEST: Final = datetime(1970, 1, 2)
"""FiftyOne stores times in UTC, without a zone."""


def dataset_of(view: Any) -> Any:
    """The dataset of a view, even of a view of patches; a dataset itself."""
    return view._root_dataset


def read_images(
    view: Any, fields: Iterable[str] = (), boxes: Mapping[str, Iterable[str]] | None = None
) -> Iterator[Document]:
    """Reads fields and attributes of labels of every sample, in the order of the dataset or view.

    Args:
        view: a FiftyOne dataset, or a view of its images.
        fields: paths of fields of the samples; a label is given whole.
        boxes: by the path of a list of boxes, or of the one label of each crop, the attributes to
            read beside their ids; ``boxes_in`` gives them.

    Yields:
        A document for each sample, as MongoDB stores it, with ``_id`` in it and in each box. What
        a sample or a box does not have is absent or None: the public API tells the two apart by
        the dataset's schema alone. It gives vectors as arrays, not as bytes.
    """
    attributes = {path: tuple(names) for path, names in (boxes or {}).items()}
    dataset = dataset_of(view)
    if sample_collection(dataset) is not None:
        wanted = [*fields]
        wanted += [f"{path}.{name}" for path in attributes for name in ("_id", *attributes[path])]
        yield from view._aggregate(post_pipeline=[{"$project": dict.fromkeys(wanted, True)}])
        return
    fields = [name for name in fields if dataset.get_field(name) is not None]
    attributes = {
        path: tuple(name for name in names if dataset.get_field(f"{path}.{name}") is not None)
        for path, names in attributes.items()
        if dataset.get_field(path) is not None
    }
    columns = ["id", *fields]
    columns += [f"{path}.{name}" for path in attributes for name in ("id", *attributes[path])]
    for sample_id, *values in zip(*view.values(columns), strict=True):
        document: Document = {"_id": ObjectId(sample_id)}
        remaining = iter(values)
        for field in fields:
            *parents, name = field.split(".")
            place = document
            for parent in parents:
                place = place.setdefault(parent, {})
            value = next(remaining)
            if hasattr(value, "to_dict"):
                # A label as MongoDB would return it: FiftyOne's own has another type of bytes.
                value = bson.decode(bson.encode(value.to_dict()))
            place[name] = value
        for path, names in attributes.items():
            ids, *others = islice(remaining, 1 + len(names))
            if ids is None:
                continue
            field, _, name = path.rpartition(".")
            if not field:
                document[path] = {"_id": ObjectId(ids), **dict(zip(names, others, strict=True))}
                continue
            document.setdefault(field, {})[name] = [
                {"_id": ObjectId(id_), **dict(zip(names, box, strict=True))}
                for id_, *box in zip(ids, *others, strict=True)
            ]
        yield document


def boxes_in(document: Document, path: str) -> Sequence[Document]:
    """The boxes at a path of what ``read_images`` gives; none where the sample has no such list.

    The one label of a crop is a box that is the whole of it.
    """
    field, _, name = path.rpartition(".")
    if field:
        return (document.get(field) or {}).get(name) or ()
    label = document.get(path)
    return ({"bounding_box": [*WHOLE_IMAGE], **label},) if label else ()


def with_boxes(document: Document, path: str, boxes: Sequence[Document]) -> Document:
    """The same document with no boxes at a path but these, or without the label of its crop."""
    field, _, name = path.rpartition(".")
    if field:
        return {**document, field: {name: list(boxes)}}
    return {**document, path: boxes[0] if boxes else None}


def count_alike(
    view: Any,
    field: str,
    path: str,
    attributes: Sequence[str],
    fields: Sequence[str] = (),
    since: datetime = _EARLIEST,
) -> Iterator[tuple[tuple[Any, ...], int]]:
    """Counts the labels of a field that are alike, in one pass through the database.

    Args:
        view: a FiftyOne dataset or view, also one of patches.
        field: of labels.
        path: of the labels: that of a list in the field, or the field itself.
        attributes: in which labels are alike; times are, if all or none of them are in the range.
        fields: of the samples or patches, in which labels are alike too.
        since: where that range of times begins, UTC.

    Yields:
        Values of the attributes and of the fields, None for what is not there, of a time whether it
        is in the range; and a number of labels. The same values may come again.
    """
    import fiftyone as fo

    times = {
        place
        for place, name in enumerate(attributes)
        if isinstance(view.get_field(f"{path}.{name}"), fo.DateTimeField)
    }
    if sample_collection(dataset_of(view)) is not None:
        wanted = [*(f"{path}.{name}" for name in attributes), *fields]
        alike: Document = {f"a{place}": f"${name}" for place, name in enumerate(wanted)}
        alike |= {f"a{place}": {"$gte": [f"${wanted[place]}", since]} for place in times}
        pipeline: list[Document] = [{"$match": {field: {"$type": "object"}}}]
        if path != field:
            pipeline += [{"$project": dict.fromkeys(wanted, True)}, {"$unwind": f"${path}"}]
        pipeline.append({"$group": {"_id": alike, "labels": {"$sum": 1}}})
        for document in view._aggregate(post_pipeline=pipeline):
            yield tuple(document["_id"].get(name) for name in alike), document["labels"]
        return
    known = [name for name in attributes if view.get_field(f"{path}.{name}") is not None]
    there = [name for name in fields if view.get_field(name) is not None]
    read = view.exists(field).values([*(f"{path}.{name}" for name in known), *there])
    columns, of_samples = read[: len(known)], read[len(known) :]
    if path != field:
        sizes = [len(some or ()) for some in (columns[0] if columns else ())]
        columns = [[one for values in column for one in values or ()] for column in columns]
        of_samples = [
            [value for value, size in zip(column, sizes, strict=True) for _ in range(size)]
            for column in of_samples
        ]
    for values in zip(*columns, *of_samples, strict=True):
        given = dict(zip((*known, *there), values, strict=True))
        found = [given.get(name) for name in (*attributes, *fields)]
        for place in times:
            moment: datetime | None = found[place]
            if moment is not None and moment.tzinfo is not None:  # as FiftyOne's settings may want
                moment = moment.astimezone(timezone.utc).replace(tzinfo=None)
            found[place] = moment is not None and moment >= since
        yield tuple(found), 1


def times_of_writes(dataset: Any) -> tuple[int, float, float]:
    """How many samples a dataset has, and the sum and the last of the times of writes to them.

    Args:
        dataset: a FiftyOne dataset.

    Returns:
        Numbers that change with every write to a sample. From the collection they are read from an
        index alone; times are in milliseconds there, and in seconds through the public API.
    """
    collection = sample_collection(dataset)
    if collection is None:
        times = [time.timestamp() for time in dataset.values("last_modified_at") if time]
        return len(times), sum(times), max(times, default=0.0)
    moment = {"$toLong": "$last_modified_at"}
    group = {"_id": None, "n": {"$sum": 1}, "sum": {"$sum": moment}, "last": {"$max": moment}}
    pipeline = [{"$match": {"last_modified_at": {"$gt": _EARLIEST}}}, {"$group": group}]
    hint = {"hint": _INDEX} if _INDEX in collection.index_information() else {}
    (found,) = list(collection.aggregate(pipeline, **hint)) or [{"n": 0, "sum": 0, "last": 0}]
    return found["n"], found["sum"], found["last"]


@dataclass(frozen=True, slots=True)
class BoxesState:
    """The boxes of a field at a moment, or whole images, in numbers that change when they do.

    Attributes:
        field: their field; ``""`` for whole images.
        boxes: how many there are.
        places: digest of where they are.
        labels: digest of how many have which label.
        named: digest of which label is where, and with what confidence.
    """

    field: str
    boxes: int
    places: str = ""
    labels: str = ""
    named: str = ""


_FINE: Final = 1e9
"""Numbers are added up in whole units, which give the same sum in any order."""
_STATES_KEPT: Final = 64
_states: Final[dict[tuple[str, ...], tuple[BoxesState, frozenset[str]]]] = {}


def state_of_boxes(view: Any, field: str) -> BoxesState:
    """The state of a field of boxes, the same by either way and in any order.

    The database adds up; the answer is remembered in this process until a sample is written to, so
    that asking again costs one look at an index.

    Args:
        view: a FiftyOne dataset, or a view of its images.
        field: of boxes; ``""`` for the images themselves.
    """
    return _state_and_names(view, field)[0] if field else BoxesState("", view.count())


def names_of_boxes(view: Any, field: str) -> frozenset[str]:
    """The labels that boxes of a field have, which ``state_of_boxes`` sees too.

    Args:
        view: a FiftyOne dataset, or a view of its images.
        field: of boxes.
    """
    return _state_and_names(view, field)[1]


def _state_and_names(view: Any, field: str) -> tuple[BoxesState, frozenset[str]]:
    import fiftyone as fo

    dataset = dataset_of(view)
    stages = [] if view is dataset else view._serialize(include_uuids=False)
    key = (repr(dataset._doc.id), repr(times_of_writes(dataset)), repr(stages), field)
    if key not in _states:
        sums: dict[str, list[int]] = {}
        # A field that somebody has deleted has no boxes.
        is_of_crops = label_type(dataset, field) is fo.Classification
        path = field if is_of_crops else f"{field}.detections"
        for label, *numbers in _sums_by_label(view, path):
            before = sums.setdefault(label or "", [0] * len(numbers))
            sums[label or ""] = [a + b for a, b in zip(before, numbers, strict=True)]
        whole = [sum(column) for column in zip(*sums.values(), strict=True)] or [0]
        digests = (
            hashlib.sha256(repr(one).encode()).hexdigest()[:16]
            for one in (
                whole[1:5],
                sorted((label, numbers[0]) for label, numbers in sums.items()),
                sorted(sums.items()),
            )
        )
        while len(_states) >= _STATES_KEPT:
            _states.pop(next(iter(_states)), None)
        _states[key] = BoxesState(field, whole[0], *digests), frozenset(filter(None, sums))
    return _states[key]


def _sums_by_label(view: Any, path: str) -> Iterator[tuple[Any, ...]]:
    """A label, how many boxes have it, and the sums of their four sides and confidences.

    The same label may come again.
    """
    if sample_collection(dataset_of(view)) is not None:
        rectangle = {"$ifNull": ["$bounding_box", [*WHOLE_IMAGE]]}
        units: list[Any] = [{"$arrayElemAt": [rectangle, side]} for side in range(4)]
        units.append("$confidence")
        names = [f"s{place}" for place in range(len(units))]
        attributes = ("label", "bounding_box", "confidence")
        pipeline: list[Document] = [
            {"$project": {f"{path}.{name}": True for name in attributes}},
            # What is no list is taken for a list of one.
            {"$unwind": f"${path}"},
            {"$replaceRoot": {"newRoot": f"${path}"}},
            {
                "$group": {"_id": "$label", "n": {"$sum": 1}}
                | {
                    name: {"$sum": {"$toLong": {"$floor": {"$multiply": [one, _FINE]}}}}
                    for name, one in zip(names, units, strict=True)
                }
            },
        ]
        for found in view._aggregate(post_pipeline=pipeline):
            yield found["_id"], found["n"], *(found[name] for name in names)
        return
    for image in read_images(view, boxes={path: ("label", "bounding_box", "confidence")}):
        for box in boxes_in(image, path):
            numbers = [*(box.get("bounding_box") or (0, 0, 0, 0)), box.get("confidence") or 0]
            yield box.get("label"), 1, *(math.floor(number * _FINE) for number in numbers)


def ids_in(view: Any, patches_field: str) -> Columns:
    """The samples that a view shows, and for each the boxes that it shows.

    Args:
        view: a FiftyOne dataset, a view of one, or a view of its patches, whose samples are boxes;
            a sample with several patches is repeated.
        patches_field: the field of boxes; ``""`` for whole images.

    Raises:
        DatasetError: the view shows no such field of boxes.
    """
    from fiftyone.core.patches import EvaluationPatchesView, PatchesView

    is_patches = isinstance(view, PatchesView | EvaluationPatchesView)
    samples = view.values("sample_id" if is_patches else "id")
    if not patches_field:
        samples = list(dict.fromkeys(samples))
        return samples, [[one] for one in samples]
    if isinstance(view, PatchesView) and view.has_field(patches_field):
        return samples, [[one] for one in view.values(f"{patches_field}.id")]
    boxes = view.values(f"{boxes_path(view, patches_field)}.id")
    return samples, [ids or [] for ids in boxes]


def image_dives(dataset: Any) -> list[str | None]:
    """The name of the dive of each image of a dataset or view; see ``dive_name``."""
    names = ("vehicle", "dive", "source_url")
    columns = image_columns(dataset, names)
    return [dive_name(*one) for one in zip(*(columns[name] for name in names), strict=True)]


def image_columns(dataset: Any, names: Iterable[str]) -> dict[str, list[Any]]:
    """The values of all images of a dataset or view by field, and their ids.

    A field that there is not has None for each.
    """
    names = dict.fromkeys(names)
    there = [name for name in names if dataset.get_field(name) is not None]
    # One look at the samples: each further one would take as long again.
    ids, *values = dataset.values(["id", *there])
    found = dict(zip(there, values, strict=True))
    return {"id": ids, **{name: found.get(name) or [None] * len(ids) for name in names}}
