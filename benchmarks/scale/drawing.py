"""Small images with the boxes inside, every file different, packed for an origin."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import google_crc32c
import numpy as np
from PIL import Image as Picture

from benchmarks.media.images import Image, Pack, base64_crc32c

DRAWERS: Final = 2
_AT_ONCE: Final = 200
_GRAIN: Final = 24
"""Pixels from one random colour of the water to the next."""


@dataclass(frozen=True, slots=True)
class Sketch:
    """An image before it is drawn.

    Attributes:
        name: what it is served as.
        size: width and height in pixels.
        boxes: left, top, width and height of each, and the number of its concept.
        seed: decides everything else.
    """

    name: str
    size: tuple[int, int]
    boxes: tuple[tuple[tuple[int, int, int, int], int], ...]
    seed: int


def write_pack(path: Path, sketches: list[Sketch]) -> Pack:
    """Draws the images, by several processes, into one file."""
    with path.open("wb") as file, ProcessPoolExecutor(DRAWERS) as pool:
        images: list[Image] = []
        for contents in pool.map(_draw_all, _parts(sketches)):
            for content in contents:
                sketch = sketches[len(images)]
                crc32c = base64_crc32c(google_crc32c.value(content))
                place = (file.tell(), len(content), crc32c, sketch.size[1])
                images.append(Image(sketch.name, *place))
                file.write(content)
    return Pack(path, tuple(images)).indexed()


def _parts(sketches: list[Sketch]) -> Iterator[list[Sketch]]:
    for start in range(0, len(sketches), _AT_ONCE):
        yield sketches[start : start + _AT_ONCE]


def _draw_all(sketches: list[Sketch]) -> list[bytes]:
    return [_draw(sketch) for sketch in sketches]


def _draw(sketch: Sketch) -> bytes:
    """A PNG: water in random colours, and in each box an animal in its concept's colours."""
    rng = np.random.default_rng(sketch.seed)
    width, height = sketch.size
    picture = _patch(
        rng.integers(0, 120, (2 + height // _GRAIN, 2 + width // _GRAIN, 3)), width, height
    )
    for (left, top, wide, high), concept in sketch.boxes:
        own = np.random.default_rng(concept).integers(60, 256, (4, 4, 3))
        colours = np.clip(own + rng.integers(-40, 41, own.shape), 0, 255)
        picture.paste(_patch(colours, wide, high), (left, top))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _patch(colours: np.ndarray, width: int, height: int) -> Picture.Image:
    small = Picture.fromarray(colours.astype(np.uint8))
    return small.resize((width, height), Picture.Resampling.BICUBIC)
