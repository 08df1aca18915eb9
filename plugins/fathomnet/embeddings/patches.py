"""Prepares patches of images in order, ahead of their use, in constant memory.

It uses threads, not processes: decoding and resizing release the interpreter's lock, and prepared
patches (0.6 MB each) need not travel between processes.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from PIL import Image

from ..pictures.crops import BoxError, Window, cut_patch, window_of
from ..pictures.decoding import PictureError, Pixels, open_picture
from .work import ImageWork, Item

PART: Final = 16
"""Patches that are made at once; an image with thousands must not fill the memory."""

GIVE_WAY: Final = 10
"""Added to the niceness of the decoding threads if the model shares their processors. The model's
threads wait for one another many times per batch, so one that is delayed delays all."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch, prepared for the model.

    Attributes:
        sample_id: of its image.
        filepath: of its image.
        item: the box, or the whole image.
        pixels: a (3, H, W) float32 tensor.
    """

    sample_id: str
    filepath: str
    item: Item
    pixels: Any


@dataclass(frozen=True, slots=True)
class Unusable:
    """A box or image that cannot be embedded.

    Attributes:
        filepath: of the image.
        id: of the box; empty if the image itself cannot be used.
        items: the number of boxes or images that are lost.
        reason: why, in words.
    """

    filepath: str
    id: str
    items: int
    reason: str


Part = list[Patch | Unusable]

Prepare = Callable[[Image.Image], Any]
"""A patch -> a (3, H, W) float32 tensor; called from several threads at once."""

Locate = Callable[[ImageWork], Path]
"""Finds the file of an image; raises PictureError."""


def make_patches(image: ImageWork, locate: Locate, prepare: Prepare) -> Iterator[Part]:
    """Makes the patches of one image, which is decoded only once."""
    try:
        if image.lost:
            raise PictureError(image.lost)
        picture = open_picture(locate(image))
    except PictureError as error:
        yield [Unusable(image.filepath, "", len(image.items), str(error))]
        return
    for first in range(0, len(image.items), PART):
        items = image.items[first : first + PART]
        part: Part = [_patch(image, item, picture, prepare) for item in items]
        if first + PART >= len(image.items):
            del picture  # the last part may wait, and needs 0.6 MB per patch, not the whole picture
        yield part


def _patch(image: ImageWork, item: Item, picture: Pixels, prepare: Prepare) -> Patch | Unusable:
    height, width = picture.shape[:2]
    try:
        if item.bounding_box is None:
            window = Window(0, 0, width, height)
        else:
            window = window_of(item.bounding_box, width, height)
    except BoxError as error:
        return Unusable(image.filepath, item.id, 1, str(error))
    return Patch(image.sample_id, image.filepath, item, prepare(cut_patch(picture, window)))


def read_ahead(
    images: Sequence[ImageWork],
    locate: Locate,
    prepare: Prepare,
    workers: int,
    ahead: int,
    give_way: bool = False,
) -> Iterator[Part]:
    """Makes patches in threads and hands them over in the images' order.

    Args:
        images: the images.
        locate: finds their files.
        prepare: makes tensors of the patches.
        workers: the number of threads.
        ahead: the most patches that wait, made or being made, before another image is begun.
        give_way: whether the threads yield the processors to others that need them.
    """
    executor = ThreadPoolExecutor(
        workers, thread_name_prefix="fathomnet-patches", initializer=_give_way if give_way else None
    )
    try:
        yield from _in_order(
            images, lambda one: make_patches(one, locate, prepare), executor, ahead
        )
    finally:
        executor.shutdown(cancel_futures=True)


def _give_way() -> None:
    # On Linux alone a thread's own priority can be set; elsewhere it would be the process's.
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), GIVE_WAY)


class _Running:
    """An image whose next part is being made in a thread."""

    def __init__(self, parts: Iterator[Part], items: int, executor: Executor) -> None:
        self._parts = parts
        self._executor = executor
        self._left = items
        self._begin()

    def _begin(self) -> None:
        self.under_way = min(self._left, PART)
        self._left -= self.under_way
        self._part = self._executor.submit(next, self._parts)

    def take(self) -> tuple[Part, bool]:
        """Waits for the part; returns it and whether the image has another, which is begun."""
        part: Part = self._part.result()
        is_whole = len(part) == 1 and isinstance(part[0], Unusable) and not part[0].id
        more = self._left > 0 and not is_whole
        if more:
            self._begin()
        return part, more


def _in_order(
    images: Sequence[ImageWork],
    parts_of: Callable[[ImageWork], Iterator[Part]],
    executor: Executor,
    ahead: int,
) -> Iterator[Part]:
    waiting = iter(images)
    running: deque[_Running] = deque()
    while True:
        while sum(one.under_way for one in running) < ahead and (image := next(waiting, None)):
            running.append(_Running(parts_of(image), len(image.items), executor))
        if not running:
            return
        part, more = running[0].take()
        if not more:
            running.popleft()
        yield part
