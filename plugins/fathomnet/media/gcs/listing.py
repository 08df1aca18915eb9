"""Lists the objects of a bucket, page by page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tenacity import AsyncRetrying

from ...errors import SetupError
from ..outcomes import ItemError
from ..retries import attempts
from ..store import StoredObject
from .access import GET_CREDENTIALS, create_bucket, grant_role
from .answers import ForbiddenError
from .bucket import Bucket
from .upload import WHOLE_KEY, WHOLE_VALUE

FIELDS: Final = "name,size,crc32c,md5Hash,generation,metadata"
"""The parts of an object's resource that are requested; :func:`stored_object` reads them."""

_PAGE: Final = 5000
_ATTEMPTS: Final = 6
_FIRST_WAIT: Final = 0.125
_LONGEST_WAIT: Final = 10.0


@dataclass(frozen=True, slots=True)
class Page:
    """Objects by their names, and what asks for those that follow; empty at the end."""

    objects: dict[str, StoredObject]
    next_page: str | None


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

    def question(asked: Any) -> Page:
        from google.api_core.exceptions import Forbidden, NotFound, Unauthorized

        from .client import ONCE, answer_of

        fields = f"items({FIELDS}),nextPageToken"
        listed = asked.list_blobs(
            prefix=prefix, page_size=most, page_token=token, fields=fields, **ONCE
        )
        try:
            page = next(listed.pages, ())
        except (Unauthorized, Forbidden, NotFound) as error:
            who = bucket.access
            match error:
                case NotFound():
                    problem = f"{who.account} finds no bucket {bucket.name}"
                    advice = create_bucket(bucket.name, who.project)
                case Forbidden():
                    problem = f"{who.account} may not list the bucket {bucket.name}"
                    advice = grant_role(bucket.name, who.member)
                case _:
                    problem = f"the credentials of {who.account} are refused"
                    advice = GET_CREDENTIALS
            raise SetupError(f"{problem}: {answer_of(error).reason}\n{advice}") from None
        return Page({blob.name: described(blob) for blob in page}, listed.next_page_token)

    return await bucket.ask(question)


def stored_object(resource: Mapping[str, Any]) -> StoredObject:
    """An object as the JSON API describes it."""
    return StoredObject(
        size=int(resource["size"]),
        crc32c=resource.get("crc32c"),
        generation=int(resource["generation"]),
        md5=resource.get("md5Hash"),
        ours=resource.get("metadata", {}).get(WHOLE_KEY) == WHOLE_VALUE,
    )


def described(blob: Any) -> StoredObject:
    """The same from Google's client, whose own attributes copy the metadata of every object."""
    return stored_object(blob._properties)


def request_attempts() -> AsyncRetrying:
    """Several attempts at a small request."""
    return attempts(_ATTEMPTS, _FIRST_WAIT, _LONGEST_WAIT, final=(ForbiddenError,))
