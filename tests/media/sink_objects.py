"""What the tests' sink holds: objects with their checksums, and the bytes as they come in."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

import google_crc32c
from aiohttp import web

PREAMBLE_MOST: Final = 1 << 16
_PREAMBLE: Final = (
    r"(?:\r\n)?--BOUNDARY\r\nContent-Type: application/json[^\r\n]*\r\n\r\n(?P<metadata>.*?)"
    r"\r\n--BOUNDARY\r\nContent-Type: (?P<type>[^\r\n]*)\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as the sink has it."""

    name: str
    size: int
    crc32c: str
    md5: str
    generation: int
    content_type: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None

    def resource(self) -> dict[str, Any]:
        """As the JSON API writes it: numbers are strings."""
        return {
            "kind": "storage#object",
            "name": self.name,
            "size": str(self.size),
            "crc32c": self.crc32c,
            "md5Hash": self.md5,
            "generation": str(self.generation),
            "contentType": self.content_type,
            **({"metadata": dict(self.metadata)} if self.metadata else {}),
        }


class Arriving:
    """Bytes of an object that is not there yet: checksums, and a file where bytes are kept.

    Args:
        part: where the bytes go; None to keep none.
        tail: bytes at the end of the request that may be a closing boundary.
        corrupt: whether other bytes are taken than those that came.
    """

    def __init__(self, part: Path | None, tail: int, corrupt: bool) -> None:
        self.size = 0
        self._part = part
        self._file: BinaryIO | None = part.open("wb") if part else None
        self._tail = tail
        self._held = b""
        self._crc = google_crc32c.Checksum()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._corrupt = corrupt

    def feed(self, chunk: bytes) -> None:
        if not self._tail:
            self._take(chunk)
            return
        held = self._held + chunk
        self._take(held[: -self._tail])
        self._held = held[-self._tail :]

    def finish(self, closing: bytes) -> bool:
        """Takes what lies before the closing boundary; whether that boundary was there."""
        if not self._tail:
            return True
        rest, boundary, after = self._held.rpartition(closing)
        self._take(rest)
        return bool(boundary) and not after.strip()

    def keep(self, file: Path) -> Path | None:
        """Gives the bytes the name under which they stay."""
        if self._part is None or self._file is None:
            return None
        self._file.close()
        return self._part.rename(file)

    def close(self) -> None:
        """Forgets the bytes, unless they were kept."""
        if self._file is not None and self._part is not None:
            self._file.close()
            self._part.unlink(missing_ok=True)

    @property
    def crc32c(self) -> str:
        return base64.b64encode(self._crc.digest()).decode()

    @property
    def md5(self) -> str:
        return base64.b64encode(self._md5.digest()).decode()

    def _take(self, chunk: bytes) -> None:
        if not chunk:
            return
        if self._corrupt:
            chunk, self._corrupt = bytes([chunk[0] ^ 1]) + chunk[1:], False
        self.size += len(chunk)
        self._crc.update(chunk)
        self._md5.update(chunk)
        if self._file:
            self._file.write(chunk)


@dataclass(frozen=True, slots=True)
class Announced:
    """What an upload says of itself before its bytes come.

    Attributes:
        size: bytes, a closing boundary included.
        closing: the boundary that ends the bytes; empty where there is none.
        first: bytes that came together with the preamble.
    """

    name: str
    content_type: str
    size: int
    metadata: Mapping[str, str] = field(default_factory=dict)
    crc32c: str | None = None
    md5: str | None = None
    closing: bytes = b""
    first: bytes = b""


async def announcement(request: web.Request) -> Announced:
    """Reads the beginning of an upload, up to its bytes."""
    if request.content_length is None:
        raise web.HTTPLengthRequired
    if request.query["uploadType"] == "media":
        hashes = dict(part.split("=", 1) for part in request.headers.getall("X-Goog-Hash", []))
        return Announced(
            name=request.query["name"],
            content_type=request.content_type,
            size=request.content_length,
            crc32c=hashes.get("crc32c"),
            md5=hashes.get("md5"),
        )
    kind = re.search('boundary="?([^";]+)', request.headers["Content-Type"])
    assert kind is not None
    boundary = kind[1]
    preamble = re.compile(_PREAMBLE.replace("BOUNDARY", re.escape(boundary)).encode(), re.DOTALL)
    begun = b""
    while not (found := preamble.match(begun)):
        chunk = await request.content.readany()
        if not chunk or len(begun) > PREAMBLE_MOST:
            raise web.HTTPBadRequest(text="the multipart preamble is not as it should be")
        begun += chunk
    metadata = json.loads(found["metadata"])
    return Announced(
        name=metadata["name"],
        content_type=metadata.get("contentType", found["type"].decode()),
        size=request.content_length - found.end(),
        metadata=metadata.get("metadata", {}),
        crc32c=metadata.get("crc32c"),
        md5=metadata.get("md5Hash"),
        closing=f"\r\n--{boundary}--".encode(),
        first=begun[found.end() :],
    )


def selected(resource: Mapping[str, Any], fields: str | None) -> dict[str, Any]:
    """A resource less what its reader did not ask for (``fields=a,b(c,d)``)."""
    if not fields:
        return dict(resource)
    chosen: dict[str, Any] = {}
    for name, inner in re.findall(r"(\w+)(?:\(([^)]*)\))?", fields):
        if name not in resource:
            continue
        wanted = set(inner.split(","))
        chosen[name] = [_only(one, wanted) for one in resource[name]] if inner else resource[name]
    return chosen


def _only(resource: Mapping[str, Any], wanted: set[str]) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name in wanted}
