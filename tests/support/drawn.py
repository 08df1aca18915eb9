"""Sets of the demo that several test files look at: each is drawn once, for all test processes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from filelock import FileLock

from demo.generate import DemoSet, Settings, make

SMALL: Final = Settings(train=6, test=4)
MEDIUM: Final = Settings(train=32, test=12)
"""8 dives of 4 training images, of which three are in the test split too."""
MANY_PREDICTED: Final = Settings(train=30, test=60, seed=5)
LARGE: Final = Settings(train=120, test=1)
"""Enough boxes for what is planted to stand out."""
UNSEEN: Final = Settings(train=130, test=0, seed=4711)
"""Of a seed that the demo's CLIP was not trained with."""

Drawn = Callable[[Settings], DemoSet]


def drawing_in(folder: Path) -> Drawn:
    """What draws a set, or finds it drawn; whoever gets one may read it, and not change it.

    Args:
        folder: keeps the sets; the same for all processes.
    """

    def drawn(settings: Settings) -> DemoSet:
        place = folder / f"demo-{settings.train}-{settings.test}-{settings.seed}"
        with FileLock(f"{place}.lock"):
            return make(place, settings, workers=os.cpu_count() or 1)

    return drawn
