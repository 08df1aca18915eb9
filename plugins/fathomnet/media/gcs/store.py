"""A Google Cloud Storage bucket as a store: every object is complete, or does not exist.

What the bucket itself says of its objects' bytes lets them be compared without reading. A check
says by whom it can be listed, read and written, and how to fix it if not.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Final

import google_crc32c
from async_timeout import timeout
from typing_extensions import Self

from ...errors import FathomNetError, SetupError
from ...files.credentials import PROJECT_VARIABLE
from ..event_loop import run_reporting
from ..outcomes import ItemError, MissingError
from ..paths import GCS
from ..store import Check, Digest, Incoming, Outgoing, StoredObject
from ..web.http import Body, announced_digests
from .access import READ, READ_AND_WRITE, Access, Nobody, find_access, grant_role, grant_use, proof
from .bucket import Bucket, list_objects, list_page, read_answer, request_attempts
from .streams import FIELDS, Answer, ForbiddenError, Upload, stored_object

CREATE: Final = "storage.objects.create"
GET: Final = "storage.objects.get"
LIST: Final = "storage.objects.list"
DELETE: Final = "storage.objects.delete"
PERMISSIONS: Final = (CREATE, GET, LIST, DELETE)
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

    async def list_folder(root: str, folder: str) -> dict[str, StoredObject]:
        async with GcsStore(root, _CONNECTIONS) as store:
            return await store.listing(folder)

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
            found = run_reporting(list_folder(root, folder), lambda: None)
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


TIMEOUT_SECONDS: Final = 20.0
CREDENTIALS: Final = "credentials"
MEDIA_ROOT: Final = "media root"

_UNREACHABLE: Final = "check the network, and https_proxy where the machine has no direct way out"


def check_bucket(media_root: str, find: Callable[[], Access] = find_access) -> list[Check]:
    """Checks who this process is to Cloud Storage, and what it may do with a bucket.

    If the server does not say what is allowed, as emulators do not, a small object is written below
    the prefix and deleted again.

    Args:
        media_root: ``gs://bucket/prefix``.
        find: finds who this process is.
    """
    return run_reporting(_checks(media_root, find), lambda: None)


async def _checks(media_root: str, find: Callable[[], Access]) -> list[Check]:
    try:
        access = await asyncio.to_thread(find)
        await asyncio.wait_for(proof(access), TIMEOUT_SECONDS)
    except (SetupError, ItemError, asyncio.TimeoutError) as error:
        fix = "what the line above says"
        skipped = Check(MEDIA_ROOT, "fail", f"{media_root} was not checked", fix)
        return [_failed(CREDENTIALS, error), skipped]
    who = Check(CREDENTIALS, "ok", f"{access.account}, project {access.project}")
    if isinstance(access, Nobody):
        detail = f"a storage emulator is configured, {access.endpoint}; none are needed"
        who = Check(CREDENTIALS, "ok", detail)
    elif access.project is None:
        fix = f"gcloud config set project NAME, or set {PROJECT_VARIABLE}"
        who = Check(CREDENTIALS, "warn", f"{access.account}, no project found", fix)
    return [who, await _media_root(media_root, access)]


async def _media_root(media_root: str, access: Access) -> Check:
    bucket, _, prefix = media_root.removeprefix(GCS).partition("/")
    if not bucket:
        return Check(MEDIA_ROOT, "fail", "no bucket is named", "give gs://bucket/prefix")
    try:
        async with (
            timeout(TIMEOUT_SECONDS),
            GcsStore(media_root, 1, access=access) as store,
        ):
            what = "objects are there" if await store.peek() else "it is empty"
            granted = await store.permissions()
            if granted is None:
                granted = await _rights_by_trial(store)
    except (SetupError, ItemError, asyncio.TimeoutError) as error:
        return _failed(MEDIA_ROOT, error)
    # What can be done with these rights.
    what = f"under {prefix or '/'} {what}"
    missing = [permission for permission in PERMISSIONS if permission not in granted]
    if not missing:
        return Check(MEDIA_ROOT, "ok", f"bucket {bucket} can be listed and written; {what}")
    fix = grant_role(bucket, access.member, READ_AND_WRITE)
    lacks = f"{access.account} lacks {', '.join(missing)} on bucket {bucket}"
    if GET in missing or LIST in missing:
        return Check(MEDIA_ROOT, "fail", f"{lacks}: it cannot be used; {what}", fix)
    if CREATE in missing:
        return Check(MEDIA_ROOT, "warn", f"{lacks}: it can be read but not written; {what}", fix)
    detail = f"{lacks}: it can be written, but nothing damaged can be replaced; {what}"
    return Check(MEDIA_ROOT, "warn", detail, fix)


async def _rights_by_trial(store: GcsStore) -> frozenset[str]:
    """The rights that a trial shows; without the right to write, deleting cannot be tried."""
    name = f".fathomnet-voxel51-{secrets.token_hex(8)}"
    granted = {GET, LIST}
    with contextlib.suppress(ForbiddenError):
        stored = await store.put(name, _Probe())
        granted.add(CREATE)
        await store.delete(name, stored)
        granted.add(DELETE)
    return frozenset(granted)


class _Probe:
    """A small object that shows whether objects can be written."""

    content = b"fathomnet-voxel51 check_setup"
    size = len(content)
    content_type = "text/plain"
    crc32c: str | None = None

    digest = Digest.of(size, google_crc32c.Checksum(content).digest())

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self.content


def _failed(name: str, error: Exception) -> Check:
    if isinstance(error, asyncio.TimeoutError):
        error = ItemError(f"no answer within {TIMEOUT_SECONDS:g} seconds")
    return Check.failed(name, error, _UNREACHABLE)
