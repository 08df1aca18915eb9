"""Divides groups of images in two so that each side has its share of images and of every concept.

This is a pure search over counts. A random start is improved by moving groups to the other side,
alone or in exchange for another, as long as that lowers a cost: how far the share of images is off
and, as in a chi-square, how far each concept's share of boxes is off. If the groups are few and
large, the nearest share that can be reached is found exactly, as a subset sum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from random import Random
from typing import Final

TOLERANCE: Final = 0.005
"""The search may miss by this share of all images before the exact sum is computed."""

_MOST_PASSES: Final = 20
_PARTNERS: Final = 10
"""In each pass, every group is tried in exchange for this many others, drawn at random."""
_LEAST_GAIN: Final = 1e-9
_SHARE_WEIGHT: Final = 200.0
"""Missing by half a per cent of the images costs as much as a concept that is far off."""
_LOST_CONCEPT: Final = 20.0
"""The cost of a concept that training would not see at all."""
_LARGEST_TABLE: Final = 256 << 23
"""Bits; the exact sum keeps one for each reachable number of images and each group."""


@dataclass(frozen=True, slots=True)
class Group:
    """Images that must stay together, such as those of a dive.

    Attributes:
        images: how many it has.
        boxes: how many boxes of each concept they have.
    """

    images: int
    boxes: Mapping[str, int]


def divide_groups(groups: Sequence[Group], share: float, seed: int) -> list[bool]:
    """Chooses the groups of the smaller side.

    Args:
        groups: at least two, each with images.
        share: of all images that the chosen groups should have, between 0 and 1.
        seed: the same seed always makes the same choice.

    Returns:
        For each group whether it is chosen; at least one is chosen and at least one is not.

    Examples:
        >>> large, small = Group(80, {"Sebastes": 160}), Group(20, {"Sebastes": 40})
        >>> divide_groups([large, small], share=0.2, seed=42)
        [False, True]
    """
    random = Random(seed)  # noqa: S311  # no secret
    search = _Search(groups, share)
    first, images = [False] * len(groups), 0
    for index in random.sample(range(len(groups)), len(groups)):
        if images + groups[index].images <= search.wanted:
            first[index] = True
            images += groups[index].images
    search.start_with(first)
    search.improve(random)
    if search.missed_by > TOLERANCE * search.images or not search.both_sides:
        nearest = _nearest_sum([group.images for group in groups], search.wanted, random)
        if nearest is not None:
            search.start_with(nearest)
            search.improve(random, most_missed=search.missed_by)
    return search.chosen


class _Search:
    """A division that is being improved, and its counts.

    Attributes:
        chosen: for each group whether it is on the smaller side.
        images: of all groups.
        wanted: images on the smaller side; may be fractional.
    """

    def __init__(self, groups: Sequence[Group], share: float) -> None:
        self._groups = groups
        self._share = share
        self._boxes: dict[str, int] = {}
        for group in groups:
            for concept, count in group.boxes.items():
                self._boxes[concept] = self._boxes.get(concept, 0) + count
        self.images = sum(group.images for group in groups)
        self.wanted = share * self.images
        self.chosen: list[bool] = []

    def start_with(self, chosen: list[bool]) -> None:
        self.chosen = chosen
        self._has_images = 0
        self._has_boxes = dict.fromkeys(self._boxes, 0)
        for group, is_chosen in zip(self._groups, chosen, strict=True):
            if is_chosen:
                self._count(group, 1)

    @property
    def missed_by(self) -> float:
        """The number of images by which the smaller side differs from what is wanted."""
        return abs(self._has_images - self.wanted)

    @property
    def both_sides(self) -> bool:
        """Whether each side has a group."""
        return any(self.chosen) and not all(self.chosen)

    def improve(self, random: Random, most_missed: float | None = None) -> None:
        """Moves groups to the other side, alone or in exchange, as long as that helps.

        Args:
            random: decides the order.
            most_missed: moves that leave the images further off than this are not made.
        """
        everyone = range(len(self._groups))
        for _ in range(_MOST_PASSES):
            moved = 0
            for index in random.sample(everyone, len(everyone)):
                others = random.choices(everyone, k=_PARTNERS)
                exchanges = ((index, n) for n in others if self.chosen[n] != self.chosen[index])
                moves = chain([(index,)], exchanges)
                moved += any(self._move_if_better(move, most_missed) for move in moves)
            if moved <= len(everyone) // 1_000:
                return

    def _move_if_better(self, move: tuple[int, ...], most_missed: float | None) -> bool:
        steps: dict[str, int] = {}
        images = self._has_images
        for index in move:
            step = -1 if self.chosen[index] else 1
            images += step * self._groups[index].images
            for concept, count in self._groups[index].boxes.items():
                steps[concept] = steps.get(concept, 0) + step * count
        if not 0 < images < self.images:
            return False
        if most_missed is not None and abs(images - self.wanted) > most_missed:
            return False
        change = self._image_cost(images) - self._image_cost(self._has_images)
        for concept, count in steps.items():
            has = self._has_boxes[concept]
            change += self._cost(concept, has + count) - self._cost(concept, has)
        if change > -_LEAST_GAIN:
            return False
        for index in move:
            self._count(self._groups[index], -1 if self.chosen[index] else 1)
            self.chosen[index] = not self.chosen[index]
        return True

    def _count(self, group: Group, step: int) -> None:
        self._has_images += step * group.images
        for concept, count in group.boxes.items():
            self._has_boxes[concept] += step * count

    def _image_cost(self, images: int) -> float:
        missed = (images - self.wanted) / (TOLERANCE * self.images)
        return _SHARE_WEIGHT * missed * missed

    def _cost(self, concept: str, boxes: int) -> float:
        in_all = self._boxes[concept]
        wanted = self._share * in_all
        lost = _LOST_CONCEPT if boxes == in_all else 0.0
        return (boxes - wanted) ** 2 / (wanted + 1) + lost


def _nearest_sum(sizes: Sequence[int], wanted: float, random: Random) -> list[bool] | None:
    """The subset whose sum is nearest to a number, among those that leave something on each side.

    Returns:
        For each size whether it is in the subset; None if the table would be too large, which
        happens only with so many groups that the search does not need it.
    """
    total = sum(sizes)
    if len(sizes) * total > _LARGEST_TABLE:
        return None
    order = random.sample(range(len(sizes)), len(sizes))
    # Bit n of table k: the first k sizes have a subset of sum n.
    tables = [1]
    for index in order:
        tables.append(tables[-1] | tables[-1] << sizes[index])
    # Each side keeps something.
    between = sorted(range(1, total), key=lambda number: abs(number - wanted))
    left = next(number for number in between if tables[-1] >> number & 1)
    chosen = [False] * len(sizes)
    for index, before in zip(reversed(order), reversed(tables[:-1]), strict=True):
        if not before >> left & 1:
            chosen[index] = True
            left -= sizes[index]
    return chosen
