"""Words the progress and the speed of a run."""

from __future__ import annotations

import time

from .skips import Skips


class Pace:
    """Measures from its creation.

    Args:
        total: the number of boxes or images to embed.
        noun: ``boxes`` or ``images``.
    """

    def __init__(self, total: int, noun: str) -> None:
        self._total = total
        self._noun = noun
        self._start = time.monotonic()

    def report(self, embedded: int, skips: Skips) -> tuple[float, str]:
        """The share done, and a label such as ``embedding 412/24,487 boxes, images missing: 3``."""
        done = embedded + skips.items
        rate = embedded / max(time.monotonic() - self._start, 1e-3)
        words = [f"embedding {done:,}/{self._total:,} {self._noun}"]
        if skips.images:
            words.append(f"images missing: {skips.images:,}")
        if skips.boxes:
            words.append(f"boxes without pixels: {skips.boxes:,}")
        words.append(f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s")
        if rate:
            words.append(f"{_duration((self._total - done) / rate)} left")
        return done / max(self._total, 1), ", ".join(words)


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
