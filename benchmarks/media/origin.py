"""The origin: an HTTP server that sends the images of a pack, without copying them."""

from __future__ import annotations

import asyncio
import mmap
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from benchmarks.media.connection import (
    SLICE,
    Bytes,
    Connection,
    Link,
    Meter,
    Pace,
    Request,
    head,
    link_parser,
    serve,
)
from benchmarks.media.images import Image, Pack

SMALL: Final = 32_768
"""Bytes up to which one write with the head is quicker than a call to the kernel of its own."""
REQUEST_BUFFER: Final = 16_384


class Files:
    """The images by the path that they are asked for."""

    def __init__(self, pack: Pack, file: BinaryIO) -> None:
        self.file = file
        self.meter = Meter()
        self._mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._images = {f"/{image.name}": image for image in pack.images}

    def find(self, path: str) -> Image | None:
        return self._images.get(path)

    def read(self, image: Image, at: int, size: int) -> bytes:
        """Up to ``size`` bytes of an image from ``at`` on."""
        return self._mapped[image.offset + at : image.offset + min(at + size, image.size)]


class OriginConnection(Connection):
    """Answers ``GET /<name>`` with the image, ``GET /meter`` with the number of requests."""

    def __init__(self, files: Files, link: Link, buffer: Bytes) -> None:
        super().__init__(link, buffer)
        self._files = files
        self._sending: asyncio.Task[None] | None = None

    def ended(self, request: Request) -> None:
        meter = self._files.meter
        if request.path == "/meter":
            self.answer_json(200, {"requests": meter.requests, "first": meter.first})
            return
        meter.count()
        image = self._files.find(request.path)
        if image is None or request.method != "GET":
            self.answer_json(404, {"error": "no such image"})
            return
        start = head(200, image.size, "image/png")
        if image.size <= SMALL:
            self.transport.write(start + self._files.read(image, 0, SMALL))
        else:
            self._sending = asyncio.create_task(self._send(start, image))

    async def _send(self, start: bytes, image: Image) -> None:
        """Sends an image: from the page cache in one go, or in slices where the line is slow."""
        try:
            self.transport.write(start)
            if self.link.rate:
                await self._send_slowly(image)
            else:
                loop, file = asyncio.get_running_loop(), self._files.file
                await loop.sendfile(self.transport, file, image.offset, image.size, fallback=False)
        except (ConnectionError, RuntimeError):
            self.transport.abort()  # the client went away: a RuntimeError where it was closing

    async def _send_slowly(self, image: Image) -> None:
        pace = Pace(self.link.rate)
        for at in range(0, image.size, SLICE):
            part = self._files.read(image, at, SLICE)
            self.transport.write(part)
            if wait := pace.add(len(part)):
                await asyncio.sleep(wait)


def main() -> None:
    parser = link_parser(__doc__)
    parser.add_argument("pack", type=Path)
    arguments = parser.parse_args()
    link = Link(arguments.latency, arguments.rate)
    with arguments.pack.open("rb") as file:
        files = Files(Pack.read(arguments.pack), file)
        buffer = np.empty(REQUEST_BUFFER, np.uint8)
        asyncio.run(serve(lambda: OriginConnection(files, link, buffer), arguments.port))


if __name__ == "__main__":
    main()
