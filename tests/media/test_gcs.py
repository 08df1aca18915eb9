"""A bucket as a store, in the emulator and in a sink that enforces more: what is there is whole."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import time
import tracemalloc
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from fathomnet_voxel51.errors import SetupError
from fathomnet_voxel51.media.answers import ForbiddenError
from fathomnet_voxel51.media.gcs import GcsStore
from fathomnet_voxel51.media.gcs_access import find_access, using_secrets
from fathomnet_voxel51.media.outcomes import (
    BusyError,
    ConflictError,
    ItemError,
    MissingError,
    RejectedError,
)
from fathomnet_voxel51.stores import Digest, StoredObject

from demo.emulator import emulator
from tests.conftest import REPOSITORY
from tests.media.certificates import self_signed
from tests.media.outgoing import Bytes, crc32c
from tests.media.server import Fault
from tests.media.sink import BUCKET, Sink
from tests.media.sink_faults import (
    CORRUPT,
    EXPIRED,
    LISTING,
    LOST,
    MIDWAY,
    RESET,
    STALL,
    answer,
    early,
    rude,
    slam,
)

IMAGE = os.urandom(1_300_000)
SMALL = b"a small image"
Work = Callable[[GcsStore], Coroutine[Any, Any, Any]]


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as server:
        yield server


@pytest.fixture(scope="module")
def emulated() -> Iterator[str]:
    with emulator() as server:
        assert server.bucket == BUCKET
        yield server.url


@pytest.fixture(params=["emulator", "sink"])
def endpoint(request: pytest.FixtureRequest) -> str:
    if request.param == "sink":
        return str(request.getfixturevalue("sink").url)
    return str(request.getfixturevalue("emulated"))


@pytest.fixture
def folder() -> str:
    """One that no other test uses."""
    return uuid.uuid4().hex


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


# What a store does, in both servers.


def test_what_is_put_is_there_with_its_digest_and_its_mark(endpoint: str, folder: str) -> None:
    path = f"{folder}/a.png"

    async def work(store: GcsStore) -> tuple[Any, ...]:
        stored = await store.put(path, Bytes(IMAGE))
        return stored, await store.find(path), await store.digest(path, stored)

    stored, found, digest = do(endpoint, work)
    assert stored == found
    assert stored.ours and stored.generation > 0
    assert digest == Digest(len(IMAGE), crc32c(IMAGE))
    assert stored.holds(digest)


def test_what_is_read_is_what_was_put(endpoint: str, folder: str) -> None:
    path = f"{folder}/a.png"

    async def work(store: GcsStore) -> tuple[Any, ...]:
        stored = await store.put(path, Bytes(IMAGE, announce=True))
        return stored, await read(store, path)

    stored, (data, size, checksum, md5) = do(endpoint, work)
    assert data == IMAGE and size == len(IMAGE)
    assert (checksum, md5) == (stored.crc32c, stored.md5)


@pytest.mark.parametrize(
    "name", ["a b.png", "100%.png", "%41.png", "what?.png", "a#b&c=d+e.png", "Tiefsee-ü-海.png"]
)
def test_any_name_comes_back_as_it_went(endpoint: str, name: str) -> None:
    path = f"names/{name}"

    async def work(store: GcsStore) -> tuple[Any, ...]:
        stored = await store.put(path, Bytes(SMALL))
        listed, data = await store.listing("names"), (await read(store, path))[0]
        await store.delete(path, stored)
        return listed, data, await store.find(path)

    listed, data, found = do(endpoint, work)
    assert list(listed) == [name] and data == SMALL and found is None


@pytest.mark.parametrize("root", [f"gs://{BUCKET}", f"gs://{BUCKET}/", f"gs://{BUCKET}/p/q"])
def test_a_listing_is_of_its_folder_alone(endpoint: str, root: str, folder: str) -> None:
    async def work(store: GcsStore) -> Any:
        for path in (f"{folder}/a.png", f"{folder}/deep/b.png", f"{folder}_old/c.png"):
            await store.put(path, Bytes(SMALL))
        return await store.listing(folder)

    listed = do(endpoint, work, root=root)
    assert {name: stored.size for name, stored in listed.items()} == {"a.png": 13, "deep/b.png": 13}


def test_an_object_that_is_there_is_not_replaced(endpoint: str, folder: str) -> None:
    path = f"{folder}/a.png"
    put(endpoint, path, SMALL)
    error = failure(endpoint, lambda store: store.put(path, Bytes(IMAGE)))
    assert isinstance(error, ConflictError)
    assert do(endpoint, lambda store: read(store, path))[0] == SMALL


def test_a_version_that_is_named_is_replaced_and_no_other(endpoint: str, folder: str) -> None:
    path = f"{folder}/a.png"
    first = put(endpoint, path, SMALL)
    second = do(endpoint, lambda store: store.put(path, Bytes(IMAGE), replacing=first))
    assert second.generation != first.generation and second.size == len(IMAGE)
    error = failure(endpoint, lambda store: store.put(path, Bytes(SMALL), replacing=first))
    assert isinstance(error, ConflictError)


def test_deleting_what_is_not_there_is_done(endpoint: str) -> None:
    do(endpoint, lambda store: store.delete("absent.png", StoredObject(1, generation=5)))


def test_an_image_that_breaks_off_leaves_nothing(endpoint: str, folder: str) -> None:
    path = f"{folder}/a.png"
    problem = RejectedError("the source broke off")

    def last_chunk_fails(number: int) -> None:
        if number == len(IMAGE) // (1 << 16):
            raise problem

    image = Bytes(IMAGE, before_chunk=last_chunk_fails)
    assert failure(endpoint, lambda store: store.put(path, image)) is problem
    time.sleep(0.2)
    assert image.closed
    assert do(endpoint, lambda store: store.find(path)) is None


def test_a_transfer_that_is_cancelled_leaves_nothing(endpoint: str, folder: str) -> None:
    path = f"{folder}/a.png"

    async def work(store: GcsStore) -> StoredObject | None:
        image = Bytes(IMAGE, before_chunk=lambda number: number == 10 and task.cancel())
        task = asyncio.create_task(store.put(path, image))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert image.closed
        await asyncio.sleep(0.2)
        return await store.find(path)

    assert do(endpoint, work) is None


def test_a_bucket_that_does_not_exist_is_told_from_an_object(endpoint: str) -> None:
    root = "gs://absent/fathomnet"
    for work in (lambda store: store.listing("x"), lambda store: store.find("a.png"), opened):
        with pytest.raises(SetupError, match=r"gcloud storage buckets create gs://absent .*"):
            do(endpoint, work, root=root)
    assert do(endpoint, lambda store: store.find("a.png")) is None
    assert isinstance(failure(endpoint, opened), MissingError)


async def opened(store: GcsStore) -> None:
    async with store.open("absent.png"):
        pass


# Unlike the emulator, the sink says what it was asked, and refuses as Cloud Storage does.


def test_an_image_is_one_request_and_connections_are_used_again(sink: Sink) -> None:
    async def work(store: GcsStore) -> None:
        for number in range(20):
            await store.put(f"{number}.png", Bytes(IMAGE))

    do(sink, work)
    assert dict(sink.requests) == {"POST": 20}
    assert len(sink.peers) == 1
    assert sink.content("fathomnet/7.png") == IMAGE
    assert sink.objects["fathomnet/7.png"].content_type == "image/png"


def test_there_are_as_many_connections_as_allowed_and_no_more() -> None:
    async def work(store: GcsStore) -> None:
        images = (store.put(f"{number}.png", Bytes(SMALL)) for number in range(300))
        await asyncio.gather(*images)

    with Sink(latency=0.3) as sink:
        do(sink, work, concurrency=130)
        assert len(sink.peers) == 130


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


def test_a_slow_upload_is_not_a_failure() -> None:
    with Sink(rate=400_000) as sink:
        assert put(sink).size == len(IMAGE)


@pytest.mark.fault(
    operator="upload_images",
    happens="the bucket cannot be reached",
    end="told as such: wait, then try again",
)
def test_a_server_that_cannot_be_reached_is_busy(sink: Sink) -> None:
    url = sink.url
    sink.__exit__()
    for work in (lambda store: store.put("a.png", Bytes(SMALL)), lambda store: store.find("a")):
        assert isinstance(failure(url, work), BusyError)
    sink.__init__()  # so that leaving the fixture is harmless
    sink.__enter__()


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


# Tokens, from a token office over HTTP.


@pytest.fixture
def guarded() -> Iterator[Sink]:
    """A sink that wants tokens, and whose key is the plugin secret."""
    with Sink(tokens=True) as server, using_secrets({"FATHOMNET_GCS_CREDENTIALS": server.key()}):
        yield server


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


# Listings.


@pytest.mark.parametrize(
    "faults",
    [
        (answer(503, "0"), answer(500), answer(429), answer(408)),
        (RESET, RESET, RESET),
        (EXPIRED,),
    ],
)
def test_a_page_that_fails_is_asked_for_again(sink: Sink, faults: tuple[Fault, ...]) -> None:
    sink.add("fathomnet/x/a.png", SMALL)
    sink.faults[LISTING] = list(faults)
    assert list(do(sink, lambda store: store.listing("x"))) == ["a.png"]


def test_a_bucket_that_may_not_be_listed_says_who_lacks_which_role(guarded: Sink) -> None:
    guarded.refused.add("storage.objects.list")
    with pytest.raises(SetupError) as raised:
        do(guarded, lambda store: store.listing("x"))
    account = "uploader@deep-sea-tests.iam.gserviceaccount.com"
    assert f"{account} may not list the bucket deep-sea" in str(raised.value)
    assert f"--member=serviceAccount:{account} --role=roles/storage.objectAdmin" in str(
        raised.value
    )


def test_a_hundred_thousand_objects_are_listed_in_seconds() -> None:
    with Sink(keep=False, page=5000) as sink:
        for number in range(100_000):
            sink.add(f"fathomnet/train_images/{number:032x}.png", b"")
        began = time.perf_counter()
        listed = do(sink, lambda store: store.listing("train_images"))
        assert time.perf_counter() - began < 30  # mostly the sink's; a second is the store's
    assert len(listed) == 100_000
    assert dict(sink.requests) == {"GET": 21}


def test_a_listing_takes_half_a_kilobyte_an_object() -> None:
    with Sink(keep=False, page=1000) as sink:
        for number in range(10_000):
            sink.add(f"fathomnet/train_images/{number:032x}.png", b"", metadata={"a": "b"})
        tracemalloc.start()
        try:
            listed = do(sink, lambda store: store.listing("train_images"))
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert len(listed) == 10_000
    assert kept < 10_000 * 600


# Size.


def test_memory_does_not_grow_with_the_image() -> None:
    class Large:
        size = 200 * 1024**2
        content_type = "image/png"
        crc32c = None
        chunk = bytes(1 << 16)

        @property
        def digest(self) -> Digest:
            return Digest(self.size, self.checksum)

        async def chunks(self) -> Any:
            for _ in range(self.size // len(self.chunk)):
                yield self.chunk

    large = Large()
    with Sink(keep=False) as sink:
        large.checksum = crc32c(bytes(large.size))
        tracemalloc.start()
        try:
            stored = do(sink, lambda store: store.put("large.png", large))
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert stored.size == large.size
    assert most < 8 * 1024**2


# The way to the server.


@pytest.mark.fault(
    operator="upload_images",
    happens="the bucket's certificate is vouched for by nobody",
    end="refused before anything is sent",
)
def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    _, context = self_signed(tmp_path)
    with Sink(tls=context) as sink:
        for work in (lambda store: store.put("a.png", Bytes(SMALL)), lambda store: store.find("a")):
            with pytest.raises(SetupError, match=r"certificate of 127\.0\.0\.1 is not valid\nSSL_"):
                do(sink, work)
        assert not sink.requests


def test_a_certificate_that_the_machine_trusts_is_enough(tmp_path: Path) -> None:
    script = """
import asyncio, sys
from tests.media.test_gcs import IMAGE, put
print(put(sys.argv[1]).size == len(IMAGE))
"""
    file, context = self_signed(tmp_path)
    with Sink(tls=context) as sink:
        command = [sys.executable, "-c", script, sink.url]
        trusting = {**os.environ, "SSL_CERT_FILE": str(file)}
        found = subprocess.run(
            command, env=trusting, capture_output=True, text=True, check=False, cwd=REPOSITORY
        )
    assert found.stdout == "True\n", found.stderr


def test_the_environment_s_proxy_is_used(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", sink.url)
    stored = do("http://storage.invalid", lambda store: store.put("a.png", Bytes(SMALL)))
    assert stored.size == 13 and sink.content("fathomnet/a.png") == SMALL
    monkeypatch.setenv("no_proxy", "storage.invalid")
    error = failure("http://storage.invalid", lambda store: store.find("a.png"))
    assert isinstance(error, BusyError)
