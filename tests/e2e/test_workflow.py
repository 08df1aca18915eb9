"""The workflow's form in the real App, and what a form says of a file that is wrong."""

from __future__ import annotations

from pathlib import Path

import fiftyone as fo

from tests.e2e.app import App
from tests.support.drawn import SMALL, Drawn


def test_wrong_files_are_said_in_the_form_and_sound_ones_are_run(
    app: App, drawn: Drawn, no_dataset: str, pictures: Path, tmp_path: Path
) -> None:
    demo = drawn(SMALL)
    broken = tmp_path / "broken.json"
    broken.write_text(demo.train.read_text().replace('"bbox"', '"bocks"', 1))

    app.open_home()
    app.open_operator("FathomNet: run the workflow")
    app.fill("Training annotations", str(broken))
    app.wait_until_blocked("annotations[0] (id 1).bbox: is missing")
    app.fill("Training annotations", str(demo.train))
    app.fill("Test annotations", str(demo.test))
    app.fill("Dataset name", no_dataset)
    app.fill("Media root", str(demo.media_root))
    app.wait_until_blocked("choose a predictions file, or leave the stage out")
    app.fill("Predictions", str(tmp_path / "absent.csv"))
    app.wait_until_blocked(f"there is no {tmp_path / 'absent.csv'}")
    app.fill("Predictions", str(demo.predictions))
    app.wait_until_ready()
    assert app.facts() == [
        "1. ingest dataset",
        "2. add primary label",
        "3. add taxonomy ranks",
        "4. import predictions",
        "train split: 6 images, 16 boxes (0 without a concept)",
        "test split: 4 images, 10 boxes (10 without a concept)",
        f"a new dataset, {no_dataset}",
    ]
    app.form.get_by_role("listitem").last.scroll_into_view_if_needed()
    app.screenshot(pictures / "workflow-form.png")
    app.submit("Execute")
    assert "Boxes without prediction" in app.result()
    dataset = fo.load_dataset(no_dataset)
    assert dataset.count("model_predictions.detections") == 10
    assert dataset.count("ground_truth.detections.rank") == 16
    app.follow("Open the dataset")
    app.wait_for_samples(10)

    header, row, *_ = (demo.predictions / "predictions.csv").read_text().splitlines()
    concept = row.split(",")[1]
    wrong = tmp_path / "wrong.csv"
    wrong.write_text(f"{header}\n{row}s\n")
    app.open_operator("FathomNet: import predictions")
    app.fill("Predictions", str(wrong))
    problem = f"unknown concept '{concept}s'; did you mean '{concept}'?"
    app.wait_until_blocked(f"line 2: {problem} Correct these rows")
    app.screenshot(pictures / "predictions-wrong.png")
