"""Catalogs of any size with the real distributions, for tests and benchmarks; no image is drawn."""

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
from fathomnet_voxel51.errors import Fault, InputError

from demo import coco
from demo.concepts import TAXONOMY, read_lineages
from demo.dives import Dive, draw_dive, take_frame
from demo.mistakes import mistaken

BOXES_IN_IMAGE: Final = {
    1: 173, 2: 62, 3: 36, 4: 15, 5: 10, 6: 4, 7: 3, 8: 8, 9: 3, 10: 6, 11: 1, 12: 1, 14: 1, 17: 1,
    23: 1,
}  # fmt: skip
"""Boxes -> images that have so many, counted on the real test split (788 boxes, 325 images)."""

MOST_BOXES: Final = max(BOXES_IN_IMAGE)
SMALLEST_SIDE: Final = 8

QUANTILES: Final = (0.0, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
RELATIVE_SIZE: Final = (0.009, 0.0204, 0.0311, 0.0463, 0.0707, 0.1309, 0.1819, 0.366, 0.543)
"""Square root of (box area / image area) at each quantile, measured on the real test split."""
ASPECT: Final = (0.131, 0.526, 0.871, 1.125, 1.471, 1.948, 2.417, 3.919, 5.857)
"""Box width / height at each quantile, measured on the real test split."""

FRAMES_OF_A_DIVE: Final = 4
"""Mean number of frames that a dive gives; the numbers fall off exponentially."""
LONGEST_TAPE: Final = 8 * 3600.0
SAME_CONCEPT: Final = 0.8
"""Chance that a box shows the concept that its image is mostly of."""


def write_catalog(
    path: Path,
    images: int,
    boxes: int,
    seed: int = 0,
    labelled: bool = True,
    split: str = "train",
    taxonomy: Path = TAXONOMY,
) -> Path:
    """Writes a COCO file in the official schema, with as many images and boxes as asked for.

    Box counts, sizes and shapes, image sizes, vehicles and URLs follow the real test split.
    Equal arguments give equal bytes. The real sizes are 8,981 images and 23,699 boxes for
    training, 325 and 788 for testing.

    Args:
        path: the file to write.
        images: number of images.
        boxes: number of boxes; each image has between 1 and 23 (or 0, if there are too few).
        seed: decides everything that is drawn at random.
        labelled: whether boxes carry a category; the real test split has none.
        split: makes the same seed give different images for different splits.
        taxonomy: the csv with the concepts.

    Returns:
        ``path``.

    Raises:
        InputError: more boxes are asked for than the images can hold.
    """
    lineages = read_lineages(taxonomy)
    rng = np.random.default_rng([seed, *split.encode()])
    counts = box_counts(images, boxes, rng)
    tape = Random(f"{seed} {split}")
    frames = [take_frame(dive, seconds, tape) for dive, seconds in _moments(images, tape)]
    sizes = np.repeat([(frame.width, frame.height) for frame in frames], counts, axis=0)
    owners = np.repeat(np.arange(1, images + 1), counts)
    rectangles = random_boxes(sizes.reshape(-1, 2), rng).tolist()
    # Category ids: mostly one concept in an image.
    main = np.repeat(rng.integers(1, len(lineages) + 1, images), counts)
    other = rng.integers(1, len(lineages) + 1, len(main))
    concepts = np.where(rng.random(len(main)) < SAME_CONCEPT, main, other).tolist()
    annotations = [
        coco.annotation_record(number, owner, bbox, concept if labelled else None)
        for number, (owner, bbox, concept) in enumerate(
            zip(owners.tolist(), rectangles, concepts, strict=True), start=1
        )
    ]
    records = [coco.image_record(number, frame) for number, frame in enumerate(frames, start=1)]
    coco.write_json(path, coco.document(records, annotations, lineages))
    return path


def write_predictions_csv(
    path: Path, annotations: Path, seed: int = 0, accuracy: float = 0.75, taxonomy: Path = TAXONOMY
) -> Path:
    """Writes a prediction for each box of a COCO file, sorted by annotation id.

    A labelled box gets its own concept or a plausible mistake; an unlabelled one any concept.

    Args:
        path: the csv to write, with the columns ``annotation_id`` and ``concept_name``.
        annotations: the COCO file.
        seed: decides the mistakes.
        accuracy: the share of labelled boxes that is right, about.
        taxonomy: the csv with the concepts.

    Returns:
        ``path``.
    """
    lineages = read_lineages(taxonomy)
    rng = np.random.default_rng(seed)
    content = json.loads(annotations.read_text(encoding="utf-8"))
    names = {category["id"]: category["name"] for category in content["categories"]}
    boxes = sorted(content["annotations"], key=lambda box: int(box["id"]))
    labels = [names.get(box["category_id"]) for box in boxes]
    concepts = list(lineages)
    anything = rng.integers(0, len(concepts), len(labels))
    known = iter(mistaken([name for name in labels if name], lineages, accuracy, rng))
    predicted = (
        next(known) if name else concepts[anything[number]] for number, name in enumerate(labels)
    )
    write_rows(path, zip((box["id"] for box in boxes), predicted, strict=True))
    return path


def write_rows(path: Path, rows: Iterable[tuple[int | None, str]]) -> None:
    """Writes a predictions csv from annotation ids and concepts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("annotation_id", "concept_name"))
        writer.writerows(rows)


def box_counts(images: int, boxes: int, rng: np.random.Generator) -> np.ndarray:
    """Boxes in each image, (images,) int, distributed as in the real test split, sum exact.

    Raises:
        InputError: more than 23 boxes an image, or a negative number.
    """
    if images < 0 or boxes < 0 or boxes > images * MOST_BOXES:
        problem = f"cannot put {boxes:,} boxes on {images:,} images of at most {MOST_BOXES}"
        raise InputError("catalog", [Fault("boxes", problem)])
    weights = np.array(list(BOXES_IN_IMAGE.values()), float)
    counts = rng.choice(list(BOXES_IN_IMAGE), size=images, p=weights / weights.sum())
    least = 1 if boxes >= images else 0
    while surplus := int(counts.sum()) - boxes:
        movable = np.flatnonzero(counts > least if surplus > 0 else counts < MOST_BOXES)
        chosen = rng.permutation(movable)[: abs(surplus)]
        counts[chosen] -= np.sign(surplus)
    return counts


def random_boxes(sizes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rectangles inside images, with the real distribution of sizes and shapes.

    Args:
        sizes: (N, 2) int, width and height in pixels of the image that each box is in.
        rng: decides size, shape and place.

    Returns:
        (N, 4) int: left, top, width, height; no side under 8 pixels.
    """
    size = np.interp(rng.random(len(sizes)), QUANTILES, RELATIVE_SIZE)
    aspect = np.interp(rng.random(len(sizes)), QUANTILES, ASPECT)
    side = size * np.sqrt(sizes[:, 0] * sizes[:, 1])
    extent = np.stack([side * np.sqrt(aspect), side / np.sqrt(aspect)], axis=1)
    extent = np.clip(extent.round(), SMALLEST_SIDE, sizes).astype(int)
    corner = np.floor(rng.random(sizes.shape) * (sizes - extent + 1)).astype(int)
    return np.concatenate([corner, extent], axis=1)


def _moments(images: int, rng: Random) -> Iterator[tuple[Dive, float]]:
    """The dive and the second of each of ``images`` frames; a dive's frames come in turn."""
    left = images
    while left:
        dive = draw_dive(rng)
        frames = min(left, 1 + int(rng.expovariate(1 / (FRAMES_OF_A_DIVE - 1))))
        for second in sorted(rng.uniform(0, LONGEST_TAPE) for _ in range(frames)):
            yield dive, second
        left -= frames
