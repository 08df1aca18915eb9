"""A writer that is killed leaves no part of an image that a sweep does not remove."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fathomnet_voxel51.files import writing

from tests.media.folder.jobs import CONTENT, NAME, Sent, ask, failing, files, put, write

WRITER = """
import asyncio, sys
from pathlib import Path
from fathomnet_voxel51.media.folder.store import FolderStore
from tests.media.folder.jobs import Sent

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
    yesterday = time.time() - writing.UNLOCKABLE_PART_SECONDS - 1
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


def test_a_part_that_a_sweep_takes_at_its_birth_is_begun_anew(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = writing.lock_file
    swept = []

    def swept_first(descriptor: int, wait: bool = False) -> bool | None:
        if not swept:
            (part,) = root.rglob("*.part")
            swept.append(part)
            part.unlink()
        return lock(descriptor, wait)

    monkeypatch.setattr(writing, "lock_file", swept_first)
    put(root, Sent())
    assert len(swept) == 1
    assert files(root) == {NAME: CONTENT}
