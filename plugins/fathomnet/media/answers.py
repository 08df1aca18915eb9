"""Interprets Cloud Storage's answers: their status, their headers and their bodies."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import aiohttp

from .http_answers import NO_ANSWER, retry_after
from .outcomes import BusyError, ConflictError, ItemError

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
