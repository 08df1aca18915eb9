# mypy: disallow-subclassing-any=False
# (the plugin is not followed by the type checker: the root pyproject.toml says so)
"""Stops a run in good order: after a signal it finishes its current part."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from fathomnet_voxel51.errors import FathomNetError

SIGNALS: Final = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
"""SLURM's end of a job, the warning before it that ``--signal`` requests, and Ctrl-C."""

ECHO_SECONDS: Final = 1.0
"""A signal that is repeated this soon counts once: SLURM sends it to all processes of a job, and
the job's script, which receives it too, passes it on."""


class StoppedError(FathomNetError):
    """A run was asked to stop and did; the same command continues it."""


class Stop:
    """Whether a run was asked to stop.

    Attributes:
        asked_by: name of the signal; empty as long as there was none.
    """

    def __init__(self) -> None:
        self.asked_by = ""
        self._asked_at = 0.0

    def check(self, kept: str) -> None:
        """Ends the run if it was asked to.

        Args:
            kept: what has been kept, for the message.

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
def handled_signals() -> Iterator[Stop]:
    """Handles the signals in the block; only the main thread may use it."""
    stop = Stop()
    before = {number: signal.signal(number, stop._hear) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
