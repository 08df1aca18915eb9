"""The tutorial's way through the App: workspaces, the map, and what is known of a suspect."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.embeddings import compute_embeddings
from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.label_errors import find_label_errors
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.parameters import OPERATORS
from fathomnet_voxel51.similarity import build_similarity_index
from playwright.sync_api import expect

from demo.workspaces import save_workspaces
from demo.wrong_labels import plant
from tests.e2e.app import PATIENCE, App
from tests.e2e.maps import colour_by_phylum, open_map
from tests.e2e.search import Search
from tests.support.drawn import MEDIUM, Drawn
from tests.support.planted import MODEL, planted_dataset

NAME = "tutorial"


@pytest.fixture(scope="module")
def dataset(drawn: Drawn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A small dataset as ``make demo`` leaves it, where the tutorial looks."""
    demo = drawn(MEDIUM)
    planted = plant(demo.train, tmp_path_factory.mktemp("planted"), share=0.1)
    dataset = planted_dataset(NAME, demo, planted, False, "probabilities")
    add_taxonomy_ranks(dataset)
    evaluate_predictions(dataset)
    # The demo's map by UMAP has this key; PCA makes one in a second.
    compute_embeddings(dataset, MODEL, method="pca", brain_key="demo_clip_umap")
    build_similarity_index(dataset, MODEL)
    find_label_errors(dataset)
    save_workspaces(dataset)
    yield dataset
    fo.delete_dataset(NAME)


def choose_workspace(app: App, name: str) -> None:
    """Chooses a workspace in the list at the top right."""
    app.page.get_by_text("Unsaved", exact=True).last.click()
    app.page.get_by_text(name, exact=True).last.click()


def test_every_operator_is_found_by_the_project_s_name_with_an_icon_of_its_own(
    app: App, dataset: Any, pictures: Path
) -> None:
    app.open_dataset(NAME, MEDIUM.train)
    app.wait_until_drawn()
    app.search_operators("FathomNet")
    browser = app.page.get_by_role("dialog").last
    for model in OPERATORS.values():
        expect(browser.get_by_text(model.heading, exact=True)).to_be_visible(timeout=PATIENCE)
    icons = browser.locator("img")
    drawn = icons.evaluate_all("all => all.filter(one => one.naturalWidth).map(one => one.src)")
    assert len(set(drawn)) == len(OPERATORS)
    app.screenshot(pictures / "operator-browser.png")


@pytest.mark.parametrize(
    ("icon", "told"),
    [
        ("relabel.svg", "A name of any rank in the taxonomy"),
        ("ingest.svg", "choose at least one annotations file"),
    ],
)
def test_a_button_above_the_images_opens_a_form(
    app: App, dataset: Any, icon: str, told: str
) -> None:
    app.open_dataset(NAME, MEDIUM.train)
    app.wait_until_drawn()
    app.page.locator(f"img[src*='{icon}']").click()
    app.wait_for_text(told)


def test_the_map_is_a_workspace_and_is_coloured_by_phylum(app: App, dataset: Any) -> None:
    app.open_dataset(NAME, MEDIUM.train)
    choose_workspace(app, "Map")
    open_map(app, "demo_clip_umap", dataset.count("ground_truth.detections"))
    colour_by_phylum(app, dataset)
    expect(app.page.get_by_text("Select", exact=True)).to_be_visible()


@pytest.mark.parametrize(
    ("workspace", "told"),
    [
        ("Home", "What waits"),
        ("Tree of life", "boxes of the whole dataset"),
        ("Evaluation by rank", "Mean distance"),
    ],
)
def test_a_panel_is_a_workspace(app: App, dataset: Any, workspace: str, told: str) -> None:
    app.open_dataset(NAME, MEDIUM.train)
    choose_workspace(app, workspace)
    app.wait_for_text(told)


def test_a_suspect_s_values_are_shown_where_it_is_clicked(
    app: App, dataset: Any, pictures: Path
) -> None:
    suspects = dataset.load_saved_view("suspects")
    first = suspects.first().ground_truth
    Search(app).open_view(NAME, "suspects", len(suspects))
    app.open_sample(0)
    canvas = app.page.locator("[data-cy=modal] canvas[canvas-loaded=true]")
    canvas.hover()
    app.wait_for_text("suggested_label")
    # The list is longer than what is shown of it: it is held, and scrolled.
    app.page.keyboard.press("Control")
    expect(app.page.get_by_text("Lock tooltip")).to_be_hidden(timeout=PATIENCE)
    place = app.page.get_by_text("annotation_id", exact=True).last.bounding_box()
    assert place
    app.page.mouse.move(place["x"] + 5, place["y"] + 5)
    app.page.mouse.wheel(0, 10_000)
    for shown in ("suggested_label", first.suggested_label, "suspicion"):
        text = app.page.get_by_text(shown, exact=True).last
        expect(text).to_be_in_viewport(timeout=PATIENCE)
    app.screenshot(pictures / "suspect.png")


def test_a_suspect_is_reviewed_beside_what_looks_like_it(
    app: App, dataset: Any, pictures: Path
) -> None:
    first = dataset.load_saved_view("suspects").first()
    app.open_dataset(NAME, MEDIUM.train)
    app.wait_until_drawn()
    app.open_panel("FathomNet: review")
    panel = app.page.get_by_test_id("review-panel")
    panel.get_by_role("button", name="suspects", exact=True).click()
    expect(panel.get_by_test_id("review-label")).to_have_attribute("data-id", first.id)
    told = panel.get_by_test_id("review-suggestion")
    expect(told).to_contain_text(first.ground_truth.suggested_label)
    alikes = panel.get_by_test_id("review-alikes")
    expect(alikes).to_contain_text(f"Looks like these {first.ground_truth.suggested_label}")
    drawn = alikes.locator("canvas[data-painted]:not([data-painted=''])")
    expect(drawn.first).to_be_visible(timeout=PATIENCE)
    app.screenshot(pictures / "review-panel.png")
