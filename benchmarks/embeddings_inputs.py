"""Full-HD images like the survey's, boxes on them, and models with random weights."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import numpy as np

from demo.stand_in_models import write_stand_in

BOXES_AN_IMAGE: Final = 3
"""FathomNet 2025 has 2.6."""
WIDTH: Final = 1920
HEIGHT: Final = 1080
DRAWN: Final = 16
"""Images are drawn once, and each file is a copy of one of them."""


def write_inputs(folder: Path, images: int, name: str) -> None:
    """Writes images and models, and makes the dataset.

    Args:
        folder: takes them.
        images: how many; each with BOXES_AN_IMAGE boxes.
        name: of the dataset.
    """
    import fiftyone as fo

    write_stand_in("clip", folder / "clip")
    write_stand_in("clip", folder / "small", small=True)
    pictures = survey_images(min(images, DRAWN))
    random = np.random.default_rng(4)
    dataset = fo.Dataset(name, persistent=True, overwrite=True)
    samples = []
    for number in range(images):
        path = folder / f"{number}.png"
        path.write_bytes(pictures[number % len(pictures)])
        boxes = []
        for _ in range(BOXES_AN_IMAGE):
            sides = np.exp(random.normal(5.2, 0.6, 2)).clip(20, 900)
            x, y = random.uniform(0, (WIDTH, HEIGHT) - sides).astype(int)
            wide, high = sides.astype(int)
            box = [x / WIDTH, y / HEIGHT, wide / WIDTH, high / HEIGHT]
            boxes.append(fo.Detection(label="box", bounding_box=[float(one) for one in box]))
        samples.append(fo.Sample(filepath=str(path), ground_truth=fo.Detections(detections=boxes)))
    dataset.add_samples(samples, progress=False)


def survey_images(count: int) -> list[bytes]:
    """PNG files as large as the survey's own: a lit scene in the water and the camera's noise."""
    from PIL import Image

    random = np.random.default_rng(3)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    files = []
    for _ in range(count):
        phases = random.uniform(0, 6, 3)
        waves = (columns / 97 + rows / 53, columns / 71, rows / 61)
        scene = np.stack([np.sin(w + p) for w, p in zip(waves, phases, strict=True)], axis=2)
        noisy = 110 + 70 * scene + random.normal(0, 2.5, scene.shape)
        buffer = io.BytesIO()
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(buffer, "PNG")
        files.append(buffer.getvalue())
    return files
