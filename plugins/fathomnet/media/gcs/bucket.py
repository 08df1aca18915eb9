"""One bucket: streams over connections of our own, all else through Google's client.

On the same work Google's client moves an image at half to a third of the rate of a stream, for
three to four times the processor time, so images go over aiohttp, either way, with google-auth's
asynchronous session. Everything small (listings, what an object is, deletions, permissions) is
asked of ``google-cloud-storage``, in threads, and listings page by page.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import aiohttp
from tenacity import AsyncRetrying
from typing_extensions import Self
from yarl import URL

from ...errors import FathomNetError, SetupError
from ...files.credentials import paying_project
from ...files.network import next_hop
from ..event_loop import in_daemon_thread
from ..outcomes import BusyError, ItemError, attempts
from ..store import StoredObject
from ..web.http import NO_ANSWER, retry_after
from .access import Access, grant_role, grant_use
from .streams import (
    Answer,
    ForbiddenError,
    Page,
    Streams,
    Upload,
    closed_connection,
    in_words,
    invalid_certificate,
    refused_by_proxy,
)

T = TypeVar("T")


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
        self._concurrency = concurrency
        self._streams: Streams | None = None
        self._client: Any = None
        self._lock = threading.Lock()
        self._asking = asyncio.Semaphore(concurrency)

    async def __aenter__(self) -> Self:
        self._streams = await Streams(self._endpoint, self.access, self._concurrency).__aenter__()
        return self

    async def __aexit__(self, *exception: object) -> None:
        if self._streams is not None:
            await self._streams.__aexit__(*exception)
        if self._client is not None:
            self._client.close()

    async def ask(self, question: Callable[[Any, Any], T]) -> T:
        """Asks Google's client something small, in a thread, without retries.

        google-auth renews a token that is refused, and the question is asked again.

        Args:
            question: is given ``gcs.client`` and that client's bucket.

        Raises:
            BusyError: no connection, or the service asks to wait.
            ItemError: no answer, or a refusal.
            SetupError: the credentials or the server's certificate are not valid.
        """
        async with self._asking:
            return await in_daemon_thread(self._ask, question)

    def _ask(self, question: Callable[[Any, Any], T]) -> T:
        # In a thread, because it takes half a second.
        from ...files.connections import storage_client
        from . import client as google

        with self._lock:
            if self._client is None:
                self._client = storage_client(
                    self.access.credentials, self.access.project, self._endpoint, self._concurrency
                )
        try:
            with google.errors_of_stores(URL(self._endpoint)):
                bucket = self._client.bucket(self.name, user_project=paying_project())
                return question(google, bucket)
        except ForbiddenError as error:
            member = self.access.member
            error.advice = grant_use(error.reason, member) or grant_role(self.name, member)
            raise

    async def begin(self, name: str) -> aiohttp.ClientResponse:
        """Begins to read an object; the caller releases the response.

        Raises:
            BusyError: no connection.
            ItemError: no answer.
            SetupError: the credentials or the server's certificate are not valid.
        """
        assert self._streams is not None, "a bucket is used with `async with`"
        address = self._address("", f"/o/{quote(name, safe='')}", {"alt": "media"})
        try:
            return await self._streams.send("GET", address)
        except NO_ANSWER as error:
            raise self._unanswered(error) from None

    async def upload(self, body: Upload, query: Mapping[str, str | int]) -> Answer:
        """Sends an object; returns once it is stored or its connection has been dropped.

        Where the token is refused, the next upload has a new one.

        Raises:
            BusyError: no connection.
            ItemError: no answer, whether or not the object was created; or the image failed to
                arrive with an error of another kind, which is then the cause.
            FathomNetError: the image failed to arrive with this error.
            SetupError: as for ``begin``.
        """
        assert self._streams is not None, "a bucket is used with `async with`"
        address = self._address("/upload", "/o", query)
        try:
            async with await self._streams.send("POST", address, body) as response:
                answer = await read_answer(response)
                if answer.ok:
                    # The last bytes have left, but whoever wrote them may not have heard of it.
                    await body.ended()
                    if not body.complete:
                        raise ItemError("Cloud Storage answered before it had the whole image")
                elif not body.complete:
                    # Refused before it was read; what is under way would disturb the next request.
                    response.close()
                return answer
        except NO_ANSWER as error:
            failure = body.failure
            if failure is None:
                raise self._unanswered(error) from None
            if isinstance(failure, FathomNetError):
                raise failure  # noqa: B904  # with the cause that it has
            raise ItemError(f"the image did not arrive: {failure}") from failure
        finally:
            await body.ended()

    def _address(self, service: str, path: str, query: Mapping[str, str | int]) -> URL:
        if payer := paying_project():
            query = {**query, "userProject": payer}
        bucket = quote(self.name, safe="")
        address = f"{self._endpoint}{service}/storage/v1/b/{bucket}{path}"
        # Encoded already: an object's name may hold whatever a URL gives a meaning to.
        return URL(f"{address}?{urlencode(query, quote_via=quote)}", encoded=True)

    def _unanswered(self, error: Exception) -> ItemError | SetupError:
        """The error for a stream without an answer."""
        match error:
            case aiohttp.ClientConnectorCertificateError():
                return invalid_certificate(self._host)
            case aiohttp.ClientHttpProxyError():
                return refused_by_proxy(error.status, URL(self._endpoint))
            case aiohttp.ClientConnectorError() | aiohttp.ServerTimeoutError():
                hop = next_hop(URL(self._endpoint))
                return BusyError(f"no connection to {hop} ({in_words(error)})")
            case _:
                return closed_connection(self._host, in_words(error))


async def read_answer(response: aiohttp.ClientResponse) -> Answer:
    """Reads a whole answer; of a refusal, as much as arrives."""
    try:
        body = await response.read()
    except NO_ANSWER:
        if response.status < HTTPStatus.BAD_REQUEST:
            raise
        body = b""
    return Answer(response.status, body, retry_after(response.headers))


_PAGE: Final = 5000
_ATTEMPTS: Final = 6
_FIRST_WAIT: Final = 0.125
_LONGEST_WAIT: Final = 10.0


async def list_objects(bucket: Bucket, prefix: str) -> dict[str, StoredObject]:
    """Every object whose name begins with a prefix, by its name.

    A page that fails is requested again, so a long listing need not restart.

    Raises:
        SetupError: there is no such bucket, it may not be listed, or it cannot be reached.
    """
    objects: dict[str, StoredObject] = {}
    token: str | None = None
    while True:
        try:
            async for attempt in request_attempts():
                with attempt:
                    page = await list_page(bucket, prefix, _PAGE, token)
        except ItemError as error:
            raise SetupError(f"gs://{bucket.name} cannot be listed: {error.reason}") from error
        objects |= page.objects
        token = page.next_page
        if not token:
            return objects


async def list_page(bucket: Bucket, prefix: str, most: int = 1, token: str | None = None) -> Page:
    """Requests one page of a listing once: the first, unless a token names another.

    Raises:
        SetupError: there is no such bucket, or it may not be listed.
        ItemError: there is no answer now.
    """
    return await bucket.ask(
        lambda google, asked: google.list_page(asked, bucket.access, prefix, most, token)
    )


def request_attempts() -> AsyncRetrying:
    """Several attempts at a small request."""
    return attempts(_ATTEMPTS, _FIRST_WAIT, _LONGEST_WAIT, final=(ForbiddenError,))
