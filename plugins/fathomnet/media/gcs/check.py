"""Checks whether a bucket can be listed, read and written, by whom, and how to fix it if not."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Final

import google_crc32c
from async_timeout import timeout

from ...errors import SetupError
from ...files.credentials import PROJECT_VARIABLE
from ..event_loop import run_reporting
from ..outcomes import ItemError
from ..paths import GCS
from ..store import Check, Digest
from .access import READ_AND_WRITE, Access, Nobody, find_access, grant_role, proof
from .answers import ForbiddenError
from .store import PERMISSIONS, GcsStore

TIMEOUT_SECONDS: Final = 20.0
CREDENTIALS: Final = "credentials"
MEDIA_ROOT: Final = "media root"

_CREATE, _GET, _LIST, _DELETE = PERMISSIONS
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
                granted = await _probed(store)
    except (SetupError, ItemError, asyncio.TimeoutError) as error:
        return _failed(MEDIA_ROOT, error)
    return _rights(bucket, f"under {prefix or '/'} {what}", granted, access)


def _rights(bucket: str, what: str, granted: frozenset[str], access: Access) -> Check:
    """What can be done with a bucket, given the rights on it."""
    missing = [permission for permission in PERMISSIONS if permission not in granted]
    if not missing:
        return Check(MEDIA_ROOT, "ok", f"bucket {bucket} can be listed and written; {what}")
    fix = grant_role(bucket, access.member, READ_AND_WRITE)
    lacks = f"{access.account} lacks {', '.join(missing)} on bucket {bucket}"
    if _GET in missing or _LIST in missing:
        return Check(MEDIA_ROOT, "fail", f"{lacks}: it cannot be used; {what}", fix)
    if _CREATE in missing:
        return Check(MEDIA_ROOT, "warn", f"{lacks}: it can be read but not written; {what}", fix)
    detail = f"{lacks}: it can be written, but nothing damaged can be replaced; {what}"
    return Check(MEDIA_ROOT, "warn", detail, fix)


async def _probed(store: GcsStore) -> frozenset[str]:
    """The rights that a trial shows; without the right to write, deleting cannot be tried."""
    name = f".fathomnet-voxel51-{secrets.token_hex(8)}"
    granted = {_GET, _LIST}
    with contextlib.suppress(ForbiddenError):
        stored = await store.put(name, _Probe())
        granted.add(_CREATE)
        await store.delete(name, stored)
        granted.add(_DELETE)
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
