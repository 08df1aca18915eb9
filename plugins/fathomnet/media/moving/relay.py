"""Checks one image as it passes from a source to a store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Final

from async_timeout import timeout
from typing_extensions import Self

from ..outcomes import ItemError
from ..store import Digest, Incoming
from .whole_image import ImageCheck

_RESCHEDULE_SECONDS: Final = 1.0


class Watch:
    """Ends a transfer that has stalled; one that is merely slow goes on.

    Used as an asynchronous context manager around everything that may stall.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timeout = timeout(seconds)
        self._loop = asyncio.get_running_loop()
        self._moved_at = self._loop.time()
        self.waiting_for = "the source"

    def moved(self, waiting_for: str) -> None:
        """Records that something moved, and what the transfer waits for next."""
        self.waiting_for = waiting_for
        now = self._loop.time()
        # Setting a timer anew for each of thousands of chunks a second would be felt.
        if now - self._moved_at > min(_RESCHEDULE_SECONDS, self._seconds / 10):
            self._moved_at = now
            self._timeout.update(now + self._seconds)

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, traceback)
        except asyncio.TimeoutError as stalled:
            reason = f"nothing moved for {self._seconds:g} seconds; {self.waiting_for} stalled"
            raise ItemError(reason) from stalled


class Relay:
    """The outgoing side of an incoming image; made by :meth:`begin`.

    Attributes:
        size: bytes that the source announces.
        content_type: from the image's signature, whatever the source calls it.
        crc32c: the one that the source announces, if it does.
        error: what went wrong on the incoming side; the sending side hides it in its own error.
        released: whether the last chunk was sent, so that the store may have the object.
    """

    def __init__(
        self, incoming: Incoming, watch: Watch, found_whole: Callable[[Digest], None]
    ) -> None:
        self.size = incoming.size
        self.content_type = ""
        self.crc32c = incoming.crc32c
        self.error: BaseException | None = None
        self.released = False
        self._chunks = aiter(incoming.chunks)
        self._check = ImageCheck(incoming.size)
        self._first = b""
        self._watch = watch
        self._found_whole = found_whole
        self._digest: Digest | None = None

    async def begin(self) -> None:
        """Reads enough to tell the kind of image, before anything is sent to the store.

        Raises:
            RejectedError: it is not an image, or ends too early.
        """
        while self._check.content_type is None:
            chunk = await self._next()
            if not chunk:
                self._digest = self._check.finish()
                break
            self._first += chunk
        self.content_type = self._check.content_type or ""

    @property
    def digest(self) -> Digest:
        """The digest of the whole image, once all of it has passed."""
        if self._digest is None:
            raise RuntimeError("the digest is asked for before the image has passed")
        return self._digest

    async def chunks(self) -> AsyncIterator[bytes]:
        """The image's bytes; the last ones only once it is known to be whole.

        A store names an object once it has as many bytes as were announced, so an image that turns
        out to be bad at its very end is never created.
        """
        try:
            held = self._first
            while chunk := await self._next():
                self._watch.moved("the store")
                yield held
                held = chunk
            self._digest = self._check.finish()
            self._found_whole(self._digest)
        except BaseException as error:
            self.error = error
            raise
        self.released = True
        self._watch.moved("the store")
        yield held

    async def drain(self) -> Digest:
        """Reads the image to its end, only for its digest."""
        while await self._next():
            pass
        self._digest = self._check.finish()
        return self._digest

    async def _next(self) -> bytes:
        chunk = await anext(self._chunks, b"")
        self._watch.moved("the source")
        if chunk:
            self._check.feed(chunk)
        return chunk
