"""What a bucket itself says of its objects' bytes, so that they can be compared without reading."""

from collections.abc import Collection, Iterable
from pathlib import PurePosixPath
from typing import Final

from ...errors import FathomNetError
from ..event_loop import run_reporting
from ..paths import GCS
from ..store import StoredObject
from .store import GcsStore

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
