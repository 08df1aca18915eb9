"""Python's garbage collector, told to wait, or where not to look."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keeps the collector of reference cycles from running while many plain objects are made.

    It runs whenever enough objects were made, and then visits the million that importing
    FiftyOne leaves behind, over and over: half of the time of a large ingest. Records and
    documents hold no cycles, so that nothing is kept that would have been freed.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def lasting_objects_skipped() -> Iterator[None]:
    """Keeps the collector from visiting what exists already, for work that runs for long.

    Modules and their functions outlive the work; visiting them takes a twentieth of the processor
    time of a transfer. What is made meanwhile is collected as ever.
    """
    frozen_before = gc.get_freeze_count()
    gc.freeze()
    try:
        yield
    finally:
        if not frozen_before:  # else the application keeps objects frozen for reasons of its own
            gc.unfreeze()
