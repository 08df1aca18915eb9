"""The body of an upload as it arrives at the sink: its size and its checksum, not its bytes."""

from __future__ import annotations

import json
from typing import Any

import google_crc32c
import numpy as np

from benchmarks.media.connection import BLANK_LINE, Bytes, Request, split_start
from benchmarks.media.images import base64_crc32c


class Upload:
    """An upload of ``uploadType=media``: the body is the object, its name is in the query."""

    def __init__(self, request: Request) -> None:
        self.name = request.query.get("name", "")
        self.attributes: dict[str, Any] = {"contentType": request.headers.get("content-type", "")}
        self.size = 0
        self._checksum = 0

    @property
    def crc32c(self) -> str:
        return base64_crc32c(self._checksum)

    def feed(self, chunk: Bytes) -> None:
        self._take(chunk)

    def finish(self) -> None:
        """The whole body is there."""

    def _take(self, data: Bytes) -> None:
        if len(data):
            self.size += len(data)
            self._checksum = google_crc32c.extend(self._checksum, data)


class MultipartUpload(Upload):
    """An upload of ``uploadType=multipart``: attributes in JSON, then the object, in one body."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        boundary = request.headers["content-type"].split("boundary=")[1].split(";")[0].strip("'\" ")
        self._boundary = f"\r\n--{boundary}".encode()
        self._start = bytearray()
        self._in_start = True
        self._body_size = request.size
        self._left = 0
        self._tail = bytearray()

    def feed(self, chunk: Bytes) -> None:
        if self._in_start:
            chunk = self._read_start(chunk)
        data, rest = chunk[: self._left], chunk[self._left :]
        self._left -= len(data)
        self._take(data)
        self._tail += rest.data

    def finish(self) -> None:
        """Finds the end of the object: the last line of the body may have a line end or not."""
        data, end, _ = self._tail.partition(self._boundary + b"--")
        if not end:
            raise ValueError("the body does not end with its boundary")
        self._take(np.frombuffer(data, np.uint8))

    def _read_start(self, chunk: Bytes) -> Bytes:
        """Reads all that comes before the object, and gives what there is of the object."""
        sections, rest = split_start(self._start, chunk, 2)
        if not sections:
            return rest
        self._in_start = False
        attributes, _, data_head = sections[1].partition(self._boundary)
        self.attributes = json.loads(attributes)
        self.name = self.attributes.pop("name", self.name)
        kind = data_head.decode().lower().partition("content-type:")[2].strip()
        self.attributes.setdefault("contentType", kind)
        start = sum(len(section) + len(BLANK_LINE) for section in sections)
        self._left = max(0, self._body_size - start - len(self._boundary) - len(b"--\r\n"))
        return rest


def begin_upload(request: Request) -> Upload:
    multipart = request.query.get("uploadType") == "multipart"
    return MultipartUpload(request) if multipart else Upload(request)
