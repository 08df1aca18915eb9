"""Kill -9 while suspects are written, and run again: what an undisturbed run leaves."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset import public_writes, writes
from fathomnet_voxel51.dataset.records import read_values
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.label_errors import find as review
from fathomnet_voxel51.predictions import import_predictions

from demo.synthetic import write_catalog, write_predictions_csv
from tests.support.forking import run_apart, wait_for_the_import
from tests.support.stored import DICE_AND_TIMES, documents

NAME = "test-review-killed"
LOW, HIGH = 0.0003, 0.01
"""Two thresholds, so that each run has much to replace; names alone make nothing sure."""
KILLS = 6
SLOW = 0.04
"""Seconds that each of the 30 batches is made to last, so that most kills meet the middle."""


def slowly(seconds: float, write: Callable[..., Any], *arguments: Any) -> Any:
    time.sleep(seconds)
    return write(*arguments)


def find(threshold: float, slow: float = 0.0) -> None:
    for module, name in ((writes, "_write_batch"), (public_writes, "save_pipeline")):
        setattr(module, name, partial(slowly, slow, getattr(module, name)))
    writes.BATCH = public_writes.BATCH = 4
    writes.WRITERS = 1
    review.find_label_errors(fo.load_dataset(NAME), threshold=threshold)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder: Path = tmp_path_factory.mktemp("files")
    catalog = write_catalog(folder / "train.json", 120, 360, seed=3)
    rows = write_predictions_csv(folder / "predictions.csv", catalog)
    ingest_dataset(NAME, train_annotations=str(catalog), media_root=str(folder))
    dataset = fo.load_dataset(NAME)
    import_predictions(dataset, str(rows), split="train")
    yield dataset
    fo.delete_dataset(NAME)


def run(threshold: float, kill_after: float | None = None) -> float:
    """Runs the stage in a process of its own, and how long that took."""
    return run_apart(partial(find, threshold, SLOW), kill_after)


def state() -> Any:
    dataset = fo.load_dataset(NAME, reload=True)
    views = {
        name: dataset.load_saved_view(name).values("ground_truth.id")
        for name in dataset.list_saved_views()
        if name != "train"
    }
    record = read_values(dataset, "label_errors_ground_truth") or {}
    record.pop("found_at", None)
    return documents(dataset, DICE_AND_TIMES), views, record


@pytest.mark.fault(
    operator="find_label_errors",
    happens="it is killed at six random instants, replacing suspects of other settings",
    end="run again, the scores, views and record of an undisturbed run",
)
def test_a_killed_run_is_finished_by_the_next(dataset: Any, either_way: str) -> None:
    dice = random.Random(5)
    targets = {}
    wait_for_the_import()
    for threshold in (HIGH, LOW):
        seconds = run(threshold)
        targets[threshold] = state()
    assert targets[LOW][1]["suspects"] != targets[HIGH][1]["suspects"]
    half_way = 0
    for number in range(KILLS):
        threshold = (HIGH, LOW)[number % 2]
        run(threshold, kill_after=dice.uniform(0.2, 1.0) * seconds)
        half_way += state() not in targets.values()
        run(threshold)
        assert state() == targets[threshold]
    assert half_way >= KILLS / 3
