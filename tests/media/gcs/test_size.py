"""Large images and large buckets take little time and memory."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

from fathomnet_voxel51.media.store import Digest

from tests.media.gcs.jobs import do
from tests.media.outgoing import crc32c
from tests.media.sink import Sink


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
