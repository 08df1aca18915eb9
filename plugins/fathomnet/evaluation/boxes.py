"""Reads the annotated and predicted boxes of a dataset or a view for an evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..dataset import columns
from ..dataset.documents import Document
from ..dataset.label_map import special_names
from ..dataset.schema import labels_path
from ..garbage_collector import collector_paused
from ..names import ANNOTATION_ID
from .scoring.columns import Boxes

_ATTRIBUTES: Final = ("label", "bounding_box", ANNOTATION_ID, "confidence", "iscrowd")
_AREA: Final = "area"
_IMAGE: Final = ("split", "vehicle", "dive", "last_modified_at", "image_id")
_SIZE: Final = ("metadata.width", "metadata.height")


@dataclass(frozen=True, slots=True)
class Side:
    """The boxes of one field.

    Attributes:
        field: its name.
        path: of its labels.
        boxes: the boxes that the view shows, less those whose names are no taxa.
        stored_ids: for each image, the ids of all its boxes, including those that the view hides.
        stored_numbers: for each image, their annotation ids.
        areas: square pixels of each of ``boxes``, by the catalog; None where it gives none.
    """

    field: str
    path: str
    boxes: Boxes
    stored_ids: list[Sequence[str]]
    stored_numbers: list[Sequence[int | None]]
    areas: list[float | None]


@dataclass(frozen=True, slots=True)
class EvaluatedBoxes:
    """Everything that an evaluation reads; every list has one entry per image.

    Attributes:
        sample_ids: ids of the images.
        splits: their splits; None if the dataset has none.
        dives: vehicle and dive of each; None if unknown.
        modified: the time of the last write to each; None if unknown.
        truth: the annotated boxes.
        predictions: the predicted boxes.
        image_ids: in the catalog; None if unknown.
        sizes: (images, 2) width and height in pixels; 0 if unknown.
    """

    sample_ids: list[str]
    splits: list[str | None]
    dives: list[tuple[str | None, str] | None]
    modified: list[datetime | None]
    truth: Side
    predictions: Side
    image_ids: list[int | None]
    sizes: npt.NDArray[np.float64]

    def ranks(self) -> list[int]:
        """The place of each image in the order of their splits and numbers, or as they are."""
        if None in self.image_ids:
            return list(range(len(self.image_ids)))
        keys = list(zip((split or "" for split in self.splits), self.image_ids, strict=True))
        places = {
            at: rank for rank, at in enumerate(sorted(range(len(keys)), key=keys.__getitem__))
        }
        return [places[at] for at in range(len(keys))]


@collector_paused()
def read_evaluated_boxes(samples: Any, gt_field: str, pred_field: str) -> EvaluatedBoxes:
    """Reads the labels of two fields, both of boxes or both of one label an image.

    Args:
        samples: a FiftyOne dataset, or a view of its images.
        gt_field: the annotated boxes.
        pred_field: the predicted boxes.
    """
    # In label errors without predictions the two are one field.
    dataset = columns.dataset_of(samples)
    paths = {field: labels_path(dataset, field) for field in (gt_field, pred_field)}
    wanted = dict.fromkeys(paths.values(), _ATTRIBUTES) | {paths[gt_field]: (*_ATTRIBUTES, _AREA)}
    images = list(columns.read_images(samples, (*_IMAGE, *_SIZE), wanted))
    ids, whole = [str(image["_id"]) for image in images], images
    if samples is not dataset:
        numbers = dict.fromkeys(paths.values(), (ANNOTATION_ID,))
        stored = {
            str(image["_id"]): image
            for image in columns.read_images(dataset.select(ids), boxes=numbers)
        }
        whole = [stored[id_] for id_ in ids]
    no_taxa = special_names(dataset)
    truth, predictions = (
        _side(field, paths[field], images, whole, no_taxa) for field in (gt_field, pred_field)
    )
    splits, vehicles, dives, modified, numbered = (
        [image.get(name) for image in images] for name in _IMAGE
    )
    metadata = [image.get("metadata") or {} for image in images]
    sizes = [[size.get("width") or 0, size.get("height") or 0] for size in metadata]
    named = [
        None if dive is None else (vehicle, dive)
        for vehicle, dive in zip(vehicles, dives, strict=True)
    ]
    return EvaluatedBoxes(
        ids,
        splits,
        named,
        modified,
        truth,
        predictions,
        numbered,
        np.array(sizes, np.float64).reshape(-1, 2),
    )


def _side(
    field: str,
    path: str,
    shown: list[Document],
    whole: list[Document],
    no_taxa: frozenset[str],
) -> Side:
    """One field of images as a view shows them, and as they are stored."""
    stored = [columns.boxes_in(image, path) for image in whole]
    stored_ids: list[Sequence[str]] = [[str(box["_id"]) for box in boxes] for boxes in stored]
    seen, ids = stored, stored_ids
    if whole is not shown or no_taxa:
        seen = [
            [box for box in columns.boxes_in(image, path) if box.get("label") not in no_taxa]
            for image in shown
        ]
        ids = [[str(box["_id"]) for box in boxes] for boxes in seen]
    attributes = [[[box.get(name) for box in boxes] for boxes in seen] for name in _ATTRIBUTES]
    return Side(
        field,
        path,
        Boxes.flattened([ids, *attributes]),
        stored_ids,
        [[box.get(ANNOTATION_ID) for box in boxes] for boxes in stored],
        [box.get(_AREA) for boxes in seen for box in boxes],
    )
