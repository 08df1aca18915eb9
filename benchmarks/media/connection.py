"""What the origin and the sink have in common: HTTP/1.1 on a connection, over a line of some speed.

Written for these benchmarks: an aiohttp server would be the bottleneck that is measured. Requests
have a Content-Length, and the next one comes after the answer to the last.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import numpy as np
from numpy.typing import NDArray

from demo.processes import end_with_parent

Bytes = NDArray[np.uint8]
"""google-crc32c takes it without a copy, unlike a ``memoryview`` of a ``bytearray``."""

SLICE: Final = 65_536
"""Bytes that go over a line of limited rate at once."""
BLANK_LINE: Final = b"\r\n\r\n"
LONGEST_START: Final = 8_192
"""Bytes."""
SLACK: Final = 0.1
"""Seconds."""
REASONS: Final = {200: "OK", 204: "No Content", 400: "Bad Request", 404: "Not Found",
                  405: "Method Not Allowed", 411: "Length Required",
                  412: "Precondition Failed"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Link:
    """The line between a server and its clients.

    Attributes:
        latency: seconds from the end of a request to the first byte of its answer.
        rate: bytes a second that a connection carries in the server's direction; 0 for no limit.
    """

    latency: float = 0.0
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request; names of headers are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]

    @classmethod
    def parse(cls, head: bytes) -> Request:
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        url = urlsplit(target)
        pairs = (line.split(":", 1) for line in lines if line)
        headers = {name.strip().lower(): value.strip() for name, value in pairs}
        return cls(method, url.path, dict(parse_qsl(url.query)), headers)

    @property
    def size(self) -> int:
        return int(self.headers.get("content-length", 0))

    def segments(self) -> list[str]:
        """The path's parts, decoded after they are split: a name's own ``/`` is written ``%2F``."""
        return [unquote(part) for part in self.path.strip("/").split("/")]


@dataclass(slots=True)
class Meter:
    """How much a server was asked, for whoever measures."""

    requests: int = 0
    first: float | None = None
    """``time.monotonic`` of the first request; the clock is the same in all processes."""

    def count(self) -> None:
        self.requests += 1
        self.first = self.first or time.monotonic()


@dataclass(slots=True)
class Pace:
    """When what has gone over a line of limited rate has arrived; for one body.

    A delay of this process up to ``SLACK`` is made good: a line goes on while a machine is busy.
    """

    rate: float
    due: float = field(default_factory=time.monotonic)

    def add(self, size: int) -> float:
        """Seconds to wait after ``size`` more bytes."""
        if not self.rate:
            return 0.0
        now = time.monotonic()
        self.due = max(self.due, now - SLACK) + size / self.rate
        return max(0.0, self.due - now)


class Connection(asyncio.BufferedProtocol):
    """One client's connection; a server says what becomes of its requests.

    Args:
        link: the line.
        buffer: where bytes arrive, shared by all connections: they are used up at once.
    """

    def __init__(self, link: Link, buffer: Bytes) -> None:
        self.link = link
        self._buffer = buffer[:SLICE] if link.rate else buffer
        self._head = bytearray()
        self._request: Request | None = None
        self._left = 0
        self._pace = Pace(link.rate)

    def begun(self, request: Request) -> None:
        """The head of a request is there."""

    def received(self, chunk: Bytes) -> None:
        """Bytes of its body are there; the memory is used again after the call."""

    def ended(self, request: Request) -> None:
        """It is time to answer."""
        raise NotImplementedError

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer.data

    def buffer_updated(self, nbytes: int) -> None:
        chunk = self._buffer[:nbytes]
        if self._request is None:
            chunk = self._read_head(chunk)
        if self._request is not None:
            self._read_body(self._request, chunk)

    def _read_head(self, chunk: Bytes) -> Bytes:
        """Takes the head, and gives what comes after it."""
        sections, rest = split_start(self._head, chunk, 1)
        if not sections:
            return rest
        self._request = request = Request.parse(sections[0])
        self._head.clear()
        self._left = request.size
        self._pace = Pace(self.link.rate)
        self.begun(request)
        return rest

    def _read_body(self, request: Request, chunk: Bytes) -> None:
        if len(chunk):
            self.received(chunk)
        self._left -= len(chunk)
        wait = self._pace.add(len(chunk))
        loop = asyncio.get_running_loop()
        if self._left <= 0:
            self._request = None
            wait += self.link.latency
            if wait:
                loop.call_later(wait, self.ended, request)
            else:
                self.ended(request)
        elif wait:
            self.transport.pause_reading()
            loop.call_later(wait, self.transport.resume_reading)

    def answer_json(self, status: int, content: Any) -> None:
        body = b"" if content is None else json.dumps(content).encode()
        self.transport.write(head(status, len(body), "application/json") + body)


def split_start(start: bytearray, chunk: Bytes, sections: int) -> tuple[list[bytes], Bytes]:
    """Collects sections that end with blank lines, without copying what follows them.

    Args:
        start: what came before; grows by the beginning of ``chunk``.
        chunk: bytes that are there.
        sections: how many are needed; all of them in ``LONGEST_START`` bytes.

    Returns:
        the sections, empty if they have not all come yet; what follows them.
    """
    before = len(start)
    start += chunk[:LONGEST_START].data
    *found, rest = start.split(BLANK_LINE, sections)
    if len(found) < sections:
        return [], chunk[:0]
    return [bytes(section) for section in found], chunk[len(start) - len(rest) - before :]


def head(status: int, size: int, content_type: str) -> bytes:
    """The head of an answer."""
    return (
        f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {size}\r\n\r\n"
    ).encode()


def link_parser(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before an answer")
    parser.add_argument("--rate", type=float, default=0.0, help="bytes a second; 0 for no limit")
    parser.add_argument("--port", type=int, default=0, help="0 for any that is free")
    return parser


async def serve(connection: Callable[[], Connection], port: int) -> None:
    """Serves on a port of the loopback interface, printing its URL, until it is killed."""
    end_with_parent()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(connection, "127.0.0.1", port, backlog=1_024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()
