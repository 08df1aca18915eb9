"""What could not be embedded, counted by its reason."""

from __future__ import annotations

from collections import Counter
from typing import Final

EXAMPLES_KEPT: Final = 50
"""Of each run, in its record; the counts are always whole."""


class Skips:
    """Counts boxes and images that were skipped; it holds no more than a number of examples."""

    def __init__(self) -> None:
        self.items = 0
        self.images = 0
        self.boxes = 0
        self.reasons: Counter[str] = Counter()
        self.examples: list[str] = []

    def image(self, filepath: str, items: int, reason: str) -> None:
        """An image that cannot be looked at, with all that was to be embedded of it."""
        self.images += 1
        self._count(filepath, items, reason)

    def box(self, filepath: str, id_: str, reason: str) -> None:
        """A box that cannot be embedded, of an image that can be looked at."""
        self.boxes += 1
        self._count(f"{filepath} box {id_}", 1, reason)

    def _count(self, place: str, items: int, reason: str) -> None:
        self.items += items
        self.reasons[reason] += items
        if len(self.examples) < EXAMPLES_KEPT:
            self.examples.append(f"{place}: {reason}")
