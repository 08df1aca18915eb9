"""The sea floor: soft mud with ripples and burrows, or rock, in perspective under the lamps."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.floating[Any]]

MUDS: Final = ((214, 192, 156), (192, 190, 172), (172, 182, 160))
ROCKS: Final = ((178, 154, 132), (150, 148, 144))
TILE: Final = 512
"""Side of the repeating noise in pixels."""
KNOTS: Final = 64
"""Number of random values along the side of a tile; between them it is smooth."""


def lay_floor(
    picture: Floats,
    light: Floats,
    rocky: bool,
    horizon: float,
    pan: float,
    rng: np.random.Generator,
) -> None:
    """Paints the sea floor over the lower part of a picture of water, in place.

    Args:
        picture: (h, w, 3), 0..255.
        light: (h, w), brightness of the lamps, 0..1.
        rocky: rock instead of mud.
        horizon: where the floor ends, as a share of the height from the top.
        pan: how far the camera has moved to the side, as a share of the width at the bottom.
        rng: decides the place.
    """
    height, width = light.shape
    ridge = horizon + _ridge(width, 1.0 if rocky else 0.15, rng)
    top = int(max(0.0, ridge.min()) * height)
    y = np.linspace(0, 1, height, dtype=np.float32)[top:, None]
    level = np.clip((y - horizon) / (1 - horizon), 0.0, 1.0)
    nearness = np.broadcast_to(level, (height - top, width))
    colours = ROCKS if rocky else MUDS
    colour = np.array(colours[rng.integers(len(colours))], np.float32)
    relief = (_rock if rocky else _mud)(nearness, width / height, pan, rng)
    floor = colour * (relief * light[top:])[..., None]
    clear = 1 - np.exp(-3.2 * nearness)
    rim = np.clip((y - ridge[None, :]) * (60 if rocky else 25), 0, 1)
    share = ((0.3 + 0.7 * clear if rocky else clear) * rim)[..., None]
    picture[top:] += share * (floor - picture[top:])


def _mud(nearness: Floats, aspect: float, pan: float, rng: np.random.Generator) -> Floats:
    """Brightness of soft ground: broad tones, fine grit, small dark burrows; about 1 on average."""
    broad, fine, grit = (
        _ground(nearness, aspect, pan, scale, 0.14, rng) for scale in (40.0, 130.0, 320.0)
    )
    burrows = np.clip(grit - 0.72, 0, 1) * nearness
    relief: Floats = 1 + 0.16 * broad + 0.13 * fine + 0.12 * grit * nearness - 2.2 * burrows
    return relief


def _rock(nearness: Floats, aspect: float, pan: float, rng: np.random.Generator) -> Floats:
    """Brightness of rounded boulders with dark clefts between them; about 1 on average."""
    octaves = ((26.0, 1.0), (60.0, 0.5), (150.0, 0.24))
    height = np.zeros_like(nearness)
    for scale, weight in octaves:
        height += weight * (1 - np.abs(_ground(nearness, aspect, pan, scale, 0.4, rng)) * 2) * -1
    lit = np.gradient(height, axis=0) * 5 + np.gradient(height, axis=1) * 2.5
    relief: Floats = np.clip(0.72 + 0.16 * height + 0.5 * np.tanh(lit), 0.08, 1.6)
    return relief


def _ground(
    nearness: Floats,
    aspect: float,
    pan: float,
    scale: float,
    depth: float,
    rng: np.random.Generator,
) -> Floats:
    """Noise in -1..1 that lies on a plane seen in perspective; less ``depth`` is more slanted."""
    distance = (1 + depth) / (nearness + depth)
    width = nearness.shape[1]
    side = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None, :] + pan * nearness
    # Texels a unit of the plane; the offset keeps the coordinates positive.
    across = (side * aspect * distance + 64) * (2 * scale)
    along = distance[:, 0] * (scale * (4.3 if depth < 0.2 else 1.5))
    # What is finer than a pixel far away would flicker, so it fades out.
    fading: Floats = np.clip(nearness * 400 / scale, 0, 1)
    return _sample(_noise_tile(rng), across, along) * fading


def _sample(tile: Floats, across: Floats, along: Floats) -> Floats:
    """The repeating ``tile`` between its texels: column (h, w), row (h,); linear in both ways."""
    row, column = along.astype(np.int32), across.astype(np.int32)
    down, right = (along - row)[:, None], across - column
    lines = tile[row % TILE] * (1 - down) + tile[(row + 1) % TILE] * down
    near, far = (np.take_along_axis(lines, (column + k) % TILE, axis=1) for k in (0, 1))
    between: Floats = near + right * (far - near)
    return between


def _noise_tile(rng: np.random.Generator) -> Floats:
    """Smooth noise in -1..1 that repeats without a seam, (TILE, TILE)."""
    coarse = np.pad(rng.uniform(-1, 1, (KNOTS, KNOTS)).astype(np.float32), 4, mode="wrap")
    step = TILE // KNOTS
    side = (KNOTS + 8) * step
    fine = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(fine)[4 * step : -4 * step, 4 * step : -4 * step]


def _ridge(width: int, height: float, rng: np.random.Generator) -> Floats:
    """The uneven far edge of the floor, as an offset of the horizon, (width,)."""
    x = np.linspace(0, 1, width, dtype=np.float32)
    waves = ((0.05, 1.3), (0.03, 3.1), (0.012, 8.7), (0.006, 21.0))
    offset: Floats = np.zeros_like(x)
    for swing, turns in waves:
        offset += height * swing * np.sin(6.28 * (turns * x + rng.random()))
    return offset
