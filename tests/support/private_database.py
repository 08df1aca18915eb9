"""A MongoDB server that belongs to one test run.

FiftyOne's embedded database attaches to any server that the same user already runs, whatever
folder it was asked for, so tests would write into the user's own datasets. A server of our own,
named by ``FIFTYONE_DATABASE_URI``, cannot be mistaken.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from demo.processes import free_port

START_SECONDS = 30


@contextlib.contextmanager
def private_database(folder: Path, kept: bool = False) -> Iterator[str]:
    """Runs FiftyOne's own mongod on a free port.

    Args:
        folder: an empty folder for its files, or one that was kept.
        kept: whether what is in it is wanted afterwards.

    Yields:
        the URI for ``FIFTYONE_DATABASE_URI``.
    """
    _stop_left_behind(folder)
    spec = importlib.util.find_spec("fiftyone")
    assert spec is not None and spec.origin is not None
    port = free_port()
    command: list[str | Path] = [
        Path(spec.origin).parent / "db" / "bin" / "mongod",
        *("--dbpath", folder, "--port", str(port), "--bind_ip", "127.0.0.1"),
        *("--nounixsocket", "--logpath", folder / "mongod.log"),
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        _wait(port, server, folder)
        yield f"mongodb://127.0.0.1:{port}"
    finally:
        if kept:
            server.terminate()
        else:
            server.kill()  # so nothing needs flushing
        server.wait()


def _stop_left_behind(folder: Path) -> None:
    """Ends the server of a run that was killed, which has the folder still."""
    lock = folder / "mongod.lock"
    number = lock.read_text().strip() if lock.exists() else ""
    process = Path("/proc") / (number or "none")
    if process.exists() and str(folder) in (process / "cmdline").read_text():
        os.kill(int(number), signal.SIGTERM)
        while process.exists():
            time.sleep(0.05)


def _wait(port: int, server: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"mongod did not start:\n{(folder / 'mongod.log').read_text()[-2000:]}")
