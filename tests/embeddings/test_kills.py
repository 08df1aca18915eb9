"""Kill -9 at any instant, run again: the same vectors, and hardly a box embedded twice."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from fathomnet_voxel51.dataset.vectors import read_vectors
from fathomnet_voxel51.embeddings import compute as embeddings
from fathomnet_voxel51.embeddings import compute_embeddings

from tests.support.forking import forking

from .tiny import TinyEmbedder, write_images

NAME = "test-killed-embedding"
COUNTS = (3, 0, 17, 1, 5, 2, 40, 4) * 3
BOXES = sum(COUNTS)
BATCH = 6
IN_FLIGHT = 3
"""Batches: one being written, one that waits for it, one in the model."""
KILLS = 6
MID_RUN_AT_LEAST = 2


def embed(log: str, share: Synchronized[float] | None = None) -> None:
    """Embeds the dataset, and says to who will kill it how far it is."""

    def progress(done: float, label: str) -> None:
        if share is not None:
            share.value = done

    embedder = TinyEmbedder(log=Path(log))
    embeddings.load_embedder = lambda name, device, precision, progress: embedder  # type: ignore[assignment]
    compute_embeddings(fo.load_dataset(NAME), method="none", batch_size=BATCH, progress=progress)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    made = fo.Dataset(NAME, persistent=True, overwrite=True)
    made.add_samples(write_images(tmp_path_factory.mktemp("images"), COUNTS))
    yield made
    made.delete()


def start_over(dataset: Any) -> None:
    dataset.reload()
    for name in ("clip_embedding", "clip_embedding_source"):
        if dataset.get_field(f"ground_truth.detections.{name}") is not None:
            dataset.delete_sample_field(f"ground_truth.detections.{name}")


def run(target: Callable[..., None], *arguments: Any) -> Any:
    process = forking.Process(target=target, args=arguments)
    process.start()
    return process


@pytest.mark.fault(
    operator="compute_embeddings",
    happens="it is killed at six random instants",
    end="run again, the same vectors; only batches in flight are embedded twice",
)
def test_a_run_that_is_killed_and_repeated_gives_the_undisturbed_vectors(
    dataset: Any, tmp_path: Path, either_way: str
) -> None:
    start_over(dataset)
    process = run(embed, str(tmp_path / "undisturbed"))
    process.join()
    assert process.exitcode == 0
    dataset.reload()
    expected = read_vectors(dataset, "ground_truth", "clip_embedding")
    assert len(expected.ids) == BOXES
    draw = random.Random(11)
    mid_run = 0
    for number in range(KILLS):
        start_over(dataset)
        log = tmp_path / f"log-{number}"
        share = forking.Value("d", 0.0)
        process = run(embed, str(log), share)
        target = draw.uniform(0.0, 0.9)
        while share.value <= target and process.is_alive():
            time.sleep(0.0005)
        time.sleep(draw.uniform(0.0, 0.02))
        process.kill()
        process.join()
        dataset.reload()
        seen = log.read_text().split() if log.exists() else []
        mid_run += 0 < len(seen) < BOXES
        process = run(embed, str(log))
        process.join()
        assert process.exitcode == 0
        there = read_vectors(dataset, "ground_truth", "clip_embedding")
        assert there.ids == expected.ids
        np.testing.assert_array_equal(there.matrix, expected.matrix, err_msg=f"kill {number}")
        times = Counter(log.read_text().split())
        assert len(times) == BOXES
        assert max(times.values()) <= 2
        again = sum(count - 1 for count in times.values())
        assert again <= IN_FLIGHT * BATCH, f"kill {number}"
    assert mid_run >= MID_RUN_AT_LEAST
