"""FiftyOne's own Annotate tab: names are chosen on the tree of life, at any rank."""

from __future__ import annotations

import re
import time
from pathlib import Path

import fiftyone as fo
import pytest
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.taxonomy import load_taxonomy
from playwright.sync_api import expect

from tests.e2e.app import PATIENCE, App
from tests.e2e.boxes import boxes_of
from tests.support.drawn import SMALL, Drawn

ON_TREE = hasattr(fo, "AnnotationOntology")


@pytest.mark.skipif(not ON_TREE, reason="this FiftyOne has no ontologies")
def test_a_box_gets_the_name_of_its_family_which_is_found_on_the_tree(
    app: App, drawn: Drawn, dataset_name: str, pictures: Path
) -> None:
    made = drawn(SMALL)
    ingest_dataset(dataset_name, train_annotations=str(made.train), media_root=str(made.media_root))
    dataset = fo.load_dataset(dataset_name)
    before = dataset.first().ground_truth.detections[0]
    taxonomy = load_taxonomy()
    family = taxonomy.rollup(before.label, "family")
    assert family is not None and family != before.label
    app.open_dataset(dataset.name, len(dataset))
    app.wait_until_drawn()
    app.page.locator("[data-cy=looker]").first.click()
    app.page.get_by_text("Annotate", exact=True).click()
    name = app.page.locator("input[role=combobox][aria-haspopup=tree]")
    app.page.get_by_text(before.label, exact=True).last.click()
    expect(name).to_have_value(before.label, timeout=PATIENCE)
    name.click()
    app.page.get_by_placeholder("Search...").fill(family)
    offered = app.page.get_by_role("treeitem")
    expect(offered.filter(has_text=re.compile(family)).first).to_be_visible(timeout=PATIENCE)
    app.screenshot(pictures / "annotate-names.png")
    with app.page.expect_response(lambda answer: answer.request.method == "PATCH"):
        offered.get_by_text(family, exact=True).last.click()
        expect(name).to_have_value(family, timeout=PATIENCE)
        # A busy browser saves what was edited when the tab is left.
        app.page.get_by_text("Explore", exact=True).click()
    deadline = time.monotonic() + PATIENCE / 1000
    while boxes_of(dataset)[before.id]["label"] != family and time.monotonic() < deadline:
        time.sleep(0.2)
    after = boxes_of(dataset)[before.id]
    assert (after["label"], after["annotation_id"]) == (family, before.annotation_id)
