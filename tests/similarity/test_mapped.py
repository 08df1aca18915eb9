"""The mapped copies: whole or not there, whoever is killed and however many write."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import numpy as np
import pytest
from fathomnet_voxel51.similarity import mapped
from fathomnet_voxel51.similarity.mapped import Rows, open_version, write_version

KILLS = 15
DIMENSIONS = 256
COUNT = 20_000

forking = multiprocessing.get_context("fork")


def rows(count: int = 50, seed: int = 0) -> Rows:
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 256, (2, count, 12), dtype=np.uint8)
    return Rows.of(rng.normal(size=(count, DIMENSIONS)).astype(np.float32), ids[0], ids[1])


def same(one: Rows | None, other: Rows) -> bool:
    names = ("matrix", "inverse", "ids", "sample_ids")
    return one is not None and all((getattr(one, n) == getattr(other, n)).all() for n in names)


def test_what_is_written_is_read_and_older_versions_go(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    write_version(folder, "old", rows(seed=1))
    write_version(folder, "new", rows(seed=2))
    assert same(open_version(folder, "new"), rows(seed=2))
    assert open_version(folder, "old") is None
    assert [path.name for path in folder.iterdir()] == ["new"]


def test_mapped_rows_outlive_their_version(tmp_path: Path) -> None:
    write_version(tmp_path, "old", rows(seed=1))
    opened = open_version(tmp_path, "old")
    write_version(tmp_path, "new", rows(seed=2))
    assert same(opened, rows(seed=1))


@pytest.mark.fault(
    operator="build_similarity_index",
    happens="a file of the index on disk is cut short",
    end="it is not used and is made again",
)
@pytest.mark.parametrize("name", ["matrix", "inverse", "ids", "sample_ids"])
def test_a_damaged_copy_is_no_copy_and_is_replaced(tmp_path: Path, name: str) -> None:
    write_version(tmp_path, "v", rows())
    file = tmp_path / "v" / f"{name}.npy"
    os.truncate(file, file.stat().st_size - 40)
    assert open_version(tmp_path, "v") is None
    write_version(tmp_path, "v", rows())
    assert same(open_version(tmp_path, "v"), rows())


def test_a_part_of_a_killed_process_goes_when_it_is_old(tmp_path: Path) -> None:
    parts = [tmp_path / f"{name}.part" for name in ("fresh", "abandoned")]
    for part in parts:
        part.mkdir()
    long_ago = time.time() - 2 * mapped._ABANDONED_SECONDS
    os.utime(parts[1], (long_ago, long_ago))
    write_version(tmp_path, "v", rows())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fresh.part", "v"]


def write_large(folder: Path) -> None:
    write_version(folder, "v", rows(COUNT))


@pytest.mark.fault(
    operator="build_similarity_index",
    happens="the writer of its files is killed at random instants",
    end="the files are whole or absent, and can be written again",
)
def test_killed_at_any_instant_a_version_is_whole_or_absent(tmp_path: Path) -> None:
    large = rows(COUNT)
    rng = np.random.default_rng(3)
    absent = 0
    for number in range(KILLS):
        folder = tmp_path / str(number)
        process = forking.Process(target=write_large, args=(folder,))
        process.start()
        time.sleep(float(rng.uniform(0, 0.3)))
        process.kill()
        process.join()
        found = open_version(folder, "v")
        absent += found is None
        assert found is None or same(found, large)
        write_version(folder, "v", large)
        assert same(open_version(folder, "v"), large)
    assert absent, "no process was killed before it was done: the test has lost its point"


@pytest.mark.fault(
    operator="build_similarity_index",
    happens="four processes write its files at once",
    end="one whole version and nothing beside it",
)
def test_two_writers_at_once_leave_one_whole_version(tmp_path: Path) -> None:
    processes = [forking.Process(target=write_large, args=(tmp_path,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert same(open_version(tmp_path, "v"), rows(COUNT))
    assert [path.name for path in tmp_path.iterdir()] == ["v"]
