"""Suspects in the real App: found from the form, seen as boxes, the planted errors first."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import fiftyone as fo
from fathomnet_voxel51.embeddings import compute_embeddings
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.similarity import build_similarity_index
from playwright.sync_api import expect

from demo.wrong_labels import plant
from tests.e2e.app import PATIENCE, App
from tests.e2e.search import Search
from tests.support.drawn import LARGE, Drawn
from tests.support.planted import MODEL, planted_dataset


def wait_for_suggestion(app: App, box: Any) -> None:
    """Waits until the first tile of the grid says what box it is, and what it may be instead."""
    tile = app.page.locator("[data-cy=looker]").first
    if hasattr(fo, "MirisStream"):  # 1.21, whose App writes several attributes of a label
        words = f"{box.label}, {box.suggested_label}, {box.suspicion:.3f}"[:-2]
        said = tile.get_by_title(re.compile(rf"^ground_truth: {re.escape(words)}"))
        expect(said.first).to_be_visible(timeout=PATIENCE)
        return
    # Earlier ones take the paths of patches out of the sidebar while they show images.
    app.page.reload()
    app.wait_until_drawn()
    expect(tile.get_by_text(box.suggested_label, exact=True).first).to_be_visible(timeout=PATIENCE)
    told = tile.get_by_title(re.compile(r"^ground_truth.suspicion: [01]"))
    expect(told).to_be_visible(timeout=PATIENCE)


def test_suspects_are_found_from_the_form_and_shown_with_the_planted_errors_first(
    app: App, drawn: Drawn, no_dataset: str, pictures: Path, tmp_path: Path
) -> None:
    demo = drawn(LARGE)
    planted = plant(demo.train, tmp_path, seed=2)
    dataset = planted_dataset(no_dataset, demo, planted, False, "probabilities")
    labels = dataset.count("ground_truth.detections.label")

    app.open_dataset(no_dataset, LARGE.train)
    app.open_operator("FathomNet: find label errors")
    app.wait_for_text(f"{labels} labels are compared with the predictions in model_predictions")
    app.wait_for_text("Without an index of these boxes few errors are found for sure")
    app.form.get_by_role("button", name="Cancel").click()

    add_taxonomy_ranks(dataset)
    compute_embeddings(dataset, MODEL, method="none")
    build_similarity_index(dataset, MODEL)
    app.open_dataset(no_dataset, LARGE.train)
    app.open_operator("FathomNet: find label errors")
    app.wait_for_text("and the index demo_clip_similarity")
    app.submit("Execute")
    result = app.result()
    assert "suspects" in result
    assert "look-alike pairs" in result
    app.close()

    dataset = fo.load_dataset(no_dataset, reload=True)
    suspects = dataset.load_saved_view("suspects")
    numbers = suspects.values("ground_truth.annotation_id")
    wrong = {one.annotation_id for one in planted.wrong}
    top = len(wrong & set(numbers))
    assert top >= len(wrong) / 2
    assert set(numbers[:top]) <= wrong

    # Tiles say without hover what is suggested and how surely, in this page and in another one.
    app.choose_view("suspects")
    wait_for_suggestion(app, suspects.first().ground_truth)
    app.page.locator("[data-cy=saved-views-btn-selection-clear]").click()
    app.wait_for_samples(LARGE.train)
    search = Search(app)
    shown = search.open_view(no_dataset, "suspects", len(suspects))
    assert len(shown) >= top
    assert shown == suspects.values("id")[: len(shown)]
    wait_for_suggestion(app, suspects.first().ground_truth)
    app.screenshot(pictures / "suspects.png")

    pairs = dataset.load_saved_view("look-alike pairs")
    shown = search.open_view(no_dataset, "look-alike pairs", len(pairs))
    assert shown == pairs.values("id")[: len(shown)]
    app.screenshot(pictures / "look-alike-pairs.png")
