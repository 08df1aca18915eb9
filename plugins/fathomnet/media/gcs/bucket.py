"""The JSON API of one bucket over HTTP: connections, addresses and the meaning of answers."""

from __future__ import annotations

import asyncio
import json
import os
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlencode

import aiohttp
from typing_extensions import Self
from yarl import URL

from ...errors import FathomNetError, SetupError
from ..outcomes import BusyError, ConflictError, ItemError
from ..web.http import NO_ANSWER, receiving_sockets, retry_after
from .access import Access
from .upload import Upload

_REASON_MOST: Final = 300


class ForbiddenError(ItemError):
    """The account is not allowed to do this; it may be granted the right at any moment."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The service's answer to a small request.

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
            raise ItemError("Cloud Storage answers with what is not JSON") from None
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

        Examples:
            >>> Answer(429, b"", wait=30.0).error()
            BusyError('Cloud Storage answers 429')
        """
        match self.status:
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


async def read_answer(response: aiohttp.ClientResponse) -> Answer:
    """Reads a whole answer; of a refusal, as much as arrives."""
    try:
        body = await response.read()
    except NO_ANSWER:
        if response.status < HTTPStatus.BAD_REQUEST:
            raise
        body = b""
    return Answer(response.status, body, retry_after(response.headers))


CONNECT_SECONDS: Final = 15.0
SMALL_SECONDS: Final = 60.0
"""For a request without an image, from its start to the end of its answer."""

_READ_BUFFER: Final = 256 * 1024
_SMALL: Final = aiohttp.ClientTimeout(total=SMALL_SECONDS, sock_connect=CONNECT_SECONDS)
# Nothing is read while an image is sent, and nobody knows how long that takes.
_STREAM: Final = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=None)


class Bucket:
    """A bucket, over connections that are reused.

    Used as an asynchronous context manager.

    Args:
        name: of the bucket.
        access: the identity.
        endpoint: the address of Cloud Storage, without a trailing slash.
        concurrency: simultaneous connections.
    """

    def __init__(self, name: str, access: Access, endpoint: str, concurrency: int) -> None:
        self.name = name
        self.access = access
        self._endpoint = endpoint
        self._host = URL(endpoint).host or endpoint
        self._proxy = proxy_for(endpoint)
        self._concurrency = concurrency
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._concurrency, socket_factory=receiving_sockets(self._concurrency)
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            # A compressed answer has another length and checksum than the image.
            headers={"Accept-Encoding": "identity"},
            auto_decompress=False,
            read_bufsize=_READ_BUFFER,
        )
        return self

    async def __aexit__(self, *exception: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(
        self, method: str, path: str, query: Mapping[str, str | int] | None = None
    ) -> Answer:
        """Makes one small request; if its token is refused, renews it once.

        Args:
            method: the HTTP method.
            path: below the bucket, quoted.
            query: of the request.

        Raises:
            BusyError: no connection.
            ItemError: no answer.
            SetupError: the credentials or the server's certificate are not valid.
        """
        address = self._address("", path, query or {})
        try:
            async with await self._request(method, address, _SMALL) as response:
                return await read_answer(response)
        except NO_ANSWER as error:
            raise self._unanswered(error) from None

    async def begin(self, path: str, query: Mapping[str, str | int]) -> aiohttp.ClientResponse:
        """Begins a request for something large; the caller releases the response.

        Raises:
            BusyError: as for ``ask``.
            ItemError: as for ``ask``.
            SetupError: as for ``ask``.
        """
        try:
            return await self._request("GET", self._address("", path, query), _STREAM)
        except NO_ANSWER as error:
            raise self._unanswered(error) from None

    async def upload(self, body: Upload, query: Mapping[str, str | int]) -> Answer:
        """Sends an object; returns once it is stored or its connection has been dropped.

        Raises:
            BusyError: no connection.
            ItemError: no answer, whether or not the object was created; or the image failed to
                arrive with an error of another kind, which is then the cause.
            FathomNetError: the image failed to arrive with this error.
            SetupError: as for ``ask``.
        """
        headers = await self.access.headers()
        address = self._address("/upload", "/o", query)
        try:
            async with await self._send("POST", address, headers, _STREAM, body) as response:
                answer = await self._answer_to_upload(response, body)
        except NO_ANSWER as error:
            if body.failure is not None:
                raise _not_arrived(body.failure) from body.failure
            raise self._unanswered(error) from None
        finally:
            await body.ended()
        if answer.status == HTTPStatus.UNAUTHORIZED:
            await self.access.renew(headers)
        return answer

    async def _answer_to_upload(self, response: aiohttp.ClientResponse, body: Upload) -> Answer:
        answer = await read_answer(response)
        if answer.ok:
            # The last bytes have left, but whoever wrote them may not have heard of it.
            await body.ended()
            if not body.complete:
                raise ItemError("Cloud Storage answered before it had the whole image")
        elif not body.complete:
            # It was refused before it was read; what is under way would disturb the next request.
            response.close()
        return answer

    async def _request(
        self, method: str, address: URL, timeout: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        headers = await self.access.headers()
        response = await self._send(method, address, headers, timeout)
        if response.status != HTTPStatus.UNAUTHORIZED:
            return response
        response.release()
        await self.access.renew(headers)
        return await self._send(method, address, await self.access.headers(), timeout)

    async def _send(
        self,
        method: str,
        address: URL,
        headers: Mapping[str, str],
        timeout: aiohttp.ClientTimeout,
        data: Upload | None = None,
    ) -> aiohttp.ClientResponse:
        assert self._session is not None, "a bucket is used with `async with`"
        return await self._session.request(
            method,
            address,
            data=data,
            headers=headers,
            timeout=timeout,
            proxy=self._proxy,
            allow_redirects=False,
        )

    def _address(self, service: str, path: str, query: Mapping[str, str | int]) -> URL:
        bucket = quote(self.name, safe="")
        address = f"{self._endpoint}{service}/storage/v1/b/{bucket}{path}"
        if query:
            address += "?" + urlencode(query, quote_via=quote)
        # Encoded already: an object's name may hold whatever a URL gives a meaning to.
        return URL(address, encoded=True)

    def _unanswered(self, error: Exception) -> ItemError | SetupError:
        """The error for a request without an answer."""
        words = _in_words(error)
        match error:
            case aiohttp.ClientConnectorCertificateError():
                advice = "SSL_CERT_FILE names the certificates that this machine trusts"
                return SetupError(f"the certificate of {self._host} is not valid\n{advice}")
            case aiohttp.ClientConnectorError() | aiohttp.ServerTimeoutError():
                return BusyError(f"no connection to {self._host} ({words})")
            case asyncio.TimeoutError():
                return ItemError(f"{self._host} did not answer within {SMALL_SECONDS:g} seconds")
            case _:
                return ItemError(f"{self._host} closed the connection without an answer ({words})")


def object_path(name: str) -> str:
    """The path of an object below its bucket."""
    return f"/o/{quote(name, safe='')}"


def proxy_for(address: str) -> str | None:
    """The proxy that the environment names for an address (``https_proxy``, ``no_proxy``)."""
    url = URL(address)
    if urllib.request.proxy_bypass(url.host or ""):
        return None
    return urllib.request.getproxies().get(url.scheme)


def _in_words(error: Exception) -> str:
    # An error's own text may hold the whole address.
    number = getattr(error, "errno", None) or 0
    words = os.strerror(number) if number > 0 else getattr(error, "strerror", None)
    return words or type(error).__name__


def _not_arrived(failure: Exception) -> FathomNetError:
    if isinstance(failure, FathomNetError):
        return failure
    return ItemError(f"the image did not arrive: {failure}")
