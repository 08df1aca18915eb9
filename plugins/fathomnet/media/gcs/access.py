"""Who asks Google Cloud Storage: credentials, fresh tokens, and the commands that grant rights."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import functools
import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final, Protocol

from ...errors import SetupError
from ..outcomes import BusyError, ItemError

READ_AND_WRITE: Final = "roles/storage.objectAdmin"
"""The role to create, read, list, replace and delete objects."""
READ: Final = "roles/storage.objectViewer"
"""The role to read and list objects."""


def create_bucket(bucket: str, project: str | None) -> str:
    """The command that creates a bucket with uniform access whose objects cannot be made public."""
    chosen = f" --project={project}" if project else ""
    return (
        f"gcloud storage buckets create gs://{bucket}{chosen} --location=LOCATION"
        " --uniform-bucket-level-access --public-access-prevention"
    )


def grant_role(bucket: str, member: str, role: str = READ_AND_WRITE) -> str:
    """The command that grants somebody a role on a bucket."""
    return (
        f"gcloud storage buckets add-iam-policy-binding gs://{bucket}"
        f" --member={member} --role={role}"
    )


GOOGLE_ENDPOINT: Final = "https://storage.googleapis.com"
EMULATOR_VARIABLE: Final = "STORAGE_EMULATOR_HOST"
KEY_VARIABLE: Final = "GOOGLE_APPLICATION_CREDENTIALS"
PROJECT_VARIABLE: Final = "GOOGLE_CLOUD_PROJECT"
KEY_SECRET: Final = "FATHOMNET_GCS_CREDENTIALS"  # noqa: S105  # the secret's name
"""The plugin secret that holds a service account's key: its JSON text, or the path of its file."""

GET_CREDENTIALS: Final = (
    f"gcloud auth application-default login, or set {KEY_VARIABLE} to a service account's key file"
)
SCOPES: Final = ("https://www.googleapis.com/auth/devstorage.read_write",)

EARLY_SECONDS: Final = 300.0
"""A token is replaced this long before it expires."""
AT_LEAST_SECONDS: Final = 10.0
"""A token that expires sooner is no longer used."""
TOKEN_SECONDS: Final = 30.0
"""For one answer of the token server."""
PAUSE_SECONDS: Final = 30.0
"""Between two attempts to replace a token that still works."""

_secrets: ContextVar[Mapping[str, str] | None] = ContextVar("secrets", default=None)


class Access(Protocol):
    """An identity, and the headers that prove it.

    Attributes:
        endpoint: the address of Cloud Storage, without a trailing slash.
        project: the project to use where one is needed, if any is known.
    """

    endpoint: str
    project: str | None

    @property
    def account(self) -> str:
        """Who this is, for messages."""
        ...

    @property
    def member(self) -> str:
        """Who this is, in the form that ``gcloud`` expects for ``--member``."""
        ...

    async def headers(self) -> dict[str, str]:
        """The headers that prove the identity, valid for a request that starts now.

        Raises:
            SetupError: the credentials are no longer valid.
            ItemError: there is no token now, but there may be one later.
        """
        ...

    async def renew(self, refused: Mapping[str, str]) -> None:
        """Gets a new token, unless the one in the refused headers has already been replaced.

        Raises:
            SetupError: as for ``headers``.
            ItemError: as for ``headers``.
        """
        ...


@contextlib.contextmanager
def using_secrets(secrets: Mapping[str, str]) -> Iterator[None]:
    """Makes FiftyOne's plugin secrets available to ``find_access``, in this context only."""
    token = _secrets.set(secrets)
    try:
        yield
    finally:
        _secrets.reset(token)


def find_access() -> Access:
    """The identity of this process: nobody (for an emulator), the plugin secret's, or the default.

    The emulator is considered first, so that it is never sent a real token. This may read files and
    ask Google's metadata server, so call it in a thread.

    Raises:
        SetupError: there are no credentials, or they cannot be read; the message says how to get
        them.
    """
    if host := os.environ.get(EMULATOR_VARIABLE):
        return Nobody(host if "://" in host else f"http://{host}")
    if key := _secret_key():
        return _from_secret(key)
    return _from_default()


class Nobody:
    """Requests without credentials, for an emulator.

    Args:
        endpoint: where Cloud Storage is reached.
    """

    account = "anonymous"
    member = "allUsers"

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint.rstrip("/")
        self.project = os.environ.get(PROJECT_VARIABLE)

    async def headers(self) -> dict[str, str]:
        return {}

    async def renew(self, refused: Mapping[str, str]) -> None:
        return


class GoogleAccess:
    """Requests with google-auth's credentials, for use by one event loop.

    Args:
        credentials: from google-auth.
        project: if one is known.
        endpoint: where Cloud Storage is reached.
    """

    def __init__(
        self, credentials: Any, project: str | None, endpoint: str = GOOGLE_ENDPOINT
    ) -> None:
        self.endpoint = endpoint.rstrip("/")
        self.project = project
        self._credentials = credentials
        self._renewal: asyncio.Task[None] | None = None
        self._not_before = -math.inf

    @property
    def account(self) -> str:
        return self._email or "the user of the application default credentials"

    @property
    def member(self) -> str:
        if getattr(self._credentials, "service_account_email", None):
            return f"serviceAccount:{self._email}"
        return f"user:{self._email or 'YOUR_ACCOUNT'}"

    @property
    def _email(self) -> str:
        service = getattr(self._credentials, "service_account_email", None)
        return str(service or getattr(self._credentials, "account", None) or "")

    async def headers(self) -> dict[str, str]:
        left = self._seconds_left()
        if left < AT_LEAST_SECONDS:
            await self._renewed()
        elif left < EARLY_SECONDS and time.monotonic() > self._not_before:
            self._start_renewal()
        headers: dict[str, str] = {}
        self._credentials.apply(headers)
        return headers

    async def renew(self, refused: Mapping[str, str]) -> None:
        current: dict[str, str] = {}
        self._credentials.apply(current)
        if current == refused:
            await self._renewed()

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

    async def _renewed(self) -> None:
        # Shielded: whoever stops waiting must not stop it for the others.
        await asyncio.shield(self._start_renewal())

    def _start_renewal(self) -> asyncio.Task[None]:
        """Starts a renewal, or returns the one that is under way."""
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._renew_in_thread())
            # Nobody may be waiting for it; its failure is met again when the token has expired.
            self._renewal.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._renewal

    async def _renew_in_thread(self) -> None:
        self._not_before = time.monotonic() + PAUSE_SECONDS
        await asyncio.to_thread(self._refresh)

    def _refresh(self) -> None:
        from google.auth.exceptions import GoogleAuthError, TransportError
        from google.auth.transport.requests import Request

        try:
            self._credentials.refresh(functools.partial(Request(), timeout=TOKEN_SECONDS))
        except TransportError as error:
            raise BusyError(f"no access token: {_told(error)}") from None
        except (GoogleAuthError, ValueError) as error:
            if getattr(error, "retryable", False):
                raise ItemError(f"no access token: {_told(error)}") from None
            raise SetupError(
                f"Google gives {self.account} no access token: {_told(error)}\n{GET_CREDENTIALS}"
            ) from None


def _secret_key() -> str:
    secret: Any = (_secrets.get() or {}).get(KEY_SECRET)
    # FiftyOne's dictionary gives an object with a value where it looks a secret up on access.
    return str(getattr(secret, "value", secret) or "").strip()


def _from_secret(key: str) -> GoogleAccess:
    """Access by a service account's key, no part of which is shown, whatever is wrong with it."""
    from google.oauth2.service_account import Credentials

    shown = f"the plugin secret {KEY_SECRET}"
    try:
        if not key.startswith("{") and Path(key).is_file():
            shown += f" names {key}, which"
            key = Path(key).read_text(encoding="utf-8")
        credentials = Credentials.from_service_account_info(json.loads(key), scopes=SCOPES)
    except OSError as error:
        raise SetupError(f"{shown} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, AttributeError):
        advice = "it holds a service account's key in JSON, or the path of a file with one"
        raise SetupError(f"{shown} is no key of a service account; {advice}") from None
    return GoogleAccess(credentials, os.environ.get(PROJECT_VARIABLE) or credentials.project_id)


def _from_default() -> GoogleAccess:
    import google.auth
    from google.auth.exceptions import GoogleAuthError

    try:
        credentials, project = google.auth.default(scopes=SCOPES)
    except Exception as error:  # google-auth lets any error of a broken file through
        file = os.environ.get(KEY_VARIABLE)
        where = f"{KEY_VARIABLE} is {file}: " if file else "no credentials for Google Cloud: "
        known = isinstance(error, (GoogleAuthError, ValueError, OSError))
        told = _told(error) if known else "this is no file of credentials"
        raise SetupError(f"{where}{told}\n{GET_CREDENTIALS}") from None
    return GoogleAccess(credentials, project)


def _told(error: BaseException) -> str:
    """The first line of what an error says."""
    text = getattr(error, "strerror", None) or (error.args[0] if error.args else None)
    text = str(text or type(error).__name__)
    return text.strip().split("\n", 1)[0][:200]
