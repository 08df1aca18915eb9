"""An evaluation in the real App: made from its form, read in FiftyOne's own panel."""

from __future__ import annotations

import os
from pathlib import Path

import fiftyone as fo
from fathomnet_voxel51.evaluation import check_evaluation
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.predictions import import_predictions
from playwright.sync_api import expect

from demo.generate import Settings, make
from tests.e2e.app import PATIENCE, App


def test_the_native_panel_opens_an_evaluation_that_was_made_from_the_form(
    app: App, no_dataset: str, pictures: Path, tmp_path: Path
) -> None:
    demo = make(tmp_path, Settings(train=2, test=24), workers=os.cpu_count() or 1)
    ingest_dataset(
        no_dataset, test_annotations=str(demo.test_truth), media_root=str(demo.media_root)
    )
    dataset = fo.load_dataset(no_dataset)
    boxes = import_predictions(dataset, str(demo.predictions)).imported

    app.open_dataset(no_dataset, 24)
    app.open_operator("FathomNet: evaluate predictions")
    app.wait_for_text(f"{boxes} boxes are scored, as evaluation eval_model_predictions")
    app.submit("Execute")
    result = app.result()
    accuracy = check_evaluation(dataset).ranks[5].accuracy or 0.0
    assert "Mean taxonomic distance" in result
    assert str(round(accuracy, 3)) in result, "in the table of ranks"
    app.screenshot(pictures / "evaluation-result.png")
    app.close()

    dataset.reload()
    found = dataset.load_evaluation_results("eval_model_predictions").metrics()
    app.open_dataset(no_dataset, 24)
    app.wait_until_drawn()
    app.open_panel("Model Evaluation")
    card = app.page.get_by_role("button").filter(has_text="Needs Review").first
    app.click_until(card, "Mean taxonomic distance")
    for label in ("Mean taxonomic distance", "Accuracy at family"):
        app.wait_for_text(label)
    row = app.page.get_by_role("row").filter(has_text="Accuracy at family")
    shown = f"{found['accuracy_family']:.3f}".rstrip("0")
    expect(row).to_contain_text(shown[:4], timeout=PATIENCE)
    app.screenshot(pictures / "evaluation-panel.png")
