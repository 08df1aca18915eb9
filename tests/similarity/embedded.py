"""Datasets of boxes with vectors, and neighbours worked out the plain way."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import numpy as np
import numpy.typing as npt
from fathomnet_voxel51.dataset.vectors import VectorRows, declare_vectors, write_vectors
from fathomnet_voxel51.names import embedding_field

BOX = [0.1, 0.1, 0.2, 0.2]
FIELD = "ground_truth"
IN_IMAGE = 3


def offset_vectors(count: int, seed: int = 0, dimensions: int = 32) -> npt.NDArray[np.float32]:
    """Random vectors around a common offset, as embeddings are: all cosines are high."""
    rng = np.random.default_rng(seed)
    offset = rng.normal(size=dimensions) * 3
    return (rng.normal(size=(count, dimensions)) + offset).astype(np.float32)


def boxes_dataset(
    name: str, matrix: npt.NDArray[np.float32], model: str = "clip"
) -> tuple[Any, list[str]]:
    """A dataset with a box for each vector, three in an image, and the boxes' ids in order."""
    dataset = fo.Dataset(name, persistent=True)
    counts = [len(rows) for rows in np.array_split(matrix, range(IN_IMAGE, len(matrix), IN_IMAGE))]
    samples = [fo.Sample(filepath=f"/{number}.png") for number in range(len(counts))]
    for sample, count in zip(samples, counts, strict=True):
        boxes = [fo.Detection(label="Aegina", bounding_box=BOX) for _ in range(count)]
        sample[FIELD] = fo.Detections(detections=boxes)
    dataset.add_samples(samples)
    return dataset, give_vectors(dataset, matrix, model)


def give_vectors(
    dataset: Any, matrix: npt.NDArray[np.float32], model: str = "clip", patches_field: str = FIELD
) -> list[str]:
    """Writes a vector on each box, or on each image, and gives their ids."""
    samples = dataset.values("id")
    nested = (
        dataset.values(f"{FIELD}.detections.id") if patches_field else [[one] for one in samples]
    )
    pairs = [(s, one) for s, ids in zip(samples, nested, strict=True) for one in ids or ()]
    field = embedding_field(model)
    declare_vectors(dataset, patches_field, field)
    rows = VectorRows(
        ids=[one for _, one in pairs],
        sample_ids=[sample for sample, _ in pairs],
        fingerprints=[{}] * len(pairs),
        matrix=matrix,
    )
    write_vectors(dataset, patches_field, field, rows)
    return [one for _, one in pairs]


def brute_force(matrix: npt.NDArray[Any], query: npt.ArrayLike) -> npt.NDArray[np.intp]:
    """All rows by their cosine, highest first, each worked out alone in double precision."""
    cosines = [
        float(np.dot(row, query) / (np.linalg.norm(row) * np.linalg.norm(query)))
        for row in matrix.astype(np.float64)
    ]
    return np.argsort(-np.array(cosines), kind="stable")


def cosine(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    a, b = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))
