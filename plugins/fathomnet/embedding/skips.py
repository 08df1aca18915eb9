"""Counts what could not be embedded, by reason."""

from __future__ import annotations

from collections import Counter
from typing import Final

EXAMPLES_KEPT: Final = 50
"""Examples in the record of a run; its counts always include everything."""


class Skips:
    """Counts boxes and images that were skipped, and keeps a limited number of examples."""

    def __init__(self) -> None:
        self.items = 0
        self.images = 0
        self.boxes = 0
        self.reasons: Counter[str] = Counter()
        self.examples: list[str] = []

    def image(self, filepath: str, items: int, reason: str) -> None:
        """Counts an unusable image, with everything that was to be embedded of it."""
        self.images += 1
        self._count(filepath, items, reason)

    def box(self, filepath: str, id_: str, reason: str) -> None:
        """Counts a box that cannot be embedded, of a usable image."""
        self.boxes += 1
        self._count(f"{filepath} box {id_}", 1, reason)

    def _count(self, place: str, items: int, reason: str) -> None:
        self.items += items
        self.reasons[reason] += items
        if len(self.examples) < EXAMPLES_KEPT:
            self.examples.append(f"{place}: {reason}")
