"""A catalog becomes a FiftyOne dataset."""

from .ingest import CropsResult, IngestResult, ingest_crops, ingest_dataset
from .plan import check_crops, check_ingest

__all__ = [
    "CropsResult",
    "IngestResult",
    "check_crops",
    "check_ingest",
    "ingest_crops",
    "ingest_dataset",
]
