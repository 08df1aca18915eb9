"""The processes behind the App: its server, and a worker for delegated operations."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tests.private_database import free_port

START_SECONDS = 90
STOP_SECONDS = 10


@contextlib.contextmanager
def app_server(plugins: Path, log: Path) -> Iterator[str]:
    """Serves the App on a free port until the block ends.

    The server works on the database of this process: ``FIFTYONE_DATABASE_URI``, which it inherits.

    Args:
        plugins: the folder that FiftyOne searches for plugins.
        log: the file for what the server says.

    Yields:
        the address to open in a browser, without a trailing slash.

    Raises:
        RuntimeError: the server did not come up; the message ends with its log.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = ["-m", "fiftyone.server.main", "--port", str(port), "--address", "127.0.0.1"]
    with _background(command, plugins, log) as process:
        _wait_until_served(url, process, log)
        yield url


@contextlib.contextmanager
def delegated_worker(plugins: Path, log: Path) -> Iterator[None]:
    """Runs what the App schedules, one operation at a time, until the block ends.

    Args:
        plugins: the folder that FiftyOne searches for plugins.
        log: the file for what the worker says, tracebacks of failed operations included.
    """
    fiftyone = str(Path(sys.executable).parent / "fiftyone")
    with _background([fiftyone, "delegated", "launch"], plugins, log):
        yield


@contextlib.contextmanager
def _background(
    arguments: list[str], plugins: Path, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "FIFTYONE_PLUGINS_DIR": str(plugins),
        "FIFTYONE_DO_NOT_TRACK": "true",
        # Without it the open-source App never offers "Schedule", whatever worker is running.
        "FIFTYONE_ALLOW_LEGACY_ORCHESTRATORS": "true",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            _stop_group(process)


def _stop_group(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and all its descendants, which share its session and process group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)


def _wait_until_served(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.1)
    raise RuntimeError(f"the App's server did not start:\n{log.read_text()[-2000:]}")
