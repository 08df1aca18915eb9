"""Demo boxes with wrong labels planted among them, with predictions and vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fiftyone as fo
import numpy as np
import numpy.typing as npt
from fathomnet_voxel51.embeddings import compute_embeddings
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.predictions import import_predictions
from fathomnet_voxel51.similarity import build_similarity_index

from demo.generate import DemoSet
from demo.wrong_labels import Planted

MODEL = "demo-clip"
BOXES = "ground_truth.detections"


def planted_dataset(
    name: str, demo: DemoSet, planted: Planted, embedded: bool, predictions: str = ""
) -> Any:
    """A dataset of the planted catalog.

    Args:
        name: of the dataset.
        demo: its images.
        planted: its boxes.
        embedded: whether it has vectors and an index.
        predictions: ``probabilities``, ``names`` or nothing.
    """
    ingest_dataset(name, train_annotations=str(planted.catalog), media_root=str(demo.media_root))
    dataset = fo.load_dataset(name)
    if predictions:
        path = planted.predictions / ("predictions.csv" if predictions == "names" else "")
        import_predictions(dataset, str(path), split="train")
    if embedded:
        compute_embeddings(dataset, MODEL, method="none")
        build_similarity_index(dataset, MODEL)
    return dataset


def is_wrong(annotation_ids: Sequence[int], planted: Planted) -> npt.NDArray[np.bool_]:
    """Which boxes have a label that was made wrong."""
    numbers = {one.annotation_id for one in planted.wrong}
    return np.array([one in numbers for one in annotation_ids], bool)


def average_precision(wrong: npt.NDArray[np.bool_], scores: npt.ArrayLike) -> float:
    """Mean precision at the recall of each hit; boxes of one score come together.

    The sum over thresholds of precision times the rise in recall, as scikit-learn defines it.
    """
    values = np.asarray(scores, float)
    total, found, before = 0.0, 0, 0
    for value in np.unique(values)[::-1]:
        above = values >= value
        found = int(wrong[above].sum())
        total += found / int(above.sum()) * (found - before) / int(wrong.sum())
        before = found
    return total
