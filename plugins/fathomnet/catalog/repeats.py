"""Boxes that are there twice: of the same image, with the same corners and the same name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

OfABox = tuple[object, Sequence[float], str | None]
"""What tells a box's image, its rectangle, and its name."""


def groups_of_repeats(boxes: Iterable[OfABox]) -> list[list[int]]:
    """The positions of boxes that are exact repeats of one another, group by group.

    Two animals hardly ever have the very same rectangle; the same box that was exported, merged or
    saved twice has. Boxes that merely overlap are not looked at.

    Args:
        boxes: of each its image, its rectangle and its name.

    Returns:
        Groups of two and more, each in the order of the boxes; the group of the first box first.

    Examples:
        >>> rockfish = (1, [0.1, 0.2, 0.3, 0.3], "Sebastes")
        >>> groups_of_repeats([rockfish, (1, [0.1, 0.2, 0.3, 0.3], "Aegina"), rockfish])
        [[0, 2]]
    """
    places: dict[tuple[object, tuple[float, ...], str | None], list[int]] = {}
    for place, (image, rectangle, name) in enumerate(boxes):
        places.setdefault((image, tuple(rectangle), name), []).append(place)
    return [group for group in places.values() if len(group) > 1]
