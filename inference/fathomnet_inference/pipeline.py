"""Prepares the crops of images' boxes in order, ahead of their use."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fathomnet_voxel51.pictures import PictureError, of_size, parts_ahead
from PIL import Image

from .annotations import Box, ImageBoxes
from .crops import Pixels, Window, cut_window, windows_of
from .images import open_image

PART: Final = 32
"""Boxes whose crops are made at once."""


@dataclass(frozen=True, slots=True)
class Unpredicted:
    """A box without a prediction.

    Attributes:
        annotation_id: of the box.
        image_id: of its image.
        reason: why, in words.
    """

    annotation_id: int
    image_id: int
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class WholeCrop:
    """The whole-image crop of one box, or of all boxes of an image whose window is all of it.

    Attributes:
        pixels: the crop.
        shared: whether other boxes of the image have the same object.
    """

    pixels: Pixels
    shared: bool


@dataclass(frozen=True, slots=True, eq=False)
class BoxCrops:
    """A box as the model sees it."""

    annotation_id: int
    image_id: int
    object: Pixels
    context_3: Pixels
    context_5: Pixels
    whole: WholeCrop


Prepared = BoxCrops | Unpredicted
Part = list[Prepared]
"""PART boxes of one image, or its remaining boxes, in their order."""


Note = Callable[[str], object]
"""Called from any thread with what is to be known of an image, after its name."""


def prepare_image(folder: Path, image: ImageBoxes, noted: Note = str) -> Iterator[Part]:
    """Prepares the crops of an image's boxes; the image is decoded only once.

    Args:
        folder: of the images.
        image: the image; without boxes it is not even opened.
        noted: called with what is to be known of it.
    """
    if not image.boxes:
        return
    prepared = _preparer(folder, image, noted)
    for first in range(0, len(image.boxes), PART):
        yield [prepared(box) for box in image.boxes[first : first + PART]]


def _preparer(folder: Path, image: ImageBoxes, noted: Note) -> Callable[[Box], Prepared]:
    """A function that makes the crops of a box, or gives the image's own fault."""
    try:
        name = image.file_name
        picture = of_size(
            open_image(folder, name, lambda note: noted(f"{name}: {note}")), image.size
        )
        return _Cutter(image.image_id, picture).crops_of
    except PictureError as error:
        reason = str(error)
        return lambda box: Unpredicted(box.annotation_id, image.image_id, reason)


class _Cutter:
    """Cuts the crops of one image."""

    def __init__(self, image_id: int, picture: Image.Image) -> None:
        self._image_id = image_id
        self._picture = picture
        self._everything = Window(0, 0, *picture.size)
        self._shared: WholeCrop | None = None

    def crops_of(self, box: Box) -> Prepared:
        try:
            windows = windows_of(box, *self._picture.size)
        except ValueError as error:
            return Unpredicted(box.annotation_id, self._image_id, str(error))
        picture = self._picture
        return BoxCrops(
            box.annotation_id,
            self._image_id,
            cut_window(picture, windows.object),
            cut_window(picture, windows.context_3),
            cut_window(picture, windows.context_5),
            self._whole(windows.whole),
        )

    def _whole(self, window: Window) -> WholeCrop:
        """The whole-image crop; it is the whole image only if the box's centre is inside (6.1)."""
        if window != self._everything:
            return WholeCrop(cut_window(self._picture, window), shared=False)
        if self._shared is None:
            self._shared = WholeCrop(cut_window(self._picture, window), shared=True)
        return self._shared


def read_ahead(
    images: Sequence[ImageBoxes], folder: Path, workers: int, ahead: int, noted: Note = str
) -> Generator[Part]:
    """Prepares images in worker threads and hands them over in order.

    Args:
        images: the images.
        folder: where their files are.
        workers: threads; 0 prepares each part when it is asked for.
        ahead: the most boxes that wait, prepared or under way, before another image is begun.
        noted: called with what is to be known of an image.
    """
    parts: Generator[Part] = parts_ahead(
        images,
        lambda image: prepare_image(folder, image, noted),
        lambda image: len(image.boxes),
        part=PART,
        workers=workers,
        ahead=ahead,
    )
    return parts
