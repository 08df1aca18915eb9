"""Tiles, embeddings of whole images and duplicates from their forms in the real App."""

from __future__ import annotations

import json
from pathlib import Path

import fiftyone as fo
from fathomnet_voxel51.ingest import ingest_dataset

from demo.generate import Settings
from tests.e2e.app import App, figures
from tests.e2e.search import LOADING
from tests.support.drawn import Drawn

IMAGES = 24


def test_images_get_tiles_and_those_that_repeat_one_another_are_grouped(
    app: App, drawn: Drawn, no_dataset: str, pictures: Path
) -> None:
    demo = drawn(Settings(train=IMAGES, test=1))
    ingest_dataset(no_dataset, train_annotations=str(demo.train), media_root=str(demo.media_root))
    app.open_dataset(no_dataset, IMAGES)

    app.open_operator("FathomNet: add tiles")
    app.fill("Field", "ground_truth")
    app.wait_until_blocked("boxes that are no tiles")
    app.fill("Field", "tiles")
    app.fill("Columns", "0")
    app.wait_until_blocked("input should be greater than or equal to 1")
    app.fill("Columns", "3")
    app.fill("Rows", "2")
    app.wait_until_ready()
    assert app.facts() == [f"{IMAGES} images get 6 tiles each, {6 * IMAGES} in all"]
    app.submit("Execute")
    assert figures(app.result())["Tiles"] == str(6 * IMAGES)
    app.close()
    dataset = fo.load_dataset(no_dataset, reload=True)
    assert {len(some) for some in dataset.values("tiles.detections")} == {6}

    app.open_operator("FathomNet: find duplicates")
    app.fill("Model", "demo-clip")
    app.wait_until_blocked("no whole image has vectors of this model")
    app.form.get_by_role("button", name="Cancel").click()

    app.open_operator("FathomNet: compute embeddings")
    app.fill("Model", "demo-klip")
    app.wait_until_blocked("is no known model and no folder; known: clip, ")
    app.fill("Model", "demo-clip")
    app.fill("Boxes", "")
    app.choose("Map", "none")
    app.wait_for_text(f"{IMAGES} images are embedded by")
    app.submit("Execute")
    assert figures(app.result(LOADING))["Embedded"] == str(IMAGES)
    app.close()

    app.open_operator("FathomNet: find duplicates")
    app.fill("Model", "demo-clip")
    app.fill("Threshold", "0.2")
    app.wait_until_blocked("input should be greater than or equal to 0.5")
    app.fill("Threshold", "")
    app.wait_for_text(f"{IMAGES} images with vectors are compared")
    app.submit("Execute")
    result = figures(app.result())
    app.close()
    dataset.reload()
    groups = dict(zip(*dataset.values(["image_id", "duplicate_group"]), strict=True))
    repeats = json.loads(demo.truth.read_text())["near_duplicates"]
    pairs = {frozenset((one["image_id"], one["repeats_image_id"])) for one in repeats}
    grouped = [group for group in groups.values() if group is not None]
    found = {
        frozenset(image for image, group in groups.items() if group == number)
        for number in set(grouped)
    }
    assert found == pairs != set(), "what was drawn as a repeat, and nothing that plainly differs"
    assert result["Groups"] == str(len(set(grouped)))
    app.choose_view("near_duplicates")
    app.wait_for_samples(len(grouped))
    app.wait_until_drawn()
    app.screenshot(pictures / "duplicates.png")
