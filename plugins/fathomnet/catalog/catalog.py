"""COCO JSON -> Catalog of images and boxes, completely validated before anything uses it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from ..errors import Fault, InputError
from ..files.faults import FaultList
from ..files.reading import decode, read_source
from ..files.safe_values import folded_name, is_no_url, web_url
from ..garbage_collector import collector_paused
from ..text import shortened
from .coco import RawImage, parse_coco
from .coco_reader import CocoReader, Measure
from .dives import parse_dive, parse_time
from .licences import Licence, LicenceId, Statement, licence_id, read_licences, read_statements
from .values import Fields, Members, clip_to_image, common_type, parse_date, read_fields

ROUNDING = 1.0
"""Pixels by which a box may exceed its image before clipping it is worth a note."""

MOST_LOST = 0.1
"""Share of a box's area that may be outside its image before that is told by itself."""

RelativeBox = tuple[float, float, float, float]
"""Left, top, width, height as shares of the image's width and height: FiftyOne's format."""


class BoxRecord(NamedTuple):
    """One box of an image.

    Attributes:
        annotation_id: unique in its file.
        label: the concept; None if the file names no category.
        bounding_box: the part inside the image, relative, each value in 0..1.
        area: pixels², from the file; the area of the part inside the image if the file has none,
            or the image's edge cuts off more than a tenth of the box.
        iscrowd: 1 if the box stands for a group.
        others: what else the file says of it, see ``members``.
    """

    annotation_id: int
    label: str | None
    bounding_box: RelativeBox
    area: float
    iscrowd: int
    others: Members = ()


class ImageRecord(NamedTuple):
    """One image with its boxes, in the order of the file.

    Attributes:
        image_id: unique in its file.
        file_name: relative path with ``/``, safe to append to a media folder.
        width: pixels.
        height: pixels.
        source_url: http(s) URL under which the image was published, if any.
        date_captured: naive UTC; from the file, otherwise from a stamp in the URL.
        vehicle: named by the URL, see ``dives``.
        dive: named by the URL, see ``dives``.
        licence: id of its licence; None if the file names none.
        boxes: the boxes.
        others: what else the file says of it, see ``members``.
    """

    image_id: int
    file_name: str
    width: int
    height: int
    source_url: str | None
    date_captured: datetime | None
    vehicle: str | None
    dive: str | None
    licence: LicenceId | None
    boxes: tuple[BoxRecord, ...]
    others: Members = ()


@dataclass(frozen=True, slots=True)
class Catalog:
    """The content of a COCO file, checked.

    Attributes:
        source: the file's name, without its folder.
        sha256: hash of the file's bytes.
        images: in the order of the file.
        concepts: names of the categories, in the order of their ids.
        licences: what the file lists; an image may name another one, or none.
        statements: what the file says about itself.
        notes: what was read differently from the way it is written, with places.
        categories: id and name of each category, in the order of the ids.
        told: the same in a sentence a kind, with a count and the first.
        skipped: what is wrong with the boxes that were left out, where that was allowed.
        skipped_boxes: how many these are.
        numbered: whether the boxes have numbers that the file does not give them.
        image_fields: types of what images have beside COCO's members, by name.
        box_fields: likewise of boxes.
        files: the hashes of the files that were merged; empty for one.
    """

    source: str
    sha256: str
    images: tuple[ImageRecord, ...]
    concepts: tuple[str, ...]
    licences: tuple[Licence, ...]
    statements: tuple[Statement, ...]
    notes: tuple[Fault, ...]
    categories: tuple[tuple[int, str], ...] = ()
    told: tuple[str, ...] = ()
    skipped: tuple[Fault, ...] = ()
    skipped_boxes: int = 0
    numbered: bool = False
    image_fields: Mapping[str, type] = field(default_factory=dict)
    box_fields: Mapping[str, type] = field(default_factory=dict)
    files: tuple[str, ...] = ()

    @property
    def box_count(self) -> int:
        return sum(len(image.boxes) for image in self.images)

    @property
    def unlabelled_box_count(self) -> int:
        return sum(box.label is None for image in self.images for box in image.boxes)

    def head(self, limit: int | None) -> Catalog:
        """The same catalog with only its first ``limit`` images; None means all."""
        return self if limit is None else replace(self, images=self.images[:limit])


def read_catalog(
    path: str | Path,
    known_concepts: Iterable[str] = (),
    skip_bad_boxes: bool = False,
    measure: Measure | None = None,
    canonical: Callable[[str], str | None] | None = None,
) -> Catalog:
    """Reads and checks a COCO file.

    Category names are compared with ``known_concepts`` ignoring case and white space, and take
    the known spelling; other names are accepted too. A box whose category is null or absent is
    unlabelled. The time is linear in the size of the file.

    Args:
        path: the file: UTF-8, or UTF-16 with a byte order mark.
        known_concepts: names in their canonical spelling.
        skip_bad_boxes: leave out the boxes that have faults, and list them, instead of refusing the
            file.
        measure: asked for the size of an image that the file does not give.
        canonical: gives the spelling of a category that says just the same as a known one, such
            as with its author.

    Raises:
        InputError: the file has faults; the error carries them with their places, the first 1,000
            listed and the others counted.
    """
    with collector_paused():
        return _read(path, known_concepts, skip_bad_boxes, measure, canonical)


def _read(
    path: str | Path,
    known_concepts: Iterable[str],
    skip_bad_boxes: bool,
    measure: Measure | None,
    canonical: Callable[[str], str | None] | None,
) -> Catalog:
    source = read_source(path)
    subject, name, sha256 = source.subject, source.name, source.sha256
    text = decode(source)
    # A large file lies in memory once as bytes and once as text: each goes as soon as it is read.
    del source
    faults, notes = FaultList(), FaultList()
    skipped = FaultList() if skip_bad_boxes else faults
    coco = parse_coco(text, faults, notes, skipped)
    del text
    image_fields = box_fields = Fields({}, {})
    images: tuple[ImageRecord, ...] = ()
    concepts: dict[int, str] = {}
    if coco is not None:
        reader = CocoReader(coco, faults, notes, skipped)
        reader.check_lists({"images": "there is nothing to read"})
        concepts = reader.read_concepts(known_concepts, canonical)
        reader.measure_images(measure)
        others = (raw.others for raw in coco.annotations.records if raw is not None)
        box_fields = read_fields("annotations", others, notes)
        boxes = _read_boxes(reader, concepts, box_fields)
        others = (raw.others for raw in coco.images.records if raw is not None)
        image_fields = read_fields("images", others, notes)
        images = tuple(
            _read_image(reader, place, raw, boxes.get(raw.id, ()), image_fields.of(raw.others))
            for place, raw in reader.sound_images()
        )
    faults.raise_if_any(subject, "Correct the file, then try again.")
    assert coco is not None  # otherwise there was a fault
    licences = read_licences(coco.licenses, notes)
    statements = read_statements(coco.info, notes)
    left_out = 0
    if skipped is not faults:
        left_out = len(coco.annotations.records) - sum(len(image.boxes) for image in images)
        for fault in skipped.all():
            notes.add(fault.place, f"{fault.problem}; left out", "boxes left out")
    return Catalog(
        source=name,
        sha256=sha256,
        images=images,
        concepts=tuple(dict.fromkeys(concepts.values())),
        licences=licences,
        statements=statements,
        notes=notes.all(),
        categories=tuple(concepts.items()),
        told=notes.told(),
        skipped=skipped.all() if left_out else (),
        skipped_boxes=left_out,
        numbered=coco.numbered,
        image_fields=image_fields.kinds,
        box_fields=box_fields.kinds,
    )


def _read_boxes(
    reader: CocoReader, concepts: dict[int, str], fields: Fields
) -> dict[int, list[BoxRecord]]:
    """The boxes of each image by its id, in the order of the file."""
    boxes: dict[int, list[BoxRecord]] = {}
    for place, raw, image in reader.sound_boxes():
        refused = reader.box_faults.count
        label = reader.label_of(place, raw, concepts)
        if image is None or not (image.width and image.height):
            continue
        try:
            inside, excess = clip_to_image(raw.bbox, image.width, image.height)
        except ValueError as error:
            reader.box_faults.add(f"{place}.bbox", str(error))
        if reader.box_faults.count > refused:
            continue
        lost = 1 - inside[2] * inside[3] / (raw.bbox[2] * raw.bbox[3]) if excess else 0.0
        if lost > MOST_LOST:
            problem = f"lost {lost:.0%} of its area at its image's edge: clipped, area recomputed"
            reader.notes.add(f"{place}.bbox", problem, "boxes that lost more than a tenth")
        elif excess >= ROUNDING:
            problem = f"stood {excess:g} pixels out of its image: clipped"
            reader.notes.add(f"{place}.bbox", problem)
        left, top, width, height = inside
        relative = (
            left / image.width,
            top / image.height,
            width / image.width,
            height / image.height,
        )
        area = width * height if raw.area is None or lost > MOST_LOST else raw.area
        others = fields.of(raw.others) if fields.kinds else ()
        box = BoxRecord(raw.id, label, relative, area, raw.iscrowd or 0, others)
        boxes.setdefault(raw.image_id, []).append(box)
    return boxes


def _read_image(
    reader: CocoReader, place: str, raw: RawImage, boxes: Iterable[BoxRecord], others: Members
) -> ImageRecord:
    captured, licence = None, None
    url = _source_url(reader, place, raw)
    try:
        captured = parse_date(raw.date_captured)
    except ValueError as error:
        reader.notes.add(f"{place}.date_captured", str(error))
    try:
        licence = licence_id(raw.license)
    except ValueError as error:
        reader.notes.add(f"{place}.license", str(error))
    origin = parse_dive(url)
    return ImageRecord(
        image_id=raw.id,
        file_name=raw.file_name,
        # 0 only beside the fault that it is missing.
        width=raw.width or 0,
        height=raw.height or 0,
        source_url=url,
        date_captured=captured or parse_time(url),
        vehicle=origin.vehicle,
        dive=origin.dive,
        licence=licence,
        boxes=tuple(boxes),
        others=others,
    )


def _source_url(reader: CocoReader, place: str, raw: RawImage) -> str | None:
    """The URL under which an image was published; a path in its place is none, with a note."""
    for member in ("coco_url", "flickr_url"):
        written = (getattr(raw, member) or "").strip()
        try:
            if written and is_no_url(written):
                problem = f"{shortened(written, 80)!r} is no URL and was left out"
                reader.notes.add(f"{place}.{member}", problem)
            elif url := web_url(written):
                return url
        except ValueError as error:
            reader.faults.add(f"{place}.{member}", str(error))
    return None


OfABox = tuple[object, Sequence[float], str | None]
"""What tells a box's image, its rectangle, and its name."""


def groups_of_repeats(boxes: Iterable[OfABox]) -> list[list[int]]:
    """The positions of boxes that are exact repeats of one another, group by group.

    Two animals hardly ever have the very same rectangle; the same box that was exported, merged or
    saved twice has. Boxes that merely overlap are not looked at.

    Args:
        boxes: of each its image, its rectangle and its name.

    Returns:
        Groups of two and more, each in the order of the boxes; the group of the first box first.

    Examples:
        >>> rockfish = (1, [0.1, 0.2, 0.3, 0.3], "Sebastes")
        >>> groups_of_repeats([rockfish, (1, [0.1, 0.2, 0.3, 0.3], "Aegina"), rockfish])
        [[0, 2]]
    """
    places: dict[tuple[object, tuple[float, ...], str | None], list[int]] = {}
    for place, (image, rectangle, name) in enumerate(boxes):
        places.setdefault((image, tuple(rectangle), name), []).append(place)
    return [group for group in places.values() if len(group) > 1]


_FIELDS: Final = ("image_fields", "box_fields")


def merge_catalogs(catalogs: Sequence[Catalog]) -> Catalog:
    """The images and boxes of several files of a split.

    An image that two files list by the same name is one image with the boxes of both. Where a file
    uses the number of another's image or box, its own are numbered on from the others'.

    Args:
        catalogs: one or more.

    Raises:
        InputError: two files give an image different sizes.
    """
    whole, *others = catalogs
    for other in others:
        whole = _joined(whole, other)
    if others:
        digest = sha256(" ".join(one.sha256 for one in catalogs).encode()).hexdigest()
        whole = replace(whole, sha256=digest, files=tuple(one.sha256 for one in catalogs))
    return whole


def _joined(one: Catalog, other: Catalog) -> Catalog:
    image_fields, box_fields = (
        _merged_fields(getattr(one, name), getattr(other, name)) for name in _FIELDS
    )
    spelling = {name.casefold(): name for name in one.concepts}
    images = {folded_name(image.file_name): image for image in one.images}
    new = [image for image in other.images if folded_name(image.file_name) not in images]
    after_images = _first_free((image.image_id for image in one.images), (i.image_id for i in new))
    after_boxes = _first_free(_box_ids(one.images), _box_ids(other.images))
    faults = []
    for image in other.images:
        boxes = tuple(
            box._replace(
                annotation_id=box.annotation_id + after_boxes,
                label=box.label and spelling.get(box.label.casefold(), box.label),
            )
            for box in image.boxes
        )
        known = images.get(folded_name(image.file_name))
        if known is None:
            number = image.image_id + after_images
            known = image._replace(image_id=number, boxes=())
        elif (known.width, known.height) != (image.width, image.height):
            here, there = (f"{i.width} x {i.height} pixels" for i in (image, known))
            faults.append(Fault(image.file_name, f"has {here}, and {there} in {one.source}"))
        images[folded_name(image.file_name)] = known._replace(boxes=(*known.boxes, *boxes))
    if faults:
        raise InputError(other.source, faults, "Name files that agree on their images.")
    notes = [
        f"{other.source}: its {kind} were numbered on from {after:,}, because the numbers are taken"
        for kind, after in (("images", after_images), ("boxes", after_boxes))
        if after
    ]
    licences = {licence.licence_id: licence for licence in (*other.licences, *one.licences)}
    names = (spelling.get(name.casefold(), name) for name in other.concepts)
    return replace(
        one,
        source=f"{one.source}, {other.source}",
        images=tuple(_converted(image, image_fields, box_fields) for image in images.values()),
        concepts=tuple(dict.fromkeys((*one.concepts, *names))),
        licences=tuple(licences.values()),
        statements=tuple(dict.fromkeys((*one.statements, *other.statements))),
        notes=(*one.notes, *other.notes),
        told=(*one.told, *notes, *(f"{other.source}: {note}" for note in other.told)),
        skipped=(*one.skipped, *other.skipped),
        skipped_boxes=one.skipped_boxes + other.skipped_boxes,
        numbered=one.numbered or other.numbered or bool(after_boxes),
        image_fields=image_fields,
        box_fields=box_fields,
    )


def _box_ids(images: Iterable[ImageRecord]) -> Iterable[int]:
    return (box.annotation_id for image in images for box in image.boxes)


def _first_free(taken: Iterable[int], wanted: Iterable[int]) -> int:
    """What is added to numbers so that none is taken; 0 where none is."""
    numbers = set(taken)
    return 0 if numbers.isdisjoint(wanted) else max(numbers) + 1


def _merged_fields(one: Mapping[str, type], other: Mapping[str, type]) -> dict[str, type]:
    return {
        name: common_type({fields[name] for fields in (one, other) if name in fields})
        for name in (*one, *(name for name in other if name not in one))
    }


def _converted(
    image: ImageRecord, image_fields: Mapping[str, type], box_fields: Mapping[str, type]
) -> ImageRecord:
    def members(others: Members, kinds: Mapping[str, type]) -> Members:
        return tuple((name, kinds[name](value)) for name, value in others)

    boxes = tuple(box._replace(others=members(box.others, box_fields)) for box in image.boxes)
    return image._replace(others=members(image.others, image_fields), boxes=boxes)
