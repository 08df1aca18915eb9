"""An image file as a picture in memory, or the reason why it is none."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Final

import numpy as np
from fathomnet_voxel51.files.coco_values import safe_file_name
from PIL import Image, UnidentifiedImageError

FORMATS: Final = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000")
"""Pillow knows more, and among them some that start other programs (EPS)."""

MAX_PIXELS: Final = 89_478_485
"""Where Pillow begins to warn of a decompression bomb; 350 MB of memory, an 8K frame has 33 M."""

_AS_THEY_ARE: Final = frozenset({"RGB", "RGBA", "LA"})
_LONGEST_REASON: Final = 200


class ImageError(ValueError):
    """An image cannot be looked at; its text is the reason that the boxes get."""


def open_image(folder: Path, file_name: str) -> Image.Image:
    """Reads and decodes an image whole; an orientation in its EXIF data is ignored (section 6).

    Args:
        folder: of the images. Links inside it are followed, since they are its owner's.
        file_name: path below the folder, from the COCO file.

    Returns:
        A picture whose mode is RGB, RGBA or LA; see ``in_colour`` for what becomes of other modes.

    Raises:
        ImageError: the file is missing, leaves the folder, is too large, or cannot be decoded.
    """
    path = folder / _inside(file_name)
    _check_file(path)
    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ImageError(
                    f"{image.width:,} x {image.height:,} pixels are more than {MAX_PIXELS:,}"
                )
            image.load()
            return in_colour(image)
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError(f"not an image of a known format ({', '.join(FORMATS)})") from None
    except Exception as error:  # a damaged file makes Pillow raise whatever its decoder hits
        raise ImageError(_reason("cannot be decoded", error)) from error


def in_colour(image: Image.Image) -> Image.Image:
    """A picture in the modes that the crops know.

    RGB, RGBA and LA stay, grey becomes RGB: so does the reference. The others make it fail, and are
    converted here: palette and 1-bit to the colours they stand for, 16-bit grey by its high byte
    (what Pillow itself does with 16-bit RGB), 32-bit grey likewise after it was clipped to 16 bits,
    all others (CMYK, YCbCr, LAB, HSV) by Pillow's conversion. A palette's transparency is dropped.

    Args:
        image: decoded.

    Raises:
        ImageError: it holds floating-point numbers, of which nothing says what is white.
    """
    if image.mode in _AS_THEY_ARE:
        return image
    if image.mode == "F":
        raise ImageError("floating-point pixels have no known range; store 8 or 16 bits")
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int32).clip(0, 0xFFFF)
        image = Image.fromarray((values >> 8).astype(np.uint8))
    image.info.pop("transparency", None)  # Pillow would warn of what it does not apply
    return image.convert("RGB")


def _inside(file_name: str) -> str:
    try:
        return str(safe_file_name(file_name))
    except ValueError as error:
        raise ImageError(f"file name {error}") from None


def _check_file(path: Path) -> None:
    try:
        status = path.stat()
    except FileNotFoundError:
        raise ImageError("no such file") from None
    except (OSError, ValueError) as error:
        raise ImageError(_reason("cannot be read", error)) from error
    if not stat.S_ISREG(status.st_mode):
        raise ImageError("not a regular file")  # a pipe would be waited for without end
    if not status.st_size:
        raise ImageError("the file is empty")


def _reason(what: str, error: Exception) -> str:
    # An OSError's own text repeats the path, which on a cluster says more than a report should.
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"{what}: {text}"[:_LONGEST_REASON]
