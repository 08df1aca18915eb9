"""A host that refuses is left alone for a while, and not by one image only."""

from __future__ import annotations

import asyncio
import time

import pytest
from fathomnet_voxel51.media.moving.hosts import Host, Patience
from fathomnet_voxel51.media.outcomes import BusyError, ItemError

from tests.media.together import Barrier

QUICK = Patience(first_pause=0.05, longest_pause=0.2, give_up_after=0.6)


def test_no_more_requests_go_at_once_than_are_allowed() -> None:
    async def most_at_once() -> int:
        host, at_work, most = Host("h", 3, QUICK), 0, 0

        async def visit() -> None:
            nonlocal at_work, most
            async with host.turn() as turn:
                at_work += 1
                most = max(most, at_work)
                with turn.asking():
                    await asyncio.sleep(0.005)
                at_work -= 1

        await asyncio.gather(*(visit() for _ in range(20)))
        return most

    assert asyncio.run(most_at_once()) == 3


def test_whoever_waits_goes_before_whoever_comes_again() -> None:
    async def order() -> list[str]:
        host, seen = Host("h", 1, QUICK), []

        async def worker(name: str) -> None:
            for _ in range(4):
                async with host.turn():
                    seen.append(name)
                    await asyncio.sleep(0.001)

        await asyncio.gather(worker("a"), worker("b"))
        return seen

    assert asyncio.run(order()) == ["a", "b"] * 4


def test_everything_for_a_host_waits_as_long_as_it_asks() -> None:
    async def seconds_waited() -> float:
        host = Host("h", 5, QUICK)
        with pytest.raises(BusyError):
            async with host.turn() as turn:
                with turn.asking():
                    raise BusyError("429", wait=0.3)
        began = time.monotonic()
        async with host.turn():
            return time.monotonic() - began

    assert 0.29 <= asyncio.run(seconds_waited()) < 1.0


def test_a_refusal_counts_against_the_image_only_where_others_are_answered() -> None:
    async def refused(answered_meanwhile: bool) -> bool:
        host = Host("h", 5, QUICK)
        with pytest.raises(BusyError) as caught:
            async with host.turn() as turn, host.turn() as other:
                if answered_meanwhile:
                    with other.asking():
                        pass
                with turn.asking():
                    raise BusyError("503")
        return caught.value.for_everybody

    assert asyncio.run(refused(answered_meanwhile=False))
    assert not asyncio.run(refused(answered_meanwhile=True))


def test_one_wave_of_refusals_counts_once() -> None:
    async def allowed() -> float:
        host = Host("h", 8, QUICK)

        async def visit(everybody_is_in: Barrier) -> None:
            with pytest.raises(BusyError):
                async with host.turn() as turn:
                    await everybody_is_in.wait()
                    with turn.asking():
                        raise BusyError("no connection")

        barrier = Barrier(8)
        await asyncio.gather(*(visit(barrier) for _ in range(8)))
        return host._allowed

    assert asyncio.run(allowed()) == 4


def test_a_host_that_answers_nobody_is_given_up_in_the_end() -> None:
    async def attempts() -> int:
        host, count = Host("example.org", 5, QUICK), 0
        while True:
            async with host.turn() as turn:
                count += 1
                try:
                    with turn.asking():
                        raise BusyError("no connection")
                except BusyError:
                    pass

    began = time.monotonic()
    with pytest.raises(ItemError, match=r"example\.org has answered nobody") as caught:
        asyncio.run(attempts())
    assert not caught.value.again
    assert time.monotonic() - began > QUICK.give_up_after


def test_an_image_s_own_trouble_is_an_answer_of_the_host() -> None:
    async def pause() -> float:
        host = Host("h", 5, QUICK)
        with pytest.raises(ItemError):
            async with host.turn() as turn:
                with turn.asking():
                    raise ItemError("500")
        began = time.monotonic()
        async with host.turn():
            return time.monotonic() - began

    assert asyncio.run(pause()) < 0.04
