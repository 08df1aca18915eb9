"""Reads the annotated and predicted boxes of a dataset or a view for an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ..dataset.collection import sample_collection
from ..dataset.documents import Document
from ..names import ANNOTATION_ID
from .scoring.columns import Boxes

_ATTRIBUTES: Final = ("id", "label", "bounding_box", ANNOTATION_ID, "confidence", "iscrowd")
_IMAGE: Final = ("split", "vehicle", "dive", "last_modified_at")

_Columns = list[list[Sequence[Any]]]
"""For each attribute and each image, the values of its boxes."""


@dataclass(frozen=True, slots=True)
class Side:
    """The boxes of one field.

    Attributes:
        field: its name.
        boxes: the boxes that the view shows.
        stored_ids: for each image, the ids of all its boxes, including those that the view hides.
        stored_numbers: for each image, their annotation ids.
    """

    field: str
    boxes: Boxes
    stored_ids: list[Sequence[str]]
    stored_numbers: list[Sequence[int | None]]


@dataclass(frozen=True, slots=True)
class EvaluatedBoxes:
    """Everything that an evaluation reads; every list has one entry per image.

    Attributes:
        sample_ids: ids of the images.
        splits: their splits; None if the dataset has none.
        dives: vehicle and dive of each; None if unknown.
        modified: the time of the last write to each.
        truth: the annotated boxes.
        predictions: the predicted boxes.
    """

    sample_ids: list[str]
    splits: list[str | None]
    dives: list[tuple[str | None, str] | None]
    modified: list[datetime]
    truth: Side
    predictions: Side


def read_evaluated_boxes(samples: Any, gt_field: str, pred_field: str) -> EvaluatedBoxes:
    """Reads the boxes of two fields of Detections.

    Args:
        samples: a FiftyOne dataset, or a view of its images.
        gt_field: the annotated boxes.
        pred_field: the predicted boxes.
    """
    dataset = samples._root_dataset
    fields = (gt_field, pred_field)
    read = _public_columns if sample_collection(dataset) is None else _stored_columns
    ids, image, sides = read(samples, fields)
    stored = sides
    if samples is not dataset:
        whole_ids, _, whole = read(dataset.select(ids), fields)
        place = {id_: number for number, id_ in enumerate(whole_ids)}
        order = [place[id_] for id_ in ids]
        stored = [[[column[place] for place in order] for column in side] for side in whole]
    number = _ATTRIBUTES.index(ANNOTATION_ID)
    truth, predictions = (
        Side(field, Boxes.flattened(shown), everything[0], everything[number])
        for field, shown, everything in zip(fields, sides, stored, strict=True)
    )
    splits, vehicles, dives, modified = image
    named = [
        None if dive is None else (vehicle, dive)
        for vehicle, dive in zip(vehicles, dives, strict=True)
    ]
    return EvaluatedBoxes(ids, splits, named, modified, truth, predictions)


def _stored_columns(
    samples: Any, fields: Sequence[str]
) -> tuple[list[str], list[list[Any]], list[_Columns]]:
    """Reads the columns from the collection, through the view's own stages."""
    wanted = dict.fromkeys(_IMAGE, True)
    names = ["_id", *_ATTRIBUTES[1:]]
    wanted |= {f"{field}.detections.{name}": True for field in fields for name in names}
    documents: list[Document] = list(samples._aggregate(post_pipeline=[{"$project": wanted}]))
    image = [[document.get(name) for document in documents] for name in _IMAGE]
    return (
        [str(document["_id"]) for document in documents],
        image,
        [_side_columns(documents, field) for field in fields],
    )


def _side_columns(documents: list[Document], field: str) -> _Columns:
    nested = [(document.get(field) or {}).get("detections") or () for document in documents]
    ids: list[Sequence[Any]] = [[str(box["_id"]) for box in boxes] for boxes in nested]
    others: _Columns = [
        [[box.get(name) for box in boxes] for boxes in nested] for name in _ATTRIBUTES[1:]
    ]
    return [ids, *others]


def _public_columns(
    samples: Any, fields: Sequence[str]
) -> tuple[list[str], list[list[Any]], list[_Columns]]:
    ids: list[str] = samples.values("id")
    image = [
        samples.values(name) if samples.has_sample_field(name) else [None] * len(ids)
        for name in _IMAGE
    ]
    return ids, image, [_public_side(samples, field, len(ids)) for field in fields]


def _public_side(samples: Any, field: str, size: int) -> _Columns:
    box = f"{field}.detections"
    ids = [one or () for one in samples.values(f"{box}.id")]
    columns: _Columns = [ids]
    for name in _ATTRIBUTES[1:]:
        if samples.get_field(f"{box}.{name}") is None:
            columns.append([[None] * len(one) for one in ids])
        else:
            columns.append([values or () for values in samples.values(f"{box}.{name}")])
    return columns
