"""Sizes and durations are told in words that people use."""

from __future__ import annotations

import pytest
from fathomnet_voxel51.text import size_text, time_text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1_500, "1.5 kB"), (2.4e10, "24.0 GB"), (3e12, "3.0 TB")],
)
def test_sizes(size: float, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "5 s"), (89, "89 s"), (600, "10 min"), (7_500, "2 h 05 min")]
)
def test_times(seconds: float, text: str) -> None:
    assert time_text(seconds) == text
