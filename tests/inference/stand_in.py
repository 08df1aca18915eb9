"""A model that says what it was shown, and images to show it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from fathomnet_inference.annotations import Box, ImageBoxes
from fathomnet_inference.model import WholeImages
from fathomnet_inference.predict import BoxLogits, Predicted, PredictSettings, predict
from fathomnet_voxel51.progress import silent
from PIL import Image

Ids = tuple[int, int]


class StandIn(torch.nn.Module):
    """Says for each box how bright its four views are, and keeps count of what it was given.

    Args:
        fits: boxes or whole images that its memory holds.
    """

    def __init__(self, fits: int = 1000) -> None:
        super().__init__()
        self.fits = fits
        self.batches: list[int] = []
        self.whole_images = 0

    def for_inference(self, device: torch.device, dtype: torch.dtype) -> StandIn:
        return self

    def encode_whole(self, pixels: torch.Tensor) -> WholeImages:
        self._hold(pixels)
        self.whole_images += len(pixels)
        return WholeImages(pixels.mean((2, 3))[:, None])

    def forward(
        self,
        objects: torch.Tensor,
        context_3: torch.Tensor,
        context_5: torch.Tensor,
        whole: WholeImages,
        whole_index: torch.Tensor,
    ) -> torch.Tensor:
        self._hold(objects)
        self.batches.append(len(objects))
        views = [crop.mean((2, 3)) for crop in (objects, context_3, context_5)]
        return torch.cat([*views, whole.tokens[whole_index, 0]], 1)

    def _hold(self, pixels: torch.Tensor) -> None:
        if len(pixels) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory.")


def draw(folder: Path, counts: Sequence[int]) -> list[ImageBoxes]:
    """Images of one random colour a quarter, with as many boxes each as ``counts`` says."""
    made = np.random.default_rng(len(counts))
    images = []
    for number, count in enumerate(counts):
        quarters = made.integers(0, 256, (2, 2, 3), np.uint8).repeat(24, 0).repeat(32, 1)
        Image.fromarray(quarters).save(folder / f"{number}.png")
        boxes = [
            Box(1000 * number + place, *made.uniform(0, 40, 2), *made.uniform(2, 9, 2))
            for place in range(count)
        ]
        images.append(ImageBoxes(number, f"{number}.png", tuple(boxes)))
    return images


def run(
    model: torch.nn.Module, images: Sequence[ImageBoxes], folder: Path, batch: int, workers: int = 0
) -> Iterator[list[Predicted]]:
    settings = PredictSettings(batch, "fp32", "cpu", workers)
    return predict(model, images, folder, settings, silent)


def flat(groups: Iterator[list[Predicted]]) -> list[Predicted]:
    return [box for group in groups for box in group]


def ids(boxes: Sequence[Predicted]) -> list[Ids]:
    return [(box.annotation_id, box.image_id) for box in boxes]


def wanted(images: Sequence[ImageBoxes]) -> list[Ids]:
    return [(box.annotation_id, image.image_id) for image in images for box in image.boxes]


def logits_of(boxes: Sequence[Predicted]) -> np.ndarray:
    assert all(isinstance(box, BoxLogits) for box in boxes)
    return np.stack([box.logits for box in boxes])
