"""Finds images that the competition's downloader named after their ids."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from .annotations import ImageBoxes

_log = logging.getLogger(__name__)

SUFFIXES: Final = (".png", ".jpg", ".jpeg")


def found_in(folder: Path, images: Sequence[ImageBoxes]) -> dict[int, str]:
    """The names of a COCO file's images in a folder, by image id, where they are not its own.

    The competition's downloader stores images as ``<image_id>.png``. Such names are believed only
    where not one image has its own name there; a name that is another image's never is.

    Args:
        folder: of the images.
        images: all of the file.
    """
    if any((folder / image.file_name).exists() for image in images):
        return {}
    there = {path.name for path in folder.iterdir()}
    found = {}
    for image in images:
        names = (f"{image.image_id}{suffix}" for suffix in SUFFIXES)
        if name := next((name for name in names if name in there), None):
            found[image.image_id] = name
    expected, example = images[0].file_name, min(there, default="nothing")
    if found:
        _log.warning(
            "%s holds images named after their ids, as the competition's downloader names them: "
            "%d of %d were found so",
            folder,
            len(found),
            len(images),
        )
    else:
        _log.warning(
            "0 of %d images are in %s: expected such as %s, found %s",
            len(images),
            folder,
            expected,
            example,
        )
    return found


def with_found_names(images: Sequence[ImageBoxes], found: dict[int, str]) -> tuple[ImageBoxes, ...]:
    """The images, by the names under which they are in the folder.

    Examples:
        >>> with_found_names([ImageBoxes(7, "a.png", ())], {7: "7.png"})[0].file_name
        '7.png'
    """
    return tuple(
        replace(image, file_name=found.get(image.image_id, image.file_name)) for image in images
    )
