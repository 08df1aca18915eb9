"""The server behind the App."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from demo.processes import background, free_port

START_SECONDS = 90

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
    module = [sys.executable, "-m", "fiftyone.server.main"]
    command = [*module, "--port", str(port), "--address", "127.0.0.1"]
    with background(command, log, SCHEDULING) as process:
        _wait_until_served(url, process, log)
        yield url


def _wait_until_served(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.1)
    raise RuntimeError(f"the App's server did not start:\n{log.read_text()[-2000:]}")
