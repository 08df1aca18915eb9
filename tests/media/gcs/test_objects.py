"""Objects of others are left alone; what fails to be found, read or deleted says why."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fathomnet_voxel51.media.gcs.store import GcsStore
from fathomnet_voxel51.media.gcs.streams import ForbiddenError
from fathomnet_voxel51.media.outcomes import BusyError, ItemError
from fathomnet_voxel51.media.store import StoredObject

from tests.media.gcs.jobs import IMAGE, SMALL, do, failure, read
from tests.media.server import Fault
from tests.media.sink import Sink
from tests.media.sink_faults import MIDWAY, RESET, answer, early, rude


@pytest.mark.parametrize("misbehave", [answer, early, rude])
@pytest.mark.parametrize(
    ("status", "kind", "again"),
    [
        (400, ItemError, False),
        (403, ForbiddenError, True),
        (408, ItemError, True),
        (429, BusyError, True),
        (500, ItemError, True),
        (502, ItemError, True),
        (503, BusyError, True),
    ],
)
def test_every_refusal_of_a_small_request_says_what_it_means(
    sink: Sink, misbehave: Callable[[int], Fault], status: int, kind: type[ItemError], again: bool
) -> None:
    stored = sink.add("fathomnet/a.png", SMALL)

    async def remove(store: GcsStore) -> None:
        await store.delete("a.png", StoredObject(13, generation=stored.generation))

    for work in (lambda store: store.find("a.png"), lambda store: read(store, "a.png"), remove):
        sink.faults["fathomnet/a.png"] = [misbehave(status)]
        error = failure(sink, work)
        assert type(error) is kind and error.again is again
    assert "fathomnet/a.png" in sink.objects


def test_another_version_is_not_deleted(sink: Sink) -> None:
    sink.add("fathomnet/a.png", SMALL)
    do(sink, lambda store: store.delete("a.png", StoredObject(13, generation=5)))
    assert "fathomnet/a.png" in sink.objects


def test_an_object_of_somebody_else_is_not_ours(sink: Sink) -> None:
    sink.add("fathomnet/x/a.png", SMALL, metadata={"made-by": "somebody"})
    sink.add("fathomnet/x/b.png", SMALL)
    sink.add("fathomnet/x/", b"")  # how the Cloud console makes a folder
    listed = do(sink, lambda store: store.listing("x"))
    assert {name: stored.ours for name, stored in listed.items()} == {
        "a.png": False,
        "b.png": False,
    }


@pytest.mark.parametrize("fault", [MIDWAY, RESET])
def test_an_object_that_breaks_off_is_worth_another_try(sink: Sink, fault: Fault) -> None:
    sink.add("fathomnet/a.png", IMAGE)
    # The client asks once more by itself where no answer began.
    sink.faults["fathomnet/a.png"] = [fault, fault]
    error = failure(sink, lambda store: read(store, "a.png"))
    assert type(error) is ItemError and error.again


def test_a_reader_that_leaves_early_does_not_block_the_next(sink: Sink) -> None:
    sink.add("fathomnet/a.png", IMAGE)

    async def work(store: GcsStore) -> bytes:
        async with store.open("a.png"):
            pass
        return (await read(store, "a.png"))[0]

    assert do(sink, work, concurrency=1) == IMAGE
