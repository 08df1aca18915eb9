"""A synthetic dataset with a prediction of each box."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.predictions import import_predictions

from demo.synthetic import write_catalog, write_predictions_csv


def predicted_dataset(folder: Path, name: str) -> Any:
    """Makes a dataset of 300 images and 800 boxes, all in the training split."""
    catalog = write_catalog(folder / "coco.json", 300, 800, seed=4)
    rows = write_predictions_csv(folder / "predictions.csv", catalog)
    ingest_dataset(name, train_annotations=str(catalog))
    dataset = fo.load_dataset(name)
    import_predictions(dataset, str(rows), split="train")
    return dataset
