"""The origins and licences of images and boxes, according to the annotation files."""

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
    blocks: list[Block] = []
    if not sources:
        blocks.append(Note("It was not made by ingest_dataset, so its source is not known."))
    else:
        files = tuple((one.split, one.file, one.taken, one.state) for one in sources)
        hashes = tuple((one.split, Hash(one.record.sha256)) for one in sources)
        blocks.append(Table(("split", "annotations", "images ingested", "state"), files))
        blocks.append(Table(("split", "sha256 of the annotations"), hashes))
    said = [dict(one.licences.statements) if one.licences else {} for one in sources]
    names = dict.fromkeys(name for one in said for name in one)
    if names:
        statements = tuple((name, *(one.get(name) for one in said)) for name in names)
        headings = ("the file says of itself", *(source.split for source in sources))
        blocks.append(Table(headings, statements))
    blocks += (Note(f"{one.split}: {note}") for one in sources for note in one.record.notes or ())
    blocks += _licences(sources)
    added = dataset.info.get("license") or dataset.info.get("licence")
    if added:
        blocks.append(Note(f"By the dataset's info, its licence is: {added}"))
    elif not any(source.licences and source.licences.described for source in sources):
        unknown = (
            "Licence: unknown. Name it in the dataset's info, as dataset.info['license'], and "
            "make the card again."
        )
        blocks.append(Note(unknown))
    return Section("Sources and licences", tuple(blocks))


def _licences(sources: list[_Source]) -> Iterator[Block]:
    """Images by licence, those without one last, and what these numbers do not say."""
    counts: dict[str, Counter[_Licence]] = {}
    remarks: list[str] = []
    for source in sources:
        licences, split, file = source.licences, source.split, source.file
        if licences is None:
            continue
        found = counts[split] = Counter()
        for one in licences.described:
            found[one.name or _NAMELESS, one.url] += one.images
        others = {_UNDESCRIBED: licences.undescribed, _UNNAMED: licences.unnamed}
        found += Counter({(name, ""): images for name, images in others.items()})
        undescribed = counted(licences.undescribed, "image", "images")
        if not licences.described:
            remarks.append(
                f"{split}: {file} states no licence. Ask whoever published it before you pass its "
                "images on."
            )
        if licences.undescribed:
            remarks.append(
                f"{split}: {file} names licences that it does not describe, on {undescribed}: "
                f"{', '.join(licences.undescribed_ids)}."
            )
        if source.there != licences.images and source.record.complete:
            remarks.append(
                f"{split}: licences are those of all that was ingested, "
                f"{counted(licences.images, 'image', 'images')}; the dataset has "
                f"{source.there:,} of this split now."
            )
    remarks += (
        f"{source.split}: what {source.file} says of licences was not kept when it was "
        "ingested. Run ingest_dataset again, with the same file and limit."
        for source in sources
        if source.licences is None
    )
    if counts:
        remarks.append(
            "These are the licences that an annotations file gives its images; the annotations "
            "and what a model predicts may have others."
        )
    listed = list(dict.fromkeys(licence for some in counts.values() for licence in some))
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (*licence, *(some[licence] for some in counts.values())) for licence in listed
    )
    if rows:
        yield Table(("licence", "URL", *(f"images, {split}" for split in counts)), rows[:SHOWN])
    if len(rows) > SHOWN:
        yield Note(f"And {counted(len(rows) - SHOWN, 'licence', 'licences')} more.")
    yield from map(Note, remarks)
