"""This project's way: its stage functions, as an operator calls them."""

from __future__ import annotations

from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.labels import add_primary_label
from fathomnet_voxel51.predictions import import_predictions

from benchmarks.job import MEDIA_ROOT, SPLIT, Inputs, Job


def ingest(inputs: Inputs) -> Job:
    def job() -> int:
        catalog = str(inputs.catalog)
        result = ingest_dataset(inputs.dataset, train_annotations=catalog, media_root=MEDIA_ROOT)
        return int(result.samples)

    return job


def primary(inputs: Inputs) -> Job:
    import fiftyone as fo

    dataset = fo.load_dataset(inputs.dataset)
    return lambda: add_primary_label(dataset).labelled


def predictions(inputs: Inputs) -> Job:
    import fiftyone as fo

    dataset = fo.load_dataset(inputs.dataset)
    return lambda: import_predictions(dataset, str(inputs.predictions), split=SPLIT).imported
