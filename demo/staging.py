"""Who appears in an image, and where in it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final, Literal

import numpy as np

from demo.coco import Bbox
from demo.drawing.water import Habitat
from demo.needles import NEEDLES
from demo.recipes import RECIPES
from demo.synthetic import QUANTILES, RELATIVE_SIZE, SAME_CONCEPT, SMALLEST_SIDE

LARGER: Final = 1.7
"""Animals are drawn so much larger than in the real test split, to be told apart."""
LARGEST: Final = (0.8, 0.72)
"""Greatest width and height of an animal, as shares of the picture's."""
TRIES: Final = 40
"""How often a free place is looked for before an animal may overlap another."""
CROWD: Final = 6
"""From so many boxes on, an image shows a kind that lives in herds."""
Kind = Literal["animal", "debris", "gear"]
CARRIED: Final = ("ROV arm", "laser dots")
"""What moves with the camera."""


@dataclass(frozen=True, slots=True)
class Thing:
    """Something drawn in an image.

    Attributes:
        kind: an animal has an annotation; debris and gear have none.
        name: the concept, or the name in the table of needles.
        bbox: where it is, in pixels.
        seed: decides what is individual about it.
        annotation_id: of its box; None for what is not annotated.
    """

    kind: Kind
    name: str
    bbox: Bbox
    seed: int
    annotation_id: int | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """The room that a picture offers: its size in pixels, its floor and where the floor ends."""

    width: int
    height: int
    habitat: Habitat
    horizon: float


class Cast:
    """Deals out concepts and needles so that each comes up about equally often."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._decks: dict[tuple[str, ...], list[str]] = {}

    def concepts(self, habitat: Habitat, boxes: int) -> Iterator[str]:
        """The concepts of ``boxes`` animals of one image, mostly one kind."""
        at_home = [name for name, recipe in RECIPES.items() if recipe.habitat == habitat]
        herds = [name for name in at_home if RECIPES[name].herd]
        main = self._deal(herds if boxes >= CROWD else at_home)
        for number in range(boxes):
            stranger = number and self._rng.random() > SAME_CONCEPT
            yield self._deal(at_home) if stranger else main

    def needle(self) -> str:
        """The name of the next needle."""
        return self._deal(list(NEEDLES))

    def _deal(self, names: Sequence[str]) -> str:
        deck = self._decks.setdefault(tuple(names), [])
        if not deck:
            deck.extend(self._rng.sample(list(names), len(names)))
        return deck.pop()


def place_animal(
    stage: Stage, concept: str, boxes: int, others: Sequence[Thing], rng: Random
) -> Thing:
    """Puts an animal where it is free, smaller where the image holds many.

    Sizes follow the real test split; what is near, and so low in the picture, is larger.
    """
    recipe = RECIPES[concept]
    share = rng.uniform(0.5, 0.98) if boxes == 1 else rng.uniform(0.15, 0.9 - 0.02 * min(boxes, 10))
    size = LARGER * float(np.interp(share, QUANTILES, RELATIVE_SIZE))
    aspect = recipe.aspect * rng.uniform(0.9, 1.1)
    best: tuple[float, Bbox] | None = None
    for attempt in range(TRIES):
        extent = _extent(stage, size * 0.985**attempt, aspect)
        on_floor = stage.habitat != "midwater" and not recipe.swims
        bbox = (*_corner(stage, extent, size, on_floor, rng), *extent)
        overlap = max((_overlap(bbox, other.bbox) for other in others), default=0.0)
        if best is None or overlap < best[0]:
            best = (overlap, bbox)
        if overlap < 0.05:
            break
    assert best is not None
    return Thing("animal", concept, best[1], rng.getrandbits(48))


def place_needle(stage: Stage, name: str, rng: Random) -> Thing:
    """Puts debris on the floor, the arm at the right edge and the laser dots in the middle."""
    needle = NEEDLES[name]
    extent = _extent(stage, needle.size * rng.uniform(0.85, 1.15), needle.aspect)
    left, top = _corner(stage, extent, needle.size, True, rng)
    if name == "ROV arm":
        left, top = stage.width - extent[0], int(stage.height * 0.92) - extent[1]
    elif name == "laser dots":
        left, top = (stage.width - extent[0]) // 2, int(stage.height * rng.uniform(0.55, 0.7))
    return Thing(needle.kind, name, (left, top, *extent), rng.getrandbits(48))


def drift(stage: Stage, thing: Thing, pan: float) -> Thing:
    """Where ``thing`` is seen after the camera moved to the side; see ``backdrop``."""
    if thing.name in CARRIED:
        return thing
    left, top, width, height = thing.bbox
    nearness = ((top + height) / stage.height - stage.horizon) / (1 - stage.horizon)
    moved = round(left - pan * stage.width * min(max(nearness, 0.1), 1.0))
    return replace(thing, bbox=(min(max(moved, 0), stage.width - width), top, width, height))


def _extent(stage: Stage, size: float, aspect: float) -> tuple[int, int]:
    """Width and height in pixels of something of that relative size and aspect."""
    side = size * (stage.width * stage.height) ** 0.5
    width, height = side * aspect**0.5, side / aspect**0.5
    fit = min(1.0, LARGEST[0] * stage.width / width, LARGEST[1] * stage.height / height)
    return max(SMALLEST_SIDE, round(width * fit)), max(SMALLEST_SIDE, round(height * fit))


def _corner(
    stage: Stage, extent: tuple[int, int], size: float, on_floor: bool, rng: Random
) -> tuple[int, int]:
    """Left and top of a place; on the floor, the larger stands nearer and so lower."""
    width, height = extent
    left = rng.randint(2, stage.width - width - 2)
    if on_floor:
        near = min(max(0.1 + 0.8 * (size / 0.35) ** 0.5 + rng.gauss(0, 0.1), 0.12), 0.97)
        foot = stage.height * (stage.horizon + (1 - stage.horizon) * near)
    else:
        foot = height + stage.height * rng.uniform(0.06, 0.85)
    return left, min(max(round(foot) - height, 2), stage.height - height - 2)


def _overlap(one: Bbox, other: Bbox) -> float:
    """Area of the intersection over the lesser area of the two."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(across, 0) * max(down, 0) / min(one[2] * one[3], other[2] * other[3])
