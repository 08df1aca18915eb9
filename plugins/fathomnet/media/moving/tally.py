"""Counts a transfer while it runs, and words its progress for people."""

import time
from collections import Counter, deque
from typing import Final

from rich.filesize import decimal

from ..outcomes import Outcome

WINDOW_SECONDS: Final = 30.0
"""The rate is averaged over this many seconds."""


class Tally:
    """Counts the images of a transfer by outcome.

    Attributes:
        total: images in all.
        counts: images by outcome.
        bytes: those moved into the store by this run.
    """

    def __init__(self, verb: str, total: int) -> None:
        self.total = total
        self.counts: Counter[Outcome] = Counter()
        self.bytes = 0
        self._verb = verb
        self._moved = 0
        self._marks: deque[tuple[float, int, int]] = deque([(time.monotonic(), 0, 0)])

    def add(self, outcome: Outcome, size: int = 0, took_time: bool = True) -> None:
        """Counts an image; ``size`` is the number of bytes moved for it."""
        self.counts[outcome] += 1
        self.bytes += size
        self._moved += took_time

    @property
    def done(self) -> int:
        return self.counts.total()

    def report(self) -> tuple[float, str]:
        """The share done, and a label such as "uploading 412/9,306, 3 missing, ...".

        Examples:
            >>> tally = Tally("uploading", total=4)
            >>> tally.add("stored")
            >>> tally.add("missing")
            >>> tally.report()
            (0.5, 'uploading 2/4, 1 missing')
        """
        share = self.done / self.total if self.total else 1.0
        parts = [f"{self._verb} {self.done:,}/{self.total:,}"]
        parts += [
            f"{self.counts[outcome]:,} {outcome}"
            for outcome in ("missing", "rejected", "failed")
            if self.counts[outcome]
        ]
        if self.bytes:
            parts.append(size_text(self.bytes))
        now = time.monotonic()
        self._marks.append((now, self._moved, self.bytes))
        while len(self._marks) > 2 and now - self._marks[1][0] > WINDOW_SECONDS:
            self._marks.popleft()
        began, moved_before, bytes_before = self._marks[0]
        seconds = now - began
        moved = self._moved - moved_before
        if seconds >= 1.0 and moved:
            left = (self.total - self.done) * seconds / moved
            rate = size_text((self.bytes - bytes_before) / seconds)
            parts += [f"{moved / seconds:.1f} images/s, {rate}/s", f"{time_text(left)} left"]
        return share, ", ".join(parts)


def size_text(size: float) -> str:
    """Bytes in words, such as "1.2 GB".

    Examples:
        >>> size_text(999), size_text(1_240_000)
        ('999 B', '1.2 MB')
    """
    return decimal(round(size)) if size >= 1000 else f"{size:.0f} B"


def time_text(seconds: float) -> str:
    """A duration in words, such as "3 min" or "2 h 05 min".

    Examples:
        >>> time_text(80), time_text(180), time_text(7_500)
        ('80 s', '3 min', '2 h 05 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
