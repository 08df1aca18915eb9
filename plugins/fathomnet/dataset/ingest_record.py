"""Where the images of a split came from: what ``ingest_dataset`` keeps, and who reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ..fields import SPLITS, ingest_run_key
from .licences import SplitLicences
from .run_records import read_record, write_record


@dataclass(frozen=True, slots=True)
class IngestRecord:
    """What a dataset keeps of the ingest of a split.

    Attributes:
        split: the split.
        source: name of the annotations file, without its folder.
        sha256: hash of its bytes.
        images: of the file.
        boxes: of the file.
        concepts: names of its categories.
        limit: how many images of it were to be taken; None for all.
        media_root: where the images are stored.
        filepath_root: what the samples' file paths begin with.
        complete: whether all of them were written.
        licences: of the images that were taken; None where an older version kept none.
    """

    METHOD: ClassVar[str] = "ingest_dataset"

    split: str
    source: str
    sha256: str
    images: int
    boxes: int
    concepts: tuple[str, ...]
    limit: int | None
    media_root: str
    filepath_root: str
    complete: bool
    licences: SplitLicences | None = None

    def write(self, dataset: Any) -> None:
        """Keeps it on a dataset, in place of an earlier one of the same split."""
        write_record(dataset, ingest_run_key(self.split), self)


def read_ingest_record(dataset: Any, split: str) -> IngestRecord | None:
    """What is known of a split; None where ``ingest_dataset`` did not make it."""
    return read_record(dataset, ingest_run_key(split), IngestRecord)


def read_ingest_records(dataset: Any) -> dict[str, IngestRecord]:
    """What is known of each split that ``ingest_dataset`` made."""
    records = {split: read_ingest_record(dataset, split) for split in SPLITS}
    return {split: record for split, record in records.items() if record is not None}
