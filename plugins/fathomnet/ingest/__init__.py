"""A catalog becomes a FiftyOne dataset."""

from .ingest import IngestResult, ingest_dataset
from .plan import check_ingest

__all__ = [
    "IngestResult",
    "check_ingest",
    "ingest_dataset",
]
