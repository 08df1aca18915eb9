"""A Google Cloud Storage bucket as a store: every object is complete, or does not exist."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final

from typing_extensions import Self

from ..outcomes import ItemError, MissingError
from ..paths import GCS
from ..store import Digest, Incoming, Outgoing, StoredObject
from ..web.http import Body, announced_digests
from .access import Access, Nobody, find_access
from .answers import FIELDS, stored_object
from .bucket import Bucket, read_answer
from .listing import list_objects, list_page, request_attempts
from .upload import Upload

PERMISSIONS: Final = tuple(
    f"storage.objects.{verb}" for verb in ("create", "get", "list", "delete")
)
"""What reading from and writing to a store requires."""


class GcsStore:
    """The objects below a prefix of a bucket.

    An object that is being read holds a connection until its context is left, so to read from and
    write to the same bucket, use two stores.

    Args:
        root: ``gs://bucket/prefix``, or ``gs://bucket``.
        concurrency: simultaneous connections.
        endpoint: the address of Cloud Storage; by default what the environment says.
        access: the identity; by default the environment's, or none if an endpoint is given.

    Attributes:
        root: as given, without a trailing slash.
    """

    def __init__(
        self,
        root: str,
        concurrency: int = 50,
        endpoint: str | None = None,
        access: Access | None = None,
    ) -> None:
        self.root = root.rstrip("/")
        name, _, self._prefix = self.root.removeprefix(GCS).partition("/")
        self._name = name
        self._concurrency = concurrency
        self._endpoint = endpoint
        self._access = access
        self._bucket_seen = False
        self._opened: Bucket | None = None

    async def __aenter__(self) -> Self:
        access = self._access
        if access is None and self._endpoint:
            access = Nobody(self._endpoint)
        if access is None:
            # A thread: credentials may be asked for over the network.
            access = await asyncio.to_thread(find_access)
        self._access = access
        endpoint = self._endpoint or access.endpoint
        bucket = Bucket(self._name, access, endpoint, self._concurrency)
        self._opened = await bucket.__aenter__()
        return self

    async def __aexit__(self, *exception: object) -> None:
        if self._opened is not None:
            await self._opened.__aexit__(*exception)

    async def listing(self, folder: str) -> dict[str, StoredObject]:
        """Every object below a folder of the root, by its path relative to that folder.

        Raises:
            SetupError: there is no such bucket, it may not be listed, or it cannot be reached.
        """
        prefix = self._object_name(f"{folder}/" if folder else "")
        found = await list_objects(self._bucket, prefix)
        self._bucket_seen = True
        found.pop(prefix, None)  # a folder that the Cloud console made is an object too
        return {name.removeprefix(prefix): stored for name, stored in found.items()}

    async def peek(self) -> bool:
        """Whether there is any object below the root, by one request without retries.

        Raises:
            SetupError: there is no such bucket, or it may not be listed.
            ItemError: it cannot be reached.
        """
        page = await list_page(self._bucket, self._object_name(""))
        self._bucket_seen = True
        return bool(page.objects)

    async def permissions(self) -> frozenset[str] | None:
        """Which of :data:`PERMISSIONS` are granted; None if the server does not say."""
        return await self._bucket.ask(lambda google, bucket: google.granted(bucket, PERMISSIONS))

    async def find(self, path: str) -> StoredObject | None:
        """The object in its present version, or None."""
        name = self._object_name(path)
        found: StoredObject | None = await self._bucket.ask(
            lambda google, bucket: google.find_object(bucket, name)
        )
        if found is None:
            await self._require_bucket()
        else:
            self._bucket_seen = True
        return found

    async def digest(self, path: str, stored: StoredObject) -> Digest:
        """The digest of an object, which a bucket always knows."""
        if stored.crc32c is None:
            raise ItemError(f"{self.root}/{path} has no CRC-32C", again=False)
        return Digest(stored.size, stored.crc32c)

    async def put(
        self, path: str, outgoing: Outgoing, replacing: StoredObject | None = None
    ) -> StoredObject:
        """Creates an object from a stream, in one request, completely or not at all.

        The service's checksum of what it stored is compared with that of what was sent; if they
        differ, the object is deleted again.

        Raises:
            ConflictError: an object of another version exists.
            BusyError: there is no connection, or the service asks to wait.
            ItemError: it was not stored, or that is unknown because the answer was lost.
            SetupError: the credentials are no longer valid.
        """
        name = self._object_name(path)
        query: dict[str, str | int] = {
            "uploadType": "multipart",
            "ifGenerationMatch": replacing.generation if replacing else 0,
            "fields": FIELDS,
        }
        answer = await self._bucket.upload(Upload(name, outgoing), query)
        if answer.status == HTTPStatus.NOT_FOUND:
            raise ItemError(f"there is no bucket {self._name} any more; {answer.reason}")
        if answer.status == HTTPStatus.BAD_REQUEST and outgoing.crc32c is not None:
            raise ItemError(f"not what its checksum announced; {answer.reason}")
        if not answer.ok:
            raise answer.error()
        self._bucket_seen = True
        stored = stored_object(answer.json())
        if (stored.size, stored.crc32c) != (outgoing.digest.size, outgoing.digest.crc32c):
            problem = "Cloud Storage had stored other bytes than were sent"
            try:
                async for attempt in request_attempts():
                    with attempt:
                        await self.delete(path, stored)
            except ItemError as error:
                raise ItemError(f"{problem}, and keeps them: {error.reason}") from error
            raise ItemError(problem)
        return stored

    async def delete(self, path: str, stored: StoredObject) -> None:
        """Deletes exactly this version of an object; does nothing if it no longer exists."""
        name = self._object_name(path)
        await self._bucket.ask(
            lambda google, bucket: google.delete_generation(bucket, name, stored.generation)
        )

    @contextlib.asynccontextmanager
    async def open(self, path: str) -> AsyncIterator[Incoming]:
        """Begins to read an object; leaving before its end drops the connection.

        Raises:
            MissingError: there is no such object.
            BusyError: there is no connection, or the service asks to wait.
            ItemError: any other answer.
            SetupError: there is no such bucket, or the credentials are no longer valid.
        """
        name = self._object_name(path)
        response = await self._bucket.begin(name)
        try:
            if response.status != HTTPStatus.OK:
                answer = await read_answer(response)
                if response.status == HTTPStatus.NOT_FOUND:
                    await self._require_bucket()
                    raise MissingError(f"there is no object {GCS}{self._name}/{name}")
                raise answer.error()
            if response.content_length is None:
                raise ItemError("Cloud Storage does not say how long the object is", again=False)
            size = response.content_length
            crc32c, md5 = announced_digests(response.headers)
            yield Incoming(size, Body(response, size, "the store"), crc32c, md5)
        finally:
            response.release()

    async def _require_bucket(self) -> None:
        """Raises if the whole bucket is missing, not just the object."""
        if not self._bucket_seen:
            with contextlib.suppress(ItemError):
                await self.peek()

    def _object_name(self, path: str) -> str:
        return f"{self._prefix}/{path}" if self._prefix else path

    @property
    def _bucket(self) -> Bucket:
        assert self._opened is not None, "a store is used with `async with`"
        return self._opened
