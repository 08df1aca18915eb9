"""Lists the objects of a bucket, page by page."""

from __future__ import annotations

from typing import Final

from tenacity import AsyncRetrying

from ...errors import SetupError
from ..outcomes import ItemError
from ..retries import attempts
from ..store import StoredObject
from .answers import ForbiddenError, Page
from .bucket import Bucket

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
