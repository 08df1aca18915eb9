"""Shares of one job."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest
from fathomnet_voxel51.errors import InputError
from fathomnet_voxel51.media.request import Shard
from hypothesis import given, settings
from hypothesis import strategies as st

COUNTS = st.integers(1, 50)


@settings(deadline=None)
@given(name=st.text(), count=COUNTS)
def test_every_image_belongs_to_exactly_one_part_counted_from_0_or_from_1(
    name: str, count: int
) -> None:
    for first in (0, 1):
        parts = [Shard.parse(f"{index}/{count}") for index in range(first, first + count)]
        assert sum(part.owns(name) for part in parts) == 1


@settings(deadline=None)
@given(count=COUNTS, data=st.data())
def test_labels_tell_parts_apart(count: int, data: st.DataObject) -> None:
    one, other = (data.draw(st.integers(0, count)) for _ in range(2))
    same_part = Shard.parse(f"{one}/{count}") == Shard.parse(f"{other}/{count}")
    same_label = Shard.parse(f"{one}/{count}").label == Shard.parse(f"{other}/{count}").label
    assert same_part == same_label


@pytest.mark.parametrize("text", ["", "  ", "0/1", "1/1"])
def test_the_whole_owns_everything_and_has_no_label(text: str) -> None:
    whole = Shard.parse(text)
    assert (whole.owns("a.png"), whole.label) == (True, "")


def test_the_last_part_is_also_the_one_numbered_0() -> None:
    assert Shard.parse("0/4") == Shard.parse("4/4") == Shard.parse(" 4 / 4 ")
    assert [Shard.parse(f"{index}/4").label for index in range(5)] == [
        "4-of-4",
        "1-of-4",
        "2-of-4",
        "3-of-4",
        "4-of-4",
    ]


def test_parts_are_balanced_whatever_the_names() -> None:
    for pattern in ("{:06d}.png", "dive/{}/frame.jpg", "{}"):
        sizes = Counter(
            next(index for index in range(8) if Shard(index, 8).owns(pattern.format(number)))
            for number in range(8_000)
        )
        # 1,000 are expected in each, with a standard deviation of 30.
        assert max(abs(size - 1_000) for size in sizes.values()) < 150


def test_the_parts_of_a_running_job_never_change() -> None:
    # From another program: printf NAME | b2sum --length 64, as a number modulo 7.
    owner = {"1.png": 1, "é.png": 5, "dive/2.jpg": 0}
    for name, index in owner.items():
        assert [number for number in range(7) if Shard(number, 7).owns(name)] == [index]


def test_another_process_sees_the_same_parts() -> None:
    names = [f"{number}.png" for number in range(200)]
    program = (
        "import sys; from fathomnet_voxel51.media.request import Shard; "
        "print([Shard(1, 3).owns(name) for name in sys.argv[1:]])"
    )
    answers = subprocess.run(
        [sys.executable, "-c", program, *names], capture_output=True, text=True, check=True
    )
    assert answers.stdout.strip() == str([Shard(1, 3).owns(name) for name in names])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1", "'1' is not I/N, such as 1/4 for the first of four parts"),
        ("1/4/2", "is not I/N"),
        ("-1/4", "is not I/N"),
        ("1.0/4", "is not I/N"),
        ("\u0661/\u0664", "is not I/N"),
        ("1/99999999999", "is not I/N"),
        ("5/4", "there is no part 5 of 4"),
        ("0/0", "there is no part 0 of 0"),
        ("1/0", "there is no part 1 of 0"),
    ],
)
def test_what_names_no_part_is_refused(text: str, problem: str) -> None:
    with pytest.raises(InputError) as refused:
        Shard.parse(text)
    assert [fault.place for fault in refused.value.faults] == ["shard"]
    assert problem in refused.value.faults[0].problem


def test_a_part_outside_of_the_job_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="no part 4 of 4"):
        Shard(4, 4)
