"""The pictures that the demo CLIP is trained on: boxes, whole images and parts of images."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from demo.coco import Bbox
from demo.drawing.water import Habitat
from demo.needles import NEEDLES
from demo.render import render
from demo.scenes import Scene, plan_scenes
from demo.staging import Stage, Thing, place_needle

NEEDLE_SHARE: Final = 0.5
"""Of the images with a floor; the demo set itself has far fewer, too few to learn from."""
EMPTY_SHARE: Final = 0.12
"""Of the images show no animal."""
TILES: Final = 2
"""Parts of an image, of random size, beside the whole."""
NEEDLE_TILES: Final = 2
"""Parts with a needle in them, for each needle: most parts at random would miss it."""
TILE_SHARES: Final = (0.22, 0.8)
"""Least and greatest side of a part, as a share of the image's: the least is below that of the
tiles that ``add_tiles`` makes."""
SURELY, HARDLY = 0.6, 0.05
"""Shares of a thing that are seen: from the first on it is said to be in a picture, and below the
second not; between the two nothing is said."""

Kind = Literal["box", "whole", "tile", "bare"]


@dataclass(frozen=True, slots=True)
class Shown:
    """What is in a picture.

    Attributes:
        kind: a box, a whole image, a part of one, or a place where nothing is.
        habitat: of the image.
        names: of concepts and needles that are in it.
        unsure: of those that are seen in part.
        extent: its width and height, as shares of its image's.
    """

    kind: Kind
    habitat: Habitat
    names: frozenset[str]
    unsure: frozenset[str]
    extent: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures and what is in them.

    Attributes:
        pixels: (N, side, side, 3) uint8, squashed as the model's own preprocessing does it.
        shown: of each.
    """

    pixels: npt.NDArray[np.uint8]
    shown: tuple[Shown, ...]


def draw_pictures(images: int, seed: int, side: int, workers: int = 1) -> Pictures:
    """Draws images with other needles and boxes than the demo set's, and cuts them up.

    Args:
        images: number of images; each gives about seven pictures.
        seed: decides everything.
        side: of the pictures, in pixels.
        workers: number of processes that draw.
    """
    scenes = plan_pictures(images, seed)
    draw = partial(_cut_up, side=side)
    if workers <= 1:
        drawn = [draw(scene) for scene in scenes]
    else:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, context) as pool:
            drawn = list(pool.map(draw, scenes, chunksize=8))
    pairs = [pair for of_scene in drawn for pair in of_scene]
    return Pictures(np.stack([pixels for pixels, _ in pairs]), tuple(shown for _, shown in pairs))


def plan_pictures(images: int, seed: int) -> list[Scene]:
    """The images that ``draw_pictures`` draws."""
    rng = Random(f"demo clip {seed}")
    return [_varied(scene, rng) for scene in plan_scenes(images, 0, seed)]


def squash(image: Image.Image, side: int) -> npt.NDArray[np.uint8]:
    """A picture in the model's size, whatever its shape was: (side, side, 3) uint8."""
    return np.asarray(image.resize((side, side), Image.Resampling.BICUBIC))


def _varied(scene: Scene, rng: Random) -> Scene:
    """The scene with a needle in one half of all that have a floor, and sometimes without animals.

    Without them a model would learn that debris lies beside animals.
    """
    things = list(scene.things)
    if rng.random() < EMPTY_SHARE:
        things = [thing for thing in things if thing.kind != "animal"]
    bare = scene.habitat != "midwater" and all(thing.kind == "animal" for thing in things)
    if bare and rng.random() < NEEDLE_SHARE:
        stage = Stage(scene.frame.width, scene.frame.height, scene.habitat, scene.horizon)
        things.append(place_needle(stage, rng.choice(list(NEEDLES)), rng))
    return replace(scene, things=tuple(sorted(things, key=lambda t: t.bbox[1] + t.bbox[3])))


def _cut_up(scene: Scene, side: int) -> list[tuple[npt.NDArray[np.uint8], Shown]]:
    image = render(scene)
    rng = Random(f"tiles {scene.place} {scene.image_id}")
    return [
        (squash(image.crop((x, y, x + width, y + height)), side), shown)
        for (x, y, width, height), shown in _rectangles(scene, rng)
    ]


def _rectangles(scene: Scene, rng: Random) -> Iterator[tuple[Bbox, Shown]]:
    whole = (0, 0, scene.frame.width, scene.frame.height)
    yield whole, _shown("whole", scene, whole)
    for thing in scene.things:
        yield thing.bbox, _shown("box", scene, thing.bbox, thing)
    tiles = [_part(scene, rng.uniform(*TILE_SHARES), rng) for _ in range(TILES)]
    needles = [thing for thing in scene.things if thing.kind != "animal"]
    tiles += [_around(needle, scene, rng) for needle in needles for _ in range(NEEDLE_TILES)]
    for tile in tiles:
        yield tile, _shown("tile", scene, tile)
    bare = _part(scene, rng.uniform(0.06, 0.3), rng)
    shown = _shown("bare", scene, bare)
    if not shown.names and not shown.unsure:
        yield bare, shown


def _around(needle: Thing, scene: Scene, rng: Random) -> Bbox:
    """A small part that holds a needle, anywhere in it."""
    low, high = TILE_SHARES
    _, _, width, height = _part(scene, rng.uniform(low, (low + high) / 2), rng)
    corner = []
    for start, side, whole in ((0, width, scene.frame.width), (1, height, scene.frame.height)):
        first, extent = needle.bbox[start], needle.bbox[start + 2]
        ends = sorted((first, first + extent - side))
        corner.append(min(max(rng.randint(*ends), 0), whole - side))
    return corner[0], corner[1], width, height


def _part(scene: Scene, share: float, rng: Random) -> Bbox:
    width = round(scene.frame.width * share * rng.uniform(0.8, 1.2))
    height = round(scene.frame.height * share * rng.uniform(0.8, 1.2))
    left = rng.randint(0, scene.frame.width - width)
    return left, rng.randint(0, scene.frame.height - height), width, height


def _shown(kind: Kind, scene: Scene, rectangle: Bbox, subject: Thing | None = None) -> Shown:
    """What is in a part of an image; of a box it is its own thing, whatever else reaches in."""
    seen = [(thing.name, _seen(thing.bbox, rectangle)) for thing in scene.things]
    sure = {name for name, share in seen if share >= SURELY}
    partly = {name for name, share in seen if share > HARDLY} - sure
    if subject is not None:
        partly = (sure | partly) - {subject.name}
        sure = {subject.name}
    extent = rectangle[2] / scene.frame.width, rectangle[3] / scene.frame.height
    return Shown(kind, scene.habitat, frozenset(sure), frozenset(partly), extent)


def _seen(bbox: Bbox, rectangle: Bbox) -> float:
    """The share of a box that lies in a rectangle."""
    sides = []
    for start, extent in ((0, 2), (1, 3)):
        low = max(bbox[start], rectangle[start])
        high = min(bbox[start] + bbox[extent], rectangle[start] + rectangle[extent])
        sides.append(max(0, high - low))
    return sides[0] * sides[1] / (bbox[2] * bbox[3])
