"""Images to and from Cloud Storage as streams, with google-auth's asynchronous session."""

from __future__ import annotations

from typing import Any, Final

import aiohttp
from google.auth.aio import transport
from google.auth.aio.transport.aiohttp import Response
from google.auth.aio.transport.sessions import AsyncAuthorizedSession
from typing_extensions import Self
from yarl import URL

from ...files.network import machine_trust, proxy_for
from ..web.http import LONGEST_HEADER, receiving_sockets
from .access import Access
from .upload import Upload

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
        self._proxy = proxy_for(URL(endpoint))
        self._access = access
        self._concurrency = concurrency
        self._session: AsyncAuthorizedSession | None = None

    async def __aenter__(self) -> Self:
        connections = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._concurrency,
                socket_factory=receiving_sockets(self._concurrency),
                ssl=machine_trust(),
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
