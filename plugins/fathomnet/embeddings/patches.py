"""Prepares patches of images in order, ahead of their use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from PIL import Image

from ..pictures import parts_ahead
from ..pictures.crops import BoxError, Window, cut_patch, window_of
from ..pictures.decoding import PictureError, open_picture
from .work import ImageWork, Item

PART: Final = 16
"""Patches that are made at once."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch, prepared for the model.

    Attributes:
        sample_id: of its image.
        filepath: of its image.
        item: the box, or the whole image.
        pixels: a (3, H, W) float32 tensor.
    """

    sample_id: str
    filepath: str
    item: Item
    pixels: Any


@dataclass(frozen=True, slots=True)
class Unusable:
    """A box or image that cannot be embedded.

    Attributes:
        filepath: of the image.
        id: of the box; empty if the image itself cannot be used.
        items: the number of boxes or images that are lost.
        reason: why, in words.
    """

    filepath: str
    id: str
    items: int
    reason: str


Part = list[Patch | Unusable]

Prepare = Callable[[Image.Image], Any]
"""A patch -> a (3, H, W) float32 tensor; called from several threads at once."""

Locate = Callable[[ImageWork], Path]
"""Finds the file of an image; raises PictureError."""


def make_patches(image: ImageWork, locate: Locate, prepare: Prepare) -> Iterator[Part]:
    """Makes the patches of one image, which is decoded only once."""
    try:
        if image.lost:
            raise PictureError(image.lost)
        # Not every dataset knows the sizes of its images.
        picture = open_picture(locate(image), *filter(None, [image.size]))
    except PictureError as error:
        yield [Unusable(image.filepath, "", len(image.items), str(error))]
        return
    for first in range(0, len(image.items), PART):
        part: Part = []
        for item in image.items[first : first + PART]:
            height, width = picture.shape[:2]
            try:
                window = Window(0, 0, width, height)
                if item.bounding_box is not None:
                    window = window_of(item.bounding_box, width, height)
            except BoxError as error:
                part.append(Unusable(image.filepath, item.id, 1, str(error)))
            else:
                pixels = prepare(cut_patch(picture, window))
                part.append(Patch(image.sample_id, image.filepath, item, pixels))
        if first + PART >= len(image.items):
            del picture  # the last part may wait, and needs 0.6 MB per patch, not the whole picture
        yield part


def read_ahead(
    images: Sequence[ImageWork],
    locate: Locate,
    prepare: Prepare,
    workers: int,
    ahead: int,
    give_way: bool = False,
) -> Iterator[Part]:
    """Makes patches in threads and hands them over in the images' order.

    Args:
        images: the images.
        locate: finds their files.
        prepare: makes tensors of the patches.
        workers: the number of threads.
        ahead: the most patches that wait, made or being made, before another image is begun.
        give_way: whether the threads yield the processors to others that need them.
    """
    return parts_ahead(
        images,
        lambda image: make_patches(image, locate, prepare),
        lambda image: len(image.items),
        part=PART,
        workers=workers,
        ahead=ahead,
        give_way=give_way,
    )
