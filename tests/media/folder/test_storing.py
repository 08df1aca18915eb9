"""What is stored in a folder is whole or not there, and read as it was stored."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fathomnet_voxel51.files import writing
from fathomnet_voxel51.media.folder.store import FolderStore
from fathomnet_voxel51.media.outcomes import ItemError, RejectedError
from fathomnet_voxel51.media.store import Digest, StoredObject

from tests.media.folder.jobs import CONTENT, NAME, Sent, ask, files, put, read, write
from tests.media.outgoing import crc32c


@pytest.fixture
def umask() -> Iterator[int]:
    before = os.umask(0o027)
    yield 0o027
    os.umask(before)


def test_an_image_is_stored_whole_and_nothing_else_remains(root: Path, umask: int) -> None:
    stored = put(root, Sent())
    assert files(root) == {NAME: CONTENT}
    status = (root / NAME).stat()
    assert stored == StoredObject(len(CONTENT), crc32c(CONTENT), status.st_mtime_ns)
    assert status.st_mode & 0o777 == 0o666 & ~umask
    assert status.st_nlink == 1


def test_what_was_stored_is_found_listed_and_read(root: Path) -> None:
    stored = put(root, Sent())
    as_listed = StoredObject(stored.size, None, stored.generation)
    assert ask(root, "find", NAME) == as_listed
    assert ask(root, "listing", "test_images") == {"dive/1.png": as_listed}
    assert ask(root, "listing", "train_images") == {}
    assert ask(root, "digest", NAME, as_listed) == Digest(len(CONTENT), crc32c(CONTENT))
    assert read(root) == (len(CONTENT), CONTENT)


def test_an_empty_file_and_one_of_many_pieces_are_read_whole(root: Path) -> None:
    for content in (b"", os.urandom(2_500_000)):
        write(root / NAME, content)
        found = ask(root, "find", NAME)
        assert ask(root, "digest", NAME, found) == Digest(len(content), crc32c(content))
        assert read(root) == (len(content), content)


def test_the_bytes_are_on_the_disk_before_the_name_is_there(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def sync(descriptor: int) -> None:
        seen.append((os.fstat(descriptor).st_size, (root / NAME).exists()))

    monkeypatch.setattr(writing, "_sync", sync)
    put(root, Sent())
    assert seen == [(len(CONTENT), False)]


def test_other_images_go_on_while_one_waits_for_the_disk(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_sync", lambda descriptor: time.sleep(0.5))

    async def ticks() -> int:
        async with FolderStore(root) as store:
            storing = asyncio.create_task(store.put(NAME, Sent()))
            count = 0
            while not storing.done():
                await asyncio.sleep(0.01)
                count += 1
            await storing
        return count

    assert asyncio.run(ticks()) > 20


def test_parts_of_names_of_any_length_fit_the_file_system(root: Path) -> None:
    for name in ("x" * 255, "é" * 127, "深" * 85):
        put(root, Sent(), f"test_images/{name}")
        assert (root / "test_images" / name).read_bytes() == CONTENT


def test_a_write_that_takes_only_some_of_the_bytes_is_continued(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: whole(descriptor, data[:1_000]))
    put(root, Sent())
    assert files(root) == {NAME: CONTENT}


# What goes wrong with an image


def test_what_goes_wrong_at_the_source_goes_through_and_leaves_nothing(root: Path) -> None:
    for error in (RejectedError("a cut off image"), ConnectionResetError(errno.ECONNRESET, "gone")):

        def fail(error: Exception = error) -> None:
            raise error

        with pytest.raises(type(error)) as raised:
            put(root, Sent(before_end=fail))
        assert raised.value is error
        assert files(root) == {}


def test_a_stream_of_another_length_is_not_stored(root: Path) -> None:
    for size in (len(CONTENT) - 1, len(CONTENT) + 1):
        image = Sent()
        image.size = size
        with pytest.raises(ItemError, match="were announced"):
            put(root, image)
        assert files(root) == {}


def test_a_stream_with_another_checksum_is_not_stored(root: Path) -> None:
    image = Sent()
    image.crc32c = crc32c(b"other bytes")
    with pytest.raises(ItemError, match="checksum"):
        put(root, image)
    assert files(root) == {}
    image.crc32c = crc32c(CONTENT)
    put(root, image)


def test_a_cancelled_image_leaves_nothing(root: Path) -> None:
    async def cancelled() -> None:
        async with FolderStore(root) as store:
            reached = asyncio.Event()

            async def hang() -> None:
                reached.set()
                await asyncio.Event().wait()

            task = asyncio.create_task(store.put(NAME, Sent(before_end=hang)))
            await reached.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert files(root) == {}

    asyncio.run(cancelled())


def test_an_image_cancelled_at_any_later_moment_is_whole_or_not_there(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_sync", lambda descriptor: time.sleep(0.01))

    async def cancelled(after: float, name: str) -> None:
        async with FolderStore(root) as store:
            task = asyncio.create_task(store.put(name, Sent()))
            await asyncio.wait([task], timeout=after)
            task.cancel()
            await asyncio.wait([task])

    began = time.perf_counter()
    put(root, Sent())
    longest = 3 * (time.perf_counter() - began)
    names = [f"test_images/{number}.png" for number in range(60)]
    for number, name in enumerate(names):
        asyncio.run(cancelled(longest * number / len(names), name))
    left = files(root)
    assert set(left.values()) == {CONTENT}
    assert 1 < len(left) < 1 + len(names)
    assert left.keys() <= {NAME, *names}
