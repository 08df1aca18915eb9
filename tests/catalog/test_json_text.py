"""A JSON text is read as the standard library reads it, and its faults have a place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fathomnet_voxel51.catalog.coco import JsonSyntaxError, parse_json
from hypothesis import given, settings
from hypothesis import strategies as st

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
OBJECTS = st.dictionaries(st.text(), VALUES)


@settings(max_examples=50, deadline=None)
@given(OBJECTS, st.sampled_from([None, 0, 3, "\t"]))
def test_every_object_is_read_as_the_standard_library_reads_it(
    value: dict[str, Any], indent: int | str | None
) -> None:
    assert parse_json(json.dumps(value, indent=indent)) == (value, frozenset())


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(), VALUES, min_size=1), st.data())
def test_names_that_the_outermost_object_repeats_are_told_and_no_others(
    value: dict[str, Any], data: st.DataObject
) -> None:
    repeated = data.draw(st.sets(st.sampled_from(sorted(value))))
    inner = '{"a": 1, "a": 2}'
    members = [f"{json.dumps(name)}: {inner}" for name in (*repeated, *value)]
    kept = {name: {"a": 2} for name in value}
    assert parse_json("{" + ", ".join(members) + "}") == (kept, repeated)


@settings(max_examples=50, deadline=None)
@given(OBJECTS, st.data())
def test_an_object_cut_off_anywhere_is_refused_as_cut_off(
    value: dict[str, Any], data: st.DataObject
) -> None:
    text = json.dumps(value)
    length = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(JsonSyntaxError, match="cut off"):
        parse_json(text[:length])


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"a": [1,\n 2,\n ]}', "line 3, column 2"),
        ('{"a" 1}', "line 1, column 6"),
        ('{"a": 1 "b": 2}', "line 1, column 9"),
        ('{"a": nothing}', "line 1, column 7"),
        ('{"a": 1}\n\n{}', "line 3, column 1"),
    ],
)
def test_the_place_of_an_error_is_its_line_and_column(text: str, place: str) -> None:
    with pytest.raises(JsonSyntaxError) as refusal:
        parse_json(text)
    assert refusal.value.place == place


def test_one_cut_off_after_a_brace_in_a_text_is_cut_off_too() -> None:
    with pytest.raises(JsonSyntaxError, match="cut off"):
        parse_json('{"a": [], "}')
