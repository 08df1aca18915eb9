"""The disk is full in the middle: what is there stays whole, and the next run goes on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
import torch
from fathomnet_inference.run import run as predict
from fathomnet_voxel51.errors import DatasetError, FathomNetError, SetupError
from fathomnet_voxel51.media.transfer import download_images, upload_images
from fathomnet_voxel51.similarity.mapped import HOME_VARIABLE

from tests.faults import stages
from tests.faults.held import alone
from tests.faults.small_disk import SmallDisk, on_small_disk
from tests.faults.stages import Files
from tests.inference.toy import Toy, make_toy
from tests.media.jobs import QUICK, write_coco
from tests.media.origin import Origin, png

FULL = "No space left on device"
WANTED = 40
"""Images of 40 kB, of which a disk of a megabyte takes about half."""


@pytest.fixture
def images() -> dict[str, bytes]:
    return {f"{number:02}.png": png(40_000 + number, number) for number in range(WANTED)}


@pytest.fixture
def catalog(images: dict[str, bytes], tmp_path: Path) -> Iterator[str]:
    with Origin(images) as origin:
        yield write_coco(tmp_path / "coco.json", {name: origin.url(name) for name in images})


def failure(work: Callable[..., Any], *arguments: Any, **options: Any) -> FathomNetError | None:
    try:
        work(*arguments, **options)
    except FathomNetError as error:
        return error
    return None


def moved_twice(place: Path, move: Callable[..., Any], catalog: str) -> tuple[Any, ...]:
    """Moves images onto a small disk, makes room when it is full, and moves them again."""
    disk = SmallDisk(place)
    values: dict[str, Any] = {"allow_private_hosts": True, "concurrency": 4, "policy": QUICK}
    first = failure(move, catalog, "train", str(place), **values)
    left = {path.name: path.read_bytes() for path in (place / "train_images").iterdir()}
    disk.grow(4096)
    second = move(catalog, "train", str(place), **values)
    there = {path.name: path.read_bytes() for path in (place / "train_images").iterdir()}
    return first, left, second, there


@pytest.mark.parametrize(
    "move",
    [
        pytest.param(
            move,
            marks=pytest.mark.fault(
                operator=move.__name__,
                happens="the disk is full in the middle",
                end="it stops and says so, all that is there is whole; with room the next run "
                "moves the rest alone",
            ),
        )
        for move in (upload_images, download_images)
    ],
)
def test_a_transfer_onto_a_disk_that_fills_up(
    move: Callable[..., Any], catalog: str, images: dict[str, bytes], tmp_path: Path
) -> None:
    first, left, second, there = on_small_disk(moved_twice, tmp_path / "disk", move, catalog)
    assert isinstance(first, SetupError) and FULL in str(first) and "run it again" in str(first)
    assert 0 < len(left) < WANTED
    assert all(images[name] == content for name, content in left.items())
    assert (second.present, second.stored) == (len(left), WANTED - len(left))
    assert there == images


def written_twice(place: Path, operator: str, parameter: str, files: Files) -> tuple[Any, ...]:
    """Writes an operator's files, then once more onto a full disk, then with room again."""
    disk = SmallDisk(place)
    target = place / "files"
    stages.operator(operator, **{parameter: str(target)})
    first = {path.name: path.read_bytes() for path in target.iterdir()}
    stages.operator("relabel_boxes", label=stages.NEW_LABEL)
    disk.fill()
    error = failure(stages.operator, operator, **{parameter: str(target)})
    left = {path.name: path.read_bytes() for path in target.iterdir()}
    disk.empty()
    stages.operator(operator, **{parameter: str(target)})
    last = {path.name: path.read_bytes() for path in target.iterdir()}
    return first, error, left, last


@pytest.mark.parametrize(
    ("operator", "parameter"),
    [
        pytest.param(
            *names,
            id=names[0],
            marks=pytest.mark.fault(
                operator=names[0],
                happens="the disk is full when its files are written",
                end="it says so, and the files of the run before stay as they were",
            ),
        )
        for names in (("report_dataset", "path"), ("export_corrections", "folder"))
    ],
)
def test_files_that_do_not_fit_leave_those_before_alone(
    operator: str, parameter: str, files: Files, tmp_path: Path
) -> None:
    alone(stages.prepare, files, (stages.ingest, stages.ranks))
    place = tmp_path / "disk"
    first, error, left, last = on_small_disk(written_twice, place, operator, parameter, files)
    assert isinstance(error, DatasetError)
    assert str(error) == f"{place / 'files'} cannot be written: {FULL}"
    assert len(first) == 2 and left == first
    # There is a verdict now: of whoever relabelled.
    assert last.keys() - {"verdicts.csv"} == first.keys() and last != first
    stages.delete()


def predicted(output: Path, toy: Toy) -> bytes:
    torch.set_num_threads(1)  # more would wait for each other, over matrices as small as these
    predict(toy.request(output))
    return (output / "predictions.csv").read_bytes()


def predicted_twice(place: Path, toy: Toy) -> tuple[Any, ...]:
    disk = SmallDisk(place)
    output = place / "run"
    disk.fill(leaving=32_768)
    error = failure(predicted, output, toy)
    finished = (output / "manifest.json").exists()
    disk.empty()
    return error, finished, predicted(output, toy)


@pytest.mark.fault(
    operator="fathomnet-infer run",
    happens="the disk is full in the middle",
    end="it says so and writes no manifest; with room it goes on, to the same predictions",
)
def test_predictions_that_do_not_fit_are_made_by_the_next_run(tmp_path: Path) -> None:
    toy = make_toy(tmp_path)
    expected = alone(predicted, tmp_path / "undisturbed", toy)
    error, finished, rows = on_small_disk(predicted_twice, tmp_path / "disk", toy)
    assert isinstance(error, SetupError) and f"cannot be written: {FULL}" in str(error)
    assert not finished
    assert rows == expected


def searched(home: Path) -> tuple[Any, ...]:
    """The boxes that are most like the first one, and what this machine keeps of the index."""
    os.environ[HOME_VARIABLE] = str(home)
    built = stages.operator("build_similarity_index")
    dataset = fo.load_dataset(stages.NAME, reload=True)
    query = dataset.first().ground_truth.detections[0].id
    near = dataset.to_patches("ground_truth").sort_by_similarity(
        query, k=5, brain_key=built["brain_key"]
    )
    return near.values("id"), [path for path in home.rglob("*") if path.is_file()]


def searched_without_room(place: Path) -> tuple[Any, ...]:
    disk = SmallDisk(place)
    disk.fill()
    found, kept = searched(place / "indexes")
    disk.empty()
    return found, kept


@pytest.mark.fault(
    operator="build_similarity_index",
    happens="the disk is full when this machine's copy of the index is written",
    end="the index is built and searched without a copy, and nothing is left of one",
)
def test_an_index_is_searched_where_no_copy_fits(files: Files, tmp_path: Path) -> None:
    alone(stages.prepare, files, (stages.ingest, stages.embed))
    near, copies = alone(searched, tmp_path / "indexes")
    assert len(near) == 5 and copies
    assert on_small_disk(searched_without_room, tmp_path / "disk") == (near, [])
    stages.delete()
