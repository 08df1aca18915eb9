"""Processes that run beside this one and end with it."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

STOP_SECONDS = 20
_PR_SET_PDEATHSIG = 1


def free_port() -> int:
    """A TCP port on the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end_with_parent() -> None:
    """Has this process killed when its parent dies, even if that is killed itself; on Linux."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@contextlib.contextmanager
def worker(log: Path) -> Iterator[None]:
    """Runs what is queued as delegated operations, one at a time, until the block ends.

    The worker works on the database and with the plugins of this process, whose environment it
    inherits.

    Args:
        log: the file for what it says, tracebacks of failed operations included.
    """
    fiftyone = str(Path(sys.executable).parent / "fiftyone")
    with background([fiftyone, "delegated", "launch"], log):
        yield


@contextlib.contextmanager
def background(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a program until the block ends, and ends its descendants with it.

    Args:
        command: the program and its arguments.
        log: the file for what it says; its folder is made.
        environment: variables beside those of this process.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **(environment or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            # With all its descendants, which share its session and process group.
            for number in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_SECONDS)
