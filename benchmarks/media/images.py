"""PNG files of realistic sizes, packed into one file that an origin serves from."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

import google_crc32c
import numpy as np

WIDTH: Final = 1_000
ROW: Final = 3 * WIDTH + 1
"""Bytes of a row: RGB, and the byte that names its filter."""
IDAT: Final = 8_192
"""Bytes of compressed data in a chunk, as libpng writes them: whoever walks the chunks has many."""
FRAMING: Final = 1 + 12 / IDAT
"""What the chunks' own lengths, names and checksums add."""

SMALLEST, USUAL, LARGEST = 0.54e6, 3.28e6, 3.98e6
"""Bytes. A triangle over these has the mean of FathomNet's training images, 2.60 MB."""


@dataclass(frozen=True, slots=True)
class Image:
    """One image that the origin serves as ``/<name>``.

    Attributes:
        name: file name.
        offset: where its bytes begin in the pack.
        size: bytes.
        crc32c: of its bytes, as Cloud Storage writes it.
        height: pixels; the width is ``WIDTH``.
    """

    name: str
    offset: int
    size: int
    crc32c: str
    height: int


@dataclass(frozen=True, slots=True)
class Pack:
    """Images back to back in one file, so that an origin needs one open file only.

    Attributes:
        path: the file with their bytes.
        images: what lies where; several may share bytes.
    """

    path: Path
    images: tuple[Image, ...]

    @classmethod
    def write(cls, path: Path, sizes: Sequence[int], count: int | None = None) -> Self:
        """Draws images and packs them.

        Args:
            path: the file to write; ``<path>.json`` beside it says what lies where.
            sizes: bytes of each drawn image, met within a row of its pixels.
            count: names to give; more than there are sizes share the drawn images in turn.
        """
        rng = np.random.default_rng(7)
        drawn: list[Image] = []
        with path.open("wb") as file:
            for size in sizes:
                height = max(1, round(size / FRAMING / ROW))
                content = png(height, rng)
                crc32c = base64_crc32c(google_crc32c.value(content))
                drawn.append(Image("", file.tell(), len(content), crc32c, height))
                file.write(content)
        images = [
            Image(**(asdict(drawn[number % len(drawn)]) | {"name": f"{number:06d}.png"}))
            for number in range(count or len(drawn))
        ]
        return cls(path, tuple(images)).indexed()

    def indexed(self) -> Self:
        """Writes beside the file what lies where."""
        _index(self.path).write_text(json.dumps([asdict(image) for image in self.images]))
        return self

    @classmethod
    def read(cls, path: Path) -> Self:
        return cls(path, tuple(Image(**values) for values in json.loads(_index(path).read_text())))

    @property
    def mean_size(self) -> float:
        return sum(image.size for image in self.images) / len(self.images)


def _index(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def realistic_sizes(count: int) -> list[int]:
    """Sizes in bytes from 0.54 to 3.98 MB with a mean of 2.60, in no order; always the same."""
    share = np.linspace(0, 1, count)
    width = LARGEST - SMALLEST
    rising = SMALLEST + np.sqrt(share * width * (USUAL - SMALLEST))
    falling = LARGEST - np.sqrt((1 - share) * width * (LARGEST - USUAL))
    sizes = np.where(share < (USUAL - SMALLEST) / width, rising, falling)
    return [int(size) for size in np.random.default_rng(7).permutation(sizes)]


def png(height: int, rng: np.random.Generator) -> bytes:
    """A valid PNG of noise, (height, WIDTH) RGB, stored instead of compressed: quickly made."""
    rows = np.zeros((height, ROW), np.uint8)
    rows[:, 1:] = rng.integers(0, 256, (height, ROW - 1), np.uint8)
    data = memoryview(zlib.compress(rows.data, level=0))
    header = struct.pack(">IIBBBBB", WIDTH, height, 8, 2, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            *_chunk(b"IHDR", header),
            *(part for at in range(0, len(data), IDAT) for part in _idat(data[at : at + IDAT])),
            *_chunk(b"IEND", b""),
        )
    )


def _idat(data: memoryview) -> Iterator[bytes | memoryview]:
    return _chunk(b"IDAT", data)


def _chunk(kind: bytes, data: bytes | memoryview) -> Iterator[bytes | memoryview]:
    yield struct.pack(">I", len(data)) + kind
    yield data
    yield struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def base64_crc32c(checksum: int) -> str:
    """CRC-32C as Cloud Storage writes it: Base64 of its four bytes, big-endian."""
    return base64.b64encode(checksum.to_bytes(4, "big")).decode()
