"""What tests do with a bucket, each time in a store of its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from fathomnet_voxel51.media.gcs.access import find_access
from fathomnet_voxel51.media.gcs.store import GcsStore
from fathomnet_voxel51.media.outcomes import ItemError
from fathomnet_voxel51.media.store import StoredObject

from tests.media.outgoing import Bytes
from tests.media.server import Fault
from tests.media.sink import BUCKET, Sink

IMAGE = os.urandom(1_300_000)
SMALL = b"a small image"
Work = Callable[[GcsStore], Coroutine[Any, Any, Any]]


def do(where: str | Sink, work: Work, root: str = f"gs://{BUCKET}/fathomnet", **more: Any) -> Any:
    """Does something with a store of its own in an event loop of its own."""
    endpoint = where.url if isinstance(where, Sink) else where
    access = find_access() if isinstance(where, Sink) and where.tokens else None

    async def in_store() -> Any:
        async with GcsStore(root, endpoint=endpoint, access=access, **more) as store:
            return await work(store)

    return asyncio.run(in_store())


def put(where: str | Sink, path: str = "a.png", data: bytes = IMAGE) -> StoredObject:
    return do(where, lambda store: store.put(path, Bytes(data)))


def failure(where: str | Sink, work: Work, **more: Any) -> ItemError:
    with pytest.raises(ItemError) as raised:
        do(where, work, **more)
    return raised.value


def put_failure(sink: Sink, *faults: Fault, **more: Any) -> ItemError:
    """What a put into the sink raises when it misbehaves."""
    sink.faults["fathomnet/a.png"] = list(faults)
    return failure(sink, lambda store: store.put("a.png", Bytes(IMAGE, **more)))


async def read(store: GcsStore, path: str) -> tuple[bytes, int, str | None, str | None]:
    async with store.open(path) as incoming:
        data = b"".join([chunk async for chunk in incoming.chunks])
        return data, incoming.size, incoming.crc32c, incoming.md5
