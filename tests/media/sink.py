"""A bucket on this machine that enforces what the emulator does not, and misbehaves on purpose.

It speaks as much of Cloud Storage's JSON API as the project and the benchmarks' plain way use:
uploads of the kinds ``multipart`` and ``media``, metadata, listing in pages, deletion, download.
"""

from __future__ import annotations

import asyncio
import bisect
import itertools
import ssl
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler

from tests.media.server import PIECE, Fault, Pace, Server, reset, stall
from tests.media.sink_faults import (
    CORRUPT,
    EXPIRED,
    LISTING,
    LOST,
    MIDWAY,
    MOMENT,
    STALL,
    TOKENS,
    RefusedError,
)
from tests.media.sink_objects import Announced, Arriving, Stored, announcement, selected
from tests.media.sink_tokens import ACCOUNT, TokenOffice, key_text

BUCKET: Final = "deep-sea"


class Sink(Server):
    """One bucket.

    Args:
        folder: where the objects' bytes are kept; a temporary folder if None.
        keep: whether bytes are kept at all, or only sizes and checksums.
        tokens: whether requests need a token from the sink's own token office.
        token_seconds: how long a token lives.
        latency: as of :class:`Server`.
        rate: as of :class:`Server`.
        page: objects a page of a listing, at most.
        tls: as of :class:`Server`.

    Attributes:
        objects: what the bucket holds, by name.
        writes: how often each object was created.
        requests: how many came, by method.
        peers: the ends of the connections over which they came.
        tokens: whether requests need a token.
        refused: permissions that whoever asks does not have.
        without_checksum: objects encrypted with a key of somebody's own, which say none.
        compressed: objects that are stored with a Content-Encoding.
        payers: projects that may pay, of a bucket whose readers do; empty for any other bucket.
        grants: whether the bucket answers what permissions its caller has.
    """

    def __init__(
        self,
        folder: Path | None = None,
        keep: bool = True,
        tokens: bool = False,
        token_seconds: float = 3600.0,
        latency: float = 0.0,
        rate: float | None = None,
        page: int = 1000,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(latency, rate, tls)
        self.objects: dict[str, Stored] = {}
        self.writes: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self.peers: set[object] = set()
        self.without_checksum: dict[str, tuple[str, ...]] = {}
        self.compressed: set[str] = set()
        self.refused: set[str] = set()
        self.payers: set[str] = set()
        self.grants = True
        self.office = TokenOffice(token_seconds)
        self._names: list[str] = []
        self.tokens = tokens
        self._page = page
        self._keep = keep
        self._scratch = None if folder else tempfile.TemporaryDirectory(prefix="sink-")
        self._folder = folder or Path(self._scratch.name if self._scratch else "")
        self._numbers = itertools.count(1_700_000_000_000_000)

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        if self._scratch:
            self._scratch.cleanup()

    def key(self) -> str:
        """The text of a service account's key that gets tokens for this sink."""
        return key_text(f"{self.url}/token")

    def content(self, name: str) -> bytes:
        file = self.objects[name].file
        assert file is not None
        return file.read_bytes()

    def add(self, name: str, data: bytes, metadata: Mapping[str, str] | None = None) -> Stored:
        """Puts an object into the bucket without a request."""
        announced = Announced(name, "image/png", len(data), metadata or {})
        arriving = self._arriving(announced)
        arriving.feed(data)
        return self._add(announced, arriving)

    def application(self) -> web.Application:
        application = web.Application(middlewares=[self._admitted])
        bucket = f"/storage/v1/b/{BUCKET}"
        application.add_routes(
            [
                web.post("/token", self._token),
                web.post(f"/upload{bucket}/o", self._upload),
                web.get(f"{bucket}/iam/testPermissions", self._permissions),
                web.get(f"{bucket}/o", self._list),
                web.get(f"{bucket}/o/{{name}}", self._get),
                web.get(f"/download{bucket}/o/{{name}}", self._get),
                web.delete(f"{bucket}/o/{{name}}", self._delete),
            ]
        )
        return application

    @web.middleware
    async def _admitted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.requests[request.method] += 1
        if request.transport:
            self.peers.add(request.transport.get_extra_info("peername"))
        try:
            if request.path == "/token":
                return await handler(request)
            if self.tokens and not self.office.accepts(request.headers.get("Authorization", "")):
                raise RefusedError(401, "Invalid Credentials")
            if request.match_info.http_exception is not None:
                raise RefusedError(404, "The specified bucket does not exist.")
            self._require_payer(request.query.get("userProject", ""))
            return await handler(request)
        except RefusedError as refused:
            return refused.response()

    def _require_payer(self, project: str) -> None:
        """In the words of the service."""
        if self.payers and not project:
            words = "Bucket is a requester pays bucket but no user project provided."
            raise RefusedError(400, words)
        if self.payers and project not in self.payers:
            words = "does not have serviceusage.services.use access to the Google Cloud project."
            raise RefusedError(403, f"{ACCOUNT} {words}")

    async def _token(self, request: web.Request) -> web.Response:
        if fault := self.next_fault(TOKENS):
            return web.json_response({"error": "invalid_grant"}, status=fault.status)
        return await self.office.answer(request)

    async def _permissions(self, request: web.Request) -> web.Response:
        if not self.grants:
            raise RefusedError(404, "Not Found")
        asked = request.query.getall("permissions")
        return web.json_response({"permissions": [one for one in asked if one not in self.refused]})

    async def _list(self, request: web.Request) -> web.Response:
        await self._answer_fault(request, self.next_fault(LISTING))
        self._require("list")
        query = request.query
        prefix, after = query.get("prefix", ""), query.get("pageToken", "")
        most = min(self._page, int(query.get("maxResults", self._page)))
        start = max(bisect.bisect_left(self._names, prefix), bisect.bisect(self._names, after))
        names = [n for n in self._names[start : start + most] if n.startswith(prefix)]
        listing: dict[str, Any] = {"kind": "storage#objects"}
        if names:
            listing["items"] = [self._resource(self.objects[name], "list") for name in names]
        if len(names) == most:
            listing["nextPageToken"] = names[-1]
        return web.json_response(selected(listing, query.get("fields")))

    async def _get(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        fault = self.next_fault(name)
        await self._answer_fault(request, fault)
        self._require("get")
        stored = self._existing(request, name)
        if request.query.get("alt") == "media":
            return await self._send(request, stored, fault)
        return web.json_response(
            selected(self._resource(stored, "get"), request.query.get("fields"))
        )

    def _resource(self, stored: Stored, asked: str) -> dict[str, Any]:
        resource = stored.resource()
        if asked in self.without_checksum.get(stored.name, ()):
            del resource["crc32c"], resource["md5Hash"]
        return resource

    async def _send(
        self, request: web.Request, stored: Stored, fault: Fault | None
    ) -> web.StreamResponse:
        assert stored.file is not None, "a sink that keeps no bytes has none to send"
        data = stored.file.read_bytes()
        if fault == CORRUPT:
            data = data[:-1] + bytes([data[-1] ^ 1])
        response = web.StreamResponse()
        response.content_type = stored.content_type
        if stored.name in self.compressed:
            # Undone on the way, so that no length is announced.
            response.headers["X-Goog-Stored-Content-Encoding"] = "gzip"
            response.enable_chunked_encoding()
        else:
            response.content_length = stored.size
        response.headers.add("X-Goog-Hash", f"crc32c={stored.crc32c}")
        response.headers.add("X-Goog-Hash", f"md5={stored.md5}")
        await response.prepare(request)
        pace = Pace(self.rate)
        for chunk in pieces(data):
            await response.write(chunk)
            await pace.moved(len(chunk))
            await self._halfway(request, fault)
        await response.write_eof()
        return response

    async def _delete(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        fault = self.next_fault(name)
        await self._answer_fault(request, fault)
        self._require("delete")
        self._forget(self._existing(request, name))
        if fault == LOST:
            await reset(request)
        return web.Response(status=204)

    async def _upload(self, request: web.Request) -> web.Response:
        announced = await announcement(request)
        fault = self.next_fault(announced.name)
        if fault and fault.kind != "answer":
            await self._answer_fault(request, fault)
        self._require("create")
        arriving = self._arriving(announced, corrupt=fault == CORRUPT)
        try:
            await self._receive(request, announced, arriving, fault)
            if not arriving.finish(announced.closing):
                raise RefusedError(400, "the closing boundary is missing")
            await self._answer_fault(request, fault)
            stored = self._store(request, announced, arriving)
        finally:
            arriving.close()
        if fault == LOST:
            await reset(request)
        return web.json_response(selected(stored.resource(), request.query.get("fields")))

    async def _receive(
        self, request: web.Request, announced: Announced, arriving: Arriving, fault: Fault | None
    ) -> None:
        received = len(announced.first)
        arriving.feed(announced.first)
        pace = Pace(self.rate)
        while chunk := await request.content.readany():
            arriving.feed(chunk)
            received += len(chunk)
            await pace.moved(len(chunk))
            if received >= announced.size // 2:
                await self._halfway(request, fault)

    def _store(self, request: web.Request, announced: Announced, arriving: Arriving) -> Stored:
        if announced.crc32c not in (None, arriving.crc32c):
            raise RefusedError(
                400, f"Provided CRC32C {announced.crc32c} does not match the content"
            )
        if announced.md5 not in (None, arriving.md5):
            raise RefusedError(400, f"Provided MD5 hash {announced.md5} does not match the content")
        before = self.objects.get(announced.name)
        check_generation(request, before)
        if before:
            self._forget(before)
        self.writes[announced.name] += 1
        return self._add(announced, arriving)

    def _add(self, announced: Announced, arriving: Arriving) -> Stored:
        generation = next(self._numbers)
        bisect.insort(self._names, announced.name)
        stored = self.objects[announced.name] = Stored(
            name=announced.name,
            size=arriving.size,
            crc32c=arriving.crc32c,
            md5=arriving.md5,
            generation=generation,
            content_type=announced.content_type,
            metadata=announced.metadata,
            file=arriving.keep(self._folder / str(generation)),
        )
        return stored

    def _forget(self, stored: Stored) -> None:
        del self.objects[stored.name]
        del self._names[bisect.bisect_left(self._names, stored.name)]
        if stored.file:
            stored.file.unlink()

    def _arriving(self, announced: Announced, corrupt: bool = False) -> Arriving:
        part = self._folder / f"{next(self._numbers)}.part" if self._keep else None
        # The boundary may be followed by a line break.
        tail = len(announced.closing) + 2 if announced.closing else 0
        return Arriving(part, tail, corrupt)

    def _existing(self, request: web.Request, name: str) -> Stored:
        stored = self.objects.get(name)
        if stored is None:
            raise RefusedError(404, f"No such object: {BUCKET}/{name}")
        check_generation(request, stored)
        return stored

    def _require(self, verb: str) -> None:
        permission = f"storage.objects.{verb}"
        if permission in self.refused:
            raise RefusedError(403, f"{ACCOUNT} does not have {permission} access to the bucket.")

    async def _answer_fault(self, request: web.Request, fault: Fault | None) -> None:
        """Ends the request here, if the fault is one that does."""
        if fault is None:
            return
        if fault.kind == "reset":
            await reset(request)
        if fault == EXPIRED:
            self.office.revoke()
            raise RefusedError(401, "Invalid Credentials")
        refused = RefusedError(fault.status, f"scripted {fault.kind} {fault.status}", fault.headers)
        if fault.kind in ("answer", "early"):
            raise refused
        if fault.kind in ("rude", "slam"):
            response = refused.response()
            await response.prepare(request)
            await response.write_eof()
            await asyncio.sleep(MOMENT if fault.kind == "rude" else 0)
            await reset(request)

    async def _halfway(self, request: web.Request, fault: Fault | None) -> None:
        if fault == MIDWAY:
            await reset(request)
        if fault == STALL:
            await stall()


def check_generation(request: web.Request, stored: Stored | None) -> None:
    wanted = request.query.get("ifGenerationMatch")
    if wanted is not None and int(wanted) != (stored.generation if stored else 0):
        raise RefusedError(412, "At least one of the pre-conditions you specified did not hold.")


def pieces(data: bytes) -> list[bytes]:
    """At least two, so that there is a half."""
    size = max(1, min(PIECE, len(data) // 2))
    return [data[start : start + size] for start in range(0, len(data), size)]
