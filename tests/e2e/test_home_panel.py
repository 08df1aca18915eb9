"""The home panel in the real App: what waits is shown by a click, and a result is read later."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51 import delegation
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.progress import silent
from fiftyone.core.odm import get_db_conn
from fiftyone.operators.delegated import DelegatedOperationService
from playwright.sync_api import expect

from demo.workspaces import save_workspaces
from tests.e2e.app import PATIENCE, App, figures
from tests.e2e.search import LOADING
from tests.support.drawn import MANY_PREDICTED, Drawn

PANEL = "FathomNet: home"
WITHOUT_LABEL = 3


@pytest.fixture
def dataset(drawn: Drawn) -> Iterator[Any]:
    """The demo's test images with their truth, of which the boxes of three images lost it."""
    # Runs about no dataset, which other tests may have left, are listed too.
    get_db_conn().delegated_ops.delete_many({})
    demo = drawn(MANY_PREDICTED)
    ingest_dataset(
        "at-home", test_annotations=str(demo.test_truth), media_root=str(demo.media_root)
    )
    dataset = fo.load_dataset("at-home")
    path = "ground_truth.detections.label"
    some = dataset.match(fo.ViewField("ground_truth.detections").length() > 0).limit(WITHOUT_LABEL)
    some.set_values(path, [[None] * len(labels) for labels in some.values(path)])
    yield dataset
    DelegatedOperationService().delete_for_dataset(dataset._doc.id)
    fo.delete_dataset("at-home")


def test_what_waits_is_one_click_away_and_a_result_is_read_later(
    app: App, dataset: Any, worker: None, pictures: Path
) -> None:
    operation = delegation.queue("add_primary_label", dataset, {"field": "main_label"})
    labelled = delegation.follow(operation, silent)["labelled"]
    assert labelled > WITHOUT_LABEL

    app.open_dataset(dataset.name, len(dataset))
    app.wait_until_drawn()
    app.open_panel(PANEL)
    app.wait_for_text("without a label")
    app.page.get_by_role("button", name="Result", exact=True).click()
    item = app.page.get_by_role("listitem").filter(has_text=f"labelled: {labelled}")
    expect(item.first).to_be_visible(timeout=PATIENCE)
    app.screenshot(pictures / "home-panel.png")
    app.page.get_by_role("button", name="Show", exact=True).click()
    app.wait_for_samples(WITHOUT_LABEL)


def test_beside_the_grid_of_a_narrow_window_nothing_is_beyond_the_edge(
    app: App, dataset: Any
) -> None:
    save_workspaces(dataset)
    app.page.set_viewport_size({"width": 700, "height": 900})
    app.page.goto(f"{app.url}/datasets/{dataset.slug}?workspace=home")
    shown = [app.page.get_by_role("button", name=name) for name in ("Show", "Import predictions")]
    shown.append(app.page.get_by_text("Concepts", exact=True))
    for one in shown:
        expect(one.first).to_be_visible(timeout=PATIENCE)
        place = one.first.bounding_box()
        assert place and place["x"] + place["width"] <= 700


def look_until(app: App, words: str) -> None:
    """Has the panel look again until it says something."""
    said = app.page.get_by_text(re.compile(words)).first
    for _ in range(PATIENCE // 1_000):
        app.page.get_by_role("button", name="Look again").click()
        app.page.wait_for_timeout(1_000)
        if said.is_visible():
            return
    expect(said).to_be_visible()


def test_a_run_at_once_is_watched_and_stopped_in_another_tab_and_its_result_is_read_later(
    app: App, dataset: Any
) -> None:
    app.open_dataset(dataset.name, len(dataset))
    app.wait_until_drawn()
    # FiftyOne closes no dialog while an operation runs.
    beside = App(app.page.context.new_page(), app.url)
    beside.open_dataset(dataset.name, len(dataset))
    beside.open_panel(PANEL)
    beside.wait_for_text("There was none yet.")

    app.page.bring_to_front()
    app.open_operator("FathomNet: compute embeddings")
    app.fill("Model", "demo-clip")
    app.choose("Map", "none")
    app.submit("Execute")
    look_until(beside, r"^compute_embeddings running, \d+%")
    beside.page.get_by_role("button", name="Cancel", exact=True).click()
    beside.wait_for_text("compute_embeddings stops")
    app.result(LOADING)
    app.open_details()
    app.wait_for_text("cancelled in the home panel; run it again to go on from there")
    app.close()
    look_until(beside, "^compute_embeddings failed, begun")

    # From the form with the same parameters it goes on; what came of it is read after its dialog.
    beside.page.get_by_role("button", name="Run again").click()
    beside.submit("Execute")
    embedded = figures(beside.result(LOADING))["Embedded"]
    beside.close()
    look_until(beside, "^compute_embeddings completed, begun")
    beside.page.get_by_role("button", name="Result", exact=True).click()
    item = beside.page.get_by_role("listitem").filter(has_text=f"embedded: {embedded}")
    expect(item.first).to_be_visible(timeout=PATIENCE)
