"""The dives that are on two sides of a split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

from ..dataset.columns import field_values, image_dives
from ..names import DUPLICATE_GROUP, TEST_TAG, TRAIN_TAG, VALIDATION_TAG

_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Leak:
    """What two sides share.

    Attributes:
        sides: the tags of the sides.
        dives: the number of dives on both sides.
        images: the number of images of these dives on the two sides together.
        examples: the first of these dives, by name.
        near_duplicates: groups of near-duplicates on both sides, which ``find_duplicates`` found.
    """

    sides: tuple[str, str]
    dives: int
    images: int
    examples: tuple[str, ...]
    near_duplicates: int = 0


@dataclass(frozen=True, slots=True)
class Images:
    """The relevant columns, with one entry per image of the dataset."""

    ids: list[str]
    tags: list[frozenset[str]]
    dives: list[str]
    duplicates: list[int | None]

    def leaks(self, tags: Sequence[frozenset[str]] | None = None) -> tuple[Leak, ...]:
        sides = (TRAIN_TAG, VALIDATION_TAG, TEST_TAG)
        pairs = combinations(sides, 2)
        found = (_leak(self, self.tags if tags is None else tags, pair) for pair in pairs)
        return tuple(leak for leak in found if leak.dives or leak.near_duplicates)


def find_leaks(dataset: Any) -> tuple[Leak, ...]:
    """The dives on two sides of a split, whoever made it with the tags train, val and test.

    Groups of near-duplicates on two sides are counted if ``find_duplicates`` has run.

    Args:
        dataset: a FiftyOne dataset or view.
    """
    return read_images(dataset).leaks()


def read_images(dataset: Any) -> Images:
    """Ids, tags and dives of the images of a dataset or view."""
    ids, tags = dataset.values(["id", "tags"])
    return Images(
        ids,
        [frozenset(some or ()) for some in tags],
        # Images of which nothing is known are one dive: that leaks nothing.
        [dive or "unknown" for dive in image_dives(dataset)],
        field_values(dataset, DUPLICATE_GROUP, len(ids)),
    )


def _leak(images: Images, tags: Sequence[frozenset[str]], sides: tuple[str, str]) -> Leak:
    counts = {side: Counter[str]() for side in sides}
    groups: dict[str, set[int]] = {side: set() for side in sides}
    for dive, group, some in zip(images.dives, images.duplicates, tags, strict=True):
        for side in some.intersection(sides):
            counts[side][dive] += 1
            groups[side].update(() if group is None else (group,))
    left, right = counts.values()
    both = sorted(left.keys() & right.keys())
    count = sum(left[dive] + right[dive] for dive in both)
    duplicates = set.intersection(*groups.values())
    return Leak(sides, len(both), count, tuple(both[:_SHOWN]), len(duplicates))
