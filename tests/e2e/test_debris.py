"""Debris in the real App: looked for, looked at, made into boxes, and taken back."""

from __future__ import annotations

import re
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset.label_map import special_names
from fathomnet_voxel51.embeddings import compute_embeddings
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.names import FIRST_OWN_NUMBER
from fathomnet_voxel51.relabelling.journal import journals_of
from fathomnet_voxel51.similarity import build_similarity_index
from fathomnet_voxel51.taxonomy import load_taxonomy
from fathomnet_voxel51.tiles import add_tiles
from playwright.sync_api import expect

from tests.e2e.app import PATIENCE, App, figures
from tests.e2e.boxes import Boxes, boxes_of
from tests.e2e.search import LOADING, Search
from tests.support.drawn import MEDIUM, Drawn

MODEL = "demo-clip"
INDEX = "demo_clip_similarity_tiles"
VIEW = f"debris ({INDEX})"
COLUMNS, ROWS = 5, 3
BY_HAND = "a lost rope"


@pytest.fixture
def dataset(drawn: Drawn, no_dataset: str) -> Any:
    """Images with tiles that can be searched by text."""
    demo = drawn(MEDIUM)
    ingest_dataset(no_dataset, train_annotations=str(demo.train), media_root=str(demo.media_root))
    dataset = fo.load_dataset(no_dataset)
    add_taxonomy_ranks(dataset)
    add_tiles(dataset, columns=COLUMNS, rows=ROWS)
    compute_embeddings(dataset, MODEL, patches_field="tiles", method="none")
    build_similarity_index(dataset, MODEL, patches_field="tiles")
    return dataset


def added(before: Boxes, dataset: Any) -> list[tuple[str, Any]]:
    """Name and rectangle of each box that is new, where all others are as they were."""
    after = boxes_of(dataset)
    assert {one: after[one] for one in before} == before
    new = [box for one, box in after.items() if one not in before]
    assert all(box["annotation_id"] >= FIRST_OWN_NUMBER for box in new)
    return sorted((box["label"], pytest.approx(box["bounding_box"])) for box in new)


def label(app: App, says: str, name: str = "") -> dict[str, str]:
    """Labels the hits that are selected; the result."""
    app.open_operator("FathomNet: label hits")
    if name:
        app.fill("Name", name)
    app.wait_for_text(says)
    app.confirm()
    app.submit("Execute")
    told = figures(app.result())
    app.close()
    # The boxes that were made are what is shown.
    shown = re.compile(rf"^{told['Labelled']} patch(es)?$")
    expect(app.page.locator("[data-cy=entry-counts]")).to_have_text(shown, timeout=PATIENCE)
    return told


def undo(app: App) -> str:
    """Takes back what was labelled last; how many boxes."""
    app.open_operator("FathomNet: undo a relabelling")
    # Tiles are shown, and none of the boxes that go.
    app.wait_until_blocked("not shown, and changed too.")
    app.confirm()
    app.submit("Execute")
    told = figures(app.result())
    app.close()
    return told["Restored"]


def test_hits_become_boxes_of_names_that_are_no_animals_and_are_taken_back(
    app: App, dataset: Any
) -> None:
    before = boxes_of(dataset)
    app.open_dataset(dataset.name, MEDIUM.train)
    app.open_operator("FathomNet: find needles")
    app.wait_for_text(f"looked for in the index {INDEX}")
    app.submit("Execute")
    app.result(LOADING)
    app.close()

    # Each hit that is selected has the name of the needle that found it.
    dataset.reload()
    hits = list(dataset.load_saved_view(VIEW))
    search = Search(app)
    assert search.open_view(dataset.name, VIEW, len(hits))[:3] == [hit.id for hit in hits[:3]]
    app.select(0, 2)
    told = label(app, "Label these 2 hits")
    assert (told["Labelled"], told["Hits"]) == ("2", "2")
    first = sorted(
        (hit.tiles[f"debris_needle_{INDEX}"], hit.tiles.bounding_box) for hit in hits[0:3:2]
    )
    assert added(before, dataset) == first

    # What stands out of a tile is in the next ones too, half of which each covers: one box.
    app.page.locator("[data-cy=btn-clear-view-bar]").click()
    app.wait_for_samples(MEDIUM.train)
    search.show_patches("tiles", MEDIUM.train * COLUMNS * ROWS)
    app.wait_until_drawn()
    app.select(0, 1)
    told = label(app, "1 box of 2 hits: those that overlap are one", name=BY_HAND)
    assert (told["Labelled"], told["Hits"]) == ("1", "2")
    both = (BY_HAND, [0, 0, 3 / (COLUMNS + 1), 2 / (ROWS + 1)])
    assert added(before, dataset) == sorted([*first, both])
    names = {name for name, _ in (*first, both)}
    dataset.reload()
    assert special_names(dataset) == names
    assert not names & {*load_taxonomy().names}
    journals = journals_of(dataset)
    assert sorted(one.boxes for one in journals) == [1, 2]
    assert told["Journal"] in {one.key for one in journals}

    # Labelled once, they are not labelled again.
    search.open_view(dataset.name, VIEW, len(hits))
    app.select(0, 2)
    app.open_operator("FathomNet: label hits")
    app.wait_for_text("2 hits have such a box already")
    app.form.get_by_role("button", name="Cancel").click()

    assert undo(app) == "1"
    assert added(before, dataset) == first
    assert undo(app) == "2"
    assert boxes_of(dataset) == before
