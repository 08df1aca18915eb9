"""Kill -9 at any instant and run again: the bucket and the folder hold what the source has."""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from fathomnet_voxel51.media import transfer
from fathomnet_voxel51.media.ledger import known_outcomes
from fathomnet_voxel51.media.transfer import TransferResult

from tests.media.jobs import QUICK, write_coco
from tests.media.origin import Origin, png
from tests.media.sink import BUCKET, Sink
from tests.support.forking import forking

IMAGES = 400
KILLS = 50
CONCURRENCY = 4
LATENCY = 0.02
ROOT = f"gs://{BUCKET}/fathomnet"
FOLDER = "fathomnet/train_images"


def upload(catalog: str, environment: Mapping[str, str]) -> TransferResult:
    os.environ.update(environment)
    return transfer.upload_images(
        catalog, "train", ROOT, concurrency=CONCURRENCY, allow_private_hosts=True, policy=QUICK
    )


def download(catalog: str, folder: str) -> TransferResult:
    return transfer.download_images(
        catalog, "train", folder, concurrency=CONCURRENCY, allow_private_hosts=True, policy=QUICK
    )


def kill_often(
    work: Callable[..., Any], arguments: tuple[Any, ...], moved: Callable[[], int]
) -> int:
    """Starts a transfer again and again, and kills each life at an instant of its own.

    One of five is killed at any time from its start on, the others once they have moved a few
    images more, so that all of them meet the middle of the work.

    Returns:
        how many lives were killed before the work was done.
    """
    draw = random.Random(11)
    for number in range(KILLS):
        share = (IMAGES - moved()) // (KILLS - number)
        target = moved() + draw.randint(1, max(1, share - CONCURRENCY))
        process = forking.Process(target=work, args=arguments)
        process.start()
        if number % 5 == 0:
            time.sleep(draw.uniform(0.0, 0.2))
        else:
            while moved() < target and process.is_alive():
                time.sleep(0.0005)
            time.sleep(draw.uniform(0.0, LATENCY))
        if not process.is_alive():
            return number
        process.kill()
        process.join()
    return KILLS


@pytest.fixture(scope="module")
def images() -> dict[str, bytes]:
    return {f"{number:03d}.png": png(5_000 + 211 * number, number) for number in range(IMAGES)}


@pytest.fixture
def origin(images: dict[str, bytes]) -> Iterator[Origin]:
    with Origin(images, latency=LATENCY) as server:
        yield server


@pytest.fixture
def catalog(origin: Origin, images: dict[str, bytes], tmp_path: Path) -> str:
    return write_coco(tmp_path / "coco.json", {name: origin.url(name) for name in images})


@pytest.mark.fault(
    operator="upload_images",
    happens="it is killed fifty times",
    end="each image is in the bucket once, whole, as the ledger says",
)
def test_an_upload_killed_fifty_times_fills_the_bucket_with_each_image_once(
    catalog: str, images: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sink() as sink:
        environment = {
            "STORAGE_EMULATOR_HOST": sink.url,
            "FATHOMNET_LEDGERS": str(tmp_path / "ledgers"),
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert kill_often(upload, (catalog, environment), lambda: len(sink.objects)) == KILLS
        result = upload(catalog, environment)
        assert result.stored + result.present == IMAGES and result.stored > 0
        stored = {name.removeprefix(f"{FOLDER}/"): sink.content(name) for name in sink.objects}
        assert stored == images
        assert set(sink.writes.values()) == {1}
        ledger = known_outcomes(ROOT, "train", _sha256(catalog))
        for name, entry in ledger.items():
            there = sink.objects[f"{FOLDER}/{name}"]
            assert entry.outcome in ("stored", "present")
            assert (entry.bytes, entry.crc32c) == (there.size, there.crc32c)
        assert len(ledger) == IMAGES


@pytest.mark.fault(
    operator="download_images",
    happens="it is killed fifty times",
    end="each file is whole, none is left over, hardly any was asked for twice",
)
def test_a_download_killed_fifty_times_leaves_whole_files_and_nothing_else(
    catalog: str, origin: Origin, images: dict[str, bytes], tmp_path: Path
) -> None:
    folder = tmp_path / "media" / "train_images"

    def whole() -> int:
        paths = folder.iterdir() if folder.exists() else ()
        return sum(not path.name.startswith(".") for path in paths)

    assert kill_often(download, (catalog, str(tmp_path / "media")), whole) == KILLS
    cut_short = {p.name for p in folder.iterdir() if p.name in images} - {
        p.name for p in folder.iterdir() if p.name in images and p.read_bytes() == images[p.name]
    }
    assert not cut_short
    result = download(catalog, str(tmp_path / "media"))
    assert result.stored + result.present == IMAGES
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == images
    in_flight = CONCURRENCY * KILLS
    assert origin.seen.requests.total() <= IMAGES + in_flight


def _sha256(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
