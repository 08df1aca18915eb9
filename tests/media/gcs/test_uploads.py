"""An image that the bucket refuses, loses or changes is told as such, and nothing wrong stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from fathomnet_voxel51.media.gcs.store import GcsStore
from fathomnet_voxel51.media.gcs.streams import ForbiddenError
from fathomnet_voxel51.media.outcomes import BusyError, ConflictError, ItemError
from fathomnet_voxel51.media.store import Digest

from tests.media.gcs.jobs import IMAGE, SMALL, do, failure, put, put_failure
from tests.media.outgoing import Bytes, crc32c
from tests.media.server import Fault
from tests.media.sink import Sink
from tests.media.sink_faults import CORRUPT, LOST, MIDWAY, RESET, STALL, answer, early, rude, slam


@pytest.mark.fault(
    operator="upload_images",
    happens="the bucket refuses an image with any status, 412 among them",
    end="told apart: try again, wait, look what is there, or give up",
)
@pytest.mark.parametrize("misbehave", [answer, early, rude])
@pytest.mark.parametrize(
    ("status", "kind", "again"),
    [
        (400, ItemError, False),
        (401, ItemError, True),
        (403, ForbiddenError, True),
        (404, ItemError, True),
        (408, ItemError, True),
        (410, ItemError, False),
        (412, ConflictError, True),
        (429, BusyError, True),
        (500, ItemError, True),
        (502, ItemError, True),
        (503, BusyError, True),
        (504, ItemError, True),
    ],
)
def test_every_refusal_of_an_image_says_what_it_means(
    sink: Sink, misbehave: Callable[[int], Fault], status: int, kind: type[ItemError], again: bool
) -> None:
    error = put_failure(sink, misbehave(status))
    assert type(error) is kind and error.again is again
    assert kind is ConflictError or str(status) in error.reason
    assert not sink.objects
    assert put(sink).size == len(IMAGE)


def test_a_refusal_that_cannot_be_heard_is_worth_another_try(sink: Sink) -> None:
    for _ in range(20):
        assert put_failure(sink, slam(412)).again
    assert not sink.objects


def test_a_refusal_is_heard_while_the_connection_is_blocked(sink: Sink) -> None:
    sink.faults["fathomnet/a.png"] = [rude(503)]
    error = failure(sink, lambda store: store.put("a.png", Bytes(IMAGE * 10)))
    assert type(error) is BusyError and not sink.objects


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("wait", ["7", "Fri, 31 Dec 2100 23:59:59 GMT", "soon", ""])
def test_how_long_to_wait_is_heard(sink: Sink, status: int, wait: str) -> None:
    error = put_failure(sink, answer(status, retry_after=wait))
    assert error.wait == {"7": 7.0, "soon": None, "": None}.get(wait, 600.0)


@pytest.mark.fault(
    operator="upload_images",
    happens="the connection to the bucket is reset, before or within an image",
    end="nothing is stored by halves; it is tried again",
)
@pytest.mark.parametrize("fault", [RESET, MIDWAY])
def test_a_connection_that_is_lost_is_worth_another_try(sink: Sink, fault: Fault) -> None:
    error = put_failure(sink, fault)
    assert type(error) is ItemError and error.again
    assert not sink.objects


def test_a_source_is_not_read_any_more_when_its_store_has_gone(sink: Sink) -> None:
    class Slow(Bytes):
        async def chunks(self) -> AsyncIterator[bytes]:
            async for chunk in super().chunks():
                yield chunk
                try:
                    await asyncio.sleep(30)
                finally:
                    self.left = True

    async def work(store: GcsStore) -> None:
        image = Slow(IMAGE)
        with pytest.raises(ItemError):
            await store.put("a.png", image)
        assert image.left

    sink.faults["fathomnet/a.png"] = [RESET]
    do(sink, work)


def test_an_object_whose_answer_is_lost_is_found_there(sink: Sink) -> None:
    error = put_failure(sink, LOST)
    assert type(error) is ItemError and error.again
    assert isinstance(put_failure(sink), ConflictError)
    found = do(sink, lambda store: store.find("a.png"))
    assert found.ours and found.holds(Digest(len(IMAGE), crc32c(IMAGE)))
    assert sink.writes["fathomnet/a.png"] == 1


@pytest.mark.fault(
    operator="upload_images",
    happens="bytes change on their way into the bucket",
    end="the checksum tells, and the object does not stay",
)
@pytest.mark.parametrize("announce", [False, True])
def test_bytes_that_change_on_the_way_do_not_stay(sink: Sink, announce: bool) -> None:
    error = put_failure(sink, CORRUPT, announce=announce)
    assert type(error) is ItemError and error.again
    assert not sink.objects
    # With the checksum known beforehand, they never came into being.
    assert sink.writes["fathomnet/a.png"] == (0 if announce else 1)


def test_deleting_what_must_not_stay_is_tried_again(sink: Sink) -> None:
    error = put_failure(sink, CORRUPT, answer(503), RESET, answer(500))
    assert type(error) is ItemError and error.again
    assert not sink.objects


def test_bytes_that_may_not_be_deleted_are_reported(sink: Sink) -> None:
    sink.refused.add("storage.objects.delete")
    sink.faults["fathomnet/a.png"] = [CORRUPT]
    with pytest.raises(ItemError, match=r"and keeps them: .*403.*storage\.objects\.delete"):
        put(sink)


def test_a_checksum_that_the_image_does_not_have_is_refused(sink: Sink) -> None:
    image = Bytes(IMAGE, announce=True)
    image.crc32c = crc32c(SMALL)
    error = failure(sink, lambda store: store.put("a.png", image))
    assert error.again and "CRC32C" in error.reason and not sink.objects


@pytest.mark.parametrize("by", [-1, 1])
def test_an_image_of_another_length_than_announced_leaves_nothing(sink: Sink, by: int) -> None:
    image = Bytes(IMAGE)
    image.size += by
    error = failure(sink, lambda store: store.put("a.png", image))
    assert error.again and "the image did not arrive" in error.reason
    assert not sink.objects


def test_an_error_of_another_kind_in_the_image_is_the_cause(sink: Sink) -> None:
    def fails(number: int) -> None:
        raise ZeroDivisionError

    image = Bytes(IMAGE, before_chunk=fails)
    error = failure(sink, lambda store: store.put("a.png", image))
    assert isinstance(error.__cause__, ZeroDivisionError)


def test_a_store_that_stalls_can_be_left_and_has_nothing(sink: Sink) -> None:
    async def work(store: GcsStore) -> None:
        sink.faults["fathomnet/a.png"] = [STALL]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(store.put("a.png", Bytes(IMAGE * 8)), 0.5)
        assert not sink.objects
        await store.put("a.png", Bytes(IMAGE))

    do(sink, work, concurrency=1)
    assert len(sink.peers) == 2
