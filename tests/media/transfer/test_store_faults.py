"""A store that misbehaves keeps nothing damaged and nothing twice."""

from __future__ import annotations

import pytest

from tests.media.sink import Sink
from tests.media.sink_faults import CORRUPT, LOST, answer
from tests.media.transfer.runs import FOLDER, counts, in_bucket, outcomes, upload


class TestAStoreThatMisbehaves:
    @pytest.mark.parametrize(
        "fault",
        [answer(403), answer(408), answer(429, "0"), answer(500), answer(502), answer(503)],
        ids=str,
    )
    def test_what_passes_costs_nothing_but_time(
        self, fault: object, catalog: str, sink: Sink, images: dict[str, bytes]
    ) -> None:
        sink.faults = {f"{FOLDER}/{name}": [fault] for name in images}
        assert counts(upload(catalog)) == {"stored": len(images)}
        assert in_bucket(sink) == images and set(sink.writes.values()) == {1}

    @pytest.mark.fault(
        operator="upload_images",
        happens="the bucket refuses every image for ever",
        end="every image is failed, with the reason",
    )
    def test_a_store_that_refuses_to_write_fails_every_image_and_says_why(
        self, catalog: str, sink: Sink, images: dict[str, bytes]
    ) -> None:
        sink.faults = {f"{FOLDER}/{name}": [answer(403)] * 20 for name in images}
        result = upload(catalog)
        assert counts(result) == {"failed": len(images)}
        assert "403" in str(outcomes(result)["05.png"]["reason"])

    @pytest.mark.fault(
        operator="upload_images",
        happens="the bucket stores, and its answer is lost",
        end="each object is written once",
    )
    def test_an_answer_that_is_lost_after_storing_stores_nothing_twice(
        self, catalog: str, sink: Sink, images: dict[str, bytes]
    ) -> None:
        sink.faults = {f"{FOLDER}/{name}": [LOST] for name in images}
        assert counts(upload(catalog)) == {"stored": len(images)}
        assert in_bucket(sink) == images and set(sink.writes.values()) == {1}

    def test_a_store_that_damages_images_keeps_none_of_them(
        self, catalog: str, sink: Sink, images: dict[str, bytes]
    ) -> None:
        sink.faults = {f"{FOLDER}/{name}": [CORRUPT] for name in images}
        assert counts(upload(catalog)) == {"stored": len(images)}
        assert in_bucket(sink) == images
