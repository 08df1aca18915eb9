"""A folder as a store: whole files or none, under their own names or not at all."""

from __future__ import annotations

import asyncio
import base64
import errno
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import google_crc32c
import pytest
from fathomnet_voxel51.errors import FathomNetError, SetupError
from fathomnet_voxel51.files import parts
from fathomnet_voxel51.media import part_files
from fathomnet_voxel51.media.folder import FolderStore
from fathomnet_voxel51.media.outcomes import (
    ConflictError,
    ItemError,
    MissingError,
    RejectedError,
)
from fathomnet_voxel51.stores import Digest, StoredObject

NAME = "test_images/dive/1.png"
CONTENT = bytes(range(256)) * 1_000
NOBODY = 65_534

Hook = Callable[[], Any]


def crc32c_of(content: bytes) -> str:
    return base64.b64encode(google_crc32c.value(content).to_bytes(4, "big")).decode()


class Sent:
    """An image as a transfer would hand it to a store, with something happening before its end."""

    content_type = "image/png"

    def __init__(self, content: bytes = CONTENT, before_end: Hook | None = None) -> None:
        self.size = len(content)
        self.crc32c: str | None = None
        self.asked = False
        self._content = content
        self._before_end = before_end

    @property
    def digest(self) -> Digest:
        return Digest(len(self._content), crc32c_of(self._content))

    async def chunks(self) -> AsyncIterator[bytes]:
        self.asked = True
        half = len(self._content) // 2
        yield self._content[:half]
        if self._before_end:
            happened = self._before_end()
            if isinstance(happened, Coroutine):
                await happened
        yield self._content[half:]


def put(
    root: Path, image: Sent, name: str = NAME, replacing: StoredObject | None = None
) -> StoredObject:
    async def stored() -> StoredObject:
        async with FolderStore(root) as store:
            return await store.put(name, image, replacing)

    return asyncio.run(stored())


def ask(root: Path, method: str, *arguments: Any) -> Any:
    async def answer() -> Any:
        async with FolderStore(root) as store:
            return await getattr(store, method)(*arguments)

    return asyncio.run(answer())


def read(root: Path, name: str = NAME) -> tuple[int, bytes]:
    async def content() -> tuple[int, bytes]:
        async with FolderStore(root) as store, store.open(name) as incoming:
            return incoming.size, b"".join([chunk async for chunk in incoming.chunks])

    return asyncio.run(content())


def files(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def write(path: Path, content: bytes = b"something else") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "media"


@pytest.fixture
def umask() -> Iterator[int]:
    before = os.umask(0o027)
    yield 0o027
    os.umask(before)


# Storing


def test_an_image_is_stored_whole_and_nothing_else_remains(root: Path, umask: int) -> None:
    stored = put(root, Sent())
    assert files(root) == {NAME: CONTENT}
    status = (root / NAME).stat()
    assert stored == StoredObject(len(CONTENT), crc32c_of(CONTENT), status.st_mtime_ns)
    assert status.st_mode & 0o777 == 0o666 & ~umask
    assert status.st_nlink == 1


def test_what_was_stored_is_found_listed_and_read(root: Path) -> None:
    stored = put(root, Sent())
    as_listed = StoredObject(stored.size, None, stored.generation)
    assert ask(root, "find", NAME) == as_listed
    assert ask(root, "listing", "test_images") == {"dive/1.png": as_listed}
    assert ask(root, "listing", "train_images") == {}
    assert ask(root, "digest", NAME, as_listed) == Digest(len(CONTENT), crc32c_of(CONTENT))
    assert read(root) == (len(CONTENT), CONTENT)


def test_an_empty_file_and_one_of_many_pieces_are_read_whole(root: Path) -> None:
    for content in (b"", os.urandom(2_500_000)):
        write(root / NAME, content)
        found = ask(root, "find", NAME)
        assert ask(root, "digest", NAME, found) == Digest(len(content), crc32c_of(content))
        assert read(root) == (len(content), content)


def test_the_bytes_are_on_the_disk_before_the_name_is_there(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def sync(descriptor: int) -> None:
        seen.append((os.fstat(descriptor).st_size, (root / NAME).exists()))

    monkeypatch.setattr(part_files, "_sync", sync)
    put(root, Sent())
    assert seen == [(len(CONTENT), False)]


def test_other_images_go_on_while_one_waits_for_the_disk(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part_files, "_sync", lambda descriptor: time.sleep(0.5))

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


# What has the name already


@pytest.mark.parametrize("links", [True, False])
def test_an_object_that_is_there_stays_and_nothing_is_asked_for(
    root: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", failing(errno.EPERM))
    write(root / NAME)
    image = Sent()
    with pytest.raises(ConflictError):
        put(root, image)
    assert not image.asked
    assert files(root) == {NAME: b"something else"}


@pytest.mark.parametrize("links", [True, False])
def test_an_object_that_appears_meanwhile_stays(
    root: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", failing(errno.EOPNOTSUPP))
    with pytest.raises(ConflictError):
        put(root, Sent(before_end=lambda: write(root / NAME)))
    assert files(root) == {NAME: b"something else"}


def test_file_systems_without_links_store_images_too(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", failing(errno.EPERM))
    put(root, Sent())
    assert files(root) == {NAME: CONTENT}


@pytest.mark.parametrize("links", [True, False])
def test_of_many_at_once_for_one_name_one_is_stored(
    root: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", failing(errno.EPERM))
    contents = [os.urandom(50_000) for _ in range(20)]

    async def race() -> list[StoredObject | BaseException]:
        async with FolderStore(root) as store, FolderStore(root) as other:
            everybody_began = asyncio.Barrier(len(contents))
            return await asyncio.gather(
                *(
                    (store, other)[number % 2].put(NAME, Sent(content, everybody_began.wait))
                    for number, content in enumerate(contents)
                ),
                return_exceptions=True,
            )

    results = asyncio.run(race())
    winners = [content for content, result in zip(contents, results, strict=True)
               if isinstance(result, StoredObject)]  # fmt: skip
    assert [type(result) for result in results].count(ConflictError) == len(contents) - 1
    assert files(root) == {NAME: winners[0]}


def test_exactly_the_version_that_was_named_is_replaced(root: Path) -> None:
    put(root, Sent(b"the first version"))
    first = ask(root, "find", NAME)
    second = put(root, Sent(b"the second version"), replacing=first)
    assert files(root) == {NAME: b"the second version"}
    with pytest.raises(ConflictError):
        put(root, Sent(b"the third version"), replacing=first)
    assert files(root) == {NAME: b"the second version"}
    assert ask(root, "find", NAME).generation == second.generation


def test_what_changes_or_vanishes_while_its_successor_arrives_is_not_replaced(root: Path) -> None:
    write(root / NAME)
    for happening, left in (
        (lambda: write(root / NAME, b"newer still"), {NAME: b"newer still"}),
        ((root / NAME).unlink, {}),
    ):
        there = ask(root, "find", NAME)
        with pytest.raises(ConflictError):
            put(root, Sent(before_end=happening), replacing=there)
        assert files(root) == left


def test_what_is_gone_is_not_replaced(root: Path) -> None:
    with pytest.raises(ConflictError):
        put(root, Sent(), replacing=StoredObject(3, generation=1))
    assert files(root) == {}


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
    image.crc32c = crc32c_of(b"other bytes")
    with pytest.raises(ItemError, match="checksum"):
        put(root, image)
    assert files(root) == {}
    image.crc32c = crc32c_of(CONTENT)
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
    monkeypatch.setattr(part_files, "_sync", lambda descriptor: time.sleep(0.01))

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


# Nothing leaves the folder


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/passwd",
        "../outside.png",
        "test_images/../../outside.png",
        "test_images//1.png",
        "test_images/./1.png",
        "test_images/a\0b.png",
        "C:\\1.png",
        f"test_images/{'x' * 256}.png",
        "test_images/.1.png.0123456789abcdef.part",
    ],
)
def test_names_that_are_not_those_of_images_are_refused(root: Path, name: str) -> None:
    image = Sent()
    with pytest.raises(RejectedError) as refused:
        put(root, image, name)
    assert not refused.value.again
    assert not image.asked
    with pytest.raises(RejectedError):
        ask(root, "find", name)
    assert list(root.parent.rglob("*.p*")) == []


def test_folders_that_lead_out_are_refused_by_everything(root: Path) -> None:
    outside = root.parent / "outside"
    secret = write(outside / "1.png", CONTENT)
    root.mkdir()
    (root / "test_images").symlink_to(outside)
    (root / "up").symlink_to("..")
    status = secret.stat()
    version = StoredObject(status.st_size, generation=status.st_mtime_ns)
    for name in ("test_images/1.png", "up/outside/1.png", "test_images/new/2.png"):
        for question in (
            lambda name=name: put(root, Sent(), name),
            lambda name=name: put(root, Sent(), name, version),
            lambda name=name: ask(root, "find", name),
            lambda name=name: ask(root, "digest", name, version),
            lambda name=name: ask(root, "delete", name, version),
            lambda name=name: read(root, name),
        ):
            with pytest.raises(RejectedError, match="leads out of") as refused:
                question()
            assert not refused.value.again
    for folder in ("test_images", "..", "/etc", "up"):
        for method in ("listing", "sweep"):
            with pytest.raises(RejectedError, match="leads out of"):
                ask(root, method, folder)
    assert files(outside) == {"1.png": CONTENT}


def test_a_folder_may_be_a_link_to_another_one_inside(root: Path) -> None:
    (root / "2025").mkdir(parents=True)
    (root / "test_images").symlink_to("2025")
    put(root, Sent(), "test_images/1.png")
    assert (root / "2025/1.png").read_bytes() == CONTENT
    assert ask(root, "listing", "test_images").keys() == {"1.png"}


def test_the_root_itself_may_be_a_link(root: Path) -> None:
    (root.parent / "disk").mkdir()
    root.symlink_to("disk")
    put(root, Sent())
    assert files(root.parent / "disk") == {NAME: CONTENT}


@pytest.mark.parametrize(("thing", "said"), [("folder", "a folder lies"), ("link", "link lies")])
def test_what_is_no_file_is_neither_overwritten_nor_followed(
    root: Path, thing: str, said: str
) -> None:
    outside = write(root.parent / "outside.png", CONTENT)
    place = root / NAME
    place.parent.mkdir(parents=True)
    if thing == "folder":
        place.mkdir()
    else:
        place.symlink_to(outside)
    version = StoredObject(outside.stat().st_size, generation=outside.stat().st_mtime_ns)
    for question in (
        lambda: put(root, Sent()),
        lambda: put(root, Sent(), replacing=version),
        lambda: ask(root, "find", NAME),
        lambda: ask(root, "delete", NAME, version),
        lambda: read(root),
    ):
        with pytest.raises(RejectedError, match=said) as refused:
            question()
        assert not refused.value.again
    assert outside.read_bytes() == CONTENT
    assert place.is_dir() or place.is_symlink()
    assert ask(root, "listing", "test_images") == {}


def test_a_file_in_the_place_of_a_folder_is_kept(root: Path) -> None:
    write(root / "test_images/dive")
    with pytest.raises(RejectedError, match="a file lies where the folder of") as refused:
        put(root, Sent())
    assert not refused.value.again
    assert ask(root, "find", NAME) is None
    assert files(root) == {"test_images/dive": b"something else"}


# What stops everything, and what concerns one name


def failing(number: int) -> Callable[..., Any]:
    def fail(*arguments: Any, **options: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.fault(
    operator="download_images",
    happens="the disk is full, read-only, over quota or fails",
    end="said in words; all stops or one image fails; no part of a file is left",
)
@pytest.mark.parametrize(
    ("number", "kind", "again"),
    [
        (errno.ENOSPC, SetupError, None),
        (errno.EDQUOT, SetupError, None),
        (errno.EROFS, SetupError, None),
        (errno.ENAMETOOLONG, ItemError, False),
        (errno.EFBIG, ItemError, False),
        (errno.EACCES, ItemError, False),
        (errno.EIO, ItemError, True),
        (errno.EMFILE, ItemError, True),
    ],
)
@pytest.mark.parametrize("call", ["open", "write", "_sync", "link"])
def test_errors_of_the_disk_stop_everything_or_one_image(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
    kind: type[FathomNetError],
    again: bool | None,
) -> None:
    (root / NAME).parent.mkdir(parents=True)
    monkeypatch.setattr(part_files if call == "_sync" else os, call, failing(number))
    with pytest.raises(kind) as raised:
        put(root, Sent())
    monkeypatch.undo()
    assert getattr(raised.value, "again", None) == again
    assert files(root) == {}


def test_a_write_that_takes_only_some_of_the_bytes_is_continued(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: whole(descriptor, data[:1_000]))
    put(root, Sent())
    assert files(root) == {NAME: CONTENT}


def test_a_root_that_is_a_file_or_below_one_is_refused_at_once(root: Path) -> None:
    write(root)
    for place in (root, root / "below/it"):
        with pytest.raises(SetupError, match=f"{root} is a file, not a folder"):
            ask(place, "listing", "test_images")


def _without_rights(answers: Any, root: Path, method: str) -> None:
    """What a user without rights hears, in a process of its own: root may do everything."""
    if os.getuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    try:
        if method == "put":
            put(root, Sent())
        elif method == "open":
            read(root)
        else:
            ask(root, method, "test_images")
    except (FathomNetError, OSError) as error:
        answers.put((type(error).__name__, getattr(error, "again", None), str(error)))
    else:
        answers.put(("nothing went wrong", None, ""))


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that others may look into, unlike those of pytest."""
    folder = Path(tempfile.mkdtemp(prefix="fathomnet-"))
    folder.chmod(0o755)
    yield folder
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.fault(
    operator="download_images",
    happens="there are no rights to a folder or a file",
    end="without rights to the root all stops, else one image fails",
)
@pytest.mark.parametrize(
    ("made", "locked", "mode", "method", "kind", "said"),
    [
        ("", "", 0o555, "put", "SetupError", "cannot be written to: Permission denied"),
        ("media", "media", 0o555, "put", "SetupError", "cannot be written to: Permission denied"),
        (f"media/{NAME}", "media/test_images/dive", 0o555, "put", "ItemError", f"{NAME}: Perm"),
        ("media", "media", 0o000, "listing", "SetupError", "cannot be read: Permission denied"),
        (f"media/{NAME}", f"media/{NAME}", 0o000, "open", "ItemError", "Permission denied"),
    ],
)
def test_no_rights_to_the_root_stop_everything_and_elsewhere_one_image(
    shared: Path, made: str, locked: str, mode: int, method: str, kind: str, said: str
) -> None:
    if made.endswith(".png"):
        image = write(shared / made)
        if method == "put":
            image.unlink()
    elif made:
        (shared / made).mkdir()
    for path in shared.rglob("*"):
        path.chmod(0o777)
    (shared / locked).chmod(mode)
    forking = multiprocessing.get_context("fork")
    answers = forking.SimpleQueue()
    process = forking.Process(target=_without_rights, args=(answers, shared / "media", method))
    process.start()
    answer = answers.get()
    process.join()
    assert answer[:2] == (kind, None if kind == "SetupError" else False)
    assert said in answer[2]


# Reading and deleting


def test_what_is_not_there_is_said_to_be_missing(root: Path) -> None:
    assert ask(root, "find", NAME) is None
    with pytest.raises(MissingError, match=NAME):
        read(root)
    with pytest.raises(MissingError, match=NAME):
        ask(root, "digest", NAME, StoredObject(1))
    ask(root, "delete", NAME, StoredObject(1))


def test_the_digest_of_a_version_that_is_gone_is_not_that_of_its_successor(root: Path) -> None:
    write(root / NAME)
    before = ask(root, "find", NAME)
    write(root / NAME, b"SOMETHING ELSE")
    with pytest.raises(ConflictError):
        ask(root, "digest", NAME, before)


def test_exactly_the_version_that_was_named_is_deleted(root: Path) -> None:
    write(root / NAME)
    before = ask(root, "find", NAME)
    write(root / NAME, b"SOMETHING ELSE")
    ask(root, "delete", NAME, before)
    assert files(root) == {NAME: b"SOMETHING ELSE"}
    ask(root, "delete", NAME, ask(root, "find", NAME))
    assert files(root) == {}


# Kills

WRITER = """
import asyncio, sys
from pathlib import Path
from fathomnet_voxel51.media.folder import FolderStore
from tests.media.test_folder import Sent

async def main(root, count, pause):
    async def written():
        print("half", flush=True)
        await asyncio.sleep(pause)

    async def one(number):
        async with ten_at_once:
            await store.put(f"test_images/{number}.png", Sent(before_end=written))

    ten_at_once = asyncio.Semaphore(10)
    async with FolderStore(root) as store:
        await asyncio.gather(*map(one, range(count)))

asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
"""


def writer(root: Path, count: int, pause: float = 0.0) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root), str(count), str(pause)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.fault(
    operator="download_images",
    happens="a writer dies in the middle of a file",
    end="the part is never listed, and the next run removes it",
)
def test_a_killed_writer_leaves_a_part_that_the_next_sweep_removes(root: Path) -> None:
    process = writer(root, 1, pause=600)
    try:
        (part,) = files(root)
        assert ask(root, "listing", "test_images") == {}
        assert ask(root, "sweep", "test_images") == 0
        assert files(root).keys() == {part}
    finally:
        kill(process)
    assert files(root)[part] == CONTENT[: len(CONTENT) // 2]
    assert ask(root, "listing", "test_images") == {}
    assert ask(root, "sweep", "train_images") == 0
    assert ask(root, "sweep", "test_images") == 1
    assert files(root) == {}


def test_a_kill_at_any_instant_leaves_whole_images_only(root: Path) -> None:
    rng = random.Random(3)
    parts_left = 0
    for _ in range(8):
        process = writer(root, 2_000)
        assert process.stdout is not None
        for _ in range(rng.randint(15, 200)):  # ten at once, so that some are complete by then
            process.stdout.readline()
        kill(process)
        left = files(root)
        whole = {name: content for name, content in left.items() if not name.endswith(".part")}
        parts_left += len(left) - len(whole)
        assert set(whole.values()) == {CONTENT}
        assert {f"test_images/{name}" for name in ask(root, "listing", "test_images")} == set(whole)
        assert ask(root, "sweep", "") == len(left) - len(whole)
        assert files(root) == whole
        shutil.rmtree(root)
    assert parts_left


def test_without_locks_a_part_stays_until_nobody_has_touched_it_for_a_day(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    monkeypatch.setattr(fcntl, "flock", failing(errno.ENOTSUP))
    put(root, Sent())
    part = write(root / "test_images/.2.png.0123456789abcdef.part")
    assert ask(root, "sweep", "test_images") == 0
    yesterday = time.time() - parts.UNLOCKABLE_PART_SECONDS - 1
    os.utime(part, (yesterday, yesterday))
    assert ask(root, "sweep", "test_images") == 1
    assert files(root) == {NAME: CONTENT}


def test_a_sweep_touches_nothing_but_parts(root: Path) -> None:
    names = [".part", "x.part", ".1.png.part", ".1.png.0123.part", "1.png.0123456789abcdef.part"]
    kept = {f"test_images/{name}": b"kept" for name in names}
    for name, content in kept.items():
        write(root / name, content)
    (root / "test_images/.d.0123456789abcdef.part").mkdir()
    outside = write(root.parent / ".1.png.0123456789abcdef.part")
    (root / "test_images/.l.0123456789abcdef.part").symlink_to(outside)
    assert ask(root, "sweep", "test_images") == 0
    assert files(root) == kept | {"test_images/.l.0123456789abcdef.part": b"something else"}
    assert ask(root, "listing", "test_images").keys() == set(names)


def test_parts_of_names_of_any_length_fit_the_file_system(root: Path) -> None:
    for name in ("x" * 255, "é" * 127, "深" * 85):
        put(root, Sent(), f"test_images/{name}")
        assert (root / "test_images" / name).read_bytes() == CONTENT


def test_a_part_that_a_sweep_takes_at_its_birth_is_begun_anew(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = part_files.lock
    swept = []

    def swept_first(descriptor: int, wait: bool = False) -> bool | None:
        if not swept:
            (part,) = root.rglob("*.part")
            swept.append(part)
            part.unlink()
        return lock(descriptor, wait)

    monkeypatch.setattr(part_files, "lock", swept_first)
    put(root, Sent())
    assert len(swept) == 1
    assert files(root) == {NAME: CONTENT}
