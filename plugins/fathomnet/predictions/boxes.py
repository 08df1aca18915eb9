"""Reads the boxes of one split, for matching by annotation id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bson

from ..dataset.collection import sample_collection
from ..dataset.documents import Document
from ..errors import DatasetError
from ..names import ANNOTATION_ID

_Columns = tuple[list[str], list[list[int | None]], list[list[list[float]]], list[Document | None]]


@dataclass(frozen=True, slots=True)
class SplitBoxes:
    """Every image of a split; each column has one entry per image.

    Attributes:
        sample_ids: ids of the samples.
        annotation_ids: for each image, the annotation ids of its boxes; None for a box that is in
            no catalog.
        bounding_boxes: for each image, the rectangles of its boxes, ``[x, y, width, height]``
            relative to the image.
        values: the document in another field; None for no value.
    """

    sample_ids: list[str]
    annotation_ids: list[list[int | None]]
    bounding_boxes: list[list[list[float]]]
    values: list[Document | None]

    @property
    def count(self) -> int:
        """The number of boxes."""
        return sum(map(len, self.annotation_ids))

    def known_ids(self) -> set[int]:
        """The annotation ids of all boxes."""
        return {id_ for ids in self.annotation_ids for id_ in ids if id_ is not None}


def read_split_boxes(dataset: Any, split: str, boxes: str, field: str) -> SplitBoxes:
    """Reads the boxes of a split together with the values of another field.

    Args:
        dataset: a FiftyOne dataset.
        split: the split.
        boxes: path of the boxes.
        field: the other field; it need not exist.

    Raises:
        DatasetError: the dataset has no image of this split.
    """
    columns = _stored_columns(dataset, split, boxes, field) or _public_columns(
        dataset, split, boxes, field
    )
    sample_ids, annotation_ids, bounding_boxes, values = columns
    if not sample_ids:
        there = ", ".join(sorted(dataset.distinct("split"))) or "none"
        raise DatasetError(
            f"dataset {dataset.name!r} has no images of the {split} split; its splits: {there}"
        )
    return SplitBoxes(sample_ids, annotation_ids, bounding_boxes, values)


def _stored_columns(dataset: Any, split: str, boxes: str, field: str) -> _Columns | None:
    """Reads the columns from the collection, if this project may use it."""
    collection = sample_collection(dataset)
    if collection is None:
        return None
    parent, _, items = boxes.rpartition(".")
    wanted = (f"{boxes}.{ANNOTATION_ID}", f"{boxes}.bounding_box", field)
    columns: _Columns = ([], [], [], [])
    for document in collection.find({"split": split}, dict.fromkeys(wanted, True)):
        found = (document.get(parent) or {}).get(items) or ()
        columns[0].append(str(document["_id"]))
        columns[1].append([box.get(ANNOTATION_ID) for box in found])
        columns[2].append([box["bounding_box"] for box in found])
        columns[3].append(document.get(field))
    return columns


def _public_columns(dataset: Any, split: str, boxes: str, field: str) -> _Columns:
    from fiftyone import ViewField

    view = dataset.match(ViewField("split") == split)
    paths = ["id", f"{boxes}.{ANNOTATION_ID}", f"{boxes}.bounding_box"]
    sample_ids, annotation_ids, bounding_boxes = view.values(paths)
    has_field = dataset.get_field(field) is not None
    values = view.values(field) if has_field else [None] * len(sample_ids)
    return (
        sample_ids,
        [ids or [] for ids in annotation_ids],
        [rectangles or [] for rectangles in bounding_boxes],
        [None if value is None else _as_stored(value) for value in values],
    )


def _as_stored(value: Any) -> Document:
    """A label as MongoDB would return it; FiftyOne's own document has another type of bytes."""
    document: Document = bson.decode(bson.encode(value.to_dict()))
    return document
