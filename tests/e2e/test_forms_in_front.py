"""A form lies over all else of the real App, on a laptop too, however somebody came to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.brain as fob
import numpy as np
import pytest
from fathomnet_voxel51.ingest import ingest_dataset
from playwright.sync_api import expect

from tests.e2e.app import PATIENCE, App
from tests.e2e.maps import lasso_left_half, open_map
from tests.support.drawn import SMALL, Drawn

LAPTOPS = ((1280, 720), (1000, 700))
RELABEL = "FathomNet: relabel boxes"
NEW = "Sebastes diploproa"

LYING_OVER = """form => {
    const {left, top, width, height} = form.getBoundingClientRect();
    const found = new Set();
    for (let x = 1; x < 50; x++)
        for (let y = 1; y < 50; y++) {
            const hit = document.elementFromPoint(left + x * width / 50, top + y * height / 50);
            if (!form.contains(hit)) found.add(hit.outerHTML.slice(0, 100));
        }
    return [...found];
}"""
"""What a click within a form would hit of the rest of the page."""


@pytest.fixture
def dataset(drawn: Drawn, no_dataset: str) -> Any:
    made = drawn(SMALL)
    ingest_dataset(no_dataset, train_annotations=str(made.train), media_root=str(made.media_root))
    return fo.load_dataset(no_dataset)


def open_at(app: App, dataset: Any, size: tuple[int, int]) -> None:
    app.page.set_viewport_size({"width": size[0], "height": size[1]})
    app.open_dataset(dataset.name, len(dataset))
    app.wait_until_drawn()


def name_by_mouse(app: App) -> None:
    """Clicks the middle of the field "New label", whatever is there, and types."""
    field = app.form.get_by_placeholder("Type or select a value").first
    place = field.bounding_box()
    assert place
    middle = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    hit = app.page.evaluate_handle("at => document.elementFromPoint(...at)", middle)
    assert app.form.evaluate("(form, hit) => form.contains(hit)", hit)
    app.page.mouse.click(*middle)
    app.page.keyboard.type(NEW)
    expect(field).to_have_value(NEW, timeout=PATIENCE)
    app.wait_until_blocked("Tick it if this is meant")


@pytest.mark.parametrize("size", LAPTOPS, ids=str)
def test_a_form_lies_over_the_menu_that_it_was_opened_from(
    app: App, dataset: Any, size: tuple[int, int], pictures: Path
) -> None:
    open_at(app, dataset, size)
    app.select(0, 1)
    bar = app.page.locator("[data-cy=fo-grid-actions]")
    # In the bar itself, which clips it, is another one.
    action = bar.locator("[data-item-id$='/relabel_boxes']").last
    bar.get_by_test_id("ExpandMoreIcon").click()
    action.click()
    app.wait_for_text("in 2 images")
    app.wait_until_blocked("name the new label")
    expect(action).to_be_visible()  # FiftyOne leaves its menu open
    app.screenshot(pictures / f"form-over-menu-{size[0]}.png")
    assert app.form.evaluate(LYING_OVER) == []
    name_by_mouse(app)


@pytest.mark.parametrize("size", LAPTOPS, ids=str)
def test_a_form_lies_over_the_map_and_the_operators_that_it_was_opened_from(
    app: App, dataset: Any, size: tuple[int, int], pictures: Path
) -> None:
    images = dataset.values("ground_truth.detections.id")
    boxes = [(x, y) for y, image in enumerate(images) for x in range(len(image))]
    points = np.array([(min(x, 1), y + x / 20) for x, y in boxes])
    fob.compute_visualization(
        dataset, patches_field="ground_truth", points=points, brain_key="by_place"
    )
    open_at(app, dataset, size)
    app.open_panel("Embeddings")
    open_map(app, "by_place", len(boxes))
    lasso_left_half(app)
    app.wait_for_text(f"{len(images)} selected")
    app.open_operator(RELABEL)
    app.wait_until_blocked("name the new label")
    assert app.form.evaluate(LYING_OVER) == []
    name_by_mouse(app)
    # FiftyOne counts the points a moment before it tells forms of them.
    app.wait_for_text(f"{len(images)} boxes in {len(images)} images")
    app.screenshot(pictures / f"form-over-map-{size[0]}.png")
