"""What surrounds the animals: water, lamps and drifting particles."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from demo.drawing.floor import Floats, lay_floor

Habitat = Literal["sediment", "rock", "midwater"]

WATERS: Final = ((14, 74, 104), (16, 84, 94), (10, 58, 90), (18, 88, 86))
AMBIENT: Final = 0.27
"""Light outside the cone of the lamps, against 1 in its middle."""
FLAKE: Final = np.array((190, 214, 214), np.float32)


@dataclass(frozen=True, slots=True)
class Backdrop:
    """An empty scene, to draw into.

    Attributes:
        picture: (h, w, 3) uint8.
        light: (h, w) uint8, brightness of the lamps at each pixel, 255 for full light.
        water: (3,) float32, the colour that far things fade to.
    """

    picture: npt.NDArray[np.uint8]
    light: npt.NDArray[np.uint8]
    water: Floats


def backdrop(
    habitat: Habitat,
    size: tuple[int, int],
    horizon: float,
    seed: int,
    *,
    pan: float = 0.0,
    grain: float = 0.0,
) -> Backdrop:
    """Paints the water and the sea floor, at half size, and enlarges the result.

    Args:
        habitat: what the floor is; midwater has none.
        size: width and height in pixels.
        horizon: height at which the floor ends, as a share of the picture from its top.
        seed: equal seeds give the same place.
        pan: how far the camera has moved to the side, as a share of the width, seen at the
            bottom of the picture; the lamps move with the camera.
        grain: standard deviation of the sensor's noise in grey levels.
    """
    rng = np.random.default_rng(seed)
    width, height = max(1, size[0] // 2), max(1, size[1] // 2)
    x = np.linspace(0, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    centre = (0.5 + rng.uniform(-0.06, 0.06), 0.5 if habitat == "midwater" else 0.62)
    cone = np.exp(-(((x - centre[0]) / 0.5) ** 2) - ((y - centre[1]) / 0.5) ** 2)
    light = AMBIENT + (1 - AMBIENT) * cone
    water = np.array(WATERS[rng.integers(len(WATERS))], np.float32)
    picture = water * (0.14 + 1.3 * (1 - 0.85 * y) * (0.3 + 0.7 * cone))[..., None]
    if habitat != "midwater":
        lay_floor(picture, light, habitat == "rock", horizon, pan, rng)
    if grain:
        picture += rng.normal(0, grain, (height, width, 1)).astype(np.float32)
    return Backdrop(_enlarge(picture, size), _enlarge(light * 255, size), water)


def add_snow(scene: Backdrop, rng: np.random.Generator) -> None:
    """Sprinkles marine snow on a scene, in place: many fine specks and a few large blurred ones."""
    unit = scene.light.shape[0] / 1080
    for number, radius, strength in ((170, 1.6, 0.6), (24, 4.0, 0.34), (5, 22.0, 0.1)):
        for size in radius * unit * rng.uniform(0.5, 1.5, number):
            _add_flake(scene, max(float(size), 0.6), strength, rng)


def _add_flake(scene: Backdrop, radius: float, strength: float, rng: np.random.Generator) -> None:
    reach = int(np.ceil(radius * 1.8))
    height, width = scene.light.shape
    if min(height, width) <= 2 * reach:
        return
    x, y = rng.integers(reach, width - reach), rng.integers(reach, height - reach)
    window = np.s_[y - reach : y + reach + 1, x - reach : x + reach + 1]
    offset = np.arange(-reach, reach + 1, dtype=np.float32)
    disc = np.exp(-((offset[:, None] ** 2 + offset[None, :] ** 2) / radius**2))
    alpha = (strength * rng.uniform(0.4, 1.0) / 255) * disc * scene.light[window]
    under = scene.picture[window].astype(np.float32)
    scene.picture[window] = under + alpha[..., None] * (FLAKE - under)


def _enlarge(field: Floats, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    small = Image.fromarray(np.rint(field).clip(0, 255).astype(np.uint8))
    return np.array(small.resize(size, Image.Resampling.BILINEAR))
