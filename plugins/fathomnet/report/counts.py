"""The sections that follow from images and boxes alone.

They count both, names at every rank, sizes and what people said of labels, and show examples.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise
from operator import eq
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..catalog.catalog import groups_of_repeats
from ..dataset.schema import fields_holding, labels_path
from ..labels.verdicts import STATES
from ..names import RANKS, REVIEW_ROUND, REVIEW_STATE, SPLITS
from ..pictures.decoding import (
    BoxError,
    PictureError,
    cut_patch,
    open_picture,
    small_jpeg,
    window_of,
)
from ..pictures.local import LocalMedia
from ..progress import Progress
from ..review.progress import ReviewProgress, progress_of
from ..taxonomy import Taxonomy
from ..text import counted
from .blocks import Bars, Block, Cell, Content, Crop, Crops, Note, Section, Table

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


def review_section(dataset: Any) -> Section:
    """The states of the labels of each field in which people have reviewed some."""
    import fiftyone as fo

    blocks: list[Block] = []
    for field in sorted(fields_holding(dataset, fo.Detections, fo.Classification)):
        paths = (f"{labels_path(dataset, field)}.{name}" for name in (REVIEW_STATE, REVIEW_ROUND))
        if any(dataset.get_field(path) is not None for path in paths):
            blocks += _field_blocks(progress_of(dataset, field))
    none = Note("Nobody has reviewed a label: run review_labels.")
    return Section("Review", tuple(blocks or [none]))


def _field_blocks(told: ReviewProgress) -> list[Block]:
    """What is said of one field; nothing where nobody has reviewed a label, nor is to."""
    rounds = {place for place in told.by_round if place[1]}
    if not told.all.done and not rounds:
        return []
    boxes = f"Of {told.all.labels:,} boxes of {told.field}, {told.all.done:,} are reviewed."
    states = tuple((one, told.all.states[one]) for one in (*STATES, "unreviewed"))
    blocks: list[Block] = [Note(boxes), Table(("state", "boxes"), states)]
    if told.all.done:
        people: tuple[tuple[Cell, ...], ...] = tuple(
            (person or "not known", one.done, *(one.states[state] for state in STATES))
            for person, one in told.by_person.items()
        )
        blocks.append(Table(("reviewed by", "boxes", *STATES), people))
    if rounds:
        splits = tuple(
            (split or "none", name or "none", one.labels, one.done)
            for (split, name), one in told.by_round.items()
        )
        blocks.append(Table(("split", "last round", "boxes", "reviewed"), splits))
    blocks += [Note(words) for words in told.agreement_in_words()]
    return blocks


PER_CONCEPT: Final = 3
LOOKED_AT: Final = 30
"""The number of a concept's largest boxes among which those with an image at hand are sought."""
_LARGEST: Final = (288, 96)
"""Pixels of a crop in the card."""

_OfImage = dict[int, list[tuple[str, tuple[float, ...]]]]
"""Labels and rectangles of boxes, by the position of their image."""


def crop_section(dataset: Any, content: Content, progress: Progress) -> Section:
    """Shows the largest boxes of each concept as examples, and says what cannot be shown.

    Args:
        dataset: a FiftyOne dataset.
        content: what it holds.
        progress: called with the share done and a label.
    """
    of_image, absent = _largest_boxes(content)
    crops: list[Crop] = []
    media = LocalMedia(dataset)
    problems = Counter[str]()
    for done, (place, boxes) in enumerate(sorted(of_image.items()), start=1):
        size = tuple(content.columns[f"metadata.{side}"][place] for side in ("width", "height"))
        try:
            file = media.file(content.ids[place], content.columns["filepath"][place])
            picture = open_picture(file, size if all(size) else None)
        except PictureError as error:
            problems[str(error)] += len(boxes)
            continue
        height, width = picture.shape[:2]
        for label, rectangle in boxes:
            try:
                patch = cut_patch(picture, window_of(rectangle, width, height))
            except BoxError as error:
                problems[str(error)] += 1
                continue
            crops.append(Crop(label, small_jpeg(patch, _LARGEST)))
        progress(done / len(of_image), f"cutting examples {done:,}/{len(of_image):,} images")
    blocks: list[Block] = []
    if crops:
        blocks += (
            Note(
                f"Of each concept the largest boxes, {PER_CONCEPT} at most, of several images; "
                "no suspects, nor boxes whose label a person has doubted."
            ),
            Crops(tuple(sorted(crops, key=lambda crop: crop.concept))),
            Note("The licences of the images go for these parts of them too."),
        )
    if absent:
        names = ", ".join(absent[:PER_CONCEPT])
        names += " and others" if len(absent) > PER_CONCEPT else ""
        blocks.append(
            Note(f"No image of {counted(len(absent), 'concept', 'concepts')} is at hand: {names}.")
        )
    blocks += (
        Note(f"{counted(count, 'example', 'examples')} cannot be shown: {reason}.")
        for reason, count in sorted(problems.items())
    )
    return Section("Examples", tuple(blocks or [Note("No box has a label.")]))


def _largest_boxes(content: Content) -> tuple[_OfImage, list[str]]:
    """Each concept's largest boxes by their images, one on each, and concepts without a file."""
    found: dict[str, list[tuple[float, int, tuple[float, ...]]]] = {}
    fit = (one for some in content.examples for one in some)
    for (place, label, rectangle), is_fit in zip(content.boxes(), fit, strict=True):
        if label is not None and is_fit and len(rectangle) == 4:
            area = rectangle[2] * rectangle[3]
            found.setdefault(label, []).append((-area, place, tuple(rectangle)))
    most = sorted(found, key=lambda label: (-len(found[label]), label))[:SHOWN]
    paths = content.columns["filepath"]
    of_image: _OfImage = {}
    absent = []
    for label in most:
        largest: dict[int, tuple[float, ...]] = {}
        for _, place, rectangle in sorted(found[label])[:LOOKED_AT]:
            is_full = len(largest) == PER_CONCEPT or place in largest
            if not is_full and ("://" in paths[place] or Path(paths[place]).is_file()):
                largest[place] = rectangle
        for place, rectangle in largest.items():
            of_image.setdefault(place, []).append((label, rectangle))
        if not largest:
            absent.append(label)
    return of_image, sorted(absent)
