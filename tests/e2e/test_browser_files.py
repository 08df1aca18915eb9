"""A file from this computer goes into a form of the real App, and a data card comes back."""

from __future__ import annotations

import os
from pathlib import Path

import fiftyone as fo
from fathomnet_voxel51.ingest import ingest_dataset
from playwright.sync_api import expect

from demo.generate import Settings, make
from tests.e2e.app import PATIENCE, App


def test_predictions_are_uploaded_and_a_data_card_is_downloaded(
    app: App, no_dataset: str, tmp_path: Path
) -> None:
    demo = make(tmp_path, Settings(train=2, test=4), workers=os.cpu_count() or 1)
    ingest_dataset(
        no_dataset, test_annotations=str(demo.test_truth), media_root=str(demo.media_root)
    )
    dataset = fo.load_dataset(no_dataset)
    app.open_dataset(no_dataset, 4)
    app.open_operator("FathomNet: import predictions")
    app.tick("Upload from my computer")
    app.wait_for_text("Predictions, uploaded")
    app.form.locator("input[type=file]").set_input_files(demo.predictions / "predictions.csv")
    app.wait_for_text("for boxes of the test split")
    app.submit("Execute")
    assert "Imported" in app.result()
    boxes = dataset.count("ground_truth.detections")
    dataset.reload()
    assert dataset.count("model_predictions.detections") == boxes > 0
    app.close()

    app.open_operator("FathomNet: report on the dataset")
    app.tick("Send the files to my browser, if it is run now and not scheduled")
    app.wait_for_text("data-card.html is written")
    sent: list[tuple[str, bytes]] = []
    app.page.on(
        "download", lambda one: sent.append((one.suggested_filename, one.path().read_bytes()))
    )
    with app.page.expect_download(timeout=PATIENCE):
        app.submit("Execute")
    app.result()
    expect(app.form).to_contain_text("Boxes by concept", timeout=PATIENCE)
    for _ in range(100):
        if len(sent) < 2:
            app.page.wait_for_timeout(100)
    assert sorted(name for name, _ in sent) == ["data-card.html", "data-card.md"]
    assert dict(sent)["data-card.html"].startswith(b"<!doctype html>")
