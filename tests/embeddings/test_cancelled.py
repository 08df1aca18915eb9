"""Long work says how far it is and ends where it is cancelled; a rerun completes what is there."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.brain as fob
import numba
import numpy as np
import pytest
from fathomnet_voxel51 import delegation
from fathomnet_voxel51.embeddings import compute_embeddings, maps
from fathomnet_voxel51.embeddings.maps import make_map
from fathomnet_voxel51.errors import OperationFailedError
from fathomnet_voxel51.models import load_embedder
from fathomnet_voxel51.models.weights import find_known
from fathomnet_voxel51.names import PLUGIN_NAME
from fathomnet_voxel51.progress import throttled
from fathomnet_voxel51.text import size_text
from fiftyone.operators.executor import execute_or_delegate_operator

from tests.support import screens

from .tiny import write_images

MODEL = "demo-clip"
FIELD = "demo_clip_embedding"
KEY = "demo_clip_umap_ground_truth"
BOXES = 2_000
PATIENCE = 300
"""Seconds."""


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Boxes with vectors of the demo's model, and no map."""
    made = fo.Dataset(persistent=True)
    made.add_samples(write_images(tmp_path_factory.mktemp("images"), [BOXES // 20] * 20))
    compute_embeddings(made, model=MODEL, method="none")
    yield made
    made.delete()


@pytest.fixture
def dataset(embedded: Any) -> Iterator[Any]:
    yield embedded
    embedded.reload()
    for key in embedded.list_brain_runs():
        embedded.delete_brain_run(key)


class Cancelled:
    """A progress callback that raises, as a run does that somebody cancels, once words are told."""

    def __init__(self, words: str, times: int = 1) -> None:
        self.words, self.left, self.told = words, times, list[tuple[float, str]]()

    def __call__(self, share: float, label: str) -> None:
        self.told.append((share, label))
        self.left -= self.words in label
        if not self.left:
            raise OperationFailedError("cancelled")


def points_of(dataset: Any, key: str = KEY) -> Any:
    return np.array(dataset.load_brain_results(key).points)


def test_umap_tells_each_epoch_and_draws_what_it_draws_untold(dataset: Any) -> None:
    fob.compute_visualization(
        dataset,
        patches_field="ground_truth",
        embeddings=FIELD,
        brain_key="untold",
        method="umap",
        seed=maps.SEED,
        num_neighbors=maps.NEIGHBOURS,
        verbose=False,
    )
    told: list[tuple[float, str]] = []
    made = make_map(
        dataset, "ground_truth", FIELD, "umap", KEY, lambda *report: told.append(report)
    )
    assert made.points == BOXES
    np.testing.assert_array_equal(points_of(dataset), points_of(dataset, "untold"))
    said = f"drawing the map of {BOXES:,} vectors by umap"
    assert told[0] == (0.0, said)
    epochs = [label for _, label in told if "epoch" in label]
    assert epochs == [f"{said}: epoch {one}/500" for one in range(1, 501)]
    shares = [share for share, _ in told]
    assert shares == sorted(shares)


def test_a_map_that_is_cancelled_leaves_that_before_and_is_drawn_by_the_next_run(
    dataset: Any,
) -> None:
    make_map(dataset, "ground_truth", FIELD, "pca", KEY)
    before = points_of(dataset)
    threads = numba.get_num_threads()
    cancelled = Cancelled("epoch 20/")
    with pytest.raises(OperationFailedError, match="cancelled"):
        make_map(dataset, "ground_truth", FIELD, "umap", KEY, cancelled)
    assert cancelled.told[-1][1].endswith("epoch 20/500")
    assert numba.get_num_threads() == threads
    dataset.reload()
    assert dataset.list_brain_runs() == [KEY]
    np.testing.assert_array_equal(points_of(dataset), before)
    # Nor does umap hear of it where somebody draws a map without this project.
    fob.compute_visualization(
        dataset.limit(2),
        patches_field="ground_truth",
        embeddings=FIELD,
        brain_key="own",
        method="umap",
        seed=maps.SEED,
        verbose=False,
    )
    assert cancelled.told[-1][1].endswith("epoch 20/500")
    assert make_map(dataset, "ground_truth", FIELD, "umap", KEY).points == BOXES


def test_umap_is_cancelled_while_it_is_compiled_too_and_works_afterwards(
    dataset: Any, tmp_path: Path
) -> None:
    make_map(dataset, "ground_truth", FIELD, "umap", KEY)
    # A process that has compiled nothing yet, as a worker's is.
    (tmp_path / "fresh.py").write_text(
        textwrap.dedent(
            f"""
            import fiftyone as fo
            import numpy as np
            from fathomnet_voxel51.embeddings.maps import make_map

            dataset = fo.load_dataset({dataset.name!r})
            for times in (1, 3, 0):
                left = times

                def progress(share, label):
                    global left
                    left -= "preparing" in label
                    if left == 0 and times:
                        raise InterruptedError(label)

                try:
                    make_map(dataset, "ground_truth", {FIELD!r}, "umap", "fresh", progress)
                    print("drawn")
                except InterruptedError as error:
                    print(error, dataset.list_brain_runs() == [{KEY!r}])
            """
        )
    )
    fresh = subprocess.run(
        [sys.executable, str(tmp_path / "fresh.py")], capture_output=True, text=True, check=True
    )
    stopped = f"drawing the map of {BOXES:,} vectors by umap: preparing True"
    # FiftyOne's brain writes there too.
    said = [line for line in fresh.stdout.splitlines() if line in ("drawn", stopped)]
    assert said == [stopped, stopped, "drawn"], fresh.stdout
    dataset.reload()
    np.testing.assert_array_equal(points_of(dataset, "fresh"), points_of(dataset))


@pytest.mark.usefixtures("empty_queue")
def test_a_run_of_the_app_that_is_cancelled_in_the_home_panel_ends_there(dataset: Any) -> None:
    def run() -> Any:
        request = screens.request(dataset) | {"params": {"model": MODEL, "method": "umap"}}
        uri = f"{PLUGIN_NAME}/compute_embeddings"
        return asyncio.run(execute_or_delegate_operator(uri, json.loads(json.dumps(request))))

    thread = threading.Thread(target=run)
    thread.start()
    drawing = wait_until(dataset, lambda run: "epoch" in run.doing)
    assert delegation.cancel(dataset, drawing, "cancelled in the home panel")
    thread.join(PATIENCE)
    assert not thread.is_alive()
    (run_,) = delegation.newest_runs(dataset)
    assert (run_.state, run_.error) == ("failed", "cancelled in the home panel")
    dataset.reload()
    assert dataset.list_brain_runs() == []
    done = run().result
    assert (done["embedded"], done["present"], done["brain_key"]) == (0, BOXES, "demo_clip_umap")
    dataset.reload()
    assert points_of(dataset, "demo_clip_umap").shape == (BOXES, 2)


def wait_until(dataset: Any, holds: Callable[[Any], bool]) -> Any:
    for _ in range(PATIENCE * 10):
        for run in delegation.newest_runs(dataset):
            if holds(run):
                return run
        time.sleep(0.1)
    raise AssertionError([run.doing for run in delegation.newest_runs(dataset)])


STEPS = ("starting torch", "starting open_clip", "reading its weights", "trying it", "identifying")


@pytest.mark.parametrize("step", STEPS)
def test_a_model_that_is_being_loaded_tells_each_step_and_is_left_where_it_is_cancelled(
    step: str, make_dataset: Callable[..., Any], tmp_path: Path
) -> None:
    dataset = make_dataset(write_images(tmp_path, [3]))
    fields, cancelled = {*dataset.get_field_schema(flat=True)}, Cancelled(step)
    with pytest.raises(OperationFailedError, match="cancelled"):
        compute_embeddings(dataset, model=MODEL, method="none", progress=cancelled)
    title, size = (
        "Demo CLIP, a tiny model that knows only the drawn demo set",
        size_text(find_known(MODEL).size),
    )
    loading = [label for _, label in cancelled.told]
    assert loading[0] == f"loading {title}: starting torch"
    assert all(label.startswith(f"loading {title} ({size}): ") for label in loading[1:])
    assert [one for one in STEPS if one in " ".join(loading)] == [*STEPS[: STEPS.index(step) + 1]]
    dataset.reload()
    assert (dataset.list_runs(), {*dataset.get_field_schema(flat=True)}) == ([], fields)
    assert compute_embeddings(dataset, model=MODEL, method="none").embedded == 3


def test_the_weights_are_identified_piece_by_piece() -> None:
    told: list[tuple[float, str]] = []
    embedder = load_embedder(MODEL, progress=lambda *report: told.append(report))
    assert told[-1] == (1.0, told[-1][1]) and told[-1][1].endswith("identifying its weights, 100%")
    assert embedder.settings["weights_sha256"] == find_known(MODEL).sha256()


def test_other_work_is_told_however_soon_it_follows() -> None:
    told: list[str] = []
    report = throttled(lambda share, label: told.append(label), interval=60)
    for share, label in (
        (0.1, "embedding 1/24,487 boxes, 30.5/s"),
        (0.2, "embedding 2/24,487 boxes, 31/s"),
        (0.9, "drawing the map"),
        (0.9, "drawing the map: epoch 1/200"),
        (0.9, "drawing the map: epoch 2/200"),
        (1.0, "drawing the map: epoch 3/200"),
    ):
        report(share, label)
    assert told == [
        "embedding 1/24,487 boxes, 30.5/s",
        "drawing the map",
        "drawing the map: epoch 1/200",
        "drawing the map: epoch 3/200",
    ]
