"""Bytes on their way into a store, as the stores' tests send them."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable

import google_crc32c
from fathomnet_voxel51.media.store import Digest

CHUNK = 1 << 16


def crc32c(data: bytes) -> str:
    return base64.b64encode(google_crc32c.Checksum(data).digest()).decode()


class Bytes:
    """An image whose bytes are at hand.

    Args:
        data: what is sent.
        announce: whether the checksum is known beforehand.
        before_chunk: called with the number of each chunk before it goes out; it may raise.
    """

    content_type = "image/png"

    def __init__(
        self,
        data: bytes,
        announce: bool = False,
        before_chunk: Callable[[int], object] = lambda number: None,
    ) -> None:
        self.size = len(data)
        self.digest = Digest(len(data), crc32c(data))
        self.crc32c = self.digest.crc32c if announce else None
        self.closed = False
        self._data = data
        self._before_chunk = before_chunk

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            for number, start in enumerate(range(0, self.size, CHUNK)):
                await asyncio.sleep(0)  # as a source that waits for its network
                self._before_chunk(number)
                yield self._data[start : start + CHUNK]
        finally:
            self.closed = True
