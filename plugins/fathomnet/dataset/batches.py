"""Work on much data batch by batch: the next one is made while the last one is written."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timezone
from itertools import islice
from typing import TypeVar

Batch = TypeVar("Batch")
Item = TypeVar("Item")
Written = TypeVar("Written")


def write_overlapped(
    batches: Iterable[Batch], write: Callable[[Batch], Written], writers: int = 1
) -> Iterator[Written]:
    """Writes each batch in a thread of its own while the next one is being made.

    Args:
        batches: made lazily, so that one more than there are writers is in memory.
        write: writes one batch and returns what it did, say the number of items that it changed;
            called in order, where there is one writer.
        writers: how many batches are written at once.

    Yields:
        What ``write`` returned, batch by batch.
    """
    with ThreadPoolExecutor(writers, thread_name_prefix="fathomnet-write") as pool:
        pending: deque[Future[Written]] = deque()
        for batch in batches:
            if len(pending) == writers:
                yield pending.popleft().result()
            pending.append(pool.submit(write, batch))
        while pending:
            yield pending.popleft().result()


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of ``size`` consecutive items; the last one may be shorter."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch


def now() -> datetime:
    """The current time as FiftyOne stores it: UTC, without a zone."""
    return datetime.now(timezone.utc).replace(tzinfo=None)
