"""A split by dive in the real App: told beforehand, tried, made, and made by a worker."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51 import delegation
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.progress import silent

from demo.generate import DemoSet
from tests.e2e.app import App, figures
from tests.e2e.queued import newest_operation
from tests.support.drawn import MEDIUM, Drawn

SPLIT = "FathomNet: split by dive"
DIVES, FRAMES_PER_DIVE = 8, 4


@pytest.fixture(scope="module")
def demo_set(drawn: Drawn) -> DemoSet:
    return drawn(MEDIUM)


@pytest.fixture
def dataset(demo_set: DemoSet, no_dataset: str) -> Any:
    """The images, a training image of each dive of which somebody has put into validation."""
    ingest_dataset(
        no_dataset,
        train_annotations=str(demo_set.train),
        test_annotations=str(demo_set.test),
        media_root=str(demo_set.media_root),
    )
    dataset = fo.load_dataset(no_dataset)
    first = dataset.select(dataset.match_tags("train").values("id")[::4])
    for sample in first:
        sample.tags = ["val"]
        sample.save()
    return dataset


def dives_of(dataset: Any, tag: str) -> list[int]:
    """The dive of each training image that has a tag in the database, counted from 0."""
    images = dataset._sample_collection.find({"tags": tag, "split": "train"})
    return [(image["image_id"] - 1) // FRAMES_PER_DIVE for image in images]


def tags_of(dataset: Any) -> dict[str, list[str]]:
    """The tags of each image in the database, by its id."""
    return {str(image["_id"]): image["tags"] for image in dataset._sample_collection.find()}


def leaks_in(app: App) -> list[tuple[str, int, int]]:
    """The rows of a result's tables of leaks: sides, dives and images."""
    rows = app.form.get_by_role("row").all_inner_texts()
    cells = [row.split("\t") for row in rows]
    return [(one[0], int(one[1]), int(one[2])) for one in cells if one[0] != "Sides"]


def test_a_split_is_told_then_tried_then_made_so_that_no_dive_is_on_both_sides(
    app: App, dataset: Any, demo_set: DemoSet, pictures: Path
) -> None:
    shared = len(json.loads(demo_set.truth.read_text())["dives_in_both_splits"])
    app.open_dataset(dataset.name, 44)
    app.wait_until_drawn()
    app.open_operator(SPLIT)
    app.fill("Validation share", "1.5")
    app.wait_until_blocked("input should be less than 1")
    app.fill("Validation share", "0.25")
    app.wait_for_text(f"Now {DIVES} dives are in train and val, with 32 images")
    app.wait_until_ready()
    told = app.facts()
    assert told[:2] == [
        "24 images for training and 8 for validation (25.0%)",
        f"{DIVES} dives, none of them on both sides",
    ]
    app.screenshot(pictures / "split-form.png")
    app.tick("Dry run")
    app.submit("Execute")
    assert figures(app.result())["Dry run"] == "yes"
    app.close()
    before = tags_of(dataset)
    assert sorted(dives_of(dataset, "val")) == list(range(DIVES))

    app.open_operator(SPLIT)
    app.fill("Validation share", "0.25")
    app.submit("Execute")
    result = figures(app.result())
    app.wait_until_drawn()
    app.form.get_by_text("official test split").last.scroll_into_view_if_needed()
    app.screenshot(pictures / "split-result.png")
    assert (result["Train"], result["Val"], result["Dives"]) == ("24", "8", str(DIVES))
    val, train = dives_of(dataset, "val"), dives_of(dataset, "train")
    assert (len(val), len(train)) == (8, 24)
    assert not set(val) & set(train)
    changed = sum(tags != before[image] for image, tags in tags_of(dataset).items())
    assert f"{changed} images get another tag" in told
    leaks, left = leaks_in(app)[:3], leaks_in(app)[3:]
    assert [leak[:2] for leak in leaks] == [
        ("train, val", DIVES),
        ("train, test", shared),
        ("val, test", shared),
    ]
    assert sum(dives for _, dives, _ in left) == shared
    assert {sides for sides, _, _ in left} <= {"train, test", "val, test"}
    app.close()
    app.filter("tags", "val")
    app.wait_for_samples(8)


def test_a_split_of_what_is_shown_is_made_by_a_worker(app: App, worker: None, dataset: Any) -> None:
    dataset.save_view("half", dataset.match_tags(["train", "val"]).limit(16))
    app.open_dataset(dataset.name, 44)
    app.wait_until_drawn()
    app.choose_view("test")
    app.wait_for_samples(12)
    app.open_operator(SPLIT)
    app.wait_until_blocked("has no image tagged train or val")
    app.form.get_by_role("button", name="Cancel").click()

    app.choose_view("half")
    app.wait_for_samples(16)
    app.open_operator(SPLIT)
    app.fill("Validation share", "0.25")
    app.wait_for_text("12 images for training and 4 for validation (25.0%)")
    app.submit("Schedule")
    result = delegation.follow(newest_operation("split_by_dive"), silent)
    assert (result["train"], result["val"], result["dives"]) == (12, 4, 4)
    sides = {tag: Counter(dives_of(dataset, tag)) for tag in ("train", "val")}
    whole = {dive: count for dive, count in sides["val"].items() if count == FRAMES_PER_DIVE}
    assert len(whole) == 1 and set(whole) <= set(range(4))
    assert all(sides["val"][dive] == 1 for dive in range(4, DIVES)), "not shown, so as before"
