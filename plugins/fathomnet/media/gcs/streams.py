"""Images to and from Cloud Storage as streams, with google-auth's asynchronous session.

An upload is the body of one request, sent as it arrives; an answer says what became of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, NoReturn

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload
from google.auth.aio import transport
from google.auth.aio.transport.aiohttp import Response
from google.auth.aio.transport.sessions import AsyncAuthorizedSession
from typing_extensions import Self
from yarl import URL

from ...errors import SetupError
from ...files.credentials import PAYS, wants_a_payer
from ...files.network import TRUST, machine_trust, needs_trust, proxy_for, proxy_refusal
from ..outcomes import BusyError, ConflictError, ItemError, RefusedError
from ..store import Outgoing, StoredObject
from ..web.http import LONGEST_HEADER, receiving_sockets
from .access import Access

WHOLE_KEY: Final = "fathomnet-voxel51"
WHOLE_VALUE: Final = "whole"
"""Metadata that marks objects which this project streamed to a verified end."""


class Upload(Payload):
    """A ``multipart/related`` body: the object's metadata, then its bytes.

    Its length is known and announced beforehand, so a body that breaks off creates nothing.

    Args:
        name: of the object.
        outgoing: its bytes.

    Attributes:
        complete: whether all bytes were handed to the connection.
        failure: what went wrong in ``outgoing``, if anything did.
    """

    def __init__(self, name: str, outgoing: Outgoing) -> None:
        boundary = secrets.token_hex(16)
        super().__init__(outgoing, content_type=f"multipart/related; boundary={boundary}")
        self.complete = False
        self.failure: Exception | None = None
        self._outgoing = outgoing
        metadata: dict[str, Any] = {
            "name": name,
            "contentType": outgoing.content_type,
            "metadata": {WHOLE_KEY: WHOLE_VALUE},
        }
        if outgoing.crc32c is not None:
            metadata["crc32c"] = outgoing.crc32c
        self._preamble = (
            f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n"
            f"{json.dumps(metadata)}\r\n"
            f"--{boundary}\r\nContent-Type: {outgoing.content_type}\r\n\r\n"
        ).encode()
        self._closing = f"\r\n--{boundary}--\r\n".encode()
        self._size = len(self._preamble) + outgoing.size + len(self._closing)
        self._ended: asyncio.Event | None = None

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Sends the body; called by aiohttp, which drops the connection on any exception."""
        self._ended = asyncio.Event()
        try:
            await writer.write(self._preamble)
            chunks, left = self._outgoing.chunks(), self._outgoing.size
            try:
                while chunk := await self._next(chunks):
                    left -= len(chunk)
                    if left < 0:
                        self._fail("it has more bytes than it announced")
                    await writer.write(chunk)
                if left:
                    self._fail(f"it ended {left:,} bytes early")
            finally:
                close = getattr(chunks, "aclose", None)
                if close is not None:
                    await close()
            await writer.write(self._closing)
            self.complete = True
        finally:
            self._ended.set()

    def __aiter__(self) -> AsyncIterator[bytes]:
        """By which google-auth's session knows a body that cannot be sent a second time."""
        return self._outgoing.chunks()

    async def ended(self) -> None:
        """Waits until ``outgoing`` is no longer read; call it only after the request has ended."""
        if self._ended is not None:
            await self._ended.wait()

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> NoReturn:
        raise TypeError("a stream cannot be shown")

    async def _next(self, chunks: AsyncIterator[bytes]) -> bytes:
        try:
            return await anext(chunks, b"")
        except Exception as error:
            self.failure = error
            raise

    def _fail(self, problem: str) -> NoReturn:
        self.failure = ValueError(problem)
        raise self.failure


CONNECT_SECONDS: Final = 15.0

_READ_BUFFER: Final = 256 * 1024
# Nothing is read while an image is sent, and nobody knows how long that takes.
_STREAM: Final = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=None)


class Streams:
    """Requests with a token, over connections that are reused.

    Used as an asynchronous context manager.

    Args:
        endpoint: the address of Cloud Storage.
        access: the identity.
        concurrency: simultaneous connections.
    """

    def __init__(self, endpoint: str, access: Access, concurrency: int) -> None:
        self._endpoint = URL(endpoint)
        self._proxy = proxy_for(self._endpoint)
        self._access = access
        self._concurrency = concurrency
        self._session: AsyncAuthorizedSession | None = None

    async def __aenter__(self) -> Self:
        is_secret = needs_trust(self._endpoint, self._proxy)
        connections = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._concurrency,
                socket_factory=receiving_sockets(self._concurrency),
                ssl=machine_trust() if is_secret else True,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            # A compressed answer has another length and checksum than the image.
            headers={"Accept-Encoding": "identity"},
            auto_decompress=False,
            read_bufsize=_READ_BUFFER,
            max_line_size=LONGEST_HEADER,
            max_field_size=LONGEST_HEADER,
        )
        request = _Request(connections, self._proxy)
        self._session = AsyncAuthorizedSession(self._access.in_loop, request)
        return self

    async def __aexit__(self, *exception: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(
        self, method: str, address: URL, body: Upload | None = None
    ) -> aiohttp.ClientResponse:
        """Makes a request; a token that is refused is renewed once for all that are under way.

        A request without a body is then made again; a body that has gone by cannot be.

        Raises:
            SetupError: the credentials are no longer valid.
            ItemError: there is no token now.
            aiohttp.ClientError: there is no answer, like the other errors of ``NO_ANSWER``.
        """
        assert self._session is not None, "streams are used with `async with`"
        # The session's own limits and retries know nothing of how long an image takes.
        answer = await self._session.request(
            method, address, data=body, max_allowed_time=None, total_attempts=1
        )
        response: aiohttp.ClientResponse = answer.response
        return response


class _Request(transport.Request):  # type: ignore[misc]
    """How google-auth's session makes a request: with our limits, and aiohttp's own errors."""

    def __init__(self, connections: aiohttp.ClientSession, proxy: URL | None) -> None:
        self._connections = connections
        self._proxy = proxy

    async def __call__(
        self,
        url: URL,
        method: str,
        body: Upload | None,
        headers: dict[str, str],
        timeout: float,
        **options: Any,
    ) -> _Answer:
        response = await self._connections.request(
            method,
            url,
            data=body,
            headers=headers,
            timeout=_STREAM,
            proxy=self._proxy,
            allow_redirects=False,
        )
        return _Answer(response)

    async def close(self) -> None:
        await self._connections.close()


class _Answer(Response):  # type: ignore[misc]
    """An answer whose body its reader takes from aiohttp, as it arrives."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        super().__init__(response)
        self.response = response


NO_JSON: Final = "Cloud Storage answers with what is not JSON"
_REASON_MOST: Final = 300


class ForbiddenError(RefusedError):
    """The account is not allowed to do this; it may be granted the right at any moment."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The service's answer to a request.

    Attributes:
        status: the HTTP status.
        body: usually JSON.
        wait: seconds that the service asks to wait.
    """

    status: int
    body: bytes
    wait: float | None = None

    @property
    def ok(self) -> bool:
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    def json(self) -> dict[str, Any]:
        """The body as JSON.

        Raises:
            ItemError: it is not JSON.
        """
        try:
            found: dict[str, Any] = json.loads(self.body)
        except ValueError:
            raise ItemError(NO_JSON) from None
        return found

    @property
    def reason(self) -> str:
        """What went wrong, in the service's words.

        Examples:
            >>> Answer(404, b'{"error": {"message": "no such bucket"}}').reason
            'Cloud Storage answers 404: no such bucket'
        """
        try:
            words = json.loads(self.body)["error"]["message"]
        except (ValueError, KeyError, TypeError):
            words = self.body.decode(errors="replace")
        text = " ".join(str(words).split())[:_REASON_MOST]
        return f"Cloud Storage answers {self.status}" + (f": {text}" if text else "")

    def error(self) -> ItemError:
        """The error that an answer which is not ``ok`` means for its object.

        Raises:
            SetupError: it means the same for all objects: nobody is named who pays.

        Examples:
            >>> Answer(429, b"", wait=30.0).error()
            BusyError('Cloud Storage answers 429')
        """
        match self.status:
            case HTTPStatus.BAD_REQUEST if wants_a_payer(self.reason):
                raise SetupError(f"{self.reason}\n{PAYS}")
            case HTTPStatus.PRECONDITION_FAILED:
                return ConflictError("an object of another version is there")
            case HTTPStatus.TOO_MANY_REQUESTS | HTTPStatus.SERVICE_UNAVAILABLE:
                return BusyError(self.reason, wait=self.wait)
            case HTTPStatus.FORBIDDEN:
                return ForbiddenError(self.reason)
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.NOT_FOUND | HTTPStatus.REQUEST_TIMEOUT:
                return ItemError(self.reason)
            case status:
                return ItemError(self.reason, again=status >= HTTPStatus.INTERNAL_SERVER_ERROR)


FIELDS: Final = "name,size,crc32c,md5Hash,generation,metadata"
"""The parts of an object's resource that are requested; :func:`stored_object` reads them."""


def stored_object(resource: Mapping[str, Any]) -> StoredObject:
    """An object as the JSON API describes it."""
    return StoredObject(
        size=int(resource["size"]),
        crc32c=resource.get("crc32c"),
        generation=int(resource["generation"]),
        md5=resource.get("md5Hash"),
        ours=resource.get("metadata", {}).get(WHOLE_KEY) == WHOLE_VALUE,
    )


@dataclass(frozen=True, slots=True)
class Page:
    """Objects by their names, and what asks for those that follow; None at the end."""

    objects: dict[str, StoredObject]
    next_page: str | None


def invalid_certificate(host: str) -> SetupError:
    """The error for a server that nobody vouches for."""
    return SetupError(f"the certificate of {host} is not valid\n{TRUST}")


def refused_by_proxy(status: int, endpoint: URL) -> SetupError:
    """The error for a proxy that does not let a connection through."""
    return SetupError("\n".join(proxy_refusal(status, endpoint)))


def closed_connection(host: str, words: str) -> ItemError:
    """The error for a connection that ends where an answer is due."""
    return ItemError(f"{host} closed the connection without an answer ({words})")


def in_words(error: BaseException) -> str:
    """What an error says, without its own text, which may hold the whole address."""
    number = getattr(error, "errno", None) or 0
    words = os.strerror(number) if number > 0 else getattr(error, "strerror", None)
    return words or type(error).__name__
