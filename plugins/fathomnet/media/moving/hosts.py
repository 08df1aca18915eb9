"""Limits requests per host: all of them wait while a host refuses or cannot be reached."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

from ...text import time_text
from ..outcomes import BusyError, ItemError

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
SHARE_LEFT: Final = 0.5
"""Share of the simultaneous requests that remains after a refusal."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a host that answers nobody.

    Attributes:
        first_pause: seconds after the first refusal; each further refusal in a row doubles it.
        longest_pause: the most seconds of a pause.
        give_up_after: seconds without any answer after which all requests to the host fail.
    """

    first_pause: float = FIRST_PAUSE
    longest_pause: float = LONGEST_PAUSE
    give_up_after: float = 600.0


class Host:
    """Decides how many simultaneous requests one host gets, and when it gets none.

    After a refusal (429, 503, no connection) all requests pause for as long as the host asks, or
    for a random time, and then fewer are made at once; every answer allows slightly more again.
    """

    def __init__(self, name: str, most: int, patience: Patience) -> None:
        self._name = name
        self._most = most
        self._patience = patience
        self._allowed = float(most)
        self._at_work = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._loop = asyncio.get_running_loop()
        self._resume_at = 0.0
        self._paused_at = -1.0
        self._refusals = 0
        self._silent_since: float | None = None
        self._answers = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """Waits until the host may get one more request, which lasts as long as the block.

        Raises:
            ItemError: the host has answered nobody for too long.
        """
        # In line: a request that returns does not overtake those that wait.
        place = self._loop.create_future()
        self._queue.append(place)
        self._admit()
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._at_work -= 1
                self._admit()
            raise
        try:
            while (left := self._resume_at - self._loop.time()) > 0:
                silent = self._silent_since
                patience = self._patience.give_up_after
                if silent is not None and self._loop.time() - silent > patience:
                    reason = f"{self._name} has answered nobody for {time_text(patience)}"
                    raise ItemError(reason, again=False)
                await asyncio.sleep(left)
            yield Turn(self, self._loop.time(), self._answers)
        finally:
            self._at_work -= 1
            self._admit()

    @property
    def is_silent(self) -> bool:
        """Whether the host has never answered, although it was asked."""
        return self._silent_since is not None and not self._answers

    def answered(self) -> None:
        """Records that the host answered, even if it refused one image."""
        self._answers += 1
        self._refusals = 0
        self._silent_since = None
        if self._allowed < self._most:
            self._allowed = min(self._most, self._allowed + 1 / self._allowed)

    def refused(self, turn: Turn, wait: float | None) -> bool:
        """Records that the host seems to refuse everybody.

        Args:
            turn: the request that was refused.
            wait: seconds that the host asked for, if it did.

        Returns:
            Whether it does. If it has answered others since the turn began, it does not, and the
            attempt counts against the image.
        """
        now = self._loop.time()
        if self._silent_since is None:
            self._silent_since = now
        if turn.began > self._paused_at:
            # Of the requests that were under way together, the first refusal counts for all.
            self._paused_at = now
            self._refusals += 1
            self._allowed = max(1.0, self._allowed * SHARE_LEFT)
            longest = self._patience.first_pause * 2.0 ** min(self._refusals - 1, 30)
            pause = min(longest, self._patience.longest_pause) * random.uniform(0.5, 1.0)  # noqa: S311  # jitter is no secret
            self._resume_at = max(self._resume_at, now + pause)
        if wait is not None:
            self._resume_at = max(self._resume_at, now + wait)
        return self._answers == turn.answers_before

    def _admit(self) -> None:
        while self._queue and self._at_work < max(1, int(self._allowed)):
            place = self._queue.popleft()
            if not place.cancelled():
                self._at_work += 1
                place.set_result(None)


@dataclass(frozen=True, slots=True)
class Turn:
    """One request to a host.

    Attributes:
        host: the host.
        began: when, by the clock of the event loop.
        answers_before: the number of answers that the host had given by then.
    """

    host: Host
    began: float
    answers_before: int

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Wraps a request: records the host's answer or refusal."""
        try:
            yield
        except BusyError as error:
            error.for_everybody = self.host.refused(self, error.wait)
            raise
        except ItemError:
            self.host.answered()
            raise
        self.host.answered()
