"""The colours and names that the real App draws: the same at every load, and those of the tree."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset.app_defaults import concept_colours
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.predictions import import_predictions
from fathomnet_voxel51.taxonomy import load_taxonomy
from playwright.sync_api import Browser, expect

from tests.e2e.app import App, browser_page
from tests.e2e.servers import app_server
from tests.support.colours import luminance
from tests.support.drawn import SMALL, Drawn

RECORDS = """
window.drawn = [];
for (const name of ["stroke", "fill", "fillText"]) {
    const own = CanvasRenderingContext2D.prototype[name];
    CanvasRenderingContext2D.prototype[name] = function (...given) {
        const colour = name === "stroke" ? this.strokeStyle : this.fillStyle;
        window.drawn.push([name, String(colour), name === "fillText" ? given[0] : ""]);
        return own.apply(this, given);
    };
}
"""
"""Has a page remember what is drawn on its canvases: edges, areas and texts, with the colour."""


@dataclass(frozen=True)
class Seen:
    """What one load of the page has drawn.

    Attributes:
        grid: the colours of all edges in the grid of the dataset.
        test: those in the view of the test split.
        names: the texts in the image that is opened there, each with its colour and that beneath.
    """

    grid: set[str]
    test: set[str]
    names: dict[str, tuple[str, str]]


@pytest.fixture
def dataset(drawn: Drawn, no_dataset: str) -> Any:
    """A training split with names, and a test split that has only those of a model."""
    made = drawn(SMALL)
    ingest_dataset(
        no_dataset,
        train_annotations=str(made.train),
        test_annotations=str(made.test),
        media_root=str(made.media_root),
    )
    dataset = fo.load_dataset(no_dataset)
    import_predictions(dataset, str(made.predictions))
    return dataset


def drawn_now(app: App) -> list[list[str]]:
    """What is drawn once all tiles in sight have their images."""
    app.wait_until_drawn()
    app.page.wait_for_function("() => window.drawn.some(([name]) => name === 'stroke')")
    app.page.wait_for_timeout(1_000)
    found: list[list[str]] = app.page.evaluate("window.drawn.splice(0)")
    return found


def edges(found: list[list[str]]) -> set[str]:
    return {colour for name, colour, _ in found if name == "stroke"}


def look(app: App, dataset: Any, picture: Path) -> Seen:
    """Loads the page, chooses the view of the test split, and opens its first image."""
    app.page.add_init_script(RECORDS)
    app.open_dataset(dataset.name, len(dataset))
    grid = edges(drawn_now(app))
    app.choose_view("test")
    app.wait_for_samples(len(dataset.load_saved_view("test")))
    test = edges(drawn_now(app))
    app.screenshot(picture.with_name(f"{picture.name}-grid.png"))
    app.open_sample(0)
    app.page.mouse.move(5, 5)  # over no box
    found = drawn_now(app)
    expect(app.page.locator("[data-cy=sample-canvas-tooltip-content]")).to_have_count(0)
    app.screenshot(picture.with_name(f"{picture.name}-image.png"))
    names = {
        text: (colour, found[place - 1][1])
        for place, (_, colour, text) in enumerate(found)
        if text and place
    }
    return Seen(grid, test, names)


def test_colours_are_those_of_the_tree_at_every_load_and_a_test_split_has_a_model_s_names(
    app: App, chromium: Browser, dataset: Any, pictures: Path, tmp_path: Path
) -> None:
    of_names = concept_colours(load_taxonomy())
    predicted = dataset.load_saved_view("test").first().model_predictions.detections
    labels = dataset.distinct("ground_truth.detections.label")
    in_test = {of_names[one] for one in dataset.distinct("model_predictions.detections.label")}
    assert not dataset.match_tags("test").distinct("ground_truth.detections.label")

    seen = look(app, dataset, pictures / "colours")
    assert {of_names[one] for one in labels} <= seen.grid
    # Boxes without a name hide no colour of a name.
    assert {one for one in seen.test if one.startswith("#")} == in_test
    assert seen.names.keys() == {one.label for one in predicted}
    for name, (text, beneath) in seen.names.items():
        assert beneath == of_names[name]
        assert (luminance(text) + 0.05) / (luminance(beneath) + 0.05) >= 4.5

    # A server of its own, because the other one remembers the view.
    with app_server(tmp_path / "again.log") as url, browser_page(chromium) as page:
        assert look(App(page, url), dataset, pictures / "colours-again") == seen
