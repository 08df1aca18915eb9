"""Images on their way into a folder, and what is to be found there afterwards."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

from fathomnet_voxel51.media.folder.store import FolderStore
from fathomnet_voxel51.media.store import Digest, StoredObject

from tests.media.outgoing import crc32c

NAME = "test_images/dive/1.png"
CONTENT = bytes(range(256)) * 1_000
Hook = Callable[[], Any]


class Sent:
    """An image as a transfer would hand it to a store, with something happening before its end."""

    content_type = "image/png"

    def __init__(self, content: bytes = CONTENT, before_end: Hook | None = None) -> None:
        self.size = len(content)
        self.crc32c: str | None = None
        self.asked = False
        self._content = content
        self._before_end = before_end

    @property
    def digest(self) -> Digest:
        return Digest(len(self._content), crc32c(self._content))

    async def chunks(self) -> AsyncIterator[bytes]:
        self.asked = True
        half = len(self._content) // 2
        yield self._content[:half]
        if self._before_end:
            happened = self._before_end()
            if isinstance(happened, Coroutine):
                await happened
        yield self._content[half:]


def put(
    root: Path, image: Sent, name: str = NAME, replacing: StoredObject | None = None
) -> StoredObject:
    async def stored() -> StoredObject:
        async with FolderStore(root) as store:
            return await store.put(name, image, replacing)

    return asyncio.run(stored())


def ask(root: Path, method: str, *arguments: Any) -> Any:
    async def answer() -> Any:
        async with FolderStore(root) as store:
            return await getattr(store, method)(*arguments)

    return asyncio.run(answer())


def read(root: Path, name: str = NAME) -> tuple[int, bytes]:
    async def content() -> tuple[int, bytes]:
        async with FolderStore(root) as store, store.open(name) as incoming:
            return incoming.size, b"".join([chunk async for chunk in incoming.chunks])

    return asyncio.run(content())


def files(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def write(path: Path, content: bytes = b"something else") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def failing(number: int) -> Callable[..., Any]:
    def fail(*arguments: Any, **options: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return fail
