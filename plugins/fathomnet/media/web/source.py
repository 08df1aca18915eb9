"""Reads images from URLs, with a polite and wary HTTP client that explains every failure."""

import contextlib
import os
import ssl
from collections.abc import AsyncIterator
from functools import cached_property
from http import HTTPStatus
from typing import Final

import aiohttp
from aiohttp.resolver import ThreadedResolver
from typing_extensions import Self
from yarl import URL

from ...files.network import (
    LOGINS,
    TRUST,
    machine_trust,
    needs_trust,
    next_hop,
    proxy_for,
    proxy_refusal,
    read_logins,
)
from ...resources import DISTRIBUTION, installed_version
from ..outcomes import BusyError, ItemError, MissingError, RefusedError, RejectedError
from ..store import Incoming
from . import http
from .addresses import GuardedResolver, PrivateAddressError, fetchable_url, redirect_target

LARGEST_IMAGE: Final = 1 << 30
"""Bytes; a source that announces more is refused."""

CONNECT_SECONDS: Final = 15.0
MOST_REDIRECTS: Final = 5

# Twice this much waits in a connection before it is paused; more costs memory where a store is
# slow, and gains nothing. So little pauses it after every read, while more arrives in the kernel;
# where that has no room for it, it would cost a quarter more processor time.
_READ_BUFFER: Final = 64 * 1024
_READ_BUFFER_OF_SMALL_WINDOWS: Final = 128 * 1024
_DNS_SECONDS: Final = 300
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_MAY_HEAL: Final = (408, 425)


class UrlSource:
    """Reads images from http and https URLs, over connections that are reused.

    Used as an asynchronous context manager. The caller limits how long a source may be silent;
    cancelling drops the connection.

    Proxies and certificates are those of the machine, see ``http``, and logins those of
    ``read_logins``.

    Args:
        concurrency: simultaneous connections.
        allow_private_hosts: whether to read from loopback and private networks.
        largest: bytes that an image may have.
        connect_seconds: how long one attempt to connect may take.

    Raises:
        SetupError: the file of logins cannot be read.
    """

    def __init__(
        self,
        concurrency: int,
        allow_private_hosts: bool = False,
        largest: int = LARGEST_IMAGE,
        connect_seconds: float = CONNECT_SECONDS,
    ) -> None:
        self._concurrency = concurrency
        self._allow_private_hosts = allow_private_hosts
        self._largest = largest
        self._connect_seconds = connect_seconds
        self._logins = read_logins()
        self._resolver: GuardedResolver
        self._proxies: dict[URL, URL | None] = {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        version = installed_version()
        agent = f"{DISTRIBUTION}/{version}" if version else DISTRIBUTION
        self._resolver = GuardedResolver()
        sockets = http.receiving_sockets(self._concurrency)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._concurrency,
                ttl_dns_cache=_DNS_SECONDS,
                resolver=ThreadedResolver() if self._allow_private_hosts else self._resolver,
                socket_factory=sockets,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            # A compressed answer has another length and checksum than the image.
            headers={"Accept-Encoding": "identity", "User-Agent": agent},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_seconds),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=_READ_BUFFER if sockets else _READ_BUFFER_OF_SMALL_WINDOWS,
            max_line_size=http.LONGEST_HEADER,
            max_field_size=http.LONGEST_HEADER,
        )
        return self

    async def __aexit__(self, *exception: object) -> None:
        if self._session is not None:
            await self._session.close()

    @contextlib.asynccontextmanager
    async def open(self, url: str) -> AsyncIterator[Incoming]:
        """Begins to read an image; leaving before its end drops the connection.

        Iterating over the chunks raises :class:`ItemError` if the body breaks off.

        Args:
            url: of an image; it is requested as it is written.

        Raises:
            MissingError: there is no such image (404, 410).
            BusyError: the host cannot be reached or asks to wait (429, 503).
            RejectedError: it may not be fetched, or what is announced is not an image.
            ItemError: any other answer.
        """
        response = await self._answer(url)
        try:
            yield _incoming(response, self._largest)
        finally:
            response.release()

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return machine_trust()

    def _proxy_for(self, origin: URL) -> URL | None:
        # Once for each host: to read the environment takes longer than to begin a request.
        if origin not in self._proxies:
            proxy = self._proxies[origin] = proxy_for(origin)
            if proxy is not None:
                self._resolver.proxies.add((proxy.host, proxy.port))
        return self._proxies[origin]

    async def _answer(self, url: str) -> aiohttp.ClientResponse:
        assert self._session is not None, "a UrlSource is used with `async with`"
        address = fetchable_url(url, self._allow_private_hosts)
        for _ in range(MOST_REDIRECTS + 1):
            proxy = self._proxy_for(address.origin())
            # A login is for its own host: where a redirect leads, it does not go.
            login = self._logins.get(str(address.origin()))
            trust = self._trust if needs_trust(address, proxy) else True
            try:
                response = await self._session.get(
                    address, allow_redirects=False, headers=login, proxy=proxy, ssl=trust
                )
            except aiohttp.ClientHttpProxyError as error:
                raise RefusedError(*proxy_refusal(error.status, address), again=False) from None
            except (aiohttp.ClientError, OSError) as error:
                # Without its cause: some of aiohttp's messages hold the whole URL, its query too.
                raise _unanswered(error, address) from None
            if response.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
                response.release()
                raise RefusedError(*proxy_refusal(response.status, address), again=False)
            if response.status not in _REDIRECTS:
                return response
            response.release()
            location = response.headers.get("Location", "")
            address = redirect_target(address, location, self._allow_private_hosts)
        raise RejectedError(f"more than {MOST_REDIRECTS} redirects", again=False)


def _incoming(response: aiohttp.ClientResponse, largest: int) -> Incoming:
    """The image that a response announces.

    Raises:
        ItemError: it cannot be an image; the subclass says why.
    """
    if response.status != HTTPStatus.OK:
        raise _refusal(response)
    # Of the type and the encoding the bytes themselves tell, which are looked at anyway.
    headers = response.headers
    crc32c, md5 = http.announced_digests(headers)
    length = headers.get("Content-Length", "")
    if not length or "Transfer-Encoding" in headers:
        return Incoming(None, http.Body(response, None, "the source"), crc32c, md5)
    # ASCII, because str.isdecimal allows the digits of every script.
    if not (length.isascii() and length.isdecimal() and len(length) < 20):
        raise _rejected("the source announces a length that is not a number")
    size = int(length)
    if size == 0:
        raise _rejected("an empty answer, not an image")
    if size > largest:
        raise RejectedError(f"{size:,} bytes, more than the {largest:,} allowed", again=False)
    return Incoming(
        size=size, chunks=http.Body(response, size, "the source"), crc32c=crc32c, md5=md5
    )


def _refusal(response: aiohttp.ClientResponse) -> ItemError:
    """The error that a status other than 200 means for an image."""
    status = response.status
    reason = f"the source answers {status}"
    if status in HTTPStatus.__members__.values():
        reason += f" {HTTPStatus(status).phrase}"
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        return MissingError(reason)
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        return BusyError(reason, wait=http.retry_after(response.headers))
    if status == HTTPStatus.UNAUTHORIZED:
        return RefusedError(reason, f"{LOGINS} names a login for each host that asks", again=False)
    if status == HTTPStatus.FORBIDDEN:
        return RefusedError(reason, f"if it asks for a login: {LOGINS} names one for each host")
    if status in _MAY_HEAL or status >= 500:
        return ItemError(reason)
    return ItemError(reason, again=False) if status >= 400 else _rejected(reason)


def _rejected(reason: str) -> RejectedError:
    """What is final where the source says it twice in a row."""
    return RejectedError(reason, seen=reason.encode())


def _unanswered(error: Exception, address: URL) -> ItemError:
    """The error for a request without a proper answer."""
    host, hop = address.host, next_hop(address)
    number = getattr(error, "errno", None)
    words = os.strerror(number) if number else "no answer"
    match error:
        case aiohttp.ClientConnectorDNSError(os_error=PrivateAddressError() as private):
            problem = f"{private}, which is not on the public internet"
            found: ItemError = RejectedError(problem, again=False)
        case aiohttp.ClientConnectorDNSError():
            what = f"the host {host}" if hop == host else hop
            found = BusyError(f"{what} cannot be found ({error.os_error.strerror})")
        case aiohttp.ClientConnectorCertificateError():
            found = RefusedError(f"the certificate of {host} is not valid", TRUST, again=False)
        case aiohttp.ClientSSLError():
            found = ItemError(f"no secure connection to {host} ({error.os_error.strerror})")
        case aiohttp.ClientConnectorError() | aiohttp.ServerTimeoutError():
            found = BusyError(f"no connection to {hop} ({words})")
        case aiohttp.ClientResponseError():
            found = RejectedError(f"{host} answers with what is not HTTP")
        case _:
            found = ItemError(f"{host} closed the connection without an answer")
    return found
