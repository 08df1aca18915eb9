"""Makes something of images in order, ahead of its use, in constant memory.

It uses threads, not processes: decoding and resizing release the interpreter's lock, and what was
made (some 0.7 MB a box) need not travel between processes.
"""

import contextlib
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Final, Generic, TypeVar

GIVE_WAY: Final = 10
"""Added to the niceness of the threads if a model shares their processors. The model's threads wait
for one another many times per batch, so one that is delayed delays all."""

Image = TypeVar("Image")
Part = TypeVar("Part")


def parts_ahead(
    images: Iterable[Image],
    parts_of: Callable[[Image], Iterator[Part]],
    boxes_in: Callable[[Image], int],
    *,
    part: int,
    workers: int,
    ahead: int,
    give_way: bool = False,
) -> Generator[Part]:
    """Makes the parts of images in threads and hands them over in the images' order.

    Args:
        images: whatever describes them.
        parts_of: makes the parts of an image one after the other, of ``part`` boxes or of what is
            left; may end early. Each part is asked for in any of the threads, never two at once.
        boxes_in: the number of boxes in an image; one without is left out.
        part: boxes that are made at once; an image with thousands must not fill the memory.
        workers: threads; 0 makes each part when it is asked for.
        ahead: the most boxes that wait, made or being made, before another image is begun.
        give_way: whether the threads yield the processors to others that need them.
    """
    occupied = (image for image in images if boxes_in(image))
    if not workers:
        for image in occupied:
            yield from parts_of(image)
        return
    executor = ThreadPoolExecutor(
        workers, thread_name_prefix="pictures", initializer=_give_way if give_way else None
    )
    running: deque[_Running[Part]] = deque()
    try:
        while True:
            while sum(one.boxes for one in running) < ahead:
                following = next(occupied, None)
                if following is None:
                    break
                running.append(_Running(parts_of(following), boxes_in(following), part, executor))
            if not running:
                return
            made, more = running[0].take()
            if not more:
                running.popleft()
            if made is not None:
                yield made
    finally:
        executor.shutdown(cancel_futures=True)


class _Running(Generic[Part]):
    """An image whose next part is being made in a thread."""

    def __init__(self, parts: Iterator[Part], boxes: int, part: int, executor: Executor) -> None:
        self._parts = parts
        self._left = boxes
        self._at_once = part
        self._executor = executor
        self._begin()

    def _begin(self) -> None:
        self.boxes = min(self._left, self._at_once)
        self._left -= self.boxes
        self._part: Future[Part | None] = self._executor.submit(next, self._parts, None)

    def take(self) -> tuple[Part | None, bool]:
        """Waits for the part; returns it and whether the image may have another, which is begun."""
        part = self._part.result()
        more = part is not None and self._left > 0
        if more:
            self._begin()
        return part, more


def _give_way() -> None:
    # On Linux alone a thread's own priority can be set; elsewhere it would be the process's.
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), GIVE_WAY)
