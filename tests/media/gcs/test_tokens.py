"""A token that expires is renewed once, and no token is told to anybody."""

from __future__ import annotations

import asyncio
import logging

import pytest
from fathomnet_voxel51.media.gcs.store import GcsStore
from fathomnet_voxel51.media.outcomes import ItemError

from tests.media.gcs.jobs import IMAGE, SMALL, do, put_failure, read
from tests.media.outgoing import Bytes
from tests.media.sink import Sink
from tests.media.sink_faults import CORRUPT, EXPIRED, MIDWAY, RESET, answer


def test_a_token_that_expires_is_renewed_for_the_next_try(guarded: Sink) -> None:
    async def work(store: GcsStore) -> None:
        await store.put("a.png", Bytes(IMAGE))
        guarded.office.revoke()
        with pytest.raises(ItemError, match="401") as raised:
            await store.put("b.png", Bytes(IMAGE))
        assert raised.value.again
        await store.put("b.png", Bytes(IMAGE))

    do(guarded, work)
    assert guarded.office.given == 2
    assert set(guarded.objects) == {"fathomnet/a.png", "fathomnet/b.png"}


@pytest.mark.fault(
    operator="upload_images",
    happens="the token expires under fifty uploads",
    end="renewed once, and all fifty are stored",
)
def test_fifty_refusals_at_once_renew_the_token_once(guarded: Sink) -> None:
    async def work(store: GcsStore) -> None:
        await store.find("a.png")
        guarded.office.revoke()
        images = [store.put(f"{number}.png", Bytes(IMAGE)) for number in range(50)]
        results = await asyncio.gather(*images, return_exceptions=True)
        assert all(isinstance(result, ItemError) and result.again for result in results)
        await asyncio.gather(*(store.put(f"{n}.png", Bytes(SMALL)) for n in range(50)))

    do(guarded, work)
    assert guarded.office.given == 2


def test_small_requests_renew_the_token_by_themselves(guarded: Sink) -> None:
    async def work(store: GcsStore) -> None:
        stored = await store.put("x/a.png", Bytes(SMALL))
        for request in (
            lambda: store.listing("x"),
            lambda: store.find("x/a.png"),
            lambda: read(store, "x/a.png"),
            lambda: store.delete("x/a.png", stored),
        ):
            guarded.office.revoke()
            await request()

    do(guarded, work)
    assert guarded.office.given == 5 and not guarded.objects


def test_a_token_that_dies_under_way_is_told_from_no_rights(guarded: Sink) -> None:
    error = put_failure(guarded, EXPIRED)
    assert error.again and "401" in error.reason


def test_no_token_is_logged_or_told(guarded: Sink, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    for fault in (answer(403), answer(500), RESET, MIDWAY, EXPIRED, CORRUPT):
        error = put_failure(guarded, fault)
        said += [repr(error), repr(error.__cause__), repr(error.__context__)]
    tokens = guarded.office.tokens
    assert len(tokens) >= 2
    text = caplog.text + "".join(said)
    assert not [token for token in tokens if token in text]
    assert "BEGIN" not in text
