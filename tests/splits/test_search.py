from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
from fathomnet_voxel51.splits.split import Group, divide_groups
from hypothesis import given, settings
from hypothesis import strategies as st

sizes_of_groups = st.lists(st.integers(1, 60), min_size=2, max_size=12)


def images_chosen(groups: list[Group], chosen: list[bool]) -> int:
    return sum(group.images for group, taken in zip(groups, chosen, strict=True) if taken)


def nearest_possible(sizes: list[int], wanted: float) -> float:
    """By trying every division that leaves something on either side."""
    sums = (
        sum(size for size, taken in zip(sizes, choice, strict=True) if taken)
        for choice in product([False, True], repeat=len(sizes))
        if any(choice) and not all(choice)
    )
    return min(abs(images - wanted) for images in sums)


@given(sizes_of_groups, st.floats(0.05, 0.95), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_the_share_is_within_two_points_wherever_the_groups_allow_it(
    sizes: list[int], share: float, seed: int
) -> None:
    groups = [Group(size, {}) for size in sizes]
    missed = abs(images_chosen(groups, divide_groups(groups, share, seed)) - share * sum(sizes))
    nearest = nearest_possible(sizes, share * sum(sizes))
    assert missed <= max(0.02 * sum(sizes), nearest + 1e-9)


@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.dictionaries(st.sampled_from("abcd"), st.integers(1, 5))),
        min_size=2,
        max_size=30,
    ),
    st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_both_sides_have_something_on_every_seed(
    drawn: list[tuple[int, dict[str, int]]], seed: int
) -> None:
    chosen = divide_groups([Group(images, boxes) for images, boxes in drawn], 0.2, seed)
    assert len(chosen) == len(drawn)
    assert any(chosen)
    assert not all(chosen)


def test_equal_seeds_divide_equally_and_others_do_not() -> None:
    groups = [Group(1 + index % 7, {"ab"[index % 2]: 3}) for index in range(60)]
    assert divide_groups(groups, 0.2, 42) == divide_groups(groups, 0.2, 42)
    assert len({tuple(divide_groups(groups, 0.2, seed)) for seed in range(5)}) > 1


@pytest.mark.parametrize("seed", range(5))
def test_every_concept_gets_about_its_share(seed: int) -> None:
    """A concept a dive: without regard to concepts many would be on one side only."""
    groups = [Group(10, {f"concept {index % 20}": 10}) for index in range(200)]
    chosen = divide_groups(groups, 0.2, seed)
    counts: Counter[str] = Counter()
    for group, taken in zip(groups, chosen, strict=True):
        counts.update(group.boxes if taken else {})
    assert all(10 <= counts[f"concept {index}"] <= 30 for index in range(20))


def test_a_concept_of_one_dive_stays_where_it_can_be_learnt() -> None:
    groups = [Group(10, {"common": 10}) for _ in range(50)] + [Group(10, {"rare": 1})]
    for seed in range(20):
        assert not divide_groups(groups, 0.2, seed)[-1]
