"""A run that takes seconds: a few drawn images, boxes of every kind, a small random model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from fathomnet_inference.request import RunRequest
from fathomnet_inference.size import ModelSize
from fathomnet_voxel51.taxonomy import load_taxonomy
from PIL import Image

from tests.inference.winner import write_small

CONCEPTS = load_taxonomy().concepts
SIZE = ModelSize(
    width=32,
    layers=1,
    heads=4,
    grid=5,
    concepts=len(CONCEPTS),
    attention_layers=1,
    auxiliary=(2, 3),
)
IMAGES, BOXES = 12, 30
BATCH = 2


@dataclass(frozen=True)
class Toy:
    """The inputs of a run."""

    annotations: Path
    images: Path
    checkpoint: Path

    def request(self, output: Path, **changes: Any) -> RunRequest:
        """A run on a CPU that keeps what it has after every fourth box or so."""
        request = RunRequest(
            annotations=str(self.annotations),
            images=str(self.images),
            checkpoint=str(self.checkpoint),
            output=str(output),
            batch_size=BATCH,
            device="cpu",
            workers=0,
        )
        return replace(request, **changes)

    def options(self, output: Path, *more: str) -> list[str]:
        """The same for the command line."""
        return [
            *("--annotations", str(self.annotations), "--images", str(self.images)),
            *("--checkpoint", str(self.checkpoint), "--output", str(output)),
            *("--batch-size", str(BATCH), "--device", "cpu", "--workers", "0", *more),
        ]


def make_toy(folder: Path, concepts: Sequence[str] = CONCEPTS, seed: int = 0) -> Toy:
    """Draws the images and makes the files."""
    random = np.random.default_rng(seed)
    images = folder / "images"
    images.mkdir(parents=True)
    for number in range(IMAGES):
        pixels = random.integers(0, 256, (48, 64, 3), np.uint8)
        Image.fromarray(pixels).save(images / f"{number}.png")
    annotations = folder / "annotations.json"
    annotations.write_text(json.dumps(coco(random)))
    names = dict(enumerate(concepts))
    checkpoint = write_small(
        folder / "last.ckpt",
        replace(SIZE, concepts=len(concepts)),
        seed,
        settings={"category_id2name": names, "category_name2id": {n: i for i, n in names.items()}},
    )
    return Toy(annotations, images, checkpoint)


def coco(random: np.random.Generator) -> Mapping[str, Any]:
    """Boxes numbered against the order of their images, so that sorting shows."""
    boxes = [
        {
            "id": BOXES - number,
            "image_id": 100 + number % IMAGES,
            "bbox": [*random.integers(-5, 50, 2).tolist(), *random.integers(0, 40, 2).tolist()],
            "category_id": None,
        }
        for number in range(BOXES)
    ]
    return {
        "images": [
            {"id": 100 + number, "file_name": f"{number}.png", "width": 64, "height": 48}
            for number in range(IMAGES)
        ],
        "annotations": boxes,
        "categories": [{"id": 1 + at, "name": name} for at, name in enumerate(CONCEPTS)],
    }
