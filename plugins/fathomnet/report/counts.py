"""Counts a dataset's images, boxes, names at every rank and sizes."""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise
from operator import eq
from typing import Final

import numpy as np

from ..catalog.catalog import groups_of_repeats
from ..names import RANKS, SPLITS
from ..taxonomy import Taxonomy
from ..text import counted
from .blocks import Bars, Block, Cell, Content, Note, Section, Table

UNLABELLED: Final = "no label"
UNKNOWN: Final = "not known"
SHOWN: Final = 200
"""The most names of one kind that a card lists."""
SIDES: Final = (16, 32, 64, 128, 256, 512, 1024)
"""Pixels: the bounds of the sizes of boxes, by the root of their area."""
_MEDIA: Final = {
    "ok": "the file was seen",
    "missing": "it is not in its folder, or its source says that it is gone",
    "rejected": "what came is no whole image, or may not be fetched",
    "unknown": "nobody has looked yet",
}
"""What each status means."""


def count_sections(content: Content, taxonomy: Taxonomy) -> list[Section]:
    """The sections that are counted from images and boxes alone, an overview first."""
    columns = content.columns
    labels = Counter(label for _, label, _ in content.boxes())
    concepts = {UNLABELLED if name is None else name: count for name, count in labels.items()}
    vehicles = Counter(value or UNKNOWN for value in columns["vehicle"])

    years = Counter(date.year if date else None for date in columns["date_captured"])
    undated = years.pop(None, 0)
    by_year: list[Block] = []
    if years:
        in_order = tuple((str(year), count) for year, count in sorted(years.items()))
        by_year.append(Bars("year", "images", in_order))
    if undated:
        images = counted(undated, "image", "images")
        by_year.append(Note(f"When they were taken is not known of {images}."))

    statuses = Counter(status or UNKNOWN for status in columns["media_status"])
    meanings = tuple((one, count, _MEDIA.get(one, "")) for one, count in sorted(statuses.items()))
    media: list[Block] = [Table(("media", "images", "meaning"), meanings)]
    if statuses.keys() & {"missing", "rejected"}:
        media.append(Note("To see which: filter by media_status in the App's sidebar."))
    if statuses.keys() & {"unknown", UNKNOWN}:
        media.append(Note("Run download_images or ingest_dataset again to know of more."))
    return [
        Section("Contents", tuple(_overview(content))),
        Section("Boxes by rank", tuple(_ranks(labels, taxonomy))),
        Section("Boxes by concept", tuple(_bars(concepts, "concept", "boxes"))),
        Section("Images by vehicle", tuple(_bars(vehicles, "vehicle", "images"))),
        Section("Images by year", tuple(by_year)),
        Section("Sizes of boxes", tuple(_sizes(content))),
        Section("Media", tuple(media)),
    ]


def _overview(content: Content) -> Iterable[Block]:
    """The numbers of each split and of all, tags, and boxes that are there twice."""
    columns, splits = content.columns, content.columns["split"]
    sides: dict[str, Callable[[str | None], bool]] = {
        split: partial(eq, split) for split in SPLITS if split in splits
    }
    sides["all"] = lambda split: True
    by_side = {
        name: Counter(label for place, label, _ in content.boxes() if belongs(splits[place]))
        for name, belongs in sides.items()
    }
    rows: tuple[tuple[Cell, ...], ...] = (
        ("images", *(sum(map(belongs, splits)) for belongs in sides.values())),
        ("boxes", *(some.total() for some in by_side.values())),
        ("boxes without a label", *(some[None] for some in by_side.values())),
        ("concepts", *(len(some.keys() - {None}) for some in by_side.values())),
    )
    yield Table(("", *sides), rows)
    tags = Counter(tag for some in columns["tags"] for tag in some or ())
    if tags:
        first = tuple(sorted(tags.items())[:SHOWN])
        yield Table(("tag of images", "images"), first)

    if content.special:
        named = ", ".join(f"{name} ({count:,})" for name, count in sorted(content.special.items()))
        yield Note(f"Boxes that show no animal are counted nowhere else: {named}.")

    repeats = groups_of_repeats(
        (place, rectangle, label) for place, label, rectangle in content.boxes()
    )
    if repeats:
        twice = counted(sum(len(group) - 1 for group in repeats), "box repeats", "boxes repeat")
        yield Note(f"{twice} another exactly: the same image, corners and name.")


def _ranks(labels: Counter[str | None], taxonomy: Taxonomy) -> Iterable[Block]:
    rows = []
    taxa = {label: taxonomy.certain(label) for label in labels}
    for rank in RANKS:
        own = below = 0
        names = set()
        for label, count in labels.items():
            taxon = taxa[label]
            name = taxonomy.rollup(taxon.name, rank) if taxon else None
            own += count if taxon is not None and taxon.rank == rank else 0
            below += count if name else 0
            names |= {name} - {None}
        rows.append((rank, own, below, len(names)))
    headings = ("rank", "labels of this rank", "labels of this rank or finer", "different names")
    yield Table(headings, tuple(rows))
    unknown = {
        label: count for label, count in labels.items() if label and not taxonomy.stated(label)
    }
    if unknown:
        boxes = counted(sum(unknown.values()), "box", "boxes")
        yield Note(f"Labels that the taxonomy does not know, on {boxes}:")
        yield Table(("label", "boxes"), tuple(sorted(unknown.items()))[:SHOWN])


def _bars(counts: dict[str, int], what: str, unit: str) -> Iterable[Block]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    if not ordered:
        yield Note("There are none.")
        return
    yield Bars(what, unit, tuple(ordered[:SHOWN]))
    if len(ordered) > SHOWN:
        rest = sum(count for _, count in ordered[SHOWN:])
        yield Note(f"And {len(ordered) - SHOWN:,} more, with {rest:,} {unit}.")


def _sizes(content: Content) -> Iterable[Block]:
    widths, heights = content.columns["metadata.width"], content.columns["metadata.height"]
    known = [
        (rectangle[2] * widths[place], rectangle[3] * heights[place], rectangle[2] * rectangle[3])
        for place, _, rectangle in content.boxes()
        if len(rectangle) == 4 and widths[place] and heights[place]
    ]
    if known:
        table = np.array(known, np.float64)
        table[:, 2] *= 100
        shares = np.quantile(table, (0, 0.05, 0.5, 0.95, 1), axis=0)
        headings = ("", "smallest", "5 % are smaller", "median", "5 % are larger", "largest")
        widths_, heights_, areas = shares.T.tolist()
        rows: tuple[tuple[Cell, ...], ...] = (
            ("width, pixels", *map(round, widths_)),
            ("height, pixels", *map(round, heights_)),
            ("share of the image, %", *areas),
        )
        yield Table(headings, rows)
        side = np.sqrt(table[:, 0] * table[:, 1])
        places = np.bincount(np.searchsorted(SIDES, side, side="right"), minlength=len(SIDES) + 1)
        ranges = [f"below {SIDES[0]}"]
        ranges += [f"{low} to {high}" for low, high in pairwise(SIDES)]
        ranges.append(f"{SIDES[-1]} or more")
        counts = tuple((name, int(n)) for name, n in zip(ranges, places, strict=True))
        yield Bars("side of a square of the same area, pixels", "boxes", counts)
    left = sum(map(len, content.labels)) - len(known)
    if left or not known:
        yield Note(f"The size in pixels is not known of {counted(left, 'box', 'boxes')}.")
