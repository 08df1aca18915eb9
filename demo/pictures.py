"""Image files: drawn on several processor cores, written whole, and left alone once they exist."""

import io
import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from fathomnet_voxel51.progress import Progress
from PIL import Image

from demo.coco import write_whole

PNG_START: Final = b"\x89PNG\r\n\x1a\n"
PNG_END: Final = b"\x00\x00\x00\x00IEND\xaeB`\x82"
COMPRESSION: Final = 3

Draw = Callable[[], Image.Image]


@dataclass(frozen=True, slots=True)
class Picture:
    """An image file to be made.

    Attributes:
        path: where.
        size: width and height in pixels.
        draw: makes the image; must survive being sent to another process.
    """

    path: Path
    size: tuple[int, int]
    draw: Draw


@dataclass(frozen=True, slots=True)
class Drawn:
    """How many images were drawn, and how many were there already."""

    drawn: int
    present: int


def draw_pictures(pictures: Sequence[Picture], workers: int, progress: Progress) -> Drawn:
    """Makes every picture that is not there yet; safe to kill and to start again.

    Args:
        pictures: what to make.
        workers: number of processes; 1 draws in this one.
        progress: called with the share done and a label.
    """
    missing = [picture for picture in pictures if not is_whole(picture)]
    present = len(pictures) - len(missing)

    def report(done: int) -> None:
        share = (present + done) / max(1, len(pictures))
        progress(share, f"drawing {present + done:,}/{len(pictures):,}")

    report(0)
    if workers <= 1 or len(missing) < 2:
        for done, picture in enumerate(missing, start=1):
            _make(picture)
            report(done)
    else:
        # Spawned, not forked: the caller may have threads, and their locks do not survive a fork.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, context, initializer=_leave_with_parent) as pool:
            for done, _ in enumerate(pool.map(_make, missing, chunksize=2), start=1):
                report(done)
    return Drawn(drawn=len(missing), present=present)


def is_whole(picture: Picture) -> bool:
    """Whether the file is there, a PNG of the right size, complete to its end."""
    if not picture.path.is_file():
        return False
    with picture.path.open("rb") as stream:
        head = stream.read(24)
        stream.seek(max(0, picture.path.stat().st_size - len(PNG_END)))
        tail = stream.read()
    size = (int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big"))
    return head.startswith(PNG_START) and tail == PNG_END and size == picture.size


def _make(picture: Picture) -> None:
    buffer = io.BytesIO()
    picture.draw().save(buffer, "PNG", compress_level=COMPRESSION)
    write_whole(picture.path, buffer.getvalue())


def _leave_with_parent() -> None:
    """Ends this process when the one that started it is killed, so that none is left behind."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch(join: Callable[[], None]) -> None:
        join()
        os._exit(1)

    threading.Thread(target=partial(watch, parent.join), daemon=True).start()
