"""Pauses Python's garbage collector, or keeps it from visiting lasting objects."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pauses the collector of reference cycles while many plain objects are made.

    Otherwise it runs each time enough objects have been made, and visits the million objects that
    importing FiftyOne leaves behind over and over: half of the time of a large ingest. Records and
    documents hold no cycles, so nothing is kept that would have been freed.
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
    """Keeps the collector from visiting objects that exist already, during long work.

    Modules and their functions outlive the work; visiting the million of them that FiftyOne brings
    takes a twentieth of the processor time of a transfer, and a fifth of that of an ingest. New
    objects are collected as usual.
    """
    frozen_before = gc.get_freeze_count()
    gc.freeze()
    try:
        yield
    finally:
        if not frozen_before:  # otherwise the application has frozen objects for its own reasons
            gc.unfreeze()
