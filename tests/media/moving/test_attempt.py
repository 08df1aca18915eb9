"""What is done about an image follows from the ledger and the store alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fathomnet_voxel51.media.ledger import Entry
from fathomnet_voxel51.media.moving.attempt import Step, next_step
from fathomnet_voxel51.media.store import Digest, StoredObject

WHOLE = Digest(10, "AAAAAA==")
STORED = Entry("a", "stored", bytes=10, crc32c="AAAAAA==", generation=1)
SENDING = Entry("a", "sending", bytes=10, crc32c="AAAAAA==")
MISSING = Entry("a", "missing", "404")
IN_BUCKET = StoredObject(10, "AAAAAA==", generation=1)
OURS = StoredObject(10, "AAAAAA==", generation=1, ours=True)
IN_FOLDER = StoredObject(10, None, generation=1)


@pytest.mark.parametrize(
    ("entry", "stored", "step"),
    [
        (None, None, Step.FETCH),
        (Entry("a", "failed", "reset"), None, Step.FETCH),
        (Entry("a", "rejected", "HTML"), None, Step.FETCH),
        (MISSING, None, Step.GIVE_UP),
        (STORED, None, Step.FETCH),
        (STORED, IN_BUCKET, Step.LEAVE),
        (SENDING, IN_BUCKET, Step.LEAVE),
        (STORED, StoredObject(10, "AAAAAA==", generation=2), Step.LEAVE),
        (STORED, StoredObject(10, "BBBBBB==", generation=1), Step.FETCH),
        (STORED, StoredObject(9, "AAAAAA=="), Step.FETCH),
        (SENDING, StoredObject(10, "BBBBBB==", ours=True), Step.FETCH),
        (STORED, IN_FOLDER, Step.LEAVE),
        (STORED, StoredObject(10, None, generation=2), Step.READ),
        (SENDING, IN_FOLDER, Step.READ),
        (STORED, StoredObject(9, None, generation=1), Step.FETCH),
        (None, IN_BUCKET, Step.COMPARE),
        (None, IN_FOLDER, Step.COMPARE),
        (None, StoredObject(10, "AAAAAA==", ours=True), Step.LEAVE),
        (MISSING, IN_BUCKET, Step.COMPARE),
    ],
)
def test_next_step(entry: Entry | None, stored: StoredObject | None, step: Step) -> None:
    assert next_step(entry, stored) is step


@pytest.mark.parametrize(
    ("entry", "stored", "step"),
    [
        (replace(STORED, source="this"), IN_BUCKET, Step.LEAVE),
        (replace(STORED, source="other"), IN_BUCKET, Step.FETCH),
        (STORED, IN_BUCKET, Step.LEAVE),
        (replace(MISSING, source="this"), None, Step.GIVE_UP),
        (replace(MISSING, source="other"), None, Step.FETCH),
        # What is stored was known to be of another URL when this one had nothing.
        (replace(MISSING, source="this", generation=1), IN_BUCKET, Step.GIVE_UP),
        (Entry("a", "failed", source="this", generation=1), IN_BUCKET, Step.FETCH),
        (Entry("a", "failed", source="this", generation=1), OURS, Step.FETCH),
        (Entry("a", "failed", source="this", generation=9), IN_BUCKET, Step.COMPARE),
    ],
)
def test_next_step_of_an_image_whose_url_is_known(
    entry: Entry, stored: StoredObject | None, step: Step
) -> None:
    assert next_step(entry, stored, source="this") is step


def test_a_missing_image_is_asked_for_again_only_on_request() -> None:
    assert next_step(MISSING, None, recheck=True) is Step.FETCH


def test_what_the_source_announces_counts_more_than_what_was_stored_before() -> None:
    assert next_step(STORED, IN_BUCKET, announced=WHOLE) is Step.LEAVE
    assert next_step(STORED, IN_BUCKET, announced=Digest(10, "CCCCCC==")) is Step.FETCH
    assert next_step(None, IN_FOLDER, announced=WHOLE) is Step.READ
