"""A Google Cloud Storage bucket as a store: every object is complete, or does not exist.

What the bucket itself says of its objects' bytes lets them be compared without reading.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Iterable
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Final

import google_crc32c
from typing_extensions import Self

from ...errors import FathomNetError, SetupError
from ..event_loop import run_reporting
from ..outcomes import ItemError, MissingError
from ..paths import GCS
from ..store import Digest, Incoming, Outgoing, StoredObject
from ..web.http import Body, announced_digests
from .access import READ, READ_AND_WRITE, Access, Nobody, find_access, grant_role, grant_use
from .answers import FIELDS, Answer, ForbiddenError, stored_object
from .bucket import Bucket, list_objects, list_page, read_answer, request_attempts
from .upload import Upload

CREATE: Final = "storage.objects.create"
GET: Final = "storage.objects.get"
PERMISSIONS: Final = (CREATE, GET, "storage.objects.list", "storage.objects.delete")
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
        """The digest of an object; read from its bytes where nothing else says it.

        Listings have no checksums of objects that are encrypted with keys of one's own.
        """
        known = stored if stored.crc32c is not None else await self.find(path)
        if known is not None and known.crc32c is not None:
            return Digest(known.size, known.crc32c)
        size, checksum = 0, google_crc32c.Checksum()
        async with self.open(path) as incoming:
            async for chunk in incoming.chunks:
                size += len(chunk)
                checksum.update(chunk)
        return Digest.of(size, checksum.digest())

    async def require(self, *needed: str) -> None:
        """Asks once for rights on the bucket, before thousands of objects are refused.

        Args:
            *needed: of :data:`PERMISSIONS`.

        Raises:
            SetupError: one is lacking; the message has the command that grants it.
        """
        try:
            granted = await self.permissions()
        except ItemError:
            return  # every request says for itself what hinders it
        lacking = [] if granted is None else [one for one in needed if one not in granted]
        if lacking:
            problem = f"{self._bucket.access.account} lacks {', '.join(lacking)}"
            raise SetupError(f"{problem} on bucket {self._name}\n{self._grant(CREATE in needed)}")

    def _grant(self, to_write: bool) -> str:
        role = READ_AND_WRITE if to_write else READ
        return grant_role(self._name, self._bucket.access.member, role)

    def _error(self, answer: Answer, to_write: bool = False) -> ItemError:
        """The error for an object, with the command that grants what is lacking."""
        error = answer.error()
        if answer.status == HTTPStatus.FORBIDDEN:
            grant = grant_use(error.reason, self._bucket.access.member) or self._grant(to_write)
            return ForbiddenError(error.reason, grant)
        return error

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
        if not answer.ok:
            error = self._error(answer, to_write=True)
            if answer.status == HTTPStatus.BAD_REQUEST and outgoing.crc32c is not None:
                error = ItemError(f"not what its checksum announced; {answer.reason}")
            raise error
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
                raise self._error(answer)
            stored_as = response.headers.get("X-Goog-Stored-Content-Encoding", "identity")
            if stored_as not in ("identity", ""):
                # Which the service undoes on the way, so that no length or checksum is right.
                problem = f"{GCS}{self._name}/{name} is stored with Content-Encoding {stored_as}"
                raise ItemError(f"{problem}: upload it anew without one", again=False)
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


_CONNECTIONS: Final = 4


def bucket_digests(uris: Collection[str]) -> tuple[dict[str, StoredObject], dict[str, str]]:
    """Looks objects up in listings of the folders that hold them.

    Args:
        uris: of objects, ``gs://bucket/path``; those of other services are not known.

    Returns:
        What the buckets say of each object, and of every other object why that is not known.
    """
    known: dict[str, StoredObject] = {}
    unknown = {uri: "only objects of gs:// are known" for uri in uris if not uri.startswith(GCS)}
    folders: dict[tuple[str, str], list[str]] = {}
    for uri in uris:
        if uri not in unknown:
            bucket, _, path = uri.removeprefix(GCS).partition("/")
            parent = str(PurePosixPath(path).parent)
            folders.setdefault((bucket, "" if parent == "." else parent), []).append(uri)
    for (bucket, folder), own in folders.items():
        root = f"{GCS}{bucket}"
        try:
            found = run_reporting(_listing(root, folder), lambda: None)
        except FathomNetError as error:
            unknown |= dict.fromkeys(own, str(error))
            continue
        place = f"{root}/{folder}/" if folder else f"{root}/"
        for uri in own:
            stored = found.get(uri.removeprefix(place))
            if stored is None or stored.crc32c is None:
                unknown[uri] = "it is not in the bucket" if stored is None else "has no CRC-32C"
            else:
                known[uri] = stored
    return known, unknown


async def _listing(root: str, folder: str) -> dict[str, StoredObject]:
    async with GcsStore(root, _CONNECTIONS) as store:
        return await store.listing(folder)


def same_bytes(known: Iterable[tuple[str, StoredObject]]) -> list[list[str]]:
    """Groups what has equal bytes, by size and checksums.

    Args:
        known: names, and what the buckets say of each. MD5 is compared where both have one; an
            object that was put together from parts has only its size and CRC-32C.

    Returns:
        The groups of two or more, in the order given.
    """
    groups: dict[tuple[int, str | None], list[list[tuple[str, StoredObject]]]] = {}
    for name, stored in known:
        alike = groups.setdefault((stored.size, stored.crc32c), [])
        for group in alike:
            if stored.md5 in (None, group[0][1].md5) or group[0][1].md5 is None:
                group.append((name, stored))
                break
        else:
            alike.append([(name, stored)])
    some = [group for alike in groups.values() for group in alike if len(group) > 1]
    return [[name for name, _ in group] for group in some]
