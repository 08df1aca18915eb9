"""The label says how far it is, how fast, how long still, and what went wrong."""

from __future__ import annotations

import pytest
from fathomnet_voxel51.media.moving import engine
from fathomnet_voxel51.media.moving.engine import Tally


def test_the_label_counts_what_is_done_and_what_went_wrong() -> None:
    counts = Tally("uploading", 9_306)
    for _ in range(408):
        counts.add("stored", 1_000_000)
    for _ in range(3):
        counts.add("missing")
    counts.add("failed")
    share, label = counts.report()
    assert share == 412 / 9_306
    assert label == "uploading 412/9,306, 3 missing, 1 failed, 408.0 MB"


def test_the_rate_is_of_what_was_moved_lately_and_gives_the_time_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(engine.time, "monotonic", lambda: now)
    counts = Tally("uploading", 1_000)
    for _ in range(500):
        counts.add("present", took_time=False)
    for _ in range(10):
        now += 1.0
        for _ in range(5):
            counts.add("stored", 2_000_000)
        _, label = counts.report()
    assert label.endswith("5.0 images/s, 10.0 MB/s, 2 min left")


def test_nothing_to_do_is_done() -> None:
    assert Tally("uploading", 0).report()[0] == 1.0
