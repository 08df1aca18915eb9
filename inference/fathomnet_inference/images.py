"""Opens image files as pictures in memory, or says why it cannot."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from fathomnet_voxel51.files import safe_file_name
from fathomnet_voxel51.pictures import (
    PictureError,
    decode_picture,
    depth_note,
    faults_in_words,
    read_picture,
)
from PIL import Image

_AS_THEY_ARE: Final = frozenset({"RGB", "RGBA", "LA"})


def open_image(folder: Path, file_name: str, noted: Callable[[str], object] = str) -> Image.Image:
    """Reads and decodes a whole image; the orientation in its EXIF data is ignored (section 6).

    Args:
        folder: of the images. Links in it are followed, since its owner made them.
        file_name: path below the folder, from the COCO file.
        noted: called with what is to be known of a picture that can be used.

    Returns:
        A picture in RGB, RGBA or LA mode; see ``in_colour`` for what becomes of other modes.

    Raises:
        PictureError: the file is missing, leaves the folder, is too large, or cannot be decoded.
    """
    with faults_in_words():
        try:
            path = folder / str(safe_file_name(file_name))
        except ValueError as error:
            raise PictureError(f"file name {error}") from None
        data = read_picture(path)
        picture = decode_picture(data)
        if note := depth_note(picture, data, clips=False):
            noted(note)
        return in_colour(picture)


def in_colour(image: Image.Image) -> Image.Image:
    """Converts a picture to one of the modes that the crops accept.

    RGB, RGBA and LA stay, and grey becomes RGB, as in the reference. Other modes make the reference
    fail and are converted here: palette and 1-bit to the colours they stand for, 16-bit grey by its
    high byte (as Pillow itself does with 16-bit RGB), 32-bit grey likewise once clipped to 16 bits,
    all others (CMYK, YCbCr, LAB, HSV) by Pillow's conversion. A palette's transparency is dropped.

    Args:
        image: decoded.

    Raises:
        PictureError: it holds floating-point numbers, for which white is not defined.
    """
    if image.mode in _AS_THEY_ARE:
        return image
    if image.mode == "F":
        raise PictureError("floating-point pixels have no known range; store 8 or 16 bits")
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int32).clip(0, 0xFFFF)
        image = Image.fromarray((values >> 8).astype(np.uint8))
    image.info.pop("transparency", None)  # Pillow would warn that it does not apply it
    return image.convert("RGB")
