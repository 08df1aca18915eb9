"""Checks one image as it passes from a source to a store."""

import asyncio
from collections.abc import AsyncIterator, Callable
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Final

from async_timeout import timeout
from typing_extensions import Self

from ..outcomes import ItemError, RejectedError
from ..store import Digest, Incoming
from .whole_image import ImageCheck

LONGEST_UNANNOUNCED: Final = 256 * 1024**2
"""Bytes of an image whose source does not say how long it is."""

_IN_MEMORY: Final = 4 * 1024**2
_PIECE: Final = 256 * 1024
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
        size: bytes; of an image whose source does not announce it, once it has begun.
        content_type: from the image's signature, whatever the source calls it.
        crc32c: the one that the source announces, if it does.
        error: what went wrong on the incoming side; the sending side hides it in its own error.
        released: whether the last chunk was sent, so that the store may have the object.
    """

    def __init__(
        self, incoming: Incoming, watch: Watch, found_whole: Callable[[Digest], None]
    ) -> None:
        self.size = incoming.size or 0
        self.content_type = ""
        self.crc32c = incoming.crc32c
        self.error: BaseException | None = None
        self.released = False
        self._chunks = aiter(incoming.chunks)
        self._is_announced = incoming.size is not None
        self._check = ImageCheck(self.size)
        self._first = b""
        self._watch = watch
        self._found_whole = found_whole
        self._digest: Digest | None = None

    async def begin(self) -> None:
        """Reads enough to tell the kind of image, before anything is sent to the store.

        An image of unknown length is first received whole, because a store wants to know.

        Raises:
            RejectedError: it is not an image, or ends too early.
        """
        if not self._is_announced:
            self.size, self._chunks = await spooled(self._chunks, self._watch)
            self._check = ImageCheck(self.size)
        while self._check.content_type is None:
            chunk = await self._next()
            if not chunk:
                self._digest = self._check.finish()
                break
            self._first += chunk
        self.content_type = self._check.content_type or ""

    @property
    def note(self) -> str:
        """What is to be known of the image, once all of it has passed; empty for most."""
        return self._check.note

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
        if not self._is_announced:
            await self.begin()
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


async def spooled(chunks: AsyncIterator[bytes], watch: Watch) -> tuple[int, AsyncIterator[bytes]]:
    """Receives all there is: in memory up to a point, then on disk.

    Returns:
        The number of bytes, and the bytes again.

    Raises:
        RejectedError: it does not end in time.
    """
    file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  # it is closed once it has been read
    size = 0
    try:
        async for chunk in chunks:
            watch.moved("the source")
            size += len(chunk)
            if size > LONGEST_UNANNOUNCED:
                reason = (
                    f"no length was announced, and more than {LONGEST_UNANNOUNCED:,} bytes came"
                )
                raise RejectedError(reason, again=False)
            file.write(chunk)
    except BaseException:
        file.close()
        raise
    file.seek(0)

    async def again() -> AsyncIterator[bytes]:
        with file:
            while chunk := file.read(_PIECE):
                yield chunk

    return size, again()
