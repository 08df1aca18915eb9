"""Bare HTTP on sockets: what the floors and the null clients are made of.

A flow is a generator that yields the socket and the event that it waits for; nothing lies between
it and the kernel but the selector.
"""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Final
from urllib.parse import quote, urlsplit

from benchmarks.media.job import BUCKET, Item

BUFFER: Final = 262_144

Wait = tuple[socket.socket, int]
Flow = Generator[Wait, None, None]


class Wire:
    """A connection to a server, kept for one request after another.

    Args:
        url: any URL of the server.
        view: where its answers arrive; two wires of a flow may share it.
    """

    def __init__(self, url: str, view: memoryview) -> None:
        self._socket = socket.create_connection(server_of(url))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._view = view

    def send(self, data: memoryview | bytes) -> Flow:
        view = memoryview(data)
        while view:
            try:
                view = view[self._socket.send(view) :]
            except BlockingIOError:
                yield self._socket, selectors.EVENT_WRITE

    def receive(self) -> Generator[Wait, None, memoryview]:
        """The bytes that are there next."""
        while True:
            try:
                size = self._socket.recv_into(self._view)
            except BlockingIOError:
                yield self._socket, selectors.EVENT_READ
                continue
            if not size:
                raise ConnectionError("the server closed the connection")
            return self._view[:size]

    def receive_head(self) -> Generator[Wait, None, tuple[int, memoryview]]:
        """The answer's length, and what has come of its body."""
        data = yield from self.receive()
        return read_head(data)


def server_of(url: str) -> tuple[str, int]:
    """The host and port of a URL of the benchmark, which always names both."""
    address = urlsplit(url)
    return address.hostname or "", address.port or 0


def read_head(data: memoryview) -> tuple[int, memoryview]:
    """The length that an answer announces, and what has come of its body.

    Raises:
        ConnectionError: it is not the answer that was hoped for.
    """
    head, _, _ = bytes(data[:1_024]).partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise ConnectionError(head.decode("latin-1"))
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    return length, data[len(head) + 4 :]


def request_image(item: Item) -> bytes:
    url = urlsplit(item.url)
    return f"GET {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n".encode()


def request_upload(item: Item, size: int) -> bytes:
    name = quote(item.path, safe="")
    return (
        f"POST /upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={name} HTTP/1.1\r\n"
        f"Host: sink\r\nContent-Type: image/png\r\nContent-Length: {size}\r\n\r\n"
    ).encode()


def run_flows(items: Iterable[Item], flow: Callable[[Iterator[Item]], Flow], count: int) -> None:
    """Runs ``count`` flows to their ends; they take their items from one iterator."""
    shared = iter(items)
    with selectors.DefaultSelector() as selector:
        for _ in range(count):
            _advance(selector, flow(shared))
        while selector.get_map():
            for key, _ in selector.select():
                selector.unregister(key.fileobj)
                _advance(selector, key.data)


def _advance(selector: selectors.BaseSelector, flow: Flow) -> None:
    for waits_for, event in flow:
        selector.register(waits_for, event, flow)
        return
