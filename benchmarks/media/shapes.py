"""What is measured: lines, numbers of connections, images, and what arithmetic allows of each."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.media.connection import Link

LOOPBACK: Final = Link()
WIDE_AREA: Final = Link(latency=0.15, rate=1_000_000)
BASELINE_CONCURRENCY: Final = 50


@dataclass(frozen=True, slots=True)
class Shape:
    """Images that go over a line, so many at a time.

    Attributes:
        link: the line, the same on both sides.
        concurrency: images on their way at a time.
        ways: names in ``measure.WAYS``, in the order of their turns.
        folder: whether they go to a folder instead of the sink.
        large: whether they are few of 200 MB instead of many of realistic sizes.
    """

    link: Link
    concurrency: int
    ways: tuple[str, ...]
    folder: bool = False
    large: bool = False

    def limit(self, sizes: Sequence[int]) -> float | None:
        """Images a second by arithmetic, None where the line sets no limit.

        Each connection is busy for two latencies, the origin's and the sink's, and for the
        transfer at the line's rate: concurrency / (2 * latency + mean size / rate).
        """
        if not self.link.rate:
            return None
        mean = sum(sizes) / len(sizes)
        return self.concurrency / (2 * self.link.latency + mean / self.link.rate)

    def limit_of_these(self, sizes: Sequence[int]) -> float | None:
        """The same for exactly these images in their order: the last ones leave others idle."""
        if not self.link.rate:
            return None
        free_at = [0.0] * self.concurrency
        for size in sizes:
            seconds = 2 * self.link.latency + size / self.link.rate
            heapq.heapreplace(free_at, free_at[0] + seconds)
        return len(sizes) / max(free_at)


SHAPES: Final = {
    "loopback, 50": Shape(LOOPBACK, 50, ("plain", "ours", "floor", "loop")),
    "wide-area, 50": Shape(WIDE_AREA, 50, ("plain", "ours")),
    "wide-area, 200": Shape(WIDE_AREA, 200, ("plain", "ours")),
    "folder, 50": Shape(LOOPBACK, 50, ("plain", "ours"), folder=True),
    "loopback, 8": Shape(LOOPBACK, 8, ("ours",)),
    "200 MB each, 8": Shape(LOOPBACK, 8, ("ours",), large=True),
}
