"""What is in each image of the demo set: planned as data first, drawn later."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from random import Random
from typing import Final

import numpy as np
from fathomnet_voxel51.names import Split

from demo.coco import Frame
from demo.dives import Dive, draw_dive, take_frame
from demo.drawing.water import Habitat
from demo.staging import Cast, Stage, Thing, drift, place_animal, place_needle
from demo.synthetic import LONGEST_TAPE, box_counts

BOXES_PER_IMAGE: Final = {"train": 2.64, "test": 2.42}
"""Of the real splits: 23,699 boxes on 8,981 images, and 788 on 325."""
FRAMES_PER_DIVE: Final = 4
SHARED_DIVES: Final = 3
"""Dives whose frames are in both splits: what a dive-disjoint split has to keep apart."""
REPEAT_EVERY: Final = 8
"""One image in so many shows what the image before shows, a moment later, if of the same dive."""
NEEDLE_EVERY: Final = 7
"""One image in so many holds a piece of debris or a part of the vehicle, if it has a floor."""
HABITATS: Final[tuple[Habitat, ...]] = (
    "sediment",
    "rock",
    "sediment",
    "rock",
    "sediment",
    "midwater",
)


@dataclass(frozen=True, slots=True)
class Scene:
    """One image.

    Attributes:
        split: of the set.
        image_id: COCO id, from 1 in each split.
        dive: during which it was taken.
        seconds: since the dive's recording began.
        frame: its size, names and time.
        habitat: what the floor is.
        horizon: where the floor ends, as a share of the height from the top.
        place: seed of the water and the floor; equal in images that repeat one another.
        pan: how far the camera has moved to the side since the first of them, see ``backdrop``.
        repeats: image id of the frame that this one repeats a moment later.
        things: what is in it, far to near.
    """

    split: Split
    image_id: int
    dive: Dive
    seconds: float
    frame: Frame
    habitat: Habitat
    horizon: float
    place: int
    pan: float
    repeats: int | None
    things: tuple[Thing, ...]


def plan_scenes(train: int, test: int, seed: int) -> list[Scene]:
    """Plans the whole set: ``train`` and then ``test`` images, the same for the same arguments."""
    rng = Random(seed)
    train_dives = _dives(max(1, train // FRAMES_PER_DIVE), rng, ())
    shared = rng.sample(train_dives, min(SHARED_DIVES, len(train_dives))) if train and test else []
    own = _dives(max(1, test // FRAMES_PER_DIVE - len(shared)), rng, train_dives)
    return [
        *_plan_split("train", train, train_dives, Random(f"{seed} train")),
        *_plan_split("test", test, [*shared, *own], Random(f"{seed} test")),
    ]


def dive_key(dive: Dive) -> str:
    """Vehicle and number: the same for every frame of a dive."""
    return f"{dive.vehicle.name} {dive.number}"


def _dives(number: int, rng: Random, taken: Sequence[Dive]) -> list[Dive]:
    """That many different dives, none filed under the same folder as another or as one taken."""
    folders = {(dive.vehicle.name, dive.folder(padded=True)) for dive in taken}
    dives: list[Dive] = []
    while len(dives) < number:
        dive = draw_dive(rng)
        folder = (dive.vehicle.name, dive.folder(padded=True))
        if folder not in folders:
            folders.add(folder)
            dives.append(dive)
    return dives


def _plan_split(split: Split, images: int, dives: Sequence[Dive], rng: Random) -> Iterator[Scene]:
    total = round(BOXES_PER_IMAGE[split] * images)
    boxes = box_counts(images, total, np.random.default_rng(rng.getrandbits(64))).tolist()
    cast = Cast(rng)
    annotation_ids = count(1)
    scene: Scene | None = None
    for index in range(images):
        dive = dives[index * len(dives) // images]
        if scene and scene.dive == dive and index % REPEAT_EVERY == REPEAT_EVERY - 1:
            scene = _a_moment_later(scene, rng)
        else:
            needle = cast.needle() if index % NEEDLE_EVERY == NEEDLE_EVERY // 2 else None
            scene = _fresh(split, index + 1, dive, boxes[index], needle, cast, rng)
        scene = replace(scene, things=_numbered(scene.things, annotation_ids))
        yield scene


def _fresh(
    split: Split, image_id: int, dive: Dive, boxes: int, needle: str | None, cast: Cast, rng: Random
) -> Scene:
    habitat = HABITATS[Random(dive_key(dive)).randrange(len(HABITATS))]
    seconds = rng.uniform(0, LONGEST_TAPE)
    frame = take_frame(dive, seconds, rng)
    stage = Stage(frame.width, frame.height, habitat, rng.uniform(0.16, 0.34))
    needles = [place_needle(stage, needle, rng)] if needle and habitat != "midwater" else []
    animals: list[Thing] = []
    for concept in cast.concepts(habitat, boxes):
        animals.append(place_animal(stage, concept, boxes, [*needles, *animals], rng))
    return Scene(
        split=split,
        image_id=image_id,
        dive=dive,
        seconds=seconds,
        frame=frame,
        habitat=habitat,
        horizon=stage.horizon,
        place=rng.getrandbits(48),
        pan=0.0,
        repeats=None,
        things=tuple(sorted([*needles, *animals], key=lambda t: t.bbox[1] + t.bbox[3])),
    )


def _a_moment_later(scene: Scene, rng: Random) -> Scene:
    """The next frame of the same recording: the camera has drifted, everything else is the same."""
    seconds = scene.seconds + rng.uniform(0.5, 2.0)
    frame = take_frame(scene.dive, seconds, rng)
    pan = scene.pan + rng.choice((-1, 1)) * rng.uniform(0.02, 0.05)
    stage = Stage(frame.width, frame.height, scene.habitat, scene.horizon)
    return replace(
        scene,
        image_id=scene.image_id + 1,
        seconds=seconds,
        frame=frame,
        pan=pan,
        repeats=scene.image_id,
        things=tuple(drift(stage, thing, pan - scene.pan) for thing in scene.things),
    )


def _numbered(things: Sequence[Thing], annotation_ids: Iterator[int]) -> tuple[Thing, ...]:
    return tuple(
        replace(thing, annotation_id=next(annotation_ids)) if thing.kind == "animal" else thing
        for thing in things
    )
