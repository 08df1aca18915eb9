"""Google's own client of Cloud Storage, over this machine's certificates and proxies."""

from __future__ import annotations

import ssl
from typing import Any, Final

from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import GoogleAPICallError
from google.cloud import storage
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError as NotConnectedError
from requests.exceptions import (
    ConnectTimeout,
    InvalidJSONError,
    ProxyError,
    ReadTimeout,
    RequestException,
    SSLError,
)
from urllib3.exceptions import NewConnectionError

from ...errors import SetupError
from ..outcomes import BusyError, ItemError
from ..web.http import retry_after
from .access import Access
from .answers import NO_JSON, Answer, closed_connection, in_words, invalid_certificate

CONNECT_SECONDS: Final = 15.0
SILENT_SECONDS: Final = 60.0
"""For the next bytes of an answer."""

ONCE: Final[dict[str, Any]] = {"timeout": (CONNECT_SECONDS, SILENT_SECONDS), "retry": None}
"""Of every request: who asks knows what may be repeated, and waits as long as the service says."""


class _Connections(HTTPAdapter):
    """Connections for many threads, which trust what this machine trusts, not requests' own list.

    ``SSL_CERT_FILE`` is heard, as by the streams.
    """

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        options["ssl_context"] = ssl.create_default_context()
        super().init_poolmanager(*arguments, **options)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        options["ssl_context"] = ssl.create_default_context()
        return super().proxy_manager_for(proxy, **options)


def storage_client(access: Access, endpoint: str, concurrency: int) -> Any:
    """A client for ``concurrency`` threads; makes no request."""
    client = storage.Client(
        project=access.project or "<none>",  # none is needed here, and it would look for one
        credentials=access.credentials,
        client_options=ClientOptions(api_endpoint=endpoint),
    )
    # For traces, which are off, the client asks for the bucket beside each request, which takes a
    # right that nobody needs here.
    client._bucket_metadata_cache = None
    # Google's own way to keep a connection for each of more than ten threads.
    for scheme in ("https://", "http://"):
        client._http.mount(scheme, _Connections(pool_maxsize=concurrency))
    return client


def answer_of(error: GoogleAPICallError) -> Answer:
    """What Cloud Storage has answered, from the error that the client makes of it."""
    response = error.response
    return Answer(response.status_code, response.content, retry_after(response.headers))


def unanswered(error: RequestException, host: str) -> ItemError | SetupError:
    """The error for a request without an answer."""
    chain: list[BaseException] = [error]
    while inner := [each for each in chain[-1].args if isinstance(each, BaseException)] or [
        each for each in (getattr(chain[-1], "reason", None),) if isinstance(each, BaseException)
    ]:
        chain.append(inner[0])
    words = in_words(next((each for each in chain if getattr(each, "errno", None)), chain[-1]))
    match error:
        case SSLError():
            return invalid_certificate(host)
        case ConnectTimeout() | ProxyError():
            return BusyError(f"no connection to {host} ({words})")
        case NotConnectedError() if any(isinstance(each, NewConnectionError) for each in chain):
            return BusyError(f"no connection to {host} ({words})")
        case ReadTimeout():
            return ItemError(f"{host} did not answer within {SILENT_SECONDS:g} seconds")
        case InvalidJSONError():
            return ItemError(NO_JSON)
        case _:
            return closed_connection(host, words)
