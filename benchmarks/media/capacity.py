"""What the origin and the sink can do alone: ``python -m benchmarks.media.capacity``.

Null clients fetch images and drop them, or send zeros. Servers that are not well above what the
ways reach would be measured instead of them.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from benchmarks.media.catalog import write_catalog
from benchmarks.media.connection import Link
from benchmarks.media.images import Pack, realistic_sizes
from benchmarks.media.job import BUCKET, GCS, Item, Job
from benchmarks.media.servers import running_origin, running_sink
from benchmarks.media.sockets import (
    BUFFER,
    Flow,
    Wire,
    request_image,
    request_upload,
    run_flows,
)

IMAGES: Final = 400
CONNECTIONS: Final = (8, 50)
ROUNDS: Final = 3
MEAN_SIZE: Final = 2_600_000


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="fathomnet-bench-") as folder:
        scratch = Path(folder)
        pack = Pack.write(scratch / "realistic", realistic_sizes(IMAGES))
        link = Link()
        with running_origin(pack.path, link) as origin, running_sink(link) as sink:
            os.environ["STORAGE_EMULATOR_HOST"] = sink
            write_catalog(scratch / "catalog.json", pack, origin)
            for count in CONNECTIONS:
                job = Job(scratch / "catalog.json", f"{GCS}{BUCKET}/null", count)
                _show(f"origin, {count} connections", job, _fetch)
                _show(f"sink, {count} connections", job, _send)


def _show(what: str, job: Job, flow: Callable[[Iterator[Item]], Flow]) -> None:
    items = list(job.items())
    for _ in range(ROUNDS):
        start, cpu = time.monotonic(), time.process_time()
        run_flows(items, flow, job.concurrency)
        seconds, cpu = time.monotonic() - start, time.process_time() - cpu
        client = 1_000 * cpu / len(items)
        print(f"{what}: {len(items) / seconds:.0f} images/s, client {client:.2f} ms CPU an image")


def _fetch(items: Iterator[Item]) -> Flow:
    source: Wire | None = None
    view = memoryview(bytearray(BUFFER))
    for item in items:
        source = source or Wire(item.url, view)
        yield from source.send(request_image(item))
        size, data = yield from source.receive_head()
        left = size - len(data)
        while left:
            left -= len((yield from source.receive()))


def _send(items: Iterator[Item]) -> Flow:
    content = bytes(MEAN_SIZE)
    sink = Wire(os.environ["STORAGE_EMULATOR_HOST"], memoryview(bytearray(BUFFER)))
    for item in items:
        yield from sink.send(request_upload(item, len(content)))
        yield from sink.send(content)
        yield from sink.receive_head()


if __name__ == "__main__":
    main()
