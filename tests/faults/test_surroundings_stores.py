"""The store, or where the images come from, is gone for a while in the middle of a transfer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.media.moving.hosts import Patience
from fathomnet_voxel51.media.transfer import download_images, upload_images
from fathomnet_voxel51.operators.run_workflow import RunWorkflow

from tests.media.jobs import QUICK, write_coco
from tests.media.origin import Origin, png
from tests.media.sink import BUCKET, Sink

ROOT = f"gs://{BUCKET}/fathomnet"
FOLDER = "fathomnet/train_images"
GONE_SECONDS = 1.5
SOON_TIRED = replace(QUICK, patience=Patience(0.02, 0.1, give_up_after=0.5))
SLOWLY: dict[str, Any] = {"concurrency": 3, "allow_private_hosts": True}


@pytest.fixture
def images() -> dict[str, bytes]:
    return {f"{number:02}.png": png(3_000 + 97 * number, number) for number in range(40)}


@pytest.fixture
def origin(images: dict[str, bytes]) -> Iterator[Origin]:
    with Origin(images, latency=0.05) as server:
        yield server


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sink]:
    (tmp_path / "objects").mkdir()
    with Sink(tmp_path / "objects", latency=0.05) as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        monkeypatch.setenv("FATHOMNET_LEDGERS", str(tmp_path / "ledgers"))
        yield server


@pytest.fixture
def catalog(origin: Origin, images: dict[str, bytes], tmp_path: Path) -> str:
    return write_coco(tmp_path / "coco.json", {name: origin.url(name) for name in images})


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as threads:
        yield threads


def gone_for_a_while(server: Sink | Origin, transfer: Future[Any], moved: Any) -> None:
    """Stops a server when some images have moved, and starts it again on the same port."""
    while len(moved) < 8 and not transfer.done():
        time.sleep(0.01)
    server.__exit__()
    assert not transfer.done(), "it was stopped in the middle"
    time.sleep(GONE_SECONDS)
    server.__enter__()


def assert_in_bucket_once(sink: Sink, images: dict[str, bytes]) -> None:
    there = {name.removeprefix(f"{FOLDER}/"): sink.content(name) for name in sink.objects}
    assert there == images and set(sink.writes.values()) == {1}


def in_folder(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "train_images").iterdir()}


class Arrived:
    """How many images a folder holds so far."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "train_images"

    def __len__(self) -> int:
        return len(list(self._folder.glob("*.png")))


def assert_all_moved(result: Any, images: dict[str, bytes]) -> None:
    assert (result.stored, result.failed, result.total) == (len(images), 0, len(images))


@pytest.mark.fault(
    operator="upload_images",
    happens="the store is gone for a while in the middle",
    end="it waits, and every image is stored, whole and once",
)
def test_an_upload_waits_for_its_store(
    catalog: str, sink: Sink, images: dict[str, bytes], pool: ThreadPoolExecutor
) -> None:
    transfer = pool.submit(upload_images, catalog, "train", ROOT, policy=QUICK, **SLOWLY)
    gone_for_a_while(sink, transfer, sink.objects)
    assert_all_moved(transfer.result(), images)
    assert_in_bucket_once(sink, images)


@pytest.mark.fault(
    operator="upload_images",
    happens="the images' own server is gone for a while in the middle",
    end="it waits, and every image is stored, whole and once",
)
def test_an_upload_waits_for_its_source(
    catalog: str, sink: Sink, origin: Origin, images: dict[str, bytes], pool: ThreadPoolExecutor
) -> None:
    transfer = pool.submit(upload_images, catalog, "train", ROOT, policy=QUICK, **SLOWLY)
    gone_for_a_while(origin, transfer, sink.objects)
    assert_all_moved(transfer.result(), images)
    assert_in_bucket_once(sink, images)


@pytest.mark.fault(
    operator="upload_images",
    happens="the store is gone for longer than anybody waits",
    end="the other images have failed, and why; the next run stores these alone",
)
def test_what_a_store_did_not_take_is_stored_by_the_next_run(
    catalog: str, sink: Sink, images: dict[str, bytes], pool: ThreadPoolExecutor
) -> None:
    transfer = pool.submit(upload_images, catalog, "train", ROOT, policy=SOON_TIRED, **SLOWLY)
    gone_for_a_while(sink, transfer, sink.objects)
    first = transfer.result()
    assert first.failed > 0 and first.stored + first.failed == len(images)
    listed = Path(first.ledger).with_suffix(".not-stored.csv").read_text().splitlines()[1:]
    assert len(listed) == first.failed
    assert all(f"{ROOT} has answered nobody for" in line for line in listed)
    second = upload_images(catalog, "train", ROOT, policy=QUICK, **SLOWLY)
    assert second.failed == 0 and second.stored + second.present == len(images)
    assert second.present >= first.stored
    assert_in_bucket_once(sink, images)


@pytest.mark.fault(
    operator="download_images",
    happens="the bucket that it reads is gone for a while in the middle",
    end="it waits, and every image is in the folder, whole",
)
def test_a_download_waits_for_its_bucket(
    catalog: str, sink: Sink, images: dict[str, bytes], pool: ThreadPoolExecutor, tmp_path: Path
) -> None:
    for name, content in images.items():
        sink.add(f"{FOLDER}/{name}", content)
    target = tmp_path / "target"
    transfer = pool.submit(
        download_images, catalog, "train", str(target), source=ROOT, policy=QUICK, **SLOWLY
    )
    gone_for_a_while(sink, transfer, Arrived(target))
    assert_all_moved(transfer.result(), images)
    assert in_folder(target) == images


@pytest.mark.fault(
    operator="download_images",
    happens="the images' own server is gone for a while in the middle",
    end="it waits, and every image is in the folder, whole",
)
def test_a_download_waits_for_its_source(
    catalog: str, origin: Origin, images: dict[str, bytes], pool: ThreadPoolExecutor, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    transfer = pool.submit(download_images, catalog, "train", str(target), policy=QUICK, **SLOWLY)
    gone_for_a_while(origin, transfer, Arrived(target))
    assert_all_moved(transfer.result(), images)
    assert in_folder(target) == images


@pytest.mark.fault(
    operator="run_workflow",
    happens="the store is gone for a while in the middle of its upload",
    end="it waits, and goes on to the dataset; every image is stored once and marked as there",
)
def test_a_workflow_waits_for_its_store(
    catalog: str,
    sink: Sink,
    images: dict[str, bytes],
    pool: ThreadPoolExecutor,
    dataset_name: str,
) -> None:
    values = {
        "stages": ["upload_images", "ingest_dataset"],
        "upload_images": SLOWLY,
        "ingest_dataset": {
            "dataset_name": dataset_name,
            "train_annotations": catalog,
            "media_root": ROOT,
        },
    }
    transfer = pool.submit(lambda: RunWorkflow()(**values))
    gone_for_a_while(sink, transfer, sink.objects)
    transfer.result()
    assert_in_bucket_once(sink, images)
    assert fo.load_dataset(dataset_name).count_values("media_status") == {"ok": len(images)}
