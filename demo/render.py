"""Draws a planned scene."""

from typing import Final

import numpy as np
from PIL import Image

from demo.drawing.compose import stamp
from demo.drawing.water import add_snow, backdrop
from demo.needles import NEEDLES
from demo.recipes import RECIPES
from demo.scenes import Scene
from demo.staging import CARRIED

GRAIN: Final = 0.25
"""Standard deviation of the sensor's noise in grey levels."""


def render(scene: Scene) -> Image.Image:
    """The image of a scene; the same scene gives the same pixels."""
    frame = scene.frame
    size = (frame.width, frame.height)
    picture = backdrop(scene.habitat, size, scene.horizon, scene.place, pan=scene.pan, grain=GRAIN)
    for thing in scene.things:
        is_animal = thing.kind == "animal"
        look = RECIPES[thing.name] if is_animal else NEEDLES[thing.name]
        foot = (thing.bbox[1] + thing.bbox[3]) / frame.height
        swims = is_animal and RECIPES[thing.name].swims
        stamp(
            picture,
            look.draw,
            thing.bbox,
            thing.seed,
            nearness=(foot - scene.horizon) / (1 - scene.horizon),
            floor=scene.habitat != "midwater" and not swims and thing.name not in CARRIED,
            mirrored=thing.name not in CARRIED and bool(thing.seed % 2),
        )
    add_snow(picture, np.random.default_rng([scene.place, scene.image_id]))
    return Image.fromarray(picture.picture)
