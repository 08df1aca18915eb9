# mypy: disallow-subclassing-any=False
# (the plugin is not followed by the type checker: the root pyproject.toml says so)
"""Stopping in good order: a signal lets a run finish the part it is at."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from fathomnet_voxel51.errors import FathomNetError

SIGNALS: Final = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
"""SLURM's own end of a job, the warning before it that ``--signal`` asks for, and Ctrl-C."""

ECHO_SECONDS: Final = 1.0
"""A signal that comes again so soon is the same: SLURM sends one to a job's processes, and the
job's script, which has received it too, passes it on."""


class StoppedError(FathomNetError):
    """A run was asked to stop and did; the same command goes on from there."""


class Stop:
    """Whether a run was asked to stop.

    Attributes:
        asked_by: name of the signal; empty while nobody asked.
    """

    def __init__(self) -> None:
        self.asked_by = ""
        self._asked_at = 0.0

    def check(self, kept: str) -> None:
        """Ends the run if it was asked to.

        Args:
            kept: what is safe, for the message.

        Raises:
            StoppedError: it was.
        """
        if self.asked_by:
            raise StoppedError(f"stopped by {self.asked_by}: {kept}; run it again to go on")

    def _hear(self, number: int, frame: FrameType | None) -> None:
        name, now = signal.Signals(number).name, time.monotonic()
        if not self.asked_by:
            self.asked_by, self._asked_at = name, now
        elif now - self._asked_at > ECHO_SECONDS:
            raise StoppedError(f"stopped at once by {name}, after {self.asked_by}")


@contextmanager
def listening() -> Iterator[Stop]:
    """Hears the signals while it lasts; only the main thread may."""
    stop = Stop()
    before = {number: signal.signal(number, stop._hear) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
