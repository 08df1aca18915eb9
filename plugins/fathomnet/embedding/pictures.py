"""An image file as the pixels that Pillow gives, by a faster decoder where the two agree."""

from __future__ import annotations

import io
import stat
import struct
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

Pixels = npt.NDArray[np.uint8]
"""(height, width, 3): red, green and blue."""

FORMATS: Final = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000")
"""Pillow knows more, and among them some that start other programs (EPS)."""

MAX_PIXELS: Final = 89_478_485
"""Where Pillow begins to warn of a decompression bomb; an 8K frame has 33 million."""

_PNG_START: Final = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_PLAIN_COLOURS: Final = (0, 2, 6)
"""Grey, RGB and RGBA, by their numbers in a PNG's header."""
_LONGEST_REASON: Final = 200


class PictureError(ValueError):
    """An image cannot be looked at; its text is the reason, without the path."""


def open_picture(path: Path) -> Pixels:
    """Reads and decodes a file whole: what Pillow's ``convert("RGB")`` gives, pixel for pixel.

    So transparency is dropped, palettes and 1-bit pictures become the colours they stand for,
    and what Pillow makes of 16-bit grey is what there is. An orientation in EXIF data is ignored.
    Of an animation it is the first picture.

    Raises:
        PictureError: the file is missing, too large, damaged, or no image.
    """
    _check_file(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PictureError(_reason("cannot be read", error)) from error
    pixels = _plain_png(data)
    return _by_pillow(data) if pixels is None else pixels


def _check_file(path: Path) -> None:
    try:
        status = path.stat()
    except FileNotFoundError:
        raise PictureError("no such file") from None
    except (OSError, ValueError) as error:
        raise PictureError(_reason("cannot be read", error)) from error
    if not stat.S_ISREG(status.st_mode):
        raise PictureError("not a regular file")  # a pipe would be waited for without end
    if not status.st_size:
        raise PictureError("the file is empty")


def _plain_png(data: bytes) -> Pixels | None:
    """The pixels of a PNG that libspng decodes like Pillow, in less than half the time.

    Returns:
        None for every other file, and where libspng finds a fault: Pillow then judges.
    """
    if not data.startswith(_PNG_START) or len(data) < 29:
        return None
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    is_plain = depth == 8 and colour in _PLAIN_COLOURS and not interlaced
    is_animated = b"acTL" in data[: data.find(b"IDAT")]
    if not is_plain or is_animated or not 0 < width * height <= MAX_PIXELS:
        return None
    try:
        from imagecodecs import spng_decode
    except ImportError:
        return None
    try:
        decoded: Pixels = spng_decode(data)
    except Exception:  # whatever it is, Pillow finds the words for it, or decodes it after all
        return None
    if decoded.ndim == 2:
        return np.repeat(decoded[..., None], 3, axis=2)
    return decoded[..., :3]


def _by_pillow(data: bytes) -> Pixels:
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                size = f"{image.width:,} x {image.height:,} pixels"
                raise PictureError(f"{size} are more than {MAX_PIXELS:,}")
            image.load()
            image.info.pop("transparency", None)  # Pillow would warn of what it does not apply
            return np.asarray(image.convert("RGB"))
    except PictureError:
        raise
    except UnidentifiedImageError:
        raise PictureError(f"not an image of a known format ({', '.join(FORMATS)})") from None
    except Exception as error:  # a damaged file makes Pillow raise whatever its decoder hits
        raise PictureError(_reason("cannot be decoded", error)) from error


def _reason(what: str, error: Exception) -> str:
    # An OSError's own text repeats the path.
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"{what}: {text}"[:_LONGEST_REASON]
