from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from fathomnet_voxel51.prediction_files.run import read_run
from PIL import Image

from demo.drawing.water import backdrop
from demo.generate import DemoSet, Settings, make
from demo.render import GRAIN
from demo.scenes import plan_scenes
from tests.demo.conftest import SMALL
from tests.demo.folders import hashes

REPOSITORY = Path(__file__).resolve().parents[2]


def read(path: Path) -> dict:
    return json.loads(path.read_text())


@pytest.mark.parametrize("name", ["train", "test", "test_truth"])
def test_catalogs_have_the_keys_and_categories_of_the_real_file(small, real_test_split, name):
    real, made = read(real_test_split), read(getattr(small, name))
    assert list(made) == list(real)
    for part in ("info", "licenses", "categories"):
        assert made[part] == real[part]
    for part in ("images", "annotations"):
        assert {tuple(record) for record in made[part]} == {tuple(real[part][0])}
    assert [box["id"] for box in made["annotations"]] == list(
        range(1, len(made["annotations"]) + 1)
    )


def test_only_the_test_catalog_withholds_its_labels(small):
    labels = {
        name: {box["category_id"] for box in read(getattr(small, name))["annotations"]}
        for name in ("train", "test", "test_truth")
    }
    assert labels["test"] == {None}
    assert None not in labels["train"] | labels["test_truth"]


def test_truth_differs_from_the_test_catalog_by_the_labels_alone(small):
    test, truth = read(small.test), read(small.test_truth)
    for box in truth["annotations"]:
        box["category_id"] = None
    assert truth == test


def test_equal_settings_give_equal_bytes(small, tmp_path):
    make(tmp_path / "other", SMALL, workers=2)
    assert hashes(tmp_path / "other") == hashes(small.folder)


def test_another_seed_gives_other_images(small, tmp_path):
    make(tmp_path, Settings(train=1, test=1, seed=6))
    assert not set(hashes(tmp_path / "media").values()) & set(hashes(small.media_root).values())


def test_a_complete_set_is_left_alone(small):
    before = {path: path.stat().st_mtime_ns for path in small.folder.rglob("*")}
    again = make(small.folder, SMALL)
    assert (again.drawn, again.present) == (0, SMALL.train + SMALL.test)
    assert {path: path.stat().st_mtime_ns for path in small.folder.rglob("*")} == before


def test_other_settings_replace_the_images_of_a_folder(tmp_path):
    make(tmp_path / "a", Settings(train=1, test=1, seed=1))
    make(tmp_path / "a", Settings(train=1, test=1, seed=2))
    make(tmp_path / "b", Settings(train=1, test=1, seed=2))
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")


@pytest.mark.fault(
    operator="python -m demo make",
    happens="it is killed in the middle",
    end="run again, the same bytes",
)
def test_a_killed_run_is_completed_to_the_same_bytes(small, tmp_path):
    command = [sys.executable, "-m", "demo", "make", "--output", str(tmp_path), "--workers", "2"]
    command += ["--train", str(SMALL.train), "--test", str(SMALL.test), "--seed", str(SMALL.seed)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(tmp_path.rglob("*.png")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    drawn = len(list(tmp_path.rglob("*.png")))
    assert 0 < drawn < SMALL.train + SMALL.test
    # The workers end with the run, so nothing is written behind the next one's back.
    time.sleep(1)
    made = make(tmp_path, SMALL)
    assert made.present >= drawn
    assert hashes(tmp_path) == hashes(small.folder)


def test_boxes_lie_inside_their_images_and_the_images_have_the_catalog_size(small):
    for split in ("train", "test"):
        catalog = read(getattr(small, split))
        for image in catalog["images"]:
            with Image.open(small.media_root / f"{split}_images" / image["file_name"]) as picture:
                assert picture.size == (image["width"], image["height"])
        sizes = {image["id"]: (image["width"], image["height"]) for image in catalog["images"]}
        for box in catalog["annotations"]:
            left, top, width, height = box["bbox"]
            assert min(left, top) >= 0
            assert left + width <= sizes[box["image_id"]][0]
            assert top + height <= sizes[box["image_id"]][1]
            assert min(width, height) >= 8
            assert box["area"] == width * height


def test_every_thing_in_the_truth_can_be_seen_where_it_is_said_to_be(small):
    scenes = {
        (scene.split, scene.image_id): scene
        for scene in plan_scenes(SMALL.train, SMALL.test, SMALL.seed)
    }
    for thing in read(small.truth)["objects"]:
        scene = scenes[thing["split"], thing["image_id"]]
        size = (scene.frame.width, scene.frame.height)
        empty = backdrop(
            scene.habitat, size, scene.horizon, scene.place, pan=scene.pan, grain=GRAIN
        ).picture
        path = small.media_root / f"{thing['split']}_images" / thing["file_name"]
        picture = np.asarray(Image.open(path), int)
        left, top, width, height = thing["bbox"]
        window = np.s_[top : top + height, left : left + width]
        changed = np.abs(picture[window] - empty[window]).max(axis=2) > 12
        assert changed.mean() > 0.03, thing
        # The box is tight: the drawing reaches each of its sides.
        assert changed[:, : width // 4 + 1].any() and changed[:, -width // 4 - 1 :].any(), thing
        assert changed[: height // 4 + 1].any() and changed[-height // 4 - 1 :].any(), thing


def test_the_truth_tells_of_every_box_and_of_no_other_animal(small):
    animals = {
        (thing["split"], thing["annotation_id"]): (thing["name"], thing["bbox"])
        for thing in read(small.truth)["objects"]
        if thing["kind"] == "animal"
    }
    boxes = {}
    for split, path in (("train", small.train), ("test", small.test_truth)):
        catalog = read(path)
        names = {category["id"]: category["name"] for category in catalog["categories"]}
        for box in catalog["annotations"]:
            boxes[split, box["id"]] = (names[box["category_id"]], box["bbox"])
    assert animals == boxes


def test_predictions_can_be_read_and_agree_with_their_probabilities(small):
    run = read_run(small.predictions)
    catalog = read(small.test)
    with (small.predictions / "predictions.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["annotation_id"]) for row in rows] == [
        box["id"] for box in catalog["annotations"]
    ]
    probabilities = np.asarray(run.rows.probabilities)
    assert probabilities.shape == (len(rows), 79)
    best = [run.concepts[column] for column in probabilities.argmax(axis=1)]
    assert best == [row["concept_name"] for row in rows]


def test_a_missing_taxonomy_is_named_and_nothing_is_written(tmp_path):
    with pytest.raises(Exception, match=r"nowhere\.csv"):
        make(tmp_path / "demo", SMALL, taxonomy=tmp_path / "nowhere.csv")
    assert not (tmp_path / "demo").exists()


def test_the_set_says_where_its_files_are(small: DemoSet):
    for path in (small.train, small.test, small.test_truth, small.predictions, small.truth):
        assert path.exists()
