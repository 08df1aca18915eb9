"""Finds the pixels of an image that a box holds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from .decoding import Pixels

CROP_RULE: Final = 1
"""Increased when the rule changes which pixels a box holds, so that vectors are made again."""

_LOST: Final = 1e-6
"""Far less than a pixel, but more than a division and a multiplication of floats lose."""

BoundingBox = Sequence[float]
"""FiftyOne's: left, top, width and height, relative to the image."""


class BoxError(ValueError):
    """A box holds no pixel; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of whole pixels inside an image, at least one of them."""

    left: int
    top: int
    right: int
    bottom: int


def window_of(bounding_box: BoundingBox, width: int, height: int) -> Window:
    """The pixels of a box, with each edge rounded down, as FiftyOne cuts its patches.

    Unlike in FiftyOne, an edge that was a whole pixel in the catalog stays one, although it has
    been divided by the image's size since; parts beyond the image are left out; and a box narrower
    than a pixel holds the pixel where it begins.

    Raises:
        BoxError: the box has no area, lies outside the image, or has a non-finite number.

    Examples:
        >>> window_of((0.25, 0.5, 0.5, 0.75), width=100, height=60)
        Window(left=25, top=30, right=75, bottom=60)
    """
    if len(bounding_box) != 4 or not all(map(math.isfinite, bounding_box)):
        raise BoxError("the box is no rectangle")
    x, y, wide, high = bounding_box
    if wide <= 0 or high <= 0:
        raise BoxError("the box has no area")
    left, right = _span(x, wide, width)
    top, bottom = _span(y, high, height)
    if left >= right or top >= bottom:
        raise BoxError("the box lies outside the image")
    return Window(left, top, right, bottom)


def _span(start: float, extent: float, length: int) -> tuple[int, int]:
    first = math.floor(start * length + _LOST)
    end = max(first + 1, math.floor((start + extent) * length + _LOST))
    return max(0, first), min(length, end)


def cut_patch(picture: Pixels, window: Window) -> Image.Image:
    """Cuts a patch out of an image, as a picture of its own."""
    rows, columns = slice(window.top, window.bottom), slice(window.left, window.right)
    return Image.fromarray(np.ascontiguousarray(picture[rows, columns]))
