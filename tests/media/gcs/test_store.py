"""A bucket as a store, in the emulator and in a sink that enforces more: what is there is whole."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from fathomnet_voxel51.errors import SetupError
from fathomnet_voxel51.media.gcs.store import GcsStore
from fathomnet_voxel51.media.outcomes import ConflictError, MissingError, RejectedError
from fathomnet_voxel51.media.store import Digest, StoredObject

from demo.emulator import emulator
from tests.media.gcs.jobs import IMAGE, SMALL, do, failure, put, read
from tests.media.outgoing import Bytes, crc32c
from tests.media.sink import BUCKET


@pytest.fixture(scope="module")
def emulated() -> Iterator[str]:
    with emulator() as server:
        assert server.bucket == BUCKET
        yield server.url


@pytest.fixture(params=["emulator", "sink"])
def endpoint(request: pytest.FixtureRequest) -> str:
    if request.param == "sink":
        return str(request.getfixturevalue("sink").url)
    return str(request.getfixturevalue("emulated"))


@pytest.fixture
def folder() -> str:
    """One that no other test uses."""
    return uuid.uuid4().hex


def test_what_is_put_is_there_with_its_digest_and_its_mark(endpoint: str, folder: str) -> None:
    path = f"{folder}/a.png"

    async def work(store: GcsStore) -> tuple[Any, ...]:
        stored = await store.put(path, Bytes(IMAGE))
        return stored, await store.find(path), await store.digest(path, stored)

    stored, found, digest = do(endpoint, work)
    assert stored == found
    assert stored.ours and stored.generation > 0
    assert digest == Digest(len(IMAGE), crc32c(IMAGE))
    assert stored.holds(digest)


def test_what_is_read_is_what_was_put(endpoint: str, folder: str) -> None:
    path = f"{folder}/a.png"

    async def work(store: GcsStore) -> tuple[Any, ...]:
        stored = await store.put(path, Bytes(IMAGE, announce=True))
        return stored, await read(store, path)

    stored, (data, size, checksum, md5) = do(endpoint, work)
    assert data == IMAGE and size == len(IMAGE)
    assert (checksum, md5) == (stored.crc32c, stored.md5)


@pytest.mark.parametrize(
    "name", ["a b.png", "100%.png", "%41.png", "what?.png", "a#b&c=d+e.png", "Tiefsee-ü-海.png"]
)
def test_any_name_comes_back_as_it_went(endpoint: str, name: str) -> None:
    path = f"names/{name}"

    async def work(store: GcsStore) -> tuple[Any, ...]:
        stored = await store.put(path, Bytes(SMALL))
        listed, data = await store.listing("names"), (await read(store, path))[0]
        await store.delete(path, stored)
        return listed, data, await store.find(path)

    listed, data, found = do(endpoint, work)
    assert list(listed) == [name] and data == SMALL and found is None


@pytest.mark.parametrize("root", [f"gs://{BUCKET}", f"gs://{BUCKET}/", f"gs://{BUCKET}/p/q"])
def test_a_listing_is_of_its_folder_alone(endpoint: str, root: str, folder: str) -> None:
    async def work(store: GcsStore) -> Any:
        for path in (f"{folder}/a.png", f"{folder}/deep/b.png", f"{folder}_old/c.png"):
            await store.put(path, Bytes(SMALL))
        return await store.listing(folder)

    listed = do(endpoint, work, root=root)
    assert {name: stored.size for name, stored in listed.items()} == {"a.png": 13, "deep/b.png": 13}


def test_an_object_that_is_there_is_not_replaced(endpoint: str, folder: str) -> None:
    path = f"{folder}/a.png"
    put(endpoint, path, SMALL)
    error = failure(endpoint, lambda store: store.put(path, Bytes(IMAGE)))
    assert isinstance(error, ConflictError)
    assert do(endpoint, lambda store: read(store, path))[0] == SMALL


def test_a_version_that_is_named_is_replaced_and_no_other(endpoint: str, folder: str) -> None:
    path = f"{folder}/a.png"
    first = put(endpoint, path, SMALL)
    second = do(endpoint, lambda store: store.put(path, Bytes(IMAGE), replacing=first))
    assert second.generation != first.generation and second.size == len(IMAGE)
    error = failure(endpoint, lambda store: store.put(path, Bytes(SMALL), replacing=first))
    assert isinstance(error, ConflictError)


def test_deleting_what_is_not_there_is_done(endpoint: str) -> None:
    do(endpoint, lambda store: store.delete("absent.png", StoredObject(1, generation=5)))


def test_an_image_that_breaks_off_leaves_nothing(endpoint: str, folder: str) -> None:
    path = f"{folder}/a.png"
    problem = RejectedError("the source broke off")

    def last_chunk_fails(number: int) -> None:
        if number == len(IMAGE) // (1 << 16):
            raise problem

    image = Bytes(IMAGE, before_chunk=last_chunk_fails)
    assert failure(endpoint, lambda store: store.put(path, image)) is problem
    time.sleep(0.2)
    assert image.closed
    assert do(endpoint, lambda store: store.find(path)) is None


def test_a_transfer_that_is_cancelled_leaves_nothing(endpoint: str, folder: str) -> None:
    path = f"{folder}/a.png"

    async def work(store: GcsStore) -> StoredObject | None:
        image = Bytes(IMAGE, before_chunk=lambda number: number == 10 and task.cancel())
        task = asyncio.create_task(store.put(path, image))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert image.closed
        await asyncio.sleep(0.2)
        return await store.find(path)

    assert do(endpoint, work) is None


def test_a_bucket_that_does_not_exist_is_told_from_an_object(endpoint: str) -> None:
    root = "gs://absent/fathomnet"
    for work in (lambda store: store.listing("x"), lambda store: store.find("a.png"), opened):
        with pytest.raises(SetupError, match=r"gcloud storage buckets create gs://absent .*"):
            do(endpoint, work, root=root)
    assert do(endpoint, lambda store: store.find("a.png")) is None
    assert isinstance(failure(endpoint, opened), MissingError)


async def opened(store: GcsStore) -> None:
    async with store.open("absent.png"):
        pass
