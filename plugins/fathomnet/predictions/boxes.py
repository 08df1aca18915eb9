"""Reads the boxes of one split, for matching by annotation id."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress
from typing import Any

from ..dataset import columns
from ..dataset.documents import Document
from ..errors import DatasetError
from ..names import ANNOTATION_ID


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

    def occupied(self) -> SplitBoxes:
        """The images that have a value in the other field."""
        there = [value is not None for value in self.values]
        return SplitBoxes(
            list(compress(self.sample_ids, there)),
            list(compress(self.annotation_ids, there)),
            list(compress(self.bounding_boxes, there)),
            list(compress(self.values, there)),
        )

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
    from fiftyone import ViewField

    view = dataset.match(ViewField("split") == split)
    found = SplitBoxes([], [], [], [])
    for image in columns.read_images(view, [field], {boxes: (ANNOTATION_ID, "bounding_box")}):
        of_image = columns.boxes_in(image, boxes)
        found.sample_ids.append(str(image["_id"]))
        found.annotation_ids.append([box.get(ANNOTATION_ID) for box in of_image])
        found.bounding_boxes.append([box["bounding_box"] for box in of_image])
        found.values.append(image.get(field))
    if not found.sample_ids:
        there = ", ".join(sorted(dataset.distinct("split"))) or "none"
        raise DatasetError(
            f"dataset {dataset.name!r} has no images of the {split} split; its splits: {there}"
        )
    return found
