"""Makes the four pictures of a box that the model sees (winner-model.md, section 6), in 8 bits.

Windows and pixels equal the reference's bit for bit, oddities included: a window that the image
clips is stretched, and one wholly outside the image is black or, to the left and above, wraps.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from .annotations import Box

SIDE: Final = 256
"""Side of a crop, in pixels."""

Pixels = npt.NDArray[np.uint8]
"""Shape (3, SIDE, SIDE): red, green and blue, each row by row."""


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of whole pixels inside an image.

    It is empty if right <= left or bottom <= top.
    """

    left: int
    top: int
    right: int
    bottom: int

    @property
    def empty(self) -> bool:
        return self.right <= self.left or self.bottom <= self.top


@dataclass(frozen=True, slots=True)
class Windows:
    """What each of the model's four encoders sees of one box."""

    object: Window
    context_3: Window
    context_5: Window
    whole: Window


def windows_of(box: Box, width: int, height: int) -> Windows:
    """The windows of a box (section 6, steps 2 and 3).

    Args:
        box: as in the COCO file; it may extend beyond the image.
        width: width of the image, from its file.
        height: likewise.

    Raises:
        ValueError: a number of the box is not finite.

    Examples:
        >>> windows = windows_of(Box(1, x=40, y=30, width=20, height=10), width=100, height=80)
        >>> windows.object
        Window(left=39, top=24, right=61, bottom=46)
        >>> windows.context_3
        Window(left=20, top=5, right=80, bottom=65)
    """
    if not all(map(math.isfinite, (box.x, box.y, box.width, box.height))):
        raise ValueError("the box has a number that is not finite")
    # int() truncates towards zero, which differs from floor left of and above the image.
    x = int(box.x + math.floor(box.width / 2))
    y = int(box.y + math.floor(box.height / 2))
    half = math.floor(max(box.width, box.height) / 2)
    reaches = (half + 1, half * 3, half * 5, max(width, height))
    windows = []
    for reach in reaches:
        left, right = _span(x, reach, width)
        top, bottom = _span(y, reach, height)
        windows.append(Window(left, top, right, bottom))
    return Windows(*windows)


def _span(centre: int, reach: int, length: int) -> tuple[int, int]:
    """The first column (or row), and the one after the last.

    The reference slices an array, where an upper bound below zero counts from the far end.
    """
    span = slice(max(centre - reach, 0), min(centre + reach, length))
    first, after, _ = span.indices(length)
    return first, after


def cut_window(image: Image.Image, window: Window) -> Pixels:
    """Cuts out a window of an image, stretched to SIDE x SIDE (section 6, steps 4 and 5).

    Args:
        image: RGB, RGBA or LA; alpha weights the colours while they are resized and is then
            dropped, as in the reference.
        window: inside the image.

    Examples:
        >>> cut_window(Image.new("RGB", (100, 80)), Window(39, 24, 61, 46)).shape
        (3, 256, 256)
    """
    if window.empty:
        return np.zeros((3, SIDE, SIDE), np.uint8)
    bounds = (window.left, window.top, window.right, window.bottom)
    # Cropped first, because resize(box=...) would let pixels beyond the window bleed in.
    part = image if bounds == (0, 0, *image.size) else image.crop(bounds)
    resized = part.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    colours = resized if resized.mode == "RGB" else resized.convert("RGB")
    return np.ascontiguousarray(np.asarray(colours).transpose(2, 0, 1))
