"""A file or folder that a person names: on this machine, or in a bucket."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from typing_extensions import Self

from ..errors import FathomNetError, Fault, InputError
from .credentials import (
    GOOGLE_ENDPOINT,
    PAYS,
    emulator_endpoint,
    find_credentials,
    first_line,
    paying_project,
    wants_a_payer,
)

GCS: Final = "gs://"
SECONDS: Final = 60.0
"""For the next bytes of an answer of Cloud Storage."""
QUICK_SECONDS: Final = 10.0
"""For whether something is there, and for all attempts to ask: a form waits for it."""

_ADDRESS: Final = re.compile(r"gs://([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])(?:/(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ObjectState:
    """What ``Path.stat`` tells of a file, of an object.

    Attributes:
        st_size: bytes.
        st_mtime_ns: its generation, which another version does not have.
    """

    st_size: int
    st_mtime_ns: int


class CloudPath:
    """An object of Cloud Storage, or what lies below a prefix, used like a ``Path``.

    It offers what the project asks of the files that a person names, which are read and written
    whole. Images do not come this way: see ``media``. Every error is an ``OSError`` that says what
    to do; where there are no credentials, a ``SetupError``.

    Args:
        address: ``gs://bucket/name``.

    Examples:
        >>> CloudPath("gs://lab/sets/train.json").with_name("test.json")
        CloudPath('gs://lab/sets/test.json')
        >>> (CloudPath("gs://lab/sets/") / "train.json").name
        'train.json'
    """

    def __init__(self, address: str) -> None:
        parts = _ADDRESS.fullmatch(address)
        if parts is None:
            raise InputError(address, [Fault("address", "is not gs://bucket/name")])
        self.bucket = parts[1]
        self.key = (parts[2] or "").strip("/")

    def __str__(self) -> str:
        return f"{GCS}{self.bucket}/{self.key}".rstrip("/")

    def __repr__(self) -> str:
        return f"CloudPath({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CloudPath) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __truediv__(self, name: str) -> CloudPath:
        return CloudPath(f"{self}/{name}")

    @property
    def name(self) -> str:
        return PurePosixPath(self.key).name or self.bucket

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.key).suffix

    @property
    def parent(self) -> CloudPath:
        return CloudPath(str(self).rpartition("/")[0] if self.key else str(self))

    def with_name(self, name: str) -> CloudPath:
        return self.parent / name

    def with_suffix(self, suffix: str) -> CloudPath:
        return self.with_name(PurePosixPath(self.key).with_suffix(suffix).name)

    def resolve(self) -> Self:
        return self

    def is_file(self) -> bool:
        with self._bucket() as bucket:
            return bool(self.key) and bucket.get_blob(self.key, **_quickly()) is not None

    def is_dir(self) -> bool:
        """Whether any object lies below it."""
        try:
            return self._has_objects()
        except FileNotFoundError:  # there is not even the bucket
            return False

    def problem(self) -> str:
        """Why it cannot even be listed, as what a form shows; empty where it can."""
        try:
            self._has_objects()
        except FileNotFoundError:
            return f"there is no bucket {self.bucket}"
        except OSError as error:
            return error.strerror or str(error)
        except FathomNetError as error:
            return str(error)
        return ""

    def _has_objects(self) -> bool:
        prefix = f"{self.key}/" if self.key else ""
        with self._bucket() as bucket:
            listed = bucket.list_blobs(prefix=prefix, max_results=1, **_quickly())
            return any(True for _ in listed)

    def exists(self) -> bool:
        return self.is_file() or self.is_dir()

    def names_below(self) -> list[str]:
        """The names of all objects that lie below it, without its own, sorted."""
        prefix = f"{self.key}/" if self.key else ""
        with self._bucket() as bucket:
            listed = bucket.list_blobs(
                prefix=prefix, fields="items(name),nextPageToken", timeout=SECONDS
            )
            names = [blob.name.removeprefix(prefix) for blob in listed]
        # A console makes an object for an empty folder, whose name ends in a slash.
        return sorted(name for name in names if name and not name.endswith("/"))

    def stat(self) -> ObjectState:
        with self._bucket() as bucket:
            blob = bucket.get_blob(self.key, **_quickly()) if self.key else None
            if blob is None:
                raise FileNotFoundError(errno.ENOENT, f"there is no {self}")
            return ObjectState(int(blob.size), int(blob.generation or 0))

    def read_bytes(self) -> bytes:
        with self._bucket() as bucket:
            return bytes(bucket.blob(self.key).download_as_bytes(timeout=SECONDS))

    def write_bytes(self, content: bytes) -> None:
        """Replaces the object; nobody sees a part of it."""
        with self._bucket() as bucket:
            bucket.blob(self.key).upload_from_string(content, timeout=SECONDS)

    def unlink(self) -> None:
        with self._bucket() as bucket:
            bucket.blob(self.key).delete(timeout=SECONDS)

    def mkdir(self, parents: bool = False, exist_ok: bool = False) -> None:
        """Nothing is to be made: a bucket has no folders."""

    @contextmanager
    def _bucket(self) -> Iterator[Any]:
        """The bucket, for calls whose errors become those of files."""
        from google.api_core import exceptions
        from google.auth.credentials import AnonymousCredentials
        from google.auth.exceptions import GoogleAuthError
        from requests import RequestException

        from .connections import storage_client

        endpoint = emulator_endpoint()
        credentials, project = (AnonymousCredentials(), None) if endpoint else find_credentials()
        with storage_client(credentials, project, endpoint or GOOGLE_ENDPOINT, 1) as client:
            try:
                yield client.bucket(self.bucket, user_project=paying_project())
            except exceptions.NotFound as error:
                raise FileNotFoundError(errno.ENOENT, f"there is no {self}") from error
            except (exceptions.Forbidden, exceptions.Unauthorized) as error:
                needed = "roles/storage.objectViewer to read, roles/storage.objectUser to write"
                words = f"Cloud Storage refuses it; the account needs {needed}, on {self.bucket}"
                raise PermissionError(errno.EACCES, words) from error
            except (exceptions.GoogleAPIError, GoogleAuthError, RequestException) as error:
                if wants_a_payer(error):
                    raise OSError(errno.EACCES, PAYS) from error
                words = f"Cloud Storage did not answer: {first_line(error)}"
                raise OSError(errno.EIO, words) from error


def _quickly() -> dict[str, Any]:
    from google.cloud.storage.retry import DEFAULT_RETRY

    return {"timeout": QUICK_SECONDS, "retry": DEFAULT_RETRY.with_timeout(QUICK_SECONDS)}


Place = Path | CloudPath
"""A file or folder, wherever it is."""


def place(path: str | Path | CloudPath) -> Place:
    """The file or folder that a person has named.

    Raises:
        InputError: it begins as an address in a bucket, and is none.

    Examples:
        >>> place("gs://lab/train.json")
        CloudPath('gs://lab/train.json')
        >>> place("sets/train.json").name
        'train.json'
    """
    if isinstance(path, str) and path.startswith(GCS):
        return CloudPath(path)
    return path if isinstance(path, CloudPath) else Path(path)


def is_there(path: Place) -> bool:
    """Whether there is such a file or folder, for a preview: no, where it cannot be asked."""
    try:
        return path.exists()
    except (OSError, FathomNetError):
        return False
