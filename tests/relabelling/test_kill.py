"""Kill -9 while boxes are relabelled or restored, and run again: exact either way."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset import writes
from fathomnet_voxel51.ingest import ingest_crops, ingest_dataset
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.relabelling import relabel as relabelling
from fathomnet_voxel51.relabelling.journal import journals_of
from fathomnet_voxel51.taxonomy import load_taxonomy

from demo.synthetic import write_catalog
from tests.support.forking import run_apart, wait_for_the_import
from tests.support.stored import DICE_AND_TIMES, documents, without_none

NAME = "test-relabelling-killed"
NEW = "Scotoplanes globosa"
KILLS = {"boxes": 6, "crops": 4}
SLOW = 0.02
"""Seconds that each of the 70 or more edits is made to last, so that most kills meet the middle."""


def slowly() -> None:
    for name in ("_update_edit", "_save_edit"):
        setattr(writes, name, partial(slow, getattr(writes, name)))


def slow(update: Callable[..., None], *arguments: Any) -> None:
    time.sleep(SLOW)
    update(*arguments)


def relabel() -> None:
    slowly()
    relabelling.relabel_boxes(fo.load_dataset(NAME).view(), NEW)


def undo() -> None:
    slowly()
    relabelling.undo_relabel(fo.load_dataset(NAME))


@pytest.fixture(scope="module", params=KILLS)
def dataset(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """Boxes in images, or crops with one label each."""
    folder: Path = tmp_path_factory.mktemp("files")
    if request.param == "boxes":
        catalog = write_catalog(folder / "train.json", 120, 360, seed=3)
        ingest_dataset(NAME, train_annotations=catalog, media_root=str(folder))
    else:
        names = load_taxonomy().concepts
        rows = (f"{number}.png,{names[number % len(names)]}" for number in range(160))
        (folder / "crops.csv").write_text("\n".join(("path,label", *rows)))
        ingest_crops(NAME, table=str(folder / "crops.csv"))
    dataset = fo.load_dataset(NAME)
    add_taxonomy_ranks(dataset)
    yield dataset
    fo.delete_dataset(NAME)


def state(dataset: Any) -> Any:
    # Each relabelling has a time of its own, and the public way leaves None for what is taken away.
    return without_none(documents(dataset, DICE_AND_TIMES))


@pytest.mark.fault(
    operator="relabel_boxes",
    happens="it is killed at three random instants",
    end="run again, every box has the new label and all journals are closed",
)
@pytest.mark.fault(
    operator="undo_relabel",
    happens="it is killed at three random instants",
    end="run again, every box is as it was before the relabelling",
)
def test_relabelling_and_undo_survive_kills(
    request: pytest.FixtureRequest, dataset: Any, either_way: str
) -> None:
    kills = KILLS[request.node.callspec.params["dataset"]]
    dice = random.Random(4)
    before = state(dataset)
    wait_for_the_import()
    run_apart(relabel)
    seconds = run_apart(relabel)  # as long as it takes to find nothing to write
    relabelled = state(dataset)
    run_apart(undo)
    assert state(dataset) == before
    half_way = 0
    for stage, target in [(relabel, relabelled), (undo, before)] * (kills // 2):
        began = state(dataset)
        run_apart(stage, kill_after=seconds + dice.uniform(0, 1.2))
        half_way += state(dataset) not in (began, target)
        run_apart(stage) if stage is relabel else finish_undo(dataset)
        assert state(dataset) == target
        assert all(one.stage in ("done", "undone") for one in journals_of(fresh()))
    # The server writes whole groups of images by itself the public way: fewer kills meet a middle.
    assert half_way >= (1 if either_way == "public API" else kills // 3)


def fresh() -> Any:
    return fo.load_dataset(NAME, reload=True)


def finish_undo(dataset: Any) -> None:
    """The killed undo once more; one that was not begun, or was at its end, likewise."""
    last = journals_of(fresh())[-1]
    relabelling.undo_relabel(fresh(), last.key)
