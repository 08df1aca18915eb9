"""A worker is killed while images move; its operation is failed and run again: each image once."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from fathomnet_voxel51 import delegation
from fathomnet_voxel51.media.ledger import known_outcomes
from fiftyone.operators.executor import ExecutionRunState

from demo.processes import background
from tests.faults.doomed import SECONDS, fail_and_rerun, wait_for, worker
from tests.media import origin as replies
from tests.media.jobs import write_coco
from tests.media.origin import Origin, png
from tests.media.sink import BUCKET, Sink

COUNT, HALF = 12, 6
ROOT: Final = f"gs://{BUCKET}/fathomnet"
FOLDER: Final = "fathomnet/train_images"
FIFTYONE: Final = str(Path(sys.executable).parent / "fiftyone")
COMPLETED, RUNNING = ExecutionRunState.COMPLETED, ExecutionRunState.RUNNING


@pytest.fixture(scope="module")
def images() -> dict[str, bytes]:
    return {f"{number:02d}.png": png(4_000 + 97 * number, number) for number in range(COUNT)}


@pytest.fixture
def origin(images: dict[str, bytes]) -> Iterator[Origin]:
    """Half of the images are served; the others do not come before the worker is killed."""
    with Origin(images) as server:
        server.script = {name: [replies.stall()] * 9 for name in list(images)[HALF:]}
        yield server


@pytest.fixture
def catalog(origin: Origin, images: dict[str, bytes], tmp_path: Path) -> str:
    return write_coco(tmp_path / "coco.json", {name: origin.url(name) for name in images})


def wait_until_half(moved: Callable[[], int]) -> None:
    deadline = time.monotonic() + SECONDS
    while moved() < HALF and time.monotonic() < deadline:
        time.sleep(0.01)
    assert moved() == HALF


@pytest.mark.fault(
    operator="upload_images",
    happens="its worker is killed half-way; `delegated fail` and `rerun`",
    end="each image is in the bucket, whole, written once; the ledger knows all",
)
def test_an_upload_goes_on(
    catalog: str,
    origin: Origin,
    images: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FATHOMNET_LEDGERS", str(tmp_path / "ledgers"))
    values = {"annotations": catalog, "split": "train", "media_root": ROOT}
    with Sink() as sink:
        environment = {
            "STORAGE_EMULATOR_HOST": sink.url,
            "FATHOMNET_LEDGERS": str(tmp_path / "ledgers"),
        }
        operation = delegation.queue(
            "upload_images", None, {**values, "allow_private_hosts": True, "concurrency": COUNT}
        )
        with worker(tmp_path / "log", tmp_path, environment=environment) as one:
            wait_until_half(lambda: len(sink.objects))
            one.process.kill()
            assert wait_for(operation, one.alive) == RUNNING
        origin.script.clear()
        operation = fail_and_rerun(operation)
        with worker(tmp_path / "log", tmp_path, environment=environment) as one:
            assert wait_for(operation, one.alive) == COMPLETED
        stored = {name.removeprefix(f"{FOLDER}/"): sink.content(name) for name in sink.objects}
        assert stored == images and set(sink.writes.values()) == {1}
        ledger = known_outcomes(
            ROOT, "train", hashlib.sha256(Path(catalog).read_bytes()).hexdigest()
        )
        assert {name: entry.bytes for name, entry in ledger.items()} == {
            name: len(content) for name, content in images.items()
        }
        assert {entry.outcome for entry in ledger.values()} <= {"stored", "present"}


def delegated(*arguments: str) -> str:
    """What a command of FiftyOne about the queue says."""
    command = [FIFTYONE, "delegated", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


@pytest.mark.fault(
    operator="download_images",
    happens="`fiftyone delegated launch` is killed half-way; the commands `fail` and `rerun`",
    end="each image is a whole file, nothing else is left, none that was there is asked for again",
)
def test_a_download_goes_on_by_the_commands_themselves(
    catalog: str, origin: Origin, images: dict[str, bytes], tmp_path: Path
) -> None:
    folder = tmp_path / "media" / "train_images"

    def whole() -> dict[str, bytes]:
        paths = folder.iterdir() if folder.exists() else ()
        return {path.name: path.read_bytes() for path in paths if path.name[0] != "."}

    values = {"annotations": catalog, "split": "train", "destination": str(folder.parent)}
    operation = delegation.queue("download_images", None, {**values, "allow_private_hosts": True})
    with background([FIFTYONE, "delegated", "launch"], tmp_path / "first.log") as process:
        wait_until_half(lambda: len(whole()))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert f"Marking operation {operation} in state RUNNING" in delegated("fail", operation)
    origin.script.clear()
    again = delegated("rerun", operation).split("'")[1]
    with background([FIFTYONE, "delegated", "launch"], tmp_path / "second.log") as process:
        assert wait_for(again, lambda: process.poll() is None) == COMPLETED
    assert whole() == images
    assert {path.name for path in folder.iterdir()} == {*images}
    assert all(origin.seen.requests[name] == 1 for name in list(images)[:HALF])
