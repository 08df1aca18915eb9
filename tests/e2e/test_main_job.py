"""The main job in the real App: from the operator browser to labels on the screen."""

from __future__ import annotations

import os
from pathlib import Path

import fiftyone as fo
import pytest
from fathomnet_voxel51 import delegation
from fathomnet_voxel51.progress import silent

from demo.generate import DemoSet
from demo.stand_ins import draw_stand_ins
from tests.e2e.app import App
from tests.e2e.queued import newest_operation
from tests.support.drawn import MEDIUM, Drawn

CORES = os.cpu_count() or 1


@pytest.fixture(scope="module")
def demo_set(drawn: Drawn) -> DemoSet:
    return drawn(MEDIUM)


@pytest.fixture(scope="module")
def real_media(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Path:
    """Stand-in images for the real test split."""
    media = tmp_path_factory.mktemp("media")
    draw_stand_ins(shared_data / "dataset_test.json", media / "test_images", workers=CORES)
    return media


def test_a_biologist_makes_a_dataset_and_sees_a_model_s_predictions(
    app: App, demo_set: DemoSet, no_dataset: str, pictures: Path
) -> None:
    app.open_home()
    app.search_operators("FathomNet")
    app.wait_for_text("FathomNet: run the workflow")
    app.page.keyboard.press("Escape")
    app.open_operator("FathomNet: ingest a dataset")
    app.browse("Training annotations", demo_set.train)
    app.fill("Test annotations", str(demo_set.test))
    app.fill("Dataset name", no_dataset)
    app.fill("Media root", str(demo_set.media_root))
    app.wait_for_text("train split: 32 images")
    app.wait_for_text("test split: 12 images")
    app.wait_for_text(f"a new dataset, {no_dataset}")
    app.wait_until_ready()
    app.screenshot(pictures / "ingest-form.png")
    app.submit("Execute")
    assert "44" in app.result()
    app.screenshot(pictures / "ingest-result.png")
    app.follow("Open the dataset")
    app.wait_for_samples(44)

    app.open_operator("FathomNet: import predictions")
    app.fill("Predictions", str(demo_set.predictions / "predictions.parquet"))
    app.wait_for_text("0 boxes get no prediction")
    app.submit("Execute")
    app.result()
    app.close()

    for label in ("FathomNet: add primary labels", "FathomNet: add taxonomy ranks"):
        app.open_operator(label)
        app.submit("Execute")
        app.result()
        app.close()

    dataset = fo.load_dataset(no_dataset, reload=True)
    boxes = len(dataset.match_tags("test").values("ground_truth.detections[]"))
    assert dataset.count("model_predictions.detections") == boxes
    app.open_dataset(no_dataset, 44)
    app.wait_until_drawn()
    app.screenshot(pictures / "app-grid.png")
    shown = app.values_of("model_predictions.detections.label")
    assert set(dataset.distinct("model_predictions.detections.label")) & set(shown), shown
    app.choose_view("test")
    app.wait_for_samples(12)
    app.wait_until_drawn()
    app.open_sample(0)
    app.screenshot(pictures / "app-sample.png")


def test_the_real_test_split_runs_from_the_app_s_forms(
    app: App, shared_data: Path, real_media: Path, no_dataset: str
) -> None:
    app.open_home()
    app.open_operator("FathomNet: ingest a dataset")
    app.fill("Test annotations", str(shared_data / "dataset_test.json"))
    app.fill("Dataset name", no_dataset)
    app.fill("Media root", str(real_media))
    app.wait_for_text("test split: 325 images, 788 boxes (788 without a concept)")
    app.submit("Execute")
    assert "325" in app.result()
    app.follow("Open the dataset")
    app.wait_for_samples(325)

    for label in ("FathomNet: add primary labels", "FathomNet: add taxonomy ranks"):
        app.open_operator(label)
        app.submit("Execute")
        app.result()
        app.close()

    app.open_operator("FathomNet: import predictions")
    app.fill("Predictions", str(shared_data / "submission_experiment-final014.csv"))
    app.wait_for_text("788 rows, 788 for boxes of the test split")
    app.submit("Execute")
    assert "788" in app.result()
    app.close()
    app.wait_until_drawn()
    shown = app.values_of("model_predictions.detections.label")

    dataset = fo.load_dataset(no_dataset, reload=True)
    assert set(dataset.distinct("model_predictions.detections.label")) & set(shown), shown
    assert len(dataset) == 325
    assert dataset.count("ground_truth.detections") == 788
    assert dataset.count("ground_truth.detections.label") == 0
    assert dataset.count("model_predictions.detections") == 788


def test_what_is_scheduled_from_a_form_is_made_by_a_worker(
    app: App, worker: None, shared_data: Path, real_media: Path, no_dataset: str
) -> None:
    app.open_home()
    app.open_operator("FathomNet: ingest a dataset")
    app.fill("Test annotations", str(shared_data / "dataset_test.json"))
    app.fill("Dataset name", no_dataset)
    app.fill("Media root", str(real_media))
    app.fill("Limit", "20")
    app.wait_for_text("of each split only the first 20")
    app.submit("Schedule")
    app.close()

    result = delegation.follow(newest_operation("ingest_dataset"), silent)
    assert result["samples"] == 20
    app.open_dataset(no_dataset, 20)
    app.wait_until_drawn()
