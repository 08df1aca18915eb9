"""Tokens from google-auth's credentials, shared by the streams and by the official client."""

import datetime
import functools
import math
import threading
import time
from contextlib import suppress
from typing import Any, Final

import google.auth.aio.credentials
import google.auth.credentials
from google.auth.exceptions import GoogleAuthError, TransportError

from ...errors import FathomNetError, SetupError
from ...files.credentials import GET_CREDENTIALS, first_line
from ..event_loop import in_daemon_thread
from ..outcomes import BusyError, ItemError

EARLY_SECONDS: Final = 300.0
"""A token is replaced this long before it expires."""
AT_LEAST_SECONDS: Final = 10.0
"""A token that expires sooner is no longer used."""
TOKEN_SECONDS: Final = 30.0
"""For one answer of the token server."""
PAUSE_SECONDS: Final = 30.0
"""Between two attempts to replace a token that still works."""


class NoCredentials(google.auth.credentials.AnonymousCredentials):  # type: ignore[misc]
    """Nobody's, for an emulator; google-auth's own fail where a request is refused with 401."""

    def refresh(self, request: object) -> None:
        return


class SharedCredentials(google.auth.credentials.Credentials):  # type: ignore[misc]
    """Credentials of which many threads and tasks ask a token, and one of them renews it.

    google-auth renews a token in whichever requests find that it has less than 225 seconds left,
    each by itself, and they fail where that fails, although the token would still do. Here it is
    renewed once for all, beside the requests that still use it, and its failure matters to nobody
    before the token has run out.

    Args:
        credentials: from google-auth.
    """

    def __init__(self, credentials: Any) -> None:
        super().__init__()
        self._credentials = credentials
        self._lock = threading.Lock()
        self._renewals = 0
        self._not_before = -math.inf
        self._renewal: threading.Thread | None = None
        self._mine = threading.local()

    @property
    def account(self) -> str:
        """Whose they are, for messages."""
        return self.email or "the user of the application default credentials"

    @property
    def email(self) -> str:
        """The address of the account, empty if unknown; Google's own machines tell it late."""
        return str(self.service_account or getattr(self._credentials, "account", None) or "")

    @property
    def service_account(self) -> str | None:
        """The same, of a service account only."""
        found: str | None = getattr(self._credentials, "service_account_email", None)
        return found

    @property
    def usable(self) -> bool:
        """Whether there is a token that lasts for a while yet, so that nobody has to wait."""
        return self._seconds_left() >= EARLY_SECONDS

    def apply(self, headers: dict[str, str], token: str | None = None) -> None:
        self._credentials.apply(headers, token)

    def before_request(
        self, request: object, method: str, url: str, headers: dict[str, str]
    ) -> None:
        """Adds the token to a request's headers; may wait for a new one.

        Raises:
            SetupError: the credentials are no longer valid.
            ItemError: there is no token now, but there may be one later.
        """
        self._mine.renewals = renewals = self._renewals
        left = self._seconds_left()
        if left < AT_LEAST_SECONDS:
            self.renew(renewals)
        elif left < EARLY_SECONDS and time.monotonic() > self._not_before:
            self._not_before = time.monotonic() + PAUSE_SECONDS

            def try_to_renew() -> None:
                # Its failure is met again when the token has run out.
                with suppress(FathomNetError):
                    self.renew(renewals)

            self._renewal = threading.Thread(target=try_to_renew, daemon=True)
            self._renewal.start()
        self.apply(headers)

    def refresh(self, request: object) -> None:
        """Replaces the token that this thread's latest request was refused with."""
        self.renew(getattr(self._mine, "renewals", self._renewals))

    def renew(self, renewals: int) -> None:
        """Gets a new token, unless another thread has done so since.

        Args:
            renewals: how many there had been when the present one was used.

        Raises:
            SetupError: as for ``before_request``.
            ItemError: as for ``before_request``.
        """
        from google.auth.transport.requests import Request

        with self._lock:
            if renewals != self._renewals:
                return
            self._not_before = time.monotonic() + PAUSE_SECONDS
            try:
                self._credentials.refresh(functools.partial(Request(), timeout=TOKEN_SECONDS))
            except TransportError as error:
                raise BusyError(f"no access token: {first_line(error)}") from None
            except (GoogleAuthError, ValueError) as error:
                if getattr(error, "retryable", False):
                    raise ItemError(f"no access token: {first_line(error)}") from None
                problem = f"Google gives {self.account} no access token: {first_line(error)}"
                raise SetupError(f"{problem}\n{GET_CREDENTIALS}") from None
            self._renewals += 1

    def _seconds_left(self) -> float:
        if not self._credentials.token:
            return 0.0
        expiry = self._credentials.expiry
        if expiry is None:
            return math.inf
        left: datetime.timedelta = expiry.replace(
            tzinfo=datetime.timezone.utc
        ) - datetime.datetime.now(datetime.timezone.utc)
        return left.total_seconds()


class SharedInLoop(google.auth.aio.credentials.Credentials):  # type: ignore[misc]
    """The same credentials for google-auth's asynchronous session, which never waits in the loop.

    google-auth's own adapter would do so too, but asks a thread at each request.
    """

    def __init__(self, shared: SharedCredentials) -> None:
        super().__init__()
        self._shared = shared

    async def before_request(
        self, request: object, method: str, url: str, headers: dict[str, str]
    ) -> None:
        if self._shared.usable:
            self._shared.apply(headers)
        else:
            await in_daemon_thread(self._shared.before_request, request, method, url, headers)

    async def refresh(self, request: object) -> None:
        """Replaces the token; the session asks for it once, however many requests were refused."""
        await in_daemon_thread(self._shared.refresh, request)
