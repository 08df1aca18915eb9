"""A MongoDB server that a test stops and starts again, on the same files and the same port."""

from __future__ import annotations

import contextlib
import importlib.util
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from demo.processes import free_port

START_SECONDS = 30


class Database:
    """A server of a test's own; that of the whole run must not stop, others' tests stand on it.

    Args:
        folder: an empty folder for its files.
        options: of its command line, beside those for its place.
    """

    def __init__(self, folder: Path, options: Sequence[str] = ()) -> None:
        self._folder = folder
        self._options = options
        self._port = free_port()
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"mongodb://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Starts it and waits until it takes connections."""
        spec = importlib.util.find_spec("fiftyone")
        assert spec is not None and spec.origin is not None
        command = [
            str(Path(spec.origin).parent / "db" / "bin" / "mongod"),
            *("--dbpath", str(self._folder), "--port", str(self._port)),
            *("--bind_ip", "127.0.0.1", "--nounixsocket"),
            *("--logpath", f"{self._folder}.log", "--logappend"),
            *self._options,
        ]
        self._server = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._server.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port)):
                return
            time.sleep(0.02)
        raise RuntimeError(f"mongod did not start:\n{self.log()[-2000:]}")

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Stops it: ``SIGTERM`` as an administrator does, ``SIGKILL`` as the kernel does."""
        if self._server is not None:
            self._server.send_signal(how)
            self._server.wait()
            self._server = None

    def freeze(self) -> None:
        """Has it answer nobody any more, while connections stay."""
        assert self._server is not None
        self._server.send_signal(signal.SIGSTOP)

    def log(self) -> str:
        return Path(f"{self._folder}.log").read_text()
