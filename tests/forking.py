"""Processes of a test's own, to be killed or held: forked, so that none has to import for seconds.

There is one forking server a test process, for all tests. It is started before the first of them,
so that what one sets in the environment does not reach the processes of another.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing import forkserver
from typing import Final

forking: Final = multiprocessing.get_context("forkserver")


def start_server() -> None:
    """Has it import, while tests that need none of its processes go on."""
    forking.set_forkserver_preload(["tests.preloaded"])
    forkserver.ensure_running()
