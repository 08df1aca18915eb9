"""The small interface behind which media live: in a Google Cloud Storage bucket, or in a folder.

Everything is asynchronous, because transfers overlap. Paths are relative to the store's root and
use ``/``; the catalog has checked that no file name leaves it.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from typing_extensions import Self


@dataclass(frozen=True, slots=True)
class Digest:
    """What identifies an image's bytes.

    Attributes:
        size: bytes.
        crc32c: CRC-32C in Base64 of its four bytes, big-endian, as Cloud Storage writes it.
    """

    size: int
    crc32c: str

    @classmethod
    def of(cls, size: int, checksum: bytes) -> Digest:
        """The digest of so many bytes with this CRC-32C.

        Examples:
            >>> Digest.of(9, bytes.fromhex("e3069283")).crc32c
            '4waSgw=='
        """
        return cls(size, base64.b64encode(checksum).decode())


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object that a store holds.

    Attributes:
        size: bytes.
        crc32c: as in :class:`Digest`; None if the store would have to read the object for it.
        generation: which version of the object this is: a bucket's generation, or a file's
            modification time in nanoseconds.
        md5: MD5 in Base64, if the store knows it.
        ours: whether the store itself says that this project stored the object completely.
    """

    size: int
    crc32c: str | None = None
    generation: int = 0
    md5: str | None = None
    ours: bool = False

    def holds(self, digest: Digest) -> bool:
        """Whether these are the bytes of ``digest``, as far as the store knows.

        Examples:
            >>> image = Digest(size=2_048, crc32c="AAAAAA==")
            >>> StoredObject(2_048).holds(image), StoredObject(1_024).holds(image)
            (True, False)
        """
        return self.size == digest.size and self.crc32c in (None, digest.crc32c)


class Outgoing(Protocol):
    """An image on its way into a store.

    Attributes:
        size: bytes.
        content_type: such as ``image/png``.
        crc32c: if it is known beforehand, for the store to check; otherwise None.
        digest: of the bytes that have passed; complete once ``chunks`` has ended.
    """

    size: int
    content_type: str
    crc32c: str | None

    @property
    def digest(self) -> Digest: ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The bytes as they arrive, once.

        The last chunk comes only once all chunks together have been found to be a whole image;
        otherwise this raises. So a store that never sees the last chunk has no object.
        """
        ...


@dataclass(frozen=True, slots=True)
class Incoming:
    """An image that a source has begun to send.

    Attributes:
        size: bytes that the source announces; None where it does not.
        chunks: the bytes as they arrive, once.
        crc32c: if the source announces it.
        md5: in Base64, if the source announces it.
    """

    size: int | None
    chunks: AsyncIterator[bytes]
    crc32c: str | None = None
    md5: str | None = None


class Store(Protocol):
    """A place that keeps media under a root.

    Used as an asynchronous context manager: entering connects, leaving releases connections.
    Errors about one object are :class:`~.media.outcomes.ItemError`. If nothing at all can be stored
    or read (no such bucket, no rights, a full disk), ``SetupError`` says what to do.

    Attributes:
        root: ``gs://bucket/prefix`` or an absolute folder, without a trailing slash.
    """

    root: str

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exception: object) -> None: ...

    async def listing(self, folder: str) -> dict[str, StoredObject]:
        """Every object below a folder of the root, by its path relative to that folder."""
        ...

    async def find(self, path: str) -> StoredObject | None:
        """The object in its present version, or None."""
        ...

    async def digest(self, path: str, stored: StoredObject) -> Digest:
        """The digest of an object; it is read from the bytes if the store does not know it."""
        ...

    async def put(
        self, path: str, outgoing: Outgoing, replacing: StoredObject | None = None
    ) -> StoredObject:
        """Creates an object from a stream, completely or not at all.

        Args:
            path: below the root.
            outgoing: the bytes and what is known about them.
            replacing: the version that may be replaced; None if no object may exist.

        Raises:
            ConflictError: an object of another version exists.
            ItemError: it could not be stored; an error in ``outgoing.chunks`` may be the cause,
                which the caller knows better.
        """
        ...

    async def delete(self, path: str, stored: StoredObject) -> None:
        """Deletes exactly this version of an object; does nothing if it no longer exists."""
        ...

    def open(self, path: str) -> AbstractAsyncContextManager[Incoming]:
        """Begins to read an object.

        Raises:
            MissingError: there is no such object.
        """
        ...


Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report.

    Attributes:
        name: what was checked.
        status: ``ok``, ``warn`` (works, with a limit) or ``fail``.
        detail: what was found.
        fix: what to do about it; empty if nothing needs doing.
    """

    name: str
    status: Status
    detail: str
    fix: str = ""

    @classmethod
    def failed(cls, name: str, error: Exception, otherwise: str = "") -> Check:
        """A failed check: the error's first line says what failed, the next lines how to fix it.

        Args:
            name: what was checked.
            error: what it ended with.
            otherwise: how to fix it, where the error does not say.
        """
        detail, _, fix = str(error).partition("\n")
        return cls(name, "fail", detail, fix or otherwise)
