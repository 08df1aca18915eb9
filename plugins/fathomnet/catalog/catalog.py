"""COCO JSON -> Catalog of images and boxes, completely validated before anything uses it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from ..errors import Fault
from ..files.faults import FaultList
from ..files.reading import decode, read_source
from ..files.safe_values import web_url
from ..garbage_collector import collector_paused
from .coco import RawImage, parse_coco
from .coco_reader import CocoReader
from .dives import parse_dive, parse_time
from .licences import Licence, LicenceId, Statement, licence_id, read_licences, read_statements
from .values import clip_to_image, parse_date

ROUNDING = 1.0
"""Pixels by which a box may exceed its image before clipping it is worth a note."""

RelativeBox = tuple[float, float, float, float]
"""Left, top, width, height as shares of the image's width and height: FiftyOne's format."""


@dataclass(frozen=True, slots=True)
class BoxRecord:
    """One box of an image.

    Attributes:
        annotation_id: unique in its file.
        label: the concept; None if the file names no category.
        bounding_box: the part inside the image, relative, each value in 0..1.
        area: pixels², from the file, otherwise the area of the part inside the image.
        iscrowd: 1 if the box stands for a group.
    """

    annotation_id: int
    label: str | None
    bounding_box: RelativeBox
    area: float
    iscrowd: int


@dataclass(frozen=True, slots=True)
class ImageRecord:
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
    """

    source: str
    sha256: str
    images: tuple[ImageRecord, ...]
    concepts: tuple[str, ...]
    licences: tuple[Licence, ...]
    statements: tuple[Statement, ...]
    notes: tuple[Fault, ...]
    categories: tuple[tuple[int, str], ...] = ()

    @property
    def box_count(self) -> int:
        return sum(len(image.boxes) for image in self.images)

    @property
    def unlabelled_box_count(self) -> int:
        return sum(box.label is None for image in self.images for box in image.boxes)

    def head(self, limit: int | None) -> Catalog:
        """The same catalog with only its first ``limit`` images; None means all."""
        return self if limit is None else replace(self, images=self.images[:limit])


def read_catalog(path: str | Path, known_concepts: Iterable[str] = ()) -> Catalog:
    """Reads and checks a COCO file.

    Category names are compared with ``known_concepts`` ignoring case and white space, and take
    the known spelling; other names are accepted too. A box whose category is null or absent is
    unlabelled. The time is linear in the size of the file.

    Args:
        path: the file: UTF-8, or UTF-16 with a byte order mark.
        known_concepts: names in their canonical spelling.

    Raises:
        InputError: the file has faults; the error carries them with their places, the first 1,000
            listed and the others counted.
    """
    with collector_paused():
        return _read(path, known_concepts)


def _read(path: str | Path, known_concepts: Iterable[str]) -> Catalog:
    source = read_source(path)
    subject, name, sha256 = source.subject, source.name, source.sha256
    text = decode(source)
    # A large file lies in memory once as bytes and once as text: each goes as soon as it is read.
    del source
    faults, notes = FaultList(), FaultList()
    coco = parse_coco(text, faults)
    del text
    images: tuple[ImageRecord, ...] = ()
    concepts: dict[int, str] = {}
    if coco is not None:
        reader = CocoReader(coco, faults, notes)
        reader.check_lists({"images": "there is nothing to read"})
        concepts = reader.read_concepts(known_concepts)
        images = _read_images(reader, _read_boxes(reader, concepts))
    faults.raise_if_any(subject, "Correct the file, then try again.")
    assert coco is not None  # otherwise there was a fault
    licences = read_licences(coco.licenses, notes)
    statements = read_statements(coco.info, notes)
    concept_names = tuple(concepts.values())
    return Catalog(
        source=name,
        sha256=sha256,
        images=images,
        concepts=concept_names,
        licences=licences,
        statements=statements,
        notes=notes.all(),
        categories=tuple(concepts.items()),
    )


def _read_boxes(reader: CocoReader, concepts: dict[int, str]) -> dict[int, list[BoxRecord]]:
    """The boxes of each image by its id, in the order of the file."""
    boxes: dict[int, list[BoxRecord]] = {}
    for place, raw, image in reader.sound_boxes():
        label = reader.label_of(place, raw, concepts)
        if image is None:
            continue
        try:
            inside, excess = clip_to_image(raw.bbox, image.width, image.height)
        except ValueError as error:
            reader.faults.add(f"{place}.bbox", str(error))
            continue
        if excess >= ROUNDING:
            problem = f"stood {excess:g} pixels out of its image: clipped"
            reader.notes.add(f"{place}.bbox", problem)
        left, top, width, height = inside
        relative = (
            left / image.width,
            top / image.height,
            width / image.width,
            height / image.height,
        )
        area = width * height if raw.area is None else raw.area
        box = BoxRecord(raw.id, label, relative, area, raw.iscrowd or 0)
        boxes.setdefault(raw.image_id, []).append(box)
    return boxes


def _read_images(reader: CocoReader, boxes: dict[int, list[BoxRecord]]) -> tuple[ImageRecord, ...]:
    """The images with their boxes, in the order of the file."""
    return tuple(
        _read_image(reader, place, raw, tuple(boxes.get(raw.id, ())))
        for place, raw in reader.sound_images()
    )


def _read_image(
    reader: CocoReader, place: str, raw: RawImage, boxes: tuple[BoxRecord, ...]
) -> ImageRecord:
    url, captured, licence = None, None, None
    try:
        url = web_url(raw.coco_url) or web_url(raw.flickr_url)
    except ValueError as error:
        reader.faults.add(f"{place}.coco_url", str(error))
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
        width=raw.width,
        height=raw.height,
        source_url=url,
        date_captured=captured or parse_time(url),
        vehicle=origin.vehicle,
        dive=origin.dive,
        licence=licence,
        boxes=boxes,
    )
