"""The files in which predictions travel: read, checked and written."""

from .layout import CONCEPT_NAME
from .reading import Predictions, read_predictions
from .rows import CONFIDENCE
from .run import (
    CSV_NAME,
    FORMAT_VERSION,
    IMAGE_ID,
    MANIFEST_NAME,
    PARQUET_NAME,
    check_files,
    csv_of,
    read_manifest,
    write_predictions,
)

__all__ = [
    "CONCEPT_NAME",
    "CONFIDENCE",
    "CSV_NAME",
    "FORMAT_VERSION",
    "IMAGE_ID",
    "MANIFEST_NAME",
    "PARQUET_NAME",
    "Predictions",
    "check_files",
    "csv_of",
    "read_manifest",
    "read_predictions",
    "write_predictions",
]
