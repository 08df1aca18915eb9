"""A small HTTP server in a thread of its own: the base of the tests' origin and sink."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final, NoReturn

from aiohttp import web
from aiohttp.typedefs import Handler
from typing_extensions import Self

START_SECONDS: Final = 10.0
BACKLOG: Final = 512
PIECE: Final = 1 << 16
"""Bytes between two looks at the clock, where a server keeps to a rate."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to misbehave.

    Attributes:
        kind: in the words of the server that does it.
        status: of the answer, where the fault is one.
        retry_after: the header of that name.
    """

    kind: str
    status: int = 0
    retry_after: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": self.retry_after} if self.retry_after is not None else {}


class Server(ABC):
    """Serves ``application()`` on a free port of this machine, from entering to leaving.

    Entered again, it is the same server after a restart: on the same port, with what it had.

    What a test reads and sets from outside the thread are plain attributes and dicts.

    Args:
        latency: seconds before each request is looked at.
        rate: bytes a second and connection; None for as fast as it goes.
        tls: for https.

    Attributes:
        url: where it is reached, without a trailing slash.
        faults: by name (of a path or an object), what goes wrong; each request of that name uses
            up the first.
    """

    def __init__(
        self,
        latency: float = 0.0,
        rate: float | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.tls = tls
        self.latency = latency
        self.rate = rate
        self.faults: dict[str, list[Fault]] = {}
        self.url = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._port = 0

    @abstractmethod
    def application(self) -> web.Application: ...

    def next_fault(self, name: str) -> Fault | None:
        script = self.faults.get(name)
        return script.pop(0) if script else None

    def __enter__(self) -> Self:
        self._started.clear()
        self._thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=True)
        self._thread.start()
        if not self._started.wait(START_SECONDS) or self._failure:
            raise RuntimeError(f"{type(self).__name__} did not start") from self._failure
        return self

    def __exit__(self, *exception: object) -> None:
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failure = error
            self._started.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        # A handler ends with its connection, so that a stall lasts no longer than the client.
        application = self.application()
        application.middlewares.insert(0, self._late)
        runner = web.AppRunner(
            application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await runner.setup()
        listening = self._listen()
        await web.SockSite(runner, listening, backlog=BACKLOG, ssl_context=self.tls).start()
        scheme = "https" if self.tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._port}"
        self._started.set()
        await self._stop.wait()
        await runner.cleanup()

    @web.middleware
    async def _late(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self.latency:
            await asyncio.sleep(self.latency)
        return await handler(request)

    def _listen(self) -> socket.socket:
        listening = socket.socket()
        if self.rate is not None:
            # The kernel would take megabytes at once, and a rate would say nothing.
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                listening.setsockopt(socket.SOL_SOCKET, option, PIECE)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self._port))
        self._port = listening.getsockname()[1]
        return listening


class Pace:
    """Holds one connection to a rate.

    Args:
        rate: bytes a second; None for as fast as it goes.
    """

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._began = asyncio.get_running_loop().time()
        self._moved = 0

    async def moved(self, size: int) -> None:
        """Waits until that many bytes more may have gone by."""
        if self._rate is None:
            return
        self._moved += size
        due = self._began + self._moved / self._rate
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))


async def reset(request: web.BaseRequest) -> NoReturn:
    """Ends a request's connection with a TCP reset, and its handler with it."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        # Lingering for 0 seconds makes closing a reset.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    await stall()


async def stall() -> NoReturn:
    """Does nothing until the client has gone, which cancels the handler."""
    await asyncio.Event().wait()
    raise AssertionError("nobody sets this event")
