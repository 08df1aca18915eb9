"""Credentials for Google Cloud Storage, for whoever reads files there or moves images."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

from ..errors import SetupError

GOOGLE_ENDPOINT: Final = "https://storage.googleapis.com"
EMULATOR_VARIABLE: Final = "STORAGE_EMULATOR_HOST"
KEY_VARIABLE: Final = "GOOGLE_APPLICATION_CREDENTIALS"
PROJECT_VARIABLE: Final = "GOOGLE_CLOUD_PROJECT"
PAYER_VARIABLE: Final = "FATHOMNET_BILLING_PROJECT"
"""Environment variable: the project that pays where a bucket's readers do (requester pays)."""
PAYS: Final = (
    "the bucket's readers pay for what they read and write (requester pays): set "
    f"{PAYER_VARIABLE} to the project that pays"
)
KEY_SECRET: Final = "FATHOMNET_GCS_CREDENTIALS"  # noqa: S105  # the secret's name
"""The plugin secret that holds a service account's key: its JSON text, or the path of its file."""

GET_CREDENTIALS: Final = (
    f"gcloud auth application-default login, or set {KEY_VARIABLE} to a service account's key file"
)
SCOPES: Final = ("https://www.googleapis.com/auth/devstorage.read_write",)

_secrets: ContextVar[Mapping[str, str] | None] = ContextVar("secrets", default=None)


@contextlib.contextmanager
def using_secrets(secrets: Mapping[str, str]) -> Iterator[None]:
    """Makes FiftyOne's plugin secrets available to ``find_credentials``, in this context only."""
    token = _secrets.set(secrets)
    try:
        yield
    finally:
        _secrets.reset(token)


def emulator_endpoint() -> str | None:
    """The address of the emulator that the environment names, which is never sent a real token."""
    host = os.environ.get(EMULATOR_VARIABLE)
    return host if not host or "://" in host else f"http://{host}"


def paying_project() -> str | None:
    """The project that pays for requests to buckets, if one is named."""
    return os.environ.get(PAYER_VARIABLE, "").strip() or None


def wants_a_payer(words: object) -> bool:
    """Whether Cloud Storage refuses a request because nobody is named who pays for it.

    Examples:
        >>> wants_a_payer("Bucket is a requester pays bucket but no user project provided.")
        True
    """
    return "requester pays" in str(words).lower()


def find_credentials() -> tuple[Any, str | None]:
    """The credentials of this process, the plugin secret's or the default, and their project.

    This may read files and ask Google's metadata server, so call it in a thread.

    Raises:
        SetupError: there are none, or they cannot be read; the message says how to get them.
    """
    secret: Any = (_secrets.get() or {}).get(KEY_SECRET)
    # FiftyOne's dictionary gives an object with a value where it looks a secret up on access.
    key = str(getattr(secret, "value", secret) or "").strip()
    if key:
        return _from_secret(key)
    import google.auth
    from google.auth.exceptions import GoogleAuthError

    try:
        credentials, project = google.auth.default(scopes=SCOPES)
    except Exception as error:  # google-auth lets any error of a broken file through
        file = os.environ.get(KEY_VARIABLE)
        where = f"{KEY_VARIABLE} is {file}: " if file else "no credentials for Google Cloud: "
        known = isinstance(error, (GoogleAuthError, ValueError, OSError))
        told = first_line(error) if known else "this is no file of credentials"
        raise SetupError(f"{where}{told}\n{GET_CREDENTIALS}") from None
    return credentials, project


def _from_secret(key: str) -> tuple[Any, str | None]:
    """Those of a service account's key, no part of which is shown, whatever is wrong with it."""
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
    return credentials, os.environ.get(PROJECT_VARIABLE) or credentials.project_id


def first_line(error: BaseException) -> str:
    """The first line of what an error says."""
    text = getattr(error, "strerror", None) or (error.args[0] if error.args else None)
    text = str(text or type(error).__name__)
    return text.strip().split("\n", 1)[0][:200]
