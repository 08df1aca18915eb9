"""The body of an upload request: one image, sent as it arrives."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from typing import Any, Final, NoReturn

from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

from ..store import Outgoing

WHOLE_KEY: Final = "fathomnet-voxel51"
WHOLE_VALUE: Final = "whole"
"""Metadata that marks objects which this project streamed to a verified end."""


class Upload(Payload):
    """A ``multipart/related`` body: the object's metadata, then its bytes.

    Its length is known and announced beforehand, so a body that breaks off creates nothing.

    Args:
        name: of the object.
        outgoing: its bytes.

    Attributes:
        complete: whether all bytes were handed to the connection.
        failure: what went wrong in ``outgoing``, if anything did.
    """

    def __init__(self, name: str, outgoing: Outgoing) -> None:
        boundary = secrets.token_hex(16)
        super().__init__(outgoing, content_type=f"multipart/related; boundary={boundary}")
        self.complete = False
        self.failure: Exception | None = None
        self._outgoing = outgoing
        self._preamble = _preamble(boundary, name, outgoing)
        self._closing = f"\r\n--{boundary}--\r\n".encode()
        self._size = len(self._preamble) + outgoing.size + len(self._closing)
        self._ended: asyncio.Event | None = None

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Sends the body; called by aiohttp, which drops the connection on any exception."""
        self._ended = asyncio.Event()
        try:
            await writer.write(self._preamble)
            chunks, left = self._outgoing.chunks(), self._outgoing.size
            try:
                while chunk := await self._next(chunks):
                    left -= len(chunk)
                    if left < 0:
                        self._fail("it has more bytes than it announced")
                    await writer.write(chunk)
                if left:
                    self._fail(f"it ended {left:,} bytes early")
            finally:
                close = getattr(chunks, "aclose", None)
                if close is not None:
                    await close()
            await writer.write(self._closing)
            self.complete = True
        finally:
            self._ended.set()

    def __aiter__(self) -> AsyncIterator[bytes]:
        """By which google-auth's session knows a body that cannot be sent a second time."""
        return self._outgoing.chunks()

    async def ended(self) -> None:
        """Waits until ``outgoing`` is no longer read; call it only after the request has ended."""
        if self._ended is not None:
            await self._ended.wait()

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> NoReturn:
        raise TypeError("a stream cannot be shown")

    async def _next(self, chunks: AsyncIterator[bytes]) -> bytes:
        try:
            return await anext(chunks, b"")
        except Exception as error:
            self.failure = error
            raise

    def _fail(self, problem: str) -> NoReturn:
        self.failure = ValueError(problem)
        raise self.failure


def _preamble(boundary: str, name: str, outgoing: Outgoing) -> bytes:
    metadata: dict[str, Any] = {
        "name": name,
        "contentType": outgoing.content_type,
        "metadata": {WHOLE_KEY: WHOLE_VALUE},
    }
    if outgoing.crc32c is not None:
        metadata["crc32c"] = outgoing.crc32c
    return (
        f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n"
        f"{json.dumps(metadata)}\r\n"
        f"--{boundary}\r\nContent-Type: {outgoing.content_type}\r\n\r\n"
    ).encode()
