"""What a page complains of while a test uses it, and which of it is not this project's."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Response
from playwright.sync_api import Error as PlaywrightError

if TYPE_CHECKING:
    from playwright.sync_api import WebError  # which early releases do not export

KNOWN: dict[str, str] = {
    r"net::ERR_NAME_NOT_RESOLVED|net::ERR_ABORTED": "no other host is found here",
    r"Error executing operator|raise error\.with_traceback\(None\) from None": "refused in words",
    r"404 .*/media\?filepath=": "images that a test has not drawn are not there",
}
"""Patterns of complaints that name this project and are none of ours, each with the reason."""

LONGEST = 4_000
"""Characters of a complaint that a test's report shows."""

WAIT, PATIENCE = 100, 50
"""Milliseconds between two looks at whether all answers are read, and their number at most."""

EXECUTES = "/operators/execute"
TRACEBACK = "Traceback (most recent call last)"
FAILED = re.compile(rf'"error":\s*"{re.escape(TRACEBACK)}')
OURS = re.compile(r"fathomnet", re.IGNORECASE)


class Complaints:
    """Listens to all pages of a browser's context: errors that nobody caught, errors on a console,
    what an operator or a panel answered in place of a result, what was not found."""

    def __init__(self, context: BrowserContext) -> None:
        self._said: list[str] = []
        self._missing: Counter[str] = Counter()
        self._context = context
        self._reading = 0
        context.on("weberror", self._note_error)
        context.on("console", self._note_message)
        context.on("response", self._note_response)

    def found(self, log: Path) -> list[str]:
        """All that somebody has to look into.

        Args:
            log: what the App's server said.
        """
        for _ in range(PATIENCE):  # what was answered last may still be on its way here
            if self._reading and self._context.pages:
                self._context.pages[0].wait_for_timeout(WAIT)
        twice = [
            f"asked for {count} times, and not there: {url}"
            for url, count in self._missing.items()
            if count > 1 and "/media?filepath=" not in url
        ]
        return [*_not_known(self._said), *twice, *tracebacks(log)]

    def _note_error(self, caught: WebError) -> None:
        self._said.append(f"not caught: {caught.error.message}\n{caught.error.stack or ''}")

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            place = message.location.get("url", "")
            self._said.append(f"on the console: {message.text} ({place})")

    def _note_response(self, response: Response) -> None:
        if response.status == 404:
            self._missing[response.url] += 1
        elif response.status >= 500:
            self._said.append(f"answered with {response.status}: {response.url}")
        elif urlsplit(response.url).path.startswith(EXECUTES):
            # Of a panel's error the console repeats the message only, which names nobody. A page
            # that was left takes its answers with it.
            self._reading += 1
            with contextlib.suppress(PlaywrightError):
                if FAILED.search(said := response.text()):
                    self._said.append(f"answered with an error: {said}")
            self._reading -= 1


def tracebacks(log: Path) -> list[str]:
    """The tracebacks in a server's log that go through this project's code."""
    if not log.exists():
        return []
    blocks = log.read_text(errors="replace").split(TRACEBACK)[1:]
    return _not_known(f"{TRACEBACK}{block}" for block in blocks)


def _not_known(complaints: Iterable[str]) -> list[str]:
    """Those that name this project and are not known: judged whole, then cut to be read."""
    return [
        one[:LONGEST]
        for one in complaints
        if OURS.search(one) and not any(re.search(known, one) for known in KNOWN)
    ]
