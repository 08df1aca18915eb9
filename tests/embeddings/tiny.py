"""A tiny model of random weights, and images with boxes for it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import torch
from fathomnet_voxel51.models import ModelSpec, model_spec
from PIL import Image

SIDE = 32
DIMENSIONS = 24
HEIGHT, WIDTH = 90, 160

Rectangle = tuple[float, float, float, float]
"""Left, top, width and height, in pixels."""


class TinyEmbedder:
    """A convolution and a projection, in the place of a model whose weights must be fetched.

    Args:
        seed: of its weights.
        log: a file that gets a line for each patch that is embedded: the digest of its pixels.
        memory: patches that fit in its memory.
    """

    device = "cpu"
    precision = "fp32"
    dimensions = DIMENSIONS

    def __init__(self, seed: int = 0, log: Path | None = None, memory: int = 1 << 20) -> None:
        generator = torch.Generator().manual_seed(seed)
        self._convolution = torch.randn(32, 3, 8, 8, generator=generator)
        self._projection = torch.randn(32, DIMENSIONS, generator=generator)
        self._log = log
        self._memory = memory
        self.spec: ModelSpec = model_spec("clip")
        self.settings = {"model": "tiny", "weights_sha256": f"seed {seed}", "precision": "fp32"}
        self.batches: list[int] = []

    def prepare(self, patch: Image.Image) -> torch.Tensor:
        assert patch.mode == "RGB"
        pixels = np.asarray(patch.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
        return torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32) / 255 + 0.01)

    def embed(self, batch: torch.Tensor) -> np.ndarray[Any, np.dtype[np.float32]]:
        self.batches.append(len(batch))
        if len(batch) > self._memory:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        self._write_log(batch)
        with torch.inference_mode():
            maps = torch.nn.functional.conv2d(batch, self._convolution, stride=8)
            return (maps.tanh().mean(dim=(2, 3)) @ self._projection).numpy()

    def embed_prompts(self, prompts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
        raise NotImplementedError

    def _write_log(self, batch: torch.Tensor) -> None:
        if self._log is None:
            return
        real = [patch for patch in batch.numpy() if patch.any()]
        lines = "".join(hashlib.sha256(patch.tobytes()).hexdigest() + "\n" for patch in real)
        target = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(target, lines.encode())
        os.close(target)


def picture(seed: int, height: int = HEIGHT, width: int = WIDTH) -> Image.Image:
    """Noise, so that every patch of it is another."""
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3))
    return Image.fromarray(values.astype(np.uint8))


def sample(path: Path | str, rectangles: Sequence[Rectangle], **fields: Any) -> fo.Sample:
    """A sample with boxes; the image is WIDTH x HEIGHT."""
    boxes = [
        fo.Detection(label=str(number), bounding_box=[x / WIDTH, y / HEIGHT, w / WIDTH, h / HEIGHT])
        for number, (x, y, w, h) in enumerate(rectangles)
    ]
    return fo.Sample(filepath=str(path), ground_truth=fo.Detections(detections=boxes), **fields)


def random_rectangles(seed: int, count: int) -> list[Rectangle]:
    """Boxes of whole pixels inside the image."""
    draw = np.random.default_rng(seed).integers
    corners = [(int(draw(WIDTH - 20)), int(draw(HEIGHT - 20))) for _ in range(count)]
    return [(x, y, int(draw(2, 20)), int(draw(2, 20))) for x, y in corners]


def write_images(folder: Path, counts: Sequence[int]) -> list[fo.Sample]:
    """PNG images, and samples of them with as many boxes as asked for."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = []
    for number, count in enumerate(counts):
        path = folder / f"{number:03}.png"
        picture(number).save(path)
        samples.append(sample(path, random_rectangles(number, count)))
    return samples


def one_by_one(
    embedder: Any, image: Image.Image, rectangle: tuple[int, int, int, int]
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The vector of a box (left, top, right, bottom): cropped by Pillow, a batch of its own."""
    patch = image.convert("RGB").crop(rectangle)
    vector: np.ndarray[Any, np.dtype[np.float32]] = embedder.embed(embedder.prepare(patch)[None])[0]
    return vector
