"""The server behind the App."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from demo.processes import free_port

START_SECONDS = 90
STOP_SECONDS = 20

# Without it the open-source App never offers "Schedule", whatever worker is running.
SCHEDULING = {"FIFTYONE_ALLOW_LEGACY_ORCHESTRATORS": "true"}


@contextlib.contextmanager
def app_server(log: Path) -> Iterator[str]:
    """Serves the App on a free port until the block ends.

    The server works on the database and with the plugins of this process, whose environment it
    inherits.

    Args:
        log: the file for what the server says.

    Yields:
        the address to open in a browser, without a trailing slash.

    Raises:
        RuntimeError: the server did not come up; the message ends with its log.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = _start(port, log)
    try:
        _wait_until_served(url, process, log)
        yield url
    finally:
        _stop(process)


@functools.cache
def _forking() -> subprocess.Popen[str]:
    """The program that forks servers, one for all tests of this process."""
    command = [sys.executable, "-m", "tests.e2e.forked"]
    environment = {**os.environ, **SCHEDULING}
    forking = subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(forking.kill)
    return forking


def _start(port: int, log: Path) -> int:
    """Starts a server, and gives the number of its process."""
    forking = _forking()
    assert forking.stdin and forking.stdout
    order = {"port": port, "log": str(log), "environment": dict(os.environ)}
    forking.stdin.write(json.dumps(order) + "\n")
    forking.stdin.flush()
    return int(forking.stdout.readline())


def _stop(process: int) -> None:
    """Ends a server and all its descendants, which share its process group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process, number)
        deadline = time.monotonic() + STOP_SECONDS
        while _is_there(process) and time.monotonic() < deadline:
            time.sleep(0.02)


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _wait_until_served(url: str, process: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and _is_there(process):
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.1)
    raise RuntimeError(f"the App's server did not start:\n{log.read_text()[-2000:]}")
