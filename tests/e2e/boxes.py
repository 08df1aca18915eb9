"""Boxes as the database has them, as the App shows them, and as a person selects them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fathomnet_voxel51.labels.verdicts import VERDICT_KEYS
from playwright.sync_api import expect

from tests.e2e.app import PATIENCE, App

Boxes = dict[str, dict[str, Any]]
"""What is stored of each box, by its id."""


def boxes_of(dataset: Any) -> Boxes:
    """Each box of a dataset as it is in the database now."""
    collection = dataset._sample_collection
    return {
        str(box["_id"]): box
        for document in collection.find(sort=[("_id", 1)])
        for box in document["ground_truth"]["detections"]
    }


def less_verdicts(boxes: Boxes) -> Boxes:
    """The same boxes, less what people said of their labels."""
    return {
        box: {name: value for name, value in stored.items() if name not in VERDICT_KEYS}
        for box, stored in boxes.items()
    }


def unlike(boxes: Boxes, label: str, count: int) -> list[str]:
    """Ids of some boxes that have other labels."""
    return [box for box, stored in boxes.items() if stored["label"] != label][:count]


def patches_of(dataset: Any, boxes: Sequence[str]) -> Any:
    return dataset.to_patches("ground_truth").select(boxes)


def wait_for_label(app: App, place: int, label: str) -> None:
    """Waits until a tile of the grid shows a patch of this label."""
    tile = app.page.locator("[data-cy=looker]").nth(place)
    shown = tile.get_by_title(f"ground_truth: {label}", exact=True)
    expect(shown.first).to_be_visible(timeout=PATIENCE)


def apart(sample: Any) -> Any:
    """A box of an image with several, whose middle lies in no other."""
    boxes = sample.ground_truth.detections
    for one in boxes:
        left, top, width, height = one.bounding_box
        x, y = left + width / 2, top + height / 2
        inside = [
            a <= x <= a + wide and b <= y <= b + high
            for a, b, wide, high in (other.bounding_box for other in boxes)
        ]
        if len(boxes) > 1 and inside.count(True) == 1:
            return one
    return None


def select_in_image(app: App, dataset: Any) -> Any:
    """Opens an image and clicks one of its boxes, in the middle; the box."""
    index, sample = next(one for one in enumerate(dataset) if apart(one[1]))
    box = apart(sample)
    app.open_dataset(dataset.name, len(dataset))
    app.wait_until_drawn()
    app.open_sample(index)
    # The modal fits the image into its canvas.
    canvas = app.page.locator("[data-cy=modal] canvas[canvas-loaded=true]")
    place = canvas.bounding_box()
    assert place
    sides = sample.metadata.width, sample.metadata.height
    scale = min(place["width"] / sides[0], place["height"] / sides[1])
    left, top, width, height = box.bounding_box
    x = place["width"] / 2 + (left + width / 2 - 0.5) * sides[0] * scale
    y = place["height"] / 2 + (top + height / 2 - 0.5) * sides[1] * scale
    canvas.hover(position={"x": x, "y": y})
    canvas.click(position={"x": x, "y": y})
    return box
