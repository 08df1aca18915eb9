"""Waiting for one another."""

from __future__ import annotations

import asyncio


class Barrier:
    """Holds whoever waits until all are there, as asyncio's does from Python 3.11 on.

    Args:
        parties: how many.
    """

    def __init__(self, parties: int) -> None:
        self._missing = parties
        self._all_there = asyncio.Event()

    async def wait(self) -> None:
        self._missing -= 1
        if not self._missing:
            self._all_there.set()
        await self._all_there.wait()
