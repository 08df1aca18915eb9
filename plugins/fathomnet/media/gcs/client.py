"""Both clients of Cloud Storage: streams of images, and Google's own for all else.

Streams go over google-auth's asynchronous session; what Google's client is asked, and what its
errors mean, stands below them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import aiohttp
from google.api_core import exceptions as refusals
from google.auth.aio import transport
from google.auth.aio.transport.aiohttp import Response
from google.auth.aio.transport.sessions import AsyncAuthorizedSession
from requests import exceptions as failures
from typing_extensions import Self
from urllib3.exceptions import NewConnectionError
from yarl import URL

from ...errors import SetupError
from ...files.credentials import GET_CREDENTIALS
from ...files.network import machine_trust, proxy_for
from ...interruptions import causes
from ..gcs import answers
from ..outcomes import BusyError, ItemError
from ..store import StoredObject
from ..web.http import LONGEST_HEADER, receiving_sockets, retry_after
from .access import Access, create_bucket, grant_role
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


SILENT_SECONDS: Final = 60.0
"""For the next bytes of an answer."""

ONCE: Final[dict[str, Any]] = {"timeout": (CONNECT_SECONDS, SILENT_SECONDS), "retry": None}
"""Of every request: who asks knows what may be repeated, and waits as long as the service says."""


def answer_of(error: refusals.GoogleAPICallError) -> answers.Answer:
    """What Cloud Storage has answered, from the error that the client makes of it."""
    response = error.response
    return answers.Answer(response.status_code, response.content, retry_after(response.headers))


@contextmanager
def errors_of_stores(host: str) -> Iterator[None]:
    """Raises the client's errors as those of stores.

    Raises:
        BusyError: no connection, or the service asks to wait.
        ItemError: no answer, or a refusal.
        SetupError: the server's certificate is not valid.
    """
    try:
        yield
    except refusals.GoogleAPICallError as error:
        raise answer_of(error).error() from None
    except failures.RequestException as error:
        raise unanswered(error, host) from None


def unanswered(error: failures.RequestException, host: str) -> ItemError | SetupError:
    """The error for a request without an answer."""
    # The system's own words are at the bottom.
    chain = list(causes(error))
    words = answers.in_words(next((each for each in chain if getattr(each, "errno", 0)), error))
    unreached = any(isinstance(each, NewConnectionError) for each in chain)
    match error:
        case failures.SSLError():
            return answers.invalid_certificate(host)
        case failures.ConnectTimeout() | failures.ProxyError():
            return BusyError(f"no connection to {host} ({words})")
        case failures.ConnectionError() if unreached:
            return BusyError(f"no connection to {host} ({words})")
        case failures.ReadTimeout():
            return ItemError(f"{host} did not answer within {SILENT_SECONDS:g} seconds")
        case failures.InvalidJSONError():
            return ItemError(answers.NO_JSON)
        case _:
            return answers.closed_connection(host, words)


def list_page(
    bucket: Any, access: Access, prefix: str, most: int, token: str | None
) -> answers.Page:
    """One page of a listing; see ``listing.list_page``."""
    fields = f"items({answers.FIELDS}),nextPageToken"
    listed = bucket.list_blobs(
        prefix=prefix, page_size=most, page_token=token, fields=fields, **ONCE
    )
    try:
        page = next(listed.pages, ())
    except (refusals.Unauthorized, refusals.Forbidden, refusals.NotFound) as error:
        match error:
            case refusals.NotFound():
                problem = f"{access.account} finds no bucket {bucket.name}"
                advice = create_bucket(bucket.name, access.project)
            case refusals.Forbidden():
                problem = f"{access.account} may not list the bucket {bucket.name}"
                advice = grant_role(bucket.name, access.member)
            case _:
                problem = f"the credentials of {access.account} are refused"
                advice = GET_CREDENTIALS
        raise SetupError(f"{problem}: {answer_of(error).reason}\n{advice}") from None
    return answers.Page({blob.name: described(blob) for blob in page}, listed.next_page_token)


def find_object(bucket: Any, name: str) -> StoredObject | None:
    """The object in its present version, or None."""
    blob = bucket.get_blob(name, **ONCE)
    return described(blob) if blob else None


def delete_generation(bucket: Any, name: str, generation: int) -> None:
    """Deletes exactly this version of an object; does nothing if it no longer exists."""
    with suppress(refusals.NotFound, refusals.PreconditionFailed):
        bucket.blob(name).delete(if_generation_match=generation, **ONCE)


def granted(bucket: Any, permissions: Collection[str]) -> frozenset[str] | None:
    """Which of these permissions its asker has; None if the server does not say."""
    try:
        return frozenset(bucket.test_iam_permissions(list(permissions), **ONCE))
    except refusals.GoogleAPICallError:
        return None


def described(blob: Any) -> StoredObject:
    """An object as the client describes it, whose own attributes copy the metadata of each."""
    return answers.stored_object(blob._properties)
