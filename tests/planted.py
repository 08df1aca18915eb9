"""Demo boxes with wrong labels planted among them, with predictions and vectors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import numpy.typing as npt
from fathomnet_voxel51.embeddings import compute_embeddings
from fathomnet_voxel51.prediction_import import import_predictions
from fathomnet_voxel51.samples import ingest_dataset
from fathomnet_voxel51.similarity import build_similarity_index

from demo.concepts import TAXONOMY, read_lineages
from demo.generate import DemoSet
from demo.predicted import write_demo_predictions
from demo.wrong_labels import SHARE, WrongLabel, plant_wrong_labels

MODEL = "demo-clip"
BOXES = "ground_truth.detections"


@dataclass(frozen=True)
class Planted:
    """A catalog in which labels were made wrong, and a model's predictions of its boxes."""

    catalog: Path
    predictions: Path
    wrong: tuple[WrongLabel, ...]


def planted_files(demo: DemoSet, folder: Path, seed: int, share: float = SHARE) -> Planted:
    """The training catalog with wrong labels; the model has never seen these."""
    catalog = folder / f"planted-{seed}.json"
    wrong = plant_wrong_labels(demo.train, catalog, share, seed)
    document = json.loads(demo.train.read_text())
    names = {one["id"]: one["name"] for one in document["categories"]}
    boxes = [
        (box["id"], box["image_id"], names[box["category_id"]]) for box in document["annotations"]
    ]
    run = folder / f"predictions-{seed}"
    write_demo_predictions(run, boxes, read_lineages(), catalog, TAXONOMY, seed)
    return Planted(catalog, run, wrong)


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
