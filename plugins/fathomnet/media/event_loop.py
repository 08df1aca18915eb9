"""Runs asynchronous work from synchronous code, which may itself run inside an event loop."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, Final, TypeVar

T = TypeVar("T")

REPORT_SECONDS: Final = 0.5


def run_reporting(work: Coroutine[Any, Any, T], report: Callable[[], None]) -> T:
    """Runs a coroutine in its own event loop in its own thread.

    A notebook already runs a loop, and a progress report may be a slow database write. So the
    calling thread only reports, twice a second and once at the end.

    Args:
        work: what to run. If the calling thread is interrupted, it is cancelled and awaited.
        report: called in the calling thread.

    Returns:
        The coroutine's result; what it raises is raised here.
    """
    loop = _new_loop()
    with ThreadPoolExecutor(1, thread_name_prefix="fathomnet-loop") as pool:
        task = loop.create_task(work)
        future = pool.submit(_run, loop, task)
        try:
            while not wait([future], REPORT_SECONDS).done:
                report()
        except BaseException:
            loop.call_soon_threadsafe(task.cancel)
            raise
        result = future.result()
    report()
    return result


def _new_loop() -> asyncio.AbstractEventLoop:
    """The loop of libuv, which takes an eighth less processor time per image; not for Windows."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()


def _run(loop: asyncio.AbstractEventLoop, task: asyncio.Task[T]) -> T:
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(task)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
