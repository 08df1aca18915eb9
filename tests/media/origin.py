"""A web server of images that misbehaves as it is told to, over real sockets.

The protocol is written by hand, because no HTTP library agrees to send what these tests need.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import math
import random
import socket
import ssl
import struct
import threading
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal
from urllib.parse import quote, unquote

from PIL import Image
from typing_extensions import Self

HTML = b"<!DOCTYPE html><html><body>Down for maintenance</body></html>"
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NOISE = 1 << 20
_SLICE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """How the origin answers one request; what is not said is as it should be.

    Attributes:
        status: of the answer.
        headers: added to the usual ones, or in their place.
        body: what is sent; None for the true bytes of the image.
        gzipped: whether the body is compressed for the transfer.
        length: what ``Content-Length`` says of the body of n bytes: n plus this; None for no such
            header and a chunked body.
        stop_at: the share of the body after which ``stop`` happens, 0.0 for right after the
            headers; None for before the headers.
        stop: what happens there. A stall lasts until the client goes away.
        rate: bytes a second, in place of the origin's own rate.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    gzipped: bool = False
    length: int | None = 0
    stop_at: float | None = 1.0
    stop: Literal["", "close", "reset", "stall"] = ""
    rate: float | None = None


def status(code: int, **headers: str) -> Reply:
    """An error; headers by their names with ``_`` for ``-``, as in ``Retry_After="2"``."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    body = b"" if code in (204, 304) else f"<html>{code}</html>".encode()
    return Reply(status=code, headers=named, body=body)


def redirect(location: str, code: int = 302) -> Reply:
    return Reply(status=code, headers=(("Location", location),), body=b"")


def reset(at: float | None = None) -> Reply:
    """A connection reset: before the headers, or after this share of the body."""
    return Reply(stop_at=at, stop="reset")


def stall(at: float | None = None) -> Reply:
    """Silence: before the headers, or after this share of the body."""
    return Reply(stop_at=at, stop="stall")


def truncated(at: float = 0.5) -> Reply:
    """The announced length, but fewer bytes, and a proper close."""
    return Reply(stop_at=at, stop="close")


def wrong_length(by: int) -> Reply:
    """A ``Content-Length`` that is too small (negative) or too large."""
    return Reply(length=by, stop="close")


def no_length() -> Reply:
    return Reply(length=None)


def html(code: int = 200) -> Reply:
    return Reply(status=code, headers=(("Content-Type", "text/html; charset=utf-8"),), body=HTML)


def other(body: bytes) -> Reply:
    """The bytes of something else."""
    return Reply(body=body)


def empty() -> Reply:
    return Reply(body=b"")


def gzipped() -> Reply:
    return Reply(gzipped=True)


def trickle(rate: float) -> Reply:
    """A slow source, in bytes a second."""
    return Reply(rate=rate)


@dataclass
class Seen:
    """What was asked of the origin.

    Attributes:
        requests: how often each image was asked for.
        sent: bytes of bodies, by image.
        targets: every request's path and query as they arrived.
        headers: of the last request for each image, names in lower case.
        connections: how many were accepted.
        most_at_once: requests that were being answered at the same time, at most.
    """

    requests: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    targets: list[str] = field(default_factory=list)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    connections: int = 0
    most_at_once: int = 0


class Origin:
    """Serves images from a thread of its own, until the context is left.

    Entered again, it is the same server after a restart, on the same port.

    Args:
        images: their bytes by name. A name may hold any characters; more may be added later.
        script: for a name, how its first requests are answered, one reply each; after them the
            image is served as it should be.
        latency: seconds before each answer.
        rate: bytes a second of each connection; None for as fast as it goes.
        tls: for https.
    """

    def __init__(
        self,
        images: Mapping[str, bytes],
        script: Mapping[str, Iterable[Reply]] | None = None,
        latency: float = 0.0,
        rate: float | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.images = dict(images)
        self.script = {name: list(replies) for name, replies in (script or {}).items()}
        self.seen = Seen()
        self.port = 0
        self._latency = latency
        self._rate = rate
        self._tls = tls
        self._at_once = 0
        self._started = threading.Event()

    def __enter__(self) -> Self:
        self._started.clear()
        self._thread = threading.Thread(target=self._run, name="origin", daemon=True)
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def url(self, name: str) -> str:
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}/{quote(name)}"

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, ssl=self._tls, backlog=1000
        )
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stopping.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.seen.connections += 1
        task = asyncio.ensure_future(self._converse(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while await self._exchange(reader, writer):
                    pass
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), 1.0)
        finally:
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answers one request; whether the connection may be used again."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        request, *lines = head.strip().split("\r\n")
        target = request.split(" ")[1]
        name = unquote(target.partition("?")[0][1:])
        self._note(name, target, lines)
        self._at_once += 1
        self.seen.most_at_once = max(self.seen.most_at_once, self._at_once)
        try:
            await asyncio.sleep(self._latency)
            stop = await self._answer(writer, name, self._next_reply(name))
            if stop == "stall":
                await reader.read(1)
            elif stop == "reset":
                _reset(writer)
            return not stop
        finally:
            self._at_once -= 1

    def _note(self, name: str, target: str, lines: list[str]) -> None:
        self.seen.requests[name] += 1
        self.seen.targets.append(target)
        pairs = (line.partition(":") for line in lines)
        self.seen.headers[name] = {key.lower(): value.strip() for key, _, value in pairs}

    def _next_reply(self, name: str) -> Reply:
        if self.script.get(name):
            return self.script[name].pop(0)
        return Reply() if name in self.images else status(404)

    async def _answer(self, writer: asyncio.StreamWriter, name: str, reply: Reply) -> str:
        if reply.stop_at is None:
            return reply.stop
        body = self.images.get(name, b"") if reply.body is None else reply.body
        body = gzip.compress(body, 1) if reply.gzipped else body
        writer.write(_head(reply, body))
        if reply.length is None:
            part = body[: math.floor(len(body) * reply.stop_at)]
            ending = b"" if reply.stop else b"\r\n0\r\n\r\n"
            writer.write(b"%x\r\n%b%b" % (len(body), part, ending))
            self.seen.sent[name] += len(part)
        else:
            sent = memoryview(body)[: math.floor(len(body) * reply.stop_at)]
            await self._send(writer, name, sent, reply.rate or self._rate)
        await writer.drain()
        return reply.stop

    async def _send(
        self, writer: asyncio.StreamWriter, name: str, body: memoryview, rate: float | None
    ) -> None:
        step = _SLICE if rate is None else max(1, min(_SLICE, int(rate / 20)))
        started = self._loop.time()
        for at in range(0, len(body), step):
            piece = body[at : at + step]
            if rate is not None:
                await asyncio.sleep(started + (at + len(piece)) / rate - self._loop.time())
            writer.write(piece)
            await writer.drain()
            self.seen.sent[name] += len(piece)


def _head(reply: Reply, body: bytes) -> bytes:
    headers = {"Content-Type": _content_type(body)}
    if reply.length is None:
        headers["Transfer-Encoding"] = "chunked"
    else:
        headers["Content-Length"] = str(len(body) + reply.length)
    if reply.gzipped:
        headers["Content-Encoding"] = "gzip"
    replaced = {name.lower() for name, _ in reply.headers}
    lines = [(name, value) for name, value in headers.items() if name.lower() not in replaced]
    known = reply.status in HTTPStatus.__members__.values()
    phrase = HTTPStatus(reply.status).phrase if known else "Unknown"
    text = "".join(f"{name}: {value}\r\n" for name, value in (*lines, *reply.headers))
    return f"HTTP/1.1 {reply.status} {phrase}\r\n{text}\r\n".encode("latin-1")


def _content_type(body: bytes) -> str:
    if body.startswith(_PNG_SIGNATURE):
        return "image/png"
    return "image/jpeg" if body.startswith(b"\xff\xd8") else "application/octet-stream"


def _reset(writer: asyncio.StreamWriter) -> None:
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


def png(size: int, seed: int = 0) -> bytes:
    """A grey noise PNG of exactly ``size`` bytes, at least 150, that decodes."""
    side = max(1, math.isqrt(int((size - 120) * 0.99)) - 1)
    row = side + 1
    pixels = bytearray(_noise(row * side, seed))
    pixels[::row] = bytes(side)  # each row begins with its filter, which is none
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    parts = [
        _PNG_SIGNATURE,
        _chunk(b"IHDR", header),
        _chunk(b"IDAT", zlib.compress(pixels, 0)),
        _chunk(b"IEND", b""),
    ]
    padding = size - sum(map(len, parts)) - 12
    parts.insert(2, _chunk(b"paDd", bytes(padding)))
    return b"".join(parts)


def jpeg(side: int = 64, seed: int = 0) -> bytes:
    """A grey noise JPEG."""
    encoded = io.BytesIO()
    Image.frombytes("L", (side, side), _noise(side * side, seed)).save(encoded, "JPEG")
    return encoded.getvalue()


def _noise(size: int, seed: int) -> bytes:
    block = random.Random(seed).randbytes(min(size, _NOISE))
    return (block * -(-size // len(block)))[:size]


def _chunk(kind: bytes, content: bytes) -> bytes:
    return b"".join(
        (struct.pack(">I", len(content)), kind, content, struct.pack(">I", _crc(kind, content)))
    )


def _crc(kind: bytes, content: bytes) -> int:
    return zlib.crc32(content, zlib.crc32(kind))
