"""Counts the boxes of a file that repeat others exactly, and shows them in a view."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..catalog import ImageRecord
from ..catalog.repeats import groups_of_repeats
from ..dataset.hit_views import Hit, save_hits_view
from ..names import GROUND_TRUTH, REPEATED_BOXES


def count_repeats(images: Iterable[ImageRecord]) -> int:
    """The boxes beyond the first of each group of exact repeats."""
    boxes = (
        (place, box.bounding_box, box.label)
        for place, image in enumerate(images)
        for box in image.boxes
    )
    return sum(len(group) - 1 for group in groups_of_repeats(boxes))


def save_repeats_view(dataset: Any) -> str:
    """Saves the view of the boxes that repeat one another, each group together.

    Returns:
        Its name; empty where no box of the dataset repeats another, in which case there is no view.
    """
    path = f"{GROUND_TRUTH}.detections"
    columns = [f"{path}.{name}" for name in ("id", "bounding_box", "label")]
    images = zip(*dataset.values(["id", *columns]), strict=True)
    boxes = [
        (sample, rectangle, label, box)
        for sample, *of_boxes in images
        for box, rectangle, label in zip(*(values or () for values in of_boxes), strict=True)
    ]
    groups = groups_of_repeats((sample, rectangle, label) for sample, rectangle, label, _ in boxes)
    hits = [Hit(boxes[place][3], boxes[place][0], 1.0) for group in groups for place in group]
    words = "Boxes of the same image, corners and name as another, each beside those like it"
    return (
        REPEATED_BOXES if save_hits_view(dataset, REPEATED_BOXES, GROUND_TRUTH, hits, words) else ""
    )
