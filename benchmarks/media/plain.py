"""The plain way: what a careful reader of aiohttp's and gcloud-aio's documentation writes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import ClientSession, TCPConnector
from gcloud.aio.storage import Storage

from benchmarks.media.job import BUCKET, GCS, Item, Job

Move = Callable[[Item], Awaitable[object]]


def run(job: Job) -> None:
    asyncio.run(_to_bucket(job) if job.root.startswith(GCS) else _to_folder(job))


async def _to_bucket(job: Job) -> None:
    async with _session() as session:
        storage = Storage(session=session)  # type: ignore[arg-type]  # as its requests twin

        async def move(item: Item) -> None:
            await storage.upload(BUCKET, item.path, await _body(session, item.url))

        await _each(job, move)


async def _to_folder(job: Job) -> None:
    async with _session() as session:

        async def move(item: Item) -> None:
            path = Path(item.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(await _body(session, item.url))

        await _each(job, move)


def _session() -> ClientSession:
    """Without a limit: the connector's own of 100 connections would stand in the way of 200."""
    return ClientSession(connector=TCPConnector(limit=0))


async def _body(session: ClientSession, url: str) -> bytes:
    async with session.get(url) as response:
        response.raise_for_status()
        return await response.read()


async def _each(job: Job, move: Move) -> None:
    limit = asyncio.Semaphore(job.concurrency)

    async def one(item: Item) -> None:
        async with limit:
            await move(item)

    await asyncio.gather(*map(one, job.items()))
