"""What may pass is tried again: apart from others that failed, and as late as was asked for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest
from fathomnet_voxel51.errors import SetupError
from fathomnet_voxel51.media.gcs.streams import ForbiddenError
from fathomnet_voxel51.media.outcomes import BusyError, ItemError, MissingError, attempts
from tenacity import RetryCallState


def tries(error: Callable[[], Exception], most: int = 4) -> tuple[int, Exception]:
    """How often something that always fails is tried, and what it ends with."""
    made = 0

    async def work() -> None:
        nonlocal made
        async for attempt in attempts(most, 0.001, 0.002, final=(ForbiddenError,)):
            with attempt:
                made += 1
                raise error()

    with pytest.raises(Exception) as raised:  # whichever it is, it is looked at
        asyncio.run(work())
    return made, raised.value


@pytest.mark.parametrize(
    ("error", "made"),
    [
        (lambda: ItemError("reset"), 4),
        (lambda: BusyError("503"), 4),
        (lambda: ItemError("too large", again=False), 1),
        (lambda: MissingError("404"), 1),
        (lambda: ForbiddenError("403"), 1),
        (lambda: SetupError("no rights"), 1),
        (lambda: ZeroDivisionError("a bug"), 1),
    ],
)
def test_only_what_may_pass_is_tried_again(error: Callable[[], Exception], made: int) -> None:
    found, raised = tries(error)
    assert found == made
    assert type(raised) is type(error()) and str(raised) == str(error())


def test_a_wait_that_is_asked_for_is_waited() -> None:
    began = time.monotonic()
    assert tries(lambda: BusyError("429", wait=0.3), most=2)[0] == 2
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize(("number", "longest"), [(1, 1.0), (2, 2.0), (5, 16.0), (6, 30.0)])
def test_waits_are_spread_over_all_of_a_span_that_doubles(number: int, longest: float) -> None:
    retrying = attempts(9, first_wait=0.5, longest_wait=30.0)
    state = RetryCallState(retrying, None, (), {})
    state.attempt_number = number
    waits = [retrying.wait(state) for _ in range(2_000)]
    assert min(waits) < longest * 0.02
    assert longest * 0.98 < max(waits) <= longest


def test_a_cancelled_attempt_is_not_repeated() -> None:
    made = 0

    async def work() -> None:
        nonlocal made
        async for attempt in attempts(5, 0.001, 0.002):
            with attempt:
                made += 1
                await asyncio.sleep(30)

    async def cancelled() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert made == 1
