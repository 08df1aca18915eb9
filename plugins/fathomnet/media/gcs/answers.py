"""What an answer of Cloud Storage means, and what none means."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from ...errors import SetupError
from ...files.credentials import PAYS, wants_a_payer
from ...files.network import TRUST
from ..outcomes import BusyError, ConflictError, ItemError, RefusedError
from ..store import StoredObject
from .upload import WHOLE_KEY, WHOLE_VALUE

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


def closed_connection(host: str, words: str) -> ItemError:
    """The error for a connection that ends where an answer is due."""
    return ItemError(f"{host} closed the connection without an answer ({words})")


def in_words(error: BaseException) -> str:
    """What an error says, without its own text, which may hold the whole address."""
    number = getattr(error, "errno", None) or 0
    words = os.strerror(number) if number > 0 else getattr(error, "strerror", None)
    return words or type(error).__name__
