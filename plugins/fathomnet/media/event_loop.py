"""Runs asynchronous work from synchronous code, and blocking work from asynchronous code."""

import asyncio
import sys
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
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
    if sys.platform == "win32":
        loop = asyncio.new_event_loop()
    else:
        import uvloop

        loop = uvloop.new_event_loop()  # an eighth less processor time per image

    def run() -> T:
        asyncio.set_event_loop(loop)
        try:
            return loop.run_until_complete(task)
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    with ThreadPoolExecutor(1, thread_name_prefix="fathomnet-loop") as pool:
        task = loop.create_task(work)
        future = pool.submit(run)
        try:
            while not wait([future], REPORT_SECONDS).done:
                report()
        except BaseException:
            loop.call_soon_threadsafe(task.cancel)
            raise
        result = future.result()
    report()
    return result


async def in_daemon_thread(work: Callable[..., T], *arguments: Any) -> T:
    """Runs blocking work in a thread that nobody waits for when it is cancelled.

    The threads of an executor are waited for when the program ends: a server that does not answer
    would keep it for a minute after Ctrl-C.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[T] = loop.create_future()

    def settle(set_it: Callable[[Any], None], value: Any) -> None:
        if not ended.done():
            set_it(value)

    def run() -> None:
        try:
            told: tuple[Callable[[Any], None], Any] = ended.set_result, work(*arguments)
        except BaseException as error:  # whatever it is, it belongs to who asked
            told = ended.set_exception, error
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, *told)

    threading.Thread(target=run, name="fathomnet-gcs", daemon=True).start()
    return await ended
