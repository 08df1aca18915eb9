"""Bare sockets in one loop of one thread, which send what they receive; nothing is checked."""

from __future__ import annotations

import os
from collections.abc import Iterator

from benchmarks.media.job import Item, Job
from benchmarks.media.sockets import BUFFER, Flow, Wire, request_image, request_upload, run_flows


def run(job: Job) -> None:
    run_flows(job.items(), _move, job.concurrency)


def _move(items: Iterator[Item]) -> Flow:
    """Moves one image after another over one connection to the origin and one to the sink."""
    source: Wire | None = None
    view = memoryview(bytearray(BUFFER))
    sink = Wire(os.environ["STORAGE_EMULATOR_HOST"], view)
    for item in items:
        source = source or Wire(item.url, view)
        yield from source.send(request_image(item))
        size, data = yield from source.receive_head()
        yield from sink.send(request_upload(item, size))
        yield from sink.send(data)
        left = size - len(data)
        while left:
            data = yield from source.receive()
            yield from sink.send(data)
            left -= len(data)
        yield from sink.receive_head()
