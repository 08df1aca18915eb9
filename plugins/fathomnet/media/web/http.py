"""Reads the headers of HTTP answers, and their bodies as they arrive, whoever sends them."""

import asyncio
import base64
import binascii
import socket
import time
from collections.abc import AsyncIterator, Callable
from email.utils import parsedate_to_datetime
from typing import Any, Final

import aiohttp
from aiohttp.http import HttpProcessingError
from multidict import CIMultiDictProxy
from typing_extensions import Self

from ..outcomes import ItemError

WINDOW: Final = 2 * 1024**2
"""Bytes under way to a connection. The kernel begins with a sixteenth of this, and the sender waits
for each piece to be read; on a fast line that costs a fifth of the rate and processor time."""

ALL_WINDOWS: Final = 100 * 1024**2
"""Bytes for all connections together: the kernel's memory if a store is slower than a source."""

SMALLEST: Final = 512 * 1024
"""Bytes; below this the kernel chooses by itself, and may grow further on a long line."""

SocketFactory = Callable[[Any], socket.socket]


def receiving_sockets(concurrency: int) -> SocketFactory | None:
    """Makes sockets with a large receive window, for aiohttp's ``TCPConnector``.

    Args:
        concurrency: connections at a time.

    Returns:
        None if the kernel is to choose: for very many connections, and on a system that allows no
        window of this size (on Linux ``net.core.rmem_max``); what it does allow would be less than
        the kernel would choose itself.
    """
    window = min(WINDOW, ALL_WINDOWS // concurrency)
    if window < SMALLEST:
        return None

    def make(address: Any) -> socket.socket:
        family, kind, protocol, *_ = address
        made = socket.socket(family, kind, protocol)
        # Before it connects: the largest window is agreed on in the handshake.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        return made

    with make((socket.AF_INET, socket.SOCK_STREAM, 0)) as probe:
        return make if probe.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= window else None


LONGEST_HEADER: Final = 64 * 1024
"""Characters of a line of an answer's headers; some hosts send policies of more than 8 KiB."""


NO_ANSWER: Final = (aiohttp.ClientError, HttpProcessingError, OSError, asyncio.TimeoutError)
"""What aiohttp raises where an answer does not come, or not whole.

Python 3.10 knows asyncio's ``TimeoutError`` and the built-in one, an ``OSError``, as two.
"""

LONGEST_WAIT: Final = 600.0
"""Seconds; a longer ``Retry-After`` is reduced to this."""

_CRC32C_BYTES: Final = 4
_MD5_BYTES: Final = 16


def retry_after(headers: CIMultiDictProxy[str]) -> float | None:
    """Seconds that ``Retry-After`` asks for, at most :data:`LONGEST_WAIT`; None if invalid."""
    text = headers.get("Retry-After", "").strip()
    try:
        date = None if text.isdecimal() else parsedate_to_datetime(text)
        seconds = date.timestamp() - time.time() if date else float(int(text))
    except (ValueError, OverflowError):
        return None
    return min(seconds, LONGEST_WAIT) if seconds >= 0 else None


def announced_digests(headers: CIMultiDictProxy[str]) -> tuple[str | None, str | None]:
    """CRC-32C and MD5 in Base64; each is None if it is not announced."""
    announced: dict[str, str] = {}
    for header in headers.getall("X-Goog-Hash", ()):
        for part in header.split(","):
            name, _, digest = part.strip().partition("=")
            announced[name.lower()] = digest
    md5 = announced.get("md5") or headers.get("Content-MD5", "").strip()
    return _digest(announced.get("crc32c", ""), _CRC32C_BYTES), _digest(md5, _MD5_BYTES)


def _digest(text: str, length: int) -> str | None:
    try:
        return text if len(base64.b64decode(text, validate=True)) == length else None
    except (binascii.Error, ValueError):
        return None


class Body(AsyncIterator[bytes]):
    """The body of a response, chunk by chunk as it arrives; raises ItemError if it breaks off.

    Args:
        response: its headers have arrived.
        size: bytes that the response announces, if it does.
        sender: for the error: ``the source`` or ``the store``.
    """

    def __init__(self, response: aiohttp.ClientResponse, size: int | None, sender: str) -> None:
        self._content = response.content
        self._size = size
        self._sender = sender
        self._received = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            # Unlike readany, it never joins (and so copies) what has piled up.
            chunk, _ = await self._content.readchunk()
        except NO_ANSWER as error:
            of_all = "" if self._size is None else f" of {self._size:,}"
            reason = f"{self._sender} broke off after {self._received:,}{of_all} bytes"
            raise ItemError(reason) from error
        if not chunk:
            raise StopAsyncIteration
        self._received += len(chunk)
        return chunk
