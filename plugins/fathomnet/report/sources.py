"""The origins and licences of images and boxes, according to the annotation files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from ..dataset.ingest_record import IngestRecord, SplitLicences, read_ingest_records
from ..text import counted
from .blocks import Block, Cell, Hash, Note, Section, Table

SHOWN: Final = 100
"""The most licences that a card lists."""
_NAMELESS: Final = "no name"
_UNDESCRIBED: Final = "named, but not described"
_UNNAMED: Final = "none named"

_Licence = tuple[str, str]
"""Name and URL."""


@dataclass(frozen=True, slots=True)
class _Source:
    """The record of a split's ingest.

    Attributes:
        split: the split.
        record: the record.
        there: images of the split that the dataset has now.
    """

    split: str
    record: IngestRecord
    there: int

    @property
    def licences(self) -> SplitLicences | None:
        return self.record.licences

    @property
    def file(self) -> str:
        return self.record.source

    @property
    def taken(self) -> str:
        limit, images = self.record.limit, self.record.images
        is_whole = limit is None or limit >= images
        return f"all {images:,}" if is_whole else f"the first {limit:,} of {images:,}"

    @property
    def state(self) -> str:
        return "complete" if self.record.complete else "interrupted: ingest it again"


def source_section(dataset: Any, splits: Counter[str | None]) -> Section:
    """What is known about a dataset's files and licences.

    Args:
        dataset: a FiftyOne dataset.
        splits: the number of images of each split.
    """
    sources = [
        _Source(split, record, splits[split])
        for split, record in read_ingest_records(dataset).items()
    ]
    blocks = [*_files(sources), *_licences(sources), *_added(dataset, sources)]
    return Section("Sources and licences", tuple(blocks))


def _files(sources: list[_Source]) -> Iterator[Block]:
    if not sources:
        yield Note("It was not made by ingest_dataset, so its source is not known.")
        return
    yield Table(
        ("split", "annotations", "images ingested", "state"),
        tuple((one.split, one.file, one.taken, one.state) for one in sources),
    )
    hashes = tuple((one.split, Hash(one.record.sha256)) for one in sources)
    yield Table(("split", "sha256 of the annotations"), hashes)
    said = [dict(source.licences.statements) if source.licences else {} for source in sources]
    names = dict.fromkeys(name for one in said for name in one)
    if names:
        yield Table(
            ("the file says of itself", *(source.split for source in sources)),
            tuple((name, *(one.get(name) for one in said)) for name in names),
        )


def _licences(sources: list[_Source]) -> Iterator[Block]:
    known = [(source, source.licences) for source in sources if source.licences is not None]
    counts = {source.split: _counts(licences) for source, licences in known}
    listed = list(dict.fromkeys(licence for some in counts.values() for licence in some))
    if listed:
        rows: tuple[tuple[Cell, ...], ...] = tuple(
            (*licence, *(some[licence] for some in counts.values())) for licence in listed
        )
        yield Table(("licence", "URL", *(f"images, {split}" for split in counts)), rows[:SHOWN])
        if len(rows) > SHOWN:
            yield Note(f"And {counted(len(rows) - SHOWN, 'licence', 'licences')} more.")
    for source, licences in known:
        yield from _remarks(source, licences)
    for source in sources:
        if source.licences is None:
            yield Note(
                f"{source.split}: what {source.file} says of licences was not kept when it was "
                "ingested. Run ingest_dataset again, with the same file and limit."
            )
    if known:
        yield Note(
            "These are the licences that an annotations file gives its images; the annotations "
            "and what a model predicts may have others."
        )


def _counts(licences: SplitLicences) -> Counter[_Licence]:
    """Images by licence, those without a licence last."""
    found: Counter[_Licence] = Counter()
    for one in licences.described:
        found[one.name or _NAMELESS, one.url] += one.images
    if licences.undescribed:
        found[_UNDESCRIBED, ""] = licences.undescribed
    if licences.unnamed:
        found[_UNNAMED, ""] = licences.unnamed
    return found


def _remarks(source: _Source, licences: SplitLicences) -> Iterator[Block]:
    """Remarks on what the numbers do not say."""
    if not licences.described:
        yield Note(
            f"{source.split}: {source.file} states no licence. Ask whoever published it before "
            "you pass its images on."
        )
    if licences.undescribed:
        names = ", ".join(licences.undescribed_ids)
        yield Note(
            f"{source.split}: {source.file} names licences that it does not describe, on "
            f"{counted(licences.undescribed, 'image', 'images')}: {names}."
        )
    if source.there != licences.images and source.record.complete:
        yield Note(
            f"{source.split}: licences are those of all that was ingested, "
            f"{counted(licences.images, 'image', 'images')}; the dataset has "
            f"{source.there:,} of this split now."
        )


def _added(dataset: Any, sources: list[_Source]) -> Iterator[Block]:
    """What somebody has stated about the dataset as a whole."""
    added = dataset.info.get("license") or dataset.info.get("licence")
    if added:
        yield Note(f"By the dataset's info, its licence is: {added}")
    elif not any(source.licences and source.licences.described for source in sources):
        yield Note(
            "Licence: unknown. Name it in the dataset's info, as dataset.info['license'], and "
            "make the card again."
        )
