"""The main job in the real App: from the operator browser to labels on the screen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import fiftyone as fo
import pytest
from fathomnet_voxel51 import delegation
from fathomnet_voxel51.evaluation import check_evaluation
from fathomnet_voxel51.files.credentials import EMULATOR_VARIABLE
from fathomnet_voxel51.progress import silent

from demo.emulator import Emulator, emulator
from demo.generate import DemoSet
from demo.origin import published
from demo.stand_ins import draw_stand_ins
from tests.e2e.app import App, checks_in, figures
from tests.e2e.queued import newest_operation
from tests.e2e.search import LOADING, Search
from tests.support.drawn import MEDIUM, Drawn

CORES = os.cpu_count() or 1
MODEL = "demo-clip"
TEXT = "a pink sea pig"
IMAGES = {"train": MEDIUM.train, "test": MEDIUM.test}
FOUND = 25
"""The App asks for so many."""


@pytest.fixture(scope="module")
def demo_set(drawn: Drawn) -> DemoSet:
    return drawn(MEDIUM)


@pytest.fixture(scope="module")
def real_media(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Path:
    """Stand-in images for the real test split."""
    media = tmp_path_factory.mktemp("media")
    draw_stand_ins(shared_data / "dataset_test.json", media / "test_images", workers=CORES)
    return media


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """A bucket for the App that is started after it."""
    with emulator() as running:
        monkeypatch.setenv(EMULATOR_VARIABLE, running.url)
        yield running


def execute(app: App, operator: str, **fields: str) -> str:
    """Runs an operator from its form, with what is filled in; its result."""
    app.open_operator(f"FathomNet: {operator}")
    for name, text in fields.items():
        app.fill(name.replace("_", " ").capitalize(), text)
    app.submit("Execute")
    result = app.result(LOADING)
    app.close()
    return result


def test_a_biologist_goes_from_urls_of_images_to_a_scored_model(
    bucket: Emulator,
    app: App,
    demo_set: DemoSet,
    no_dataset: str,
    pictures: Path,
    tmp_path: Path,
) -> None:
    """The whole story from its forms, with no look at a database on the way."""
    root, mirror = f"gs://{bucket.bucket}/fathomnet", Path(mkdtemp(dir=Path.home()))
    app.open_home()
    app.search_operators("FathomNet")
    app.wait_for_text("FathomNet: run the workflow")
    app.page.keyboard.press("Escape")
    app.open_operator("FathomNet: check the setup")
    app.fill("Media root", root)
    app.submit("Execute")
    app.result()
    statuses = {name: status for name, (status, *_) in checks_in(app).items()}
    assert {statuses[name] for name in ("FiftyOne", "plugin", "database", "media root")} == {"ok"}
    app.close()

    catalogs = {"train": demo_set.train, "test": demo_set.test_truth}
    with published(catalogs, demo_set.media_root, tmp_path / "published") as files:
        for split, catalog in files.items():
            app.open_operator("FathomNet: upload images")
            app.browse("Annotations", catalog)
            app.choose("Split", split)
            app.fill("Media root", root)
            app.tick("Allow private hosts")
            app.submit("Execute")
            assert figures(app.result())["Stored"] == str(IMAGES[split])
            app.close()
    for split, catalog in files.items():
        # Open-source FiftyOne shows the copies of a folder, and not a bucket's images.
        app.open_operator("FathomNet: download images")
        app.fill("Annotations", str(catalog))
        app.choose("Split", split)
        app.fill("Destination", str(mirror))
        app.fill("Source", root)
        app.submit("Execute")
        assert figures(app.result())["Stored"] == str(IMAGES[split])
        app.close()

    app.open_operator("FathomNet: ingest a dataset")
    app.browse("Training annotations", files["train"])
    app.fill("Test annotations", str(files["test"]))
    app.fill("Dataset name", no_dataset)
    app.fill("Media root", root)
    app.fill("Local mirror", str(mirror))
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

    execute(app, "add primary labels")
    execute(app, "add taxonomy ranks")
    app.open_operator("FathomNet: compute embeddings")
    app.fill("Model", MODEL)
    app.choose("Map", "pca")
    app.submit("Execute")
    dataset = fo.load_dataset(no_dataset, reload=True)
    boxes = dataset.count("ground_truth.detections")
    assert figures(app.result(LOADING))["Embedded"] == str(boxes)
    app.close()
    indexed = figures(execute(app, "build a similarity index", model=MODEL))
    assert indexed["Indexed"] == str(boxes)

    app.open_operator("FathomNet: import predictions")
    app.fill("Predictions", str(demo_set.predictions / "predictions.parquet"))
    app.wait_for_text("0 boxes get no prediction")
    app.submit("Execute")
    predicted = len(dataset.match_tags("test").values("ground_truth.detections[]"))
    assert figures(app.result())["Imported"] == str(predicted)
    app.close()
    scores = figures(execute(app, "evaluate predictions"))
    assert scores["Boxes"] == str(predicted)
    dataset.reload()
    distance = check_evaluation(dataset).mean_taxonomic_distance
    assert scores["Mean taxonomic distance"] == str(round(distance or 0.0, 3))

    app.open_dataset(no_dataset, 44)
    app.wait_until_drawn()
    app.screenshot(pictures / "app-grid.png")
    shown = app.values_of("model_predictions.detections.label")
    assert set(dataset.distinct("model_predictions.detections.label")) & set(shown), shown

    search = Search(app)
    search.show_patches("ground_truth", boxes)
    search.by_text(TEXT)
    found = search.results(FOUND)
    dataset.reload()
    patches = dataset.to_patches("ground_truth")
    by_python = patches.sort_by_similarity(TEXT, k=FOUND, brain_key=indexed["Brain key"])
    assert found == by_python.values("id")

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
    app: App, worker: None, demo_set: DemoSet, no_dataset: str
) -> None:
    app.open_home()
    app.open_operator("FathomNet: ingest a dataset")
    app.fill("Training annotations", str(demo_set.train))
    app.fill("Dataset name", no_dataset)
    app.fill("Media root", str(demo_set.media_root))
    app.fill("Limit", "20")
    app.wait_for_text("of each split only the first 20")
    app.submit("Schedule")
    app.close()

    result = delegation.follow(newest_operation("ingest_dataset"), silent)
    assert result["samples"] == 20
    app.open_dataset(no_dataset, 20)
    app.wait_until_drawn()
