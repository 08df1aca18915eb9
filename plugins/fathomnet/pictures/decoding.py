"""Reads image files whole and decodes them with Pillow, or gives the reason why it cannot."""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from PIL import Image, UnidentifiedImageError

FORMATS: Final = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000")
"""Pillow knows more formats, some of which start other programs (EPS)."""

MAX_PIXELS: Final = 89_478_485
"""Pillow warns of a decompression bomb above this; 350 MB of memory. An 8K frame has 33 M."""

_LONGEST_REASON: Final = 200


class PictureError(ValueError):
    """An image cannot be used; the message is the reason, without the path."""


def read_picture(path: Path) -> bytes:
    """The bytes of an image file.

    Raises:
        PictureError: the file is missing, empty, not a regular file, or cannot be read.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise PictureError("not a regular file")  # reading a pipe could wait for ever
        if not status.st_size:
            raise PictureError("the file is empty")
        return path.read_bytes()
    except FileNotFoundError:
        raise PictureError("no such file") from None
    except PictureError:
        raise
    except (OSError, ValueError) as error:
        raise PictureError(_reason("cannot be read", error)) from error


def decode_picture(data: bytes) -> Image.Image:
    """Decodes the picture in a file's bytes; of an animation, the first frame.

    The orientation in its EXIF data is ignored.

    Raises:
        PictureError: the bytes are damaged, too many pixels, or not an image.
    """
    with faults_in_words(), Image.open(io.BytesIO(data), formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            size = f"{image.width:,} x {image.height:,} pixels"
            raise PictureError(f"{size} are more than {MAX_PIXELS:,}")
        image.load()
        return image


@contextmanager
def faults_in_words() -> Iterator[None]:
    """Turns any error of decoding or converting an image into a PictureError."""
    try:
        yield
    except PictureError:
        raise
    except UnidentifiedImageError:
        raise PictureError(f"not an image of a known format ({', '.join(FORMATS)})") from None
    except Exception as error:  # a damaged file makes Pillow raise whatever its decoder hits
        raise PictureError(_reason("cannot be decoded", error)) from error


def _reason(what: str, error: Exception) -> str:
    # An OSError's own text repeats the path, which on a cluster says more than a report should.
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"{what}: {text}"[:_LONGEST_REASON]
