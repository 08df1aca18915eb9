"""Finds images whose files are called otherwise than the COCO file says."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from fathomnet_voxel51.media import similar_files

from .annotations import ImageBoxes

_log = logging.getLogger(__name__)

SUFFIXES: Final = (".png", ".jpg", ".jpeg")


def found_in(folder: Path, images: Sequence[ImageBoxes]) -> dict[int, str]:
    """The names of a COCO file's images in a folder, by image id, where they are not its own.

    Names that were written by another system may differ in case, in how accents are written, and in
    percent signs. The competition's downloader stores images as ``<image_id>.png``: such names are
    believed only where not one image has its own name there; a name that is another image's never
    is.

    Args:
        folder: of the images.
        images: all of the file.
    """
    own = [image for image in images if (folder / image.file_name).exists()]
    taken = {image.file_name for image in own}
    missing = {image.file_name: image.image_id for image in images if image.file_name not in taken}
    similar = similar_files(folder, missing)
    found = {missing[name]: path for name, path in similar.items() if path not in taken}
    if found:
        example = next(iter(found.values()))
        _log.warning(
            "%s holds images whose names are written otherwise than in the COCO file, such as %s: "
            "%d of %d were found so",
            folder,
            example,
            len(found),
            len(images),
        )
    if own or found:
        return found
    there = {path.name for path in folder.iterdir()}
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
