"""The sink: as much of Cloud Storage's JSON API as the ways use, without keeping the bytes.

It computes the CRC-32C of what arrives (that check belongs to the measure) and no MD5, for all
ways alike: Cloud Storage's own machines would do that. It honours ``ifGenerationMatch``.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from typing import Any, Final

import numpy as np

from benchmarks.media.connection import Bytes, Connection, Link, Meter, Request, link_parser, serve
from benchmarks.media.uploads import Upload, begin_upload

BUFFER: Final = 262_144
PAGE: Final = 1_000
"""Objects in a page of a listing at most, as at Cloud Storage."""
CREATED: Final = "2026-11-01T00:00:00.000Z"

Resource = dict[str, Any]


class Objects:
    """What was uploaded, by name; all buckets exist and are one."""

    def __init__(self) -> None:
        self.meter = Meter()
        self._objects: dict[str, Resource] = {}
        self._names: list[str] | None = []
        self._generation = 1_700_000_000_000_000

    def __len__(self) -> int:
        return len(self._objects)

    def find(self, name: str) -> Resource | None:
        return self._objects.get(name)

    def matches(self, name: str, generation: str | None) -> bool:
        """Whether ``ifGenerationMatch`` holds; 0 means that there is no such object."""
        found = self._objects.get(name)
        return generation is None or generation == (found["generation"] if found else "0")

    def add(self, bucket: str, upload: Upload) -> Resource:
        self._generation += 1
        resource = upload.attributes | {
            "kind": "storage#object",
            "id": f"{bucket}/{upload.name}/{self._generation}",
            "bucket": bucket,
            "name": upload.name,
            "size": str(upload.size),
            "crc32c": upload.crc32c,
            "generation": str(self._generation),
            "metageneration": "1",
            "etag": f"{self._generation:x}",
            "timeCreated": CREATED,
            "updated": CREATED,
        }
        if upload.name not in self._objects:
            self._names = None
        self._objects[upload.name] = resource
        return resource

    def delete(self, name: str) -> None:
        del self._objects[name]
        self._names = None

    def page(self, prefix: str, token: str, size: int) -> Resource:
        """One page of a listing in the order of the names; the token is the next one."""
        if self._names is None:
            self._names = sorted(self._objects)
        start = bisect_left(self._names, max(prefix, token))
        names = [name for name in self._names[start : start + size] if name.startswith(prefix)]
        page: Resource = {"kind": "storage#objects", "items": [self._objects[n] for n in names]}
        following = self._names[start + size : start + size + 1]
        if following and following[0].startswith(prefix):
            page["nextPageToken"] = following[0]
        return page


class SinkConnection(Connection):
    """Takes uploads, and answers for buckets, listings and objects."""

    def __init__(self, objects: Objects, link: Link, buffer: Bytes) -> None:
        super().__init__(link, buffer)
        self._objects = objects
        self._upload: Upload | None = None

    def begun(self, request: Request) -> None:
        if request.method == "POST" and request.path.startswith("/upload/"):
            self._upload = begin_upload(request)

    def received(self, chunk: Bytes) -> None:
        if self._upload is not None:
            self._upload.feed(chunk)

    def ended(self, request: Request) -> None:
        upload, self._upload = self._upload, None
        if upload is not None:
            self.answer_json(*self._store(request, upload))
        elif request.path == "/meter":
            meter = self._objects.meter
            shown = {"requests": meter.requests, "first": meter.first, "made": len(self._objects)}
            self.answer_json(200, shown)
        else:
            self.answer_json(*self._look(request))

    def _store(self, request: Request, upload: Upload) -> tuple[int, Resource]:
        self._objects.meter.count()
        if "content-length" not in request.headers:
            return _error(411, "the length is required")
        try:
            upload.finish()
        except ValueError as error:
            return _error(400, str(error))
        if not self._objects.matches(upload.name, request.query.get("ifGenerationMatch")):
            return _error(412, "at least one precondition did not hold")
        bucket = request.segments()[4]
        return 200, self._objects.add(bucket, upload)

    def _look(self, request: Request) -> tuple[int, Resource | None]:
        match request.method, request.segments():
            case "GET", ["storage", "v1", "b", bucket]:
                return 200, {"kind": "storage#bucket", "id": bucket, "name": bucket}
            case "GET", ["storage", "v1", "b", _, "o"]:
                return 200, self._list(request.query)
            case ("GET" | "DELETE") as method, ["storage", "v1", "b", _, "o", name]:
                if (resource := self._objects.find(name)) is None:
                    return _error(404, f"no such object: {name}")
                if method == "GET":
                    return 200, resource
                self._objects.delete(name)
                return 204, None
        return _error(405, "the sink does not speak of this")

    def _list(self, query: dict[str, str]) -> Resource:
        size = min(PAGE, int(query.get("maxResults", PAGE)))
        return self._objects.page(query.get("prefix", ""), query.get("pageToken", ""), size)


def _error(status: int, message: str) -> tuple[int, Resource]:
    return status, {"error": {"code": status, "message": message}}


def main() -> None:
    arguments = link_parser(__doc__).parse_args()
    link = Link(arguments.latency, arguments.rate)
    objects, buffer = Objects(), np.empty(BUFFER, np.uint8)
    asyncio.run(serve(lambda: SinkConnection(objects, link, buffer), arguments.port))


if __name__ == "__main__":
    main()
