"""Who asks Google Cloud Storage: which credentials, and the commands that grant rights."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final, Protocol

from ...errors import SetupError

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

_secrets: ContextVar[Mapping[str, str] | None] = ContextVar("secrets", default=None)


class Access(Protocol):
    """An identity, and the credentials that prove it.

    Attributes:
        endpoint: the address of Cloud Storage, without a trailing slash.
        project: the project to use where one is needed, if any is known.
        credentials: for google-cloud-storage; they may be used by many threads.
        in_loop: the same for google-auth's asynchronous session.
    """

    endpoint: str
    project: str | None
    credentials: Any
    in_loop: Any

    @property
    def account(self) -> str:
        """Who this is, for messages."""
        ...

    @property
    def member(self) -> str:
        """Who this is, in the form that ``gcloud`` expects for ``--member``."""
        ...


async def proof(access: Access) -> dict[str, str]:
    """The headers that prove an identity, valid for a request that starts now.

    Raises:
        SetupError: the credentials are no longer valid.
        ItemError: there is no token now, but there may be one later.
    """
    headers: dict[str, str] = {}
    await access.in_loop.before_request(None, "GET", access.endpoint, headers)
    return headers


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
    secret: Any = (_secrets.get() or {}).get(KEY_SECRET)
    # FiftyOne's dictionary gives an object with a value where it looks a secret up on access.
    if key := str(getattr(secret, "value", secret) or "").strip():
        return _from_secret(key)
    import google.auth
    from google.auth.exceptions import GoogleAuthError

    from .credentials import first_line

    try:
        credentials, project = google.auth.default(scopes=SCOPES)
    except Exception as error:  # google-auth lets any error of a broken file through
        file = os.environ.get(KEY_VARIABLE)
        where = f"{KEY_VARIABLE} is {file}: " if file else "no credentials for Google Cloud: "
        known = isinstance(error, (GoogleAuthError, ValueError, OSError))
        told = first_line(error) if known else "this is no file of credentials"
        raise SetupError(f"{where}{told}\n{GET_CREDENTIALS}") from None
    return GoogleAccess(credentials, project)


class Nobody:
    """Requests without credentials, for an emulator.

    Args:
        endpoint: where Cloud Storage is reached.
    """

    account = "anonymous"
    member = "allUsers"

    def __init__(self, endpoint: str) -> None:
        from google.auth.aio.credentials import AnonymousCredentials

        from .credentials import NoCredentials

        self.endpoint = endpoint.rstrip("/")
        self.project = os.environ.get(PROJECT_VARIABLE)
        self.credentials = NoCredentials()
        self.in_loop = AnonymousCredentials()


class GoogleAccess:
    """Requests with google-auth's credentials.

    Args:
        credentials: from google-auth.
        project: if one is known.
        endpoint: where Cloud Storage is reached.
    """

    def __init__(
        self, credentials: Any, project: str | None, endpoint: str = GOOGLE_ENDPOINT
    ) -> None:
        from .credentials import SharedCredentials, SharedInLoop

        self.endpoint = endpoint.rstrip("/")
        self.project = project
        self.credentials = SharedCredentials(credentials, GET_CREDENTIALS)
        self.in_loop = SharedInLoop(self.credentials)

    @property
    def account(self) -> str:
        return self.credentials.account

    @property
    def member(self) -> str:
        email = self.credentials.email
        kind = "serviceAccount" if self.credentials.service_account else "user"
        return f"{kind}:{email or 'YOUR_ACCOUNT'}"


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
