"""The demo's story, told in one process: every chapter makes what the next one needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.parameters import RunWorkflow
from fathomnet_voxel51.text import as_plain
from fathomnet_voxel51.workflow import run_workflow

from demo import story as told
from demo.emulator import emulator
from demo.origin import MISSING, published
from demo.run import Chapter
from demo.wrong_labels import plant
from tests.support.drawn import LARGE, Drawn

TRAIN, TEST = LARGE.train, LARGE.test


def test_the_story_is_told_from_urls_to_a_data_card(
    drawn: Drawn, dataset_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = drawn(LARGE)
    planted = plant(made.train, tmp_path)
    with (
        published(
            {"train": planted.catalog, "test": made.test}, made.media_root, tmp_path / "published"
        ) as copies,
        emulator(folder=tmp_path / "bucket") as bucket,
    ):
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", bucket.url)
        # Ledgers and mirror are beneath it, and other tests have a bucket of this name.
        monkeypatch.setenv("HOME", str(tmp_path))
        files = told.StoryFiles(
            copies["train"],
            copies["test"],
            planted.predictions,
            made.predictions,
            tmp_path / "card",
        )
        chapters = told.story(files, dataset_name)
        results = [_run(chapters[0], None)]
        again = _run(chapters[0], None)
        assert len(list(bucket.files.rglob("*.png"))) == TRAIN + TEST - MISSING
    dataset = fo.load_dataset(dataset_name)
    results += [_run(chapter, dataset) for chapter in chapters[1:]]

    media, scored, searched, debris, described = results
    assert {split: one["missing"] for split, one in media["upload_images"].items()} == {
        "train": MISSING,
        "test": 0,
    }
    assert sum(one["stored"] for one in again["upload_images"].values()) == 0
    assert again["ingest_dataset"]["samples_added"] == 0
    assert dataset.count_values("media_status") == {
        "ok": TRAIN + TEST - MISSING,
        "missing": MISSING,
    }
    assert all(uri.startswith(told.BUCKET) for uri in dataset.values("media_uri"))
    labels = len(json.loads(made.train.read_text())["annotations"])
    assert scored["evaluate_predictions"]["boxes"] == labels
    assert dataset.has_evaluation("eval_model_predictions")
    assert searched["find_label_errors"]["suspects"] >= len(planted.wrong) / 2
    assert debris["find_needles"]["view"] in dataset.list_saved_views()
    assert described["find_duplicates"]["groups"] > 0
    assert (files.card / "data-card.html").is_file()
    for chapter, result in zip(chapters, results, strict=True):
        assert list(chapter.told(result))


def _run(chapter: Chapter, dataset: Any) -> Mapping[str, Any]:
    results: Mapping[str, Any] = as_plain(run_workflow(RunWorkflow.parse(chapter.values), dataset))
    return results
