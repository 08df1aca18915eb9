"""Embeddings, search and needles in the real App."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.embeddings import compute_embeddings
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.names import map_key
from fathomnet_voxel51.similarity import build_similarity_index
from playwright.sync_api import Browser

from demo.generate import DemoSet
from tests.e2e.app import App, browser_page
from tests.e2e.maps import colour_by_phylum, open_map
from tests.e2e.search import LOADING, Search
from tests.e2e.servers import app_server
from tests.support.drawn import MEDIUM, Drawn

MODEL = "demo-clip"
INDEX = "demo_clip_similarity"
FOUND = 25
"""The App asks for so many."""


@pytest.fixture(scope="module")
def demo_set(drawn: Drawn) -> DemoSet:
    return drawn(MEDIUM)


@pytest.fixture(scope="module")
def dataset(demo_set: DemoSet) -> Iterator[Any]:
    """The training images, ready to be searched."""
    name = "searchable"
    ingest_dataset(name, train_annotations=str(demo_set.train), media_root=str(demo_set.media_root))
    dataset = fo.load_dataset(name)
    add_taxonomy_ranks(dataset)
    compute_embeddings(dataset, MODEL, method="pca")
    build_similarity_index(dataset, MODEL)
    yield dataset
    fo.delete_dataset(name)


@pytest.fixture
def restarted(chromium: Browser, dataset: Any, tmp_path: Path) -> Iterator[Search]:
    """The patches of the dataset, in an App that was started after another had shown them."""
    boxes = dataset.count("ground_truth.detections")
    for run in ("first", "second"):
        with app_server(tmp_path / f"{run}.log") as url, browser_page(chromium) as page:
            app = App(page, url)
            search = Search(app)
            app.open_dataset(dataset.name, len(dataset))
            if run == "second":
                search.show_patches("ground_truth", boxes)
                yield search


def test_a_text_that_is_typed_in_the_app_finds_what_python_finds(
    restarted: Search, dataset: Any, pictures: Path
) -> None:
    text = "a pink sea pig"
    restarted.by_text(text)
    shown = restarted.results(FOUND)
    restarted.app.screenshot(pictures / "text-search.png")
    patches = dataset.to_patches("ground_truth")
    expected = patches.sort_by_similarity(text, k=FOUND, brain_key=INDEX)
    assert shown == expected.values("id")
    there = dataset.count_values("ground_truth.detections.label").get("Scotoplanes globosa", 0)
    labels = expected.values("ground_truth.label")
    assert labels[: min(there, 5)] == ["Scotoplanes globosa"] * min(there, 5)


def test_a_patch_that_is_selected_in_the_app_finds_what_python_finds(
    restarted: Search, dataset: Any, pictures: Path
) -> None:
    selected = restarted.by_patch(4)
    shown = restarted.results(FOUND)
    restarted.app.screenshot(pictures / "image-search.png")
    patches = dataset.to_patches("ground_truth")
    expected = patches.sort_by_similarity([selected], k=FOUND, brain_key=INDEX)
    assert shown == expected.values("id")
    assert shown[0] == selected


def test_images_are_embedded_indexed_and_searched_for_debris_from_forms(
    app: App, demo_set: DemoSet, no_dataset: str, pictures: Path
) -> None:
    ingest_dataset(
        no_dataset, train_annotations=str(demo_set.train), media_root=str(demo_set.media_root)
    )
    app.open_dataset(no_dataset, MEDIUM.train)
    app.open_operator("FathomNet: compute embeddings")
    app.fill("Model", MODEL)
    app.fill("Boxes", "")
    app.choose("Map", "pca")
    app.wait_until_ready()
    app.screenshot(pictures / "embeddings-form.png")
    app.submit("Execute")
    assert str(MEDIUM.train) in app.result(LOADING)
    app.close()

    app.open_operator("FathomNet: build a similarity index")
    app.fill("Model", MODEL)
    app.fill("Boxes", "")
    app.submit("Execute")
    assert "demo_clip_similarity_images" in app.result(LOADING)
    app.close()

    app.open_operator("FathomNet: find needles")
    app.wait_for_text("looked for in the index demo_clip_similarity_images")
    app.screenshot(pictures / "needles-form.png")
    app.submit("Execute")
    assert "plastic bag" in app.result(LOADING)
    app.screenshot(pictures / "needles-result.png")
    app.close()

    dataset = fo.load_dataset(no_dataset, reload=True)
    view = "debris (demo_clip_similarity_images)"
    hits = dataset.load_saved_view(view)
    scores = hits.values("debris_score_demo_clip_similarity_images")
    assert scores == sorted(scores, reverse=True)


def test_the_map_is_coloured_by_any_rank(app: App, dataset: Any, pictures: Path) -> None:
    app.open_dataset(dataset.name, len(dataset))
    app.open_panel("Embeddings")
    open_map(app, map_key(MODEL, "pca", "ground_truth"), dataset.count("ground_truth.detections"))
    assert len(dataset.count_values("ground_truth.detections.phylum")) > 2
    colour_by_phylum(app, dataset)
    app.screenshot(pictures / "map-by-phylum.png")
