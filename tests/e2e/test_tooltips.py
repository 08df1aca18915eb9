"""FiftyOne's tooltip of a box: what people can read, and no ids of the database nor vectors."""

from __future__ import annotations

import fiftyone as fo
import numpy as np
from fathomnet_voxel51.ingest import ingest_dataset
from playwright.sync_api import expect

from tests.e2e.app import PATIENCE, App
from tests.e2e.boxes import select_in_image
from tests.support.drawn import SMALL, Drawn

FIELD = "ground_truth"
VECTOR = "clip_embedding"
KEPT = "fo-hiddenLabels-{dataset}-ground_truth"


def test_ids_and_vectors_are_left_out_until_a_person_has_them_shown(
    app: App, drawn: Drawn, dataset_name: str
) -> None:
    made = drawn(SMALL)
    ingest_dataset(dataset_name, train_annotations=str(made.train), media_root=str(made.media_root))
    dataset = fo.load_dataset(dataset_name)
    dataset.add_sample_field(f"{FIELD}.detections.{VECTOR}", fo.VectorField)
    for sample in dataset:
        for box in sample[FIELD].detections:
            box[VECTOR] = np.ones(4, np.float32)
        sample.save()
    box = select_in_image(app, dataset)
    tooltip = app.page.locator("[data-cy=sample-canvas-tooltip-content]")
    shown = {
        name: tooltip.locator(f"[data-cy=attribute-{name}]")
        for name in ("label", "annotation_id", "id", VECTOR)
    }
    expect(shown["label"]).to_have_text(box.label, timeout=PATIENCE)
    expect(shown["annotation_id"]).to_have_text(str(box.annotation_id))
    expect(shown["id"]).to_have_count(0)
    expect(shown[VECTOR]).to_have_count(0)

    # FiftyOne's own "Show this label".
    key = KEPT.format(dataset=dataset.name)
    assert app.page.evaluate("key => localStorage.getItem(key)", key) == f"id,{VECTOR}"
    app.page.evaluate("key => localStorage.setItem(key, '')", key)
    app.page.evaluate("window.dispatchEvent(new CustomEvent('fo-hide-label-change'))")
    expect(shown["id"]).to_have_text(box.id, timeout=PATIENCE)
    select_in_image(app, dataset)
    expect(shown["id"]).to_have_text(box.id, timeout=PATIENCE)
