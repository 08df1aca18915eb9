"""Where the images of a split came from: what ``ingest_dataset`` keeps, and who reads it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from ..catalog import Catalog
from ..names import SPLITS, ingest_run_key
from .records import read_record, write_record

SHOWN: Final = 20
"""The most ids of undescribed licences that are kept."""


@dataclass(frozen=True, slots=True)
class LicenceCount:
    """A licence that the file describes, and the number of the split's images that have it.

    Either ``name`` or ``url`` may be empty, but not both.
    """

    name: str
    url: str
    images: int


@dataclass(frozen=True, slots=True)
class SplitLicences:
    """The licences of a split's images.

    Attributes:
        described: the licences that the file lists, in its order.
        undescribed: images whose licence the file names but does not list.
        undescribed_ids: the ids of these licences, sorted, the first ``SHOWN``.
        unnamed: images for which the file names no licence.
        statements: names and values of what the file says about itself, in its order.
    """

    described: tuple[LicenceCount, ...]
    undescribed: int
    undescribed_ids: tuple[str, ...]
    unnamed: int
    statements: tuple[tuple[str, str], ...]

    @property
    def images(self) -> int:
        """The number of images that were counted."""
        return sum(one.images for one in self.described) + self.undescribed + self.unnamed


def count_licences(catalog: Catalog) -> SplitLicences:
    """Counts the images of a catalog by their licences."""
    counts = Counter(image.licence for image in catalog.images)
    unnamed = counts.pop(None, 0)
    described = tuple(
        LicenceCount(one.name, one.url, counts.pop(one.licence_id, 0)) for one in catalog.licences
    )
    return SplitLicences(
        described=described,
        undescribed=counts.total(),
        undescribed_ids=tuple(sorted(map(str, counts))[:SHOWN]),
        unnamed=unnamed,
        statements=tuple((one.name, one.value) for one in catalog.statements),
    )


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
