"""Processes of a test's own, to be killed or held: forked, so that none has to import for seconds.

There is one forking server a test process, for all tests. It is started before the first of them,
so that what one sets in the environment does not reach the processes of another.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any, Final

WAY: Final = "FATHOMNET_PUBLIC_API"
"""Which way a test takes goes with its processes; ``dataset.door`` says what it means."""


class _Process(ForkServerProcess):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._way = os.environ.get(WAY)

    def run(self) -> None:
        if self._way is not None:
            os.environ[WAY] = self._way
        super().run()


class _Context(ForkServerContext):
    Process = _Process


forking: Final = _Context()


def run_apart(work: Callable[[], None], kill_after: float | None = None) -> float:
    """Does something in a process of its own, killed after some seconds; how long that took."""
    started = time.monotonic()
    process = forking.Process(target=work)
    process.start()
    process.join(kill_after)
    if process.is_alive():
        process.kill()
    process.join()
    return time.monotonic() - started


def wait_for_the_import() -> None:
    """Waits until the server can fork at once, before a test looks at the clock."""
    run_apart(_nothing)


def _nothing() -> None:
    pass


def start_server() -> None:
    """Has it import, while tests that need none of its processes go on."""
    forking.set_forkserver_preload(["tests.support.preloaded"])
    forkserver.ensure_running()
