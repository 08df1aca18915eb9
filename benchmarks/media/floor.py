"""Bare sockets, a thread a connection: blocking calls that send what they receive.

Nothing is checked, nothing is noted. ``loop.py`` does the same in one thread and is faster: of the
two it is the truer floor.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Final

from benchmarks.media.job import Item, Job
from benchmarks.media.sockets import read_head, request_image, request_upload, server_of

BUFFER: Final = 1 << 20
"""Bytes; a smaller one changes hands more often, which costs threads more than it saves."""


def run(job: Job) -> None:
    items = _Shared(job.items())
    with ThreadPoolExecutor(job.concurrency) as pool:
        list(pool.map(_move, [items] * job.concurrency))


class _Shared(Iterator[Item]):
    """Items that many threads take, each of them once."""

    def __init__(self, items: Iterator[Item]) -> None:
        self._items = items
        self._lock = Lock()

    def __next__(self) -> Item:
        with self._lock:
            return next(self._items)


def _move(items: Iterator[Item]) -> None:
    """Moves one image after another over one connection to the origin and one to the sink."""
    view = memoryview(bytearray(BUFFER))
    source: socket.socket | None = None
    with _connected(os.environ["STORAGE_EMULATOR_HOST"]) as sink:
        for item in items:
            source = source or _connected(item.url)
            source.sendall(request_image(item))
            size, data = read_head(view[: source.recv_into(view)])
            sink.sendall(request_upload(item, size))
            sink.sendall(data)
            left = size - len(data)
            while left:
                count = source.recv_into(view)
                sink.sendall(view[:count])
                left -= count
            read_head(view[: sink.recv_into(view)])
    if source is not None:
        source.close()


def _connected(url: str) -> socket.socket:
    connection = socket.create_connection(server_of(url))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection
