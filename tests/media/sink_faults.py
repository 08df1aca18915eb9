"""How the tests' sink misbehaves, and how it refuses what a real bucket refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from tests.media.server import Fault

MOMENT: Final = 2.0
"""Seconds in which a client that listens hears an answer, and hangs up itself."""

LISTING: Final = "(listing)"
"""The name under which faults of the listing are scripted."""
TOKENS: Final = "(tokens)"
"""The name under which faults of the token office are scripted."""

RESET: Final = Fault("reset")
"""The connection is reset before the body is read."""
MIDWAY: Final = Fault("midway")
"""The connection is reset when half of the body has gone by, either way."""
LOST: Final = Fault("lost")
"""What was asked for is done, and the connection reset before the answer."""
STALL: Final = Fault("stall")
"""Half of the body goes by, and then nothing."""
CORRUPT: Final = Fault("corrupt")
"""Other bytes are stored than came, and their checksum reported; or other bytes are sent."""
EXPIRED: Final = Fault("expired")
"""Every token given so far stops being valid, this request's first."""


def answer(status: int, retry_after: str | None = None) -> Fault:
    """The request is read to its end and refused."""
    return Fault("answer", status, retry_after)


def early(status: int, retry_after: str | None = None) -> Fault:
    """The request is refused before its body is read; the connection stays open for a while."""
    return Fault("early", status, retry_after)


def rude(status: int, retry_after: str | None = None) -> Fault:
    """The request is refused before its body is read, and the connection reset a moment later."""
    return Fault("rude", status, retry_after)


def slam(status: int) -> Fault:
    """The same with no moment between: whether the answer is heard is a matter of luck."""
    return Fault("slam", status)


class RefusedError(Exception):
    """A request that is answered as the JSON API answers errors."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers

    def response(self) -> web.Response:
        error = {"code": self.status, "message": str(self), "errors": [{"reason": "scripted"}]}
        return web.json_response({"error": error}, status=self.status, headers=self.headers)
