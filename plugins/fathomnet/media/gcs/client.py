"""What Google's own client of Cloud Storage is asked, and what its errors mean."""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from google.api_core import exceptions as refusals
from requests import exceptions as failures
from urllib3.exceptions import NewConnectionError
from yarl import URL

from ...errors import SetupError
from ...files.credentials import GET_CREDENTIALS, wants_a_payer
from ...files.network import next_hop
from ...interruptions import causes
from ..outcomes import BusyError, ItemError
from ..store import StoredObject
from ..web.http import retry_after
from . import streams
from .access import Access, create_bucket, grant_role, grant_use

SILENT_SECONDS: Final = 60.0
"""For the next bytes of an answer."""

ONCE: Final[dict[str, Any]] = {"timeout": (streams.CONNECT_SECONDS, SILENT_SECONDS), "retry": None}
"""Of every request: who asks knows what may be repeated, and waits as long as the service says."""


def answer_of(error: refusals.GoogleAPICallError) -> streams.Answer:
    """What Cloud Storage has answered, from the error that the client makes of it."""
    response = error.response
    return streams.Answer(response.status_code, response.content, retry_after(response.headers))


@contextmanager
def errors_of_stores(endpoint: URL) -> Iterator[None]:
    """Raises the client's errors as those of stores.

    Args:
        endpoint: the address of Cloud Storage.

    Raises:
        BusyError: no connection, or the service asks to wait.
        ItemError: no answer, or a refusal.
        SetupError: the server's certificate is not valid, or a proxy lets nothing through.
    """
    try:
        yield
    except refusals.GoogleAPICallError as error:
        raise answer_of(error).error() from None
    except failures.RequestException as error:
        raise unanswered(error, endpoint) from None


_TUNNEL_REFUSED: Final = re.compile(r"Tunnel connection failed: ([0-9]{3})")


def unanswered(error: failures.RequestException, endpoint: URL) -> ItemError | SetupError:
    """The error for a request without an answer."""
    host, hop = str(endpoint.host), next_hop(endpoint)
    # The system's own words are at the bottom.
    chain = list(causes(error))
    words = streams.in_words(next((each for each in chain if getattr(each, "errno", 0)), error))
    kinds = (NewConnectionError, failures.ConnectTimeout, failures.ProxyError)
    unreached = any(isinstance(each, kinds) for each in chain)
    refused = _TUNNEL_REFUSED.search(str(error))
    match error:
        case failures.SSLError():
            return streams.invalid_certificate(host)
        case failures.ProxyError() if refused:
            return streams.refused_by_proxy(int(refused[1]), endpoint)
        case failures.ConnectionError() if unreached:
            return BusyError(f"no connection to {hop} ({words})")
        case failures.ReadTimeout():
            return ItemError(f"{host} did not answer within {SILENT_SECONDS:g} seconds")
        case failures.InvalidJSONError():
            return ItemError(streams.NO_JSON)
        case _:
            return streams.closed_connection(host, words)


def list_page(
    bucket: Any, access: Access, prefix: str, most: int, token: str | None
) -> streams.Page:
    """One page of a listing; see ``listing.list_page``."""
    fields = f"items({streams.FIELDS}),nextPageToken"
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
                refusal = answer_of(error).reason
                advice = grant_use(refusal, access.member) or grant_role(bucket.name, access.member)
            case _:
                problem = f"the credentials of {access.account} are refused"
                advice = GET_CREDENTIALS
        raise SetupError(f"{problem}: {answer_of(error).reason}\n{advice}") from None
    return streams.Page({blob.name: described(blob) for blob in page}, listed.next_page_token)


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
    except refusals.GoogleAPICallError as error:
        if wants_a_payer(error):
            raise  # which hinders everything else too
        return None


def described(blob: Any) -> StoredObject:
    """An object as the client describes it, whose own attributes copy the metadata of each."""
    return streams.stored_object(blob._properties)
