"""The one home of the names that other programs see: fields, tags, keys and defaults."""

from __future__ import annotations

from typing import Final, Literal

PLUGIN_NAME: Final = "@fathomnet/voxel51"

DATASET_NAME: Final = "fathomnet-2025"
SPLITS: Final = ("train", "test")
Split = Literal["train", "test"]

GROUND_TRUTH: Final = "ground_truth"
PRIMARY_LABEL: Final = "primary_label"
MODEL_PREDICTIONS: Final = "model_predictions"

FROM_URLS: Final = "urls"
"""As a download's source: each image's own URL, rather than a bucket."""
CONCURRENCY: Final = 50

ANNOTATION_ID: Final = "annotation_id"
PROBABILITIES: Final = "probabilities"

RANKS: Final = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
OWN_RANK: Final = "rank"

MediaStatus = Literal["ok", "missing", "rejected", "unknown"]
SCHEMA_VERSION: Final = 1
"""Version of the dataset's schema, kept in ``dataset.info["fathomnet"]`` for later migrations."""


def ingest_run_key(split: str) -> str:
    """Key of the FiftyOne run that records how a split was ingested."""
    return f"ingest_{split}"


def import_run_key(field: str, split: str) -> str:
    """Key of the FiftyOne run that records where a prediction field came from."""
    return f"import_{field}_{split}"


def images_folder(split: str) -> str:
    """Folder of a split's images under a media root."""
    return f"{split}_images"
