"""The boxes that are to be predicted, exactly as the COCO file writes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from unicodedata import normalize

from fathomnet_voxel51.files.coco import (
    LARGEST_SIDE,
    Claims,
    CocoFile,
    RawBox,
    parse_coco,
    place_of,
)
from fathomnet_voxel51.files.coco_values import category_name, safe_file_name
from fathomnet_voxel51.files.faults import FaultList
from fathomnet_voxel51.files.garbage import collector_paused
from fathomnet_voxel51.files.sourcefile import decode, read_source
from fathomnet_voxel51.media.shards import Shard


@dataclass(frozen=True, slots=True)
class Box:
    """One rectangle in pixels of its image, not clipped to it: the model crops around its centre.

    Attributes:
        annotation_id: unique in its file.
        x: left side; may be negative or beyond the image.
        y: upper side; likewise.
        width: 0 or more.
        height: 0 or more.
    """

    annotation_id: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class ImageBoxes:
    """One image and its boxes, in the order of the file.

    Attributes:
        image_id: unique in its file.
        file_name: relative path with ``/``, safe to append to the images' folder.
        boxes: one or more.
    """

    image_id: int
    file_name: str
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Annotations:
    """What a COCO file asks to be predicted, checked.

    Attributes:
        source: the file's name, without its folder.
        sha256: hash of the file's bytes.
        images: every image of the file, in its order, those without boxes included.
        labels: concept by annotation id, for the boxes whose category the file gives.
    """

    source: str
    sha256: str
    images: tuple[ImageBoxes, ...]
    labels: Mapping[int, str]

    def wanted(self, limit: int | None, shard: Shard) -> tuple[ImageBoxes, ...]:
        """The images with boxes among the first ``limit`` that belong to a shard.

        Args:
            limit: how many images of the file to look at, as ``download`` counts them; None: all.
            shard: which part of those, chosen by file name.
        """
        head = self.images[:limit]
        return tuple(image for image in head if image.boxes and shard.owns(image.file_name))


def read_annotations(path: str | Path) -> Annotations:
    """Reads and checks a COCO file.

    A box may be degenerate (no width, no height, partly or wholly outside its image): the model
    has an answer for each. The catalog, which clips boxes for a dataset, is stricter there.

    Raises:
        InputError: the file has faults; it carries all of them with their places.
    """
    with collector_paused():
        source = read_source(path)
        faults = FaultList()
        coco = parse_coco(decode(source), faults)
        images: tuple[ImageBoxes, ...] = ()
        labels: dict[int, str] = {}
        if coco is not None:
            reader = _Reader(coco, faults)
            reader.check_lists()
            labels = reader.labels()
            images = reader.images(reader.boxes())
        faults.raise_if_any(source.subject, "Correct the file, then try again.")
        return Annotations(source.name, source.sha256, images, labels)


class _Reader:
    """Gives the records of a COCO file their meaning beside one another."""

    def __init__(self, coco: CocoFile, faults: FaultList) -> None:
        self._coco = coco
        self._faults = faults

    def check_lists(self) -> None:
        for name in ("images", "annotations"):
            section = getattr(self._coco, name)
            if not section.present:
                self._faults.add(name, "is missing from the file")
            elif not section.records and not self._faults:
                self._faults.add(name, "is empty: there is nothing to predict")
        boxes = self._coco.annotations.records
        naming = sum(box is not None and box.category_id is not None for box in boxes)
        if naming and not self._coco.categories.records:
            self._faults.add("categories", f"is missing or empty, but {naming:,} boxes name one")

    def labels(self) -> dict[int, str]:
        """Concept by annotation id."""
        concepts = self._concepts()
        labels: dict[int, str] = {}
        for index, raw in enumerate(self._coco.annotations.records):
            if raw is None or raw.category_id is None:
                continue
            label = concepts.get(raw.category_id)
            if label:
                labels[raw.id] = label
            elif label is None and self._coco.categories.certainly_lacks(raw.category_id):
                self._fault(index, raw, "category_id", f"no category has the id {raw.category_id}")
        return labels

    def boxes(self) -> dict[int, list[Box]]:
        """The boxes of each image by its id, in the order of the file."""
        known = {image.id for image in self._coco.images.records if image}
        ids = Claims("annotations", "id", self._faults)
        boxes: dict[int, list[Box]] = {}
        for index, raw in enumerate(self._coco.annotations.records):
            if raw is None:
                continue
            ids.claim(raw.id, index, raw.id)
            if raw.image_id not in known and self._coco.images.certainly_lacks(raw.image_id):
                self._fault(index, raw, "image_id", f"no image has the id {raw.image_id}")
            for problem in _box_problems(raw):
                self._fault(index, raw, "bbox", problem)
            boxes.setdefault(raw.image_id, []).append(Box(raw.id, *map(float, raw.bbox)))
        return boxes

    def images(self, boxes: Mapping[int, list[Box]]) -> tuple[ImageBoxes, ...]:
        """The images with their boxes, in the order of the file."""
        ids = Claims("images", "id", self._faults)
        names = Claims("images", "file_name", self._faults)
        images = []
        for index, raw in enumerate(self._coco.images.records):
            if raw is None:
                continue
            ids.claim(raw.id, index, raw.id)
            # The catalog's rule: a download may go to a file system that takes both for one file.
            names.claim(normalize("NFC", raw.file_name).casefold(), index, raw.id)
            try:
                safe_file_name(raw.file_name)
            except ValueError as error:
                self._faults.add(f"{place_of('images', index, raw.id)}.file_name", str(error))
            images.append(ImageBoxes(raw.id, raw.file_name, tuple(boxes.get(raw.id, ()))))
        return tuple(images)

    def _concepts(self) -> dict[int, str]:
        """Name of each category by its id; empty where the name is faulty."""
        ids = Claims("categories", "id", self._faults)
        names = Claims("categories", "name", self._faults)
        concepts: dict[int, str] = {}
        for index, category in enumerate(self._coco.categories.records):
            if category is None:
                continue
            ids.claim(category.id, index, category.id)
            concepts[category.id] = ""
            try:
                name = concepts[category.id] = category_name(category.name)
            except ValueError as error:
                place = place_of("categories", index, category.id)
                self._faults.add(f"{place}.name", str(error))
                continue
            names.claim(name.casefold(), index, category.id)
        return concepts

    def _fault(self, index: int, raw: RawBox, member: str, problem: str) -> None:
        self._faults.add(f"{place_of('annotations', index, raw.id)}.{member}", problem)


def _box_problems(raw: RawBox) -> list[str]:
    """What no annotator can have meant."""
    width, height = raw.bbox[2:]
    problems = []
    if min(width, height) < 0:
        problems.append(f"has a negative size: width {width:g}, height {height:g}")
    if max(map(abs, raw.bbox)) > LARGEST_SIDE:
        farthest = max(raw.bbox, key=abs)
        problems.append(f"is beyond any image: {farthest:g} is more than {LARGEST_SIDE:,} pixels")
    return problems
