"""Asynchronous work can be started from anywhere, and reports while it runs."""

from __future__ import annotations

import asyncio
import threading

import pytest
from fathomnet_voxel51.media import event_loop
from fathomnet_voxel51.media.event_loop import run_reporting


async def add(a: int, b: int) -> int:
    await asyncio.sleep(0)
    return a + b


def test_the_result_comes_back() -> None:
    assert run_reporting(add(2, 3), lambda: None) == 5


def test_it_works_where_a_loop_is_running_already() -> None:
    async def notebook() -> int:
        return run_reporting(add(2, 3), lambda: None)

    assert asyncio.run(notebook()) == 5


def test_an_error_comes_back_as_itself() -> None:
    async def fail() -> None:
        raise ValueError("as it was")

    with pytest.raises(ValueError, match="as it was"):
        run_reporting(fail(), lambda: None)


def test_reports_come_from_the_calling_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_loop, "REPORT_SECONDS", 0.01)
    threads: list[threading.Thread] = []
    run_reporting(asyncio.sleep(0.2), lambda: threads.append(threading.current_thread()))
    assert len(threads) > 3 and set(threads) == {threading.current_thread()}


def test_an_interrupted_caller_ends_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_loop, "REPORT_SECONDS", 0.01)
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)  # as connections are closed
            ended.append("cleanly")

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_reporting(work(), interrupt)
    assert ended == ["cleanly"]
