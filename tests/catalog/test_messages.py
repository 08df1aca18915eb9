"""No message about an annotations file is longer than a screen, whatever the file holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fathomnet_voxel51.catalog import read_catalog
from fathomnet_voxel51.errors import LONGEST_MESSAGE, InputError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.malformed_coco import coco_bytes

SCREEN = 2_000
LONG = st.sampled_from(["x" * 5_000, "/" * 5_000, "\\" * 9_000, "\u202e" * 4_000, "\n" * 3_000])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | LONG
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)
PLACES = st.sampled_from(
    [
        ("images", name)
        for name in ("id", "file_name", "width", "coco_url", "date_captured", "license", "depth")
    ]
    + [
        ("annotations", name)
        for name in ("id", "image_id", "category_id", "bbox", "area", "iscrowd", "attributes")
    ]
    + [("categories", name) for name in ("id", "name")]
)


def test_the_limit_is_that_of_the_promise() -> None:
    assert LONGEST_MESSAGE == SCREEN


def assert_short(path: Path) -> None:
    for skip in (False, True):
        try:
            catalog = read_catalog(path, skip_bad_boxes=skip)
        except InputError as error:
            assert len(str(error)) <= SCREEN
            assert max(len(str(fault)) for fault in error.faults) <= SCREEN
        else:
            assert all(len(note) <= SCREEN for note in catalog.told)
            assert all(len(str(note)) <= SCREEN for note in catalog.notes)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(changes=st.lists(st.tuples(PLACES, VALUES), min_size=1, max_size=6), times=st.just(30))
def test_whatever_a_member_holds(
    changes: list[tuple[tuple[str, str], Any]], times: int, tmp_path_factory: Any
) -> None:
    def spoil(coco: dict[str, Any]) -> None:
        for (section, member), value in changes:
            coco[section] += [{**coco[section][-1], member: value} for _ in range(times)]

    path = tmp_path_factory.mktemp("fuzz") / "annotations.json"
    path.write_bytes(coco_bytes(spoil, indent=None))
    assert_short(path)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=VALUES)
def test_whatever_the_file_holds(content: Any, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "annotations.json"
    path.write_text(json.dumps(content))
    assert_short(path)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_whatever_bytes_it_is(content: bytes, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "annotations.json"
    path.write_bytes(content + b"," * 3_000)
    assert_short(path)


@pytest.mark.parametrize("name", ["n" * 200 + ".json", "deep/" * 100 + "a.json"])
def test_whatever_the_file_is_called(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as refusal:
        read_catalog(tmp_path / name)
    assert len(str(refusal.value)) <= SCREEN
    assert str(refusal.value).splitlines()[0].partition(":")[0].endswith(name[-20:])
