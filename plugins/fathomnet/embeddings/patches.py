"""Patches of images through a model: prepared in order ahead of their use, in full batches.

A batch goes across images, and becomes smaller when the model's memory runs out.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..errors import SetupError
from ..hardware import is_out_of_memory
from ..pictures import parts_ahead
from ..pictures.decoding import BoxError, PictureError, Window, cut_patch, open_picture, window_of
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


@dataclass(frozen=True, slots=True)
class Noted:
    """What is to be known of an image that is embedded all the same.

    Attributes:
        filepath: of the image.
        note: in words.
    """

    filepath: str
    note: str


Part = list[Patch | Unusable | Noted]

Prepare = Callable[[Image.Image], Any]
"""A patch -> a (3, H, W) float32 tensor; called from several threads at once."""

Locate = Callable[[ImageWork], Path]
"""Finds the file of an image; raises PictureError."""


def make_patches(image: ImageWork, locate: Locate, prepare: Prepare) -> Iterator[Part]:
    """Makes the patches of one image, which is decoded only once."""
    try:
        if image.lost:
            raise PictureError(image.lost)
        notes: list[str] = []
        picture = open_picture(locate(image), image.size, notes.append)
    except PictureError as error:
        yield [Unusable(image.filepath, "", len(image.items), str(error))]
        return
    for first in range(0, len(image.items), PART):
        part: Part = [Noted(image.filepath, note) for note in notes if not first]
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


_log = logging.getLogger(__name__)


class Model(Protocol):
    """What this module needs from a model; see ``models.Embedder``."""

    device: str

    def embed(self, batch: Any) -> npt.NDArray[np.float32]: ...


Vector = tuple[Patch, npt.NDArray[np.float32]]


def default_batch_size(device: str) -> int:
    """The default number of patches that go through a model at once.

    More would make no processor faster; on a GPU this many keep it busy and most of its memory
    free.
    """
    return {"cpu": 16, "mps": 32}.get(device.partition(":")[0], 128)


class Batcher:
    """Puts patches through a model, always the same number at once.

    A shorter batch is filled up with empty patches, because libraries sum in another order for
    another batch size, and a vector must depend neither on which others are missing nor on how far
    an earlier run got.

    Args:
        model: makes the vectors.
        size: patches per batch; halved permanently each time memory runs out.
    """

    def __init__(self, model: Model, size: int) -> None:
        self._model = model
        self.size = size

    def embed(self, patches: Sequence[Patch]) -> npt.NDArray[np.float32]:
        """The vectors, (N, D), of any number of patches, in their order.

        Raises:
            SetupError: there is not even memory for one patch.
        """
        import torch

        made: list[npt.NDArray[np.float32]] = []
        done = 0
        while done < len(patches):
            batch = patches[done : done + self.size]
            try:
                pixels = torch.zeros((self.size, *batch[0].pixels.shape), dtype=torch.float32)
                torch.stack([patch.pixels for patch in batch], out=pixels[: len(batch)])
                vectors = self._model.embed(pixels)
            except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError
                if not is_out_of_memory(error):
                    raise
                _log.info("memory ran out at a batch of %d: %s", self.size, error)
            else:
                made.append(np.asarray(vectors, dtype=np.float32)[: len(batch)])
                done += len(batch)
                continue
            # Not in the handler, where the error still holds what the batch took.
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            if self.size == 1:
                raise SetupError(
                    "there is not enough memory to embed a single patch; free some, or choose "
                    "another device"
                )
            self.size //= 2
        return np.concatenate(made)


def full_batches(patches: Iterator[Patch], batcher: Batcher) -> Iterator[list[Patch]]:
    """Lists of as many patches as the batcher takes at present; the last may be shorter."""
    batch: list[Patch] = []
    for patch in patches:
        batch.append(patch)
        if len(batch) >= batcher.size:
            yield batch
            batch = []
    if batch:
        yield batch
