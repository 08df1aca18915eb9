"""Puts a planned scene together: water, then everything in it from far to near, then snow."""

from collections.abc import Callable
from typing import Final

import numpy as np
from PIL import Image, ImageFilter

from demo.coco import Bbox
from demo.drawing.pen import Pen
from demo.drawing.water import Backdrop

SHADOW: Final = 0.55
"""How much light the darkest part of a shadow takes away."""
LEAST_HAZE, MOST_HAZE = 0.04, 0.34


def stamp(
    scene: Backdrop,
    draw: Callable[[Pen], None],
    bbox: Bbox,
    seed: int,
    *,
    nearness: float,
    floor: bool,
    mirrored: bool,
) -> None:
    """Draws one thing into a scene, in place, lit by its lamps and veiled by its water.

    Args:
        scene: to draw into.
        draw: draws the thing with a pen.
        bbox: what the drawing fills exactly, in pixels.
        seed: decides what is individual about it.
        nearness: 0 at the far end of sight to 1 next to the camera.
        floor: whether it stands on the floor, and so casts a shadow.
        mirrored: whether left and right are swapped.
    """
    rng = np.random.default_rng(seed)
    left, top, width, height = bbox
    pen = Pen(width, height, rng)
    draw(pen)
    sprite = pen.tight()
    if mirrored:
        sprite = sprite.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    pixels = np.asarray(sprite, np.float32)
    if floor:
        _cast_shadow(scene, pixels[..., 3] / 255, bbox)
    window = np.s_[top : top + height, left : left + width]
    haze = MOST_HAZE + (LEAST_HAZE - MOST_HAZE) * min(max(nearness, 0.0), 1.0)
    tone = (rng.uniform(0.92, 1.08) * rng.uniform(0.97, 1.03, 3)).astype(np.float32)
    light = 0.42 + 0.85 * scene.light[window][..., None] / np.float32(255)
    # Red is lost first on the way through water.
    absorbed = np.array((1 - 0.3 * haze, 1 - 0.1 * haze, 1.0), np.float32)
    veil = scene.water * (0.3 + 0.5 * light)
    colour = pixels[..., :3] * tone * absorbed * light * (1 - haze) + veil * haze
    under = scene.picture[window].astype(np.float32)
    blended = under + pixels[..., 3:] / 255 * (colour - under)
    scene.picture[window] = np.rint(blended).clip(0, 255)


def _cast_shadow(scene: Backdrop, alpha: np.ndarray, bbox: Bbox) -> None:
    """Darkens the floor below a thing with its own outline, pressed flat and blurred."""
    left, top, width, height = bbox
    depth = max(4, round(min(0.3 * height, 0.45 * width)))
    blur = max(1.0, depth * 0.22)
    pad = round(2 * blur)
    flat = Image.fromarray(np.uint8(alpha * 255)).resize((width, depth), Image.Resampling.BOX)
    shadow = Image.new("L", (width + 2 * pad, depth + 2 * pad), 0)
    shadow.paste(flat, (pad, pad))
    dark = np.asarray(shadow.filter(ImageFilter.GaussianBlur(blur)), np.float32) / 255 * SHADOW
    x = left - pad + round(0.06 * width)
    y = top + height - round(0.6 * depth) - pad
    rows, columns = scene.light.shape
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + dark.shape[1], columns), min(y + dark.shape[0], rows)
    lit = 1 - dark[y0 - y : y1 - y, x0 - x : x1 - x, None]
    scene.picture[y0:y1, x0:x1] = scene.picture[y0:y1, x0:x1] * lit
