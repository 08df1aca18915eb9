"""The boxes to predict, exactly as the COCO file gives them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fathomnet_voxel51.catalog import LARGEST_SIDE, CocoReader, parse_coco
from fathomnet_voxel51.files import FaultList, decode, read_source
from fathomnet_voxel51.garbage_collector import collector_paused
from fathomnet_voxel51.media import Shard


@dataclass(frozen=True, slots=True)
class Box:
    """One rectangle in pixels, not clipped to its image, because the model crops around its centre.

    Attributes:
        annotation_id: unique in its file.
        x: left edge; may be negative or beyond the image.
        y: upper edge; likewise.
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
        size: width and height that the file gives it, in pixels; None: not compared.
    """

    image_id: int
    file_name: str
    boxes: tuple[Box, ...]
    size: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Annotations:
    """The images and boxes of a COCO file to predict, checked.

    Attributes:
        source: the file's name, without its folder.
        sha256: hash of the file's bytes.
        images: every image of the file, in its order, including those without boxes.
        labels: concepts by annotation id, for the boxes whose category the file gives.
    """

    source: str
    sha256: str
    images: tuple[ImageBoxes, ...]
    labels: Mapping[int, str]

    def wanted(self, limit: int | None, shard: Shard) -> tuple[ImageBoxes, ...]:
        """The images of a shard that have boxes, among the first ``limit`` of the file.

        Args:
            limit: how many images of the file to consider, as ``download`` counts them; None: all.
            shard: which part of those, chosen by file name.

        Examples:
            >>> images = ImageBoxes(1, "a.png", (Box(1, 0, 0, 9, 9),)), ImageBoxes(2, "b.png", ())
            >>> [image.file_name for image in Annotations("", "", images, {}).wanted(None, Shard())]
            ['a.png']
        """
        head = self.images[:limit]
        return tuple(image for image in head if image.boxes and shard.owns(image.file_name))


def read_annotations(path: str | Path) -> Annotations:
    """Reads and checks a COCO file.

    A box may be degenerate (no width, no height, partly or wholly outside its image), because the
    model answers for any box. The catalog, which clips boxes for a dataset, is stricter.

    Raises:
        InputError: the file has faults; the error carries all of them with their places.
    """
    with collector_paused():
        source = read_source(path)
        faults = FaultList()
        notes = FaultList()
        coco = parse_coco(decode(source), faults, notes)
        images: tuple[ImageBoxes, ...] = ()
        labels: dict[int, str] = {}
        if coco is not None:
            reader = CocoReader(coco, faults, notes)
            nothing = "there is nothing to predict"
            reader.check_lists({"images": nothing, "annotations": nothing})
            boxes = _read_boxes(reader, reader.read_concepts(), labels)
            images = tuple(
                ImageBoxes(
                    raw.id,
                    raw.file_name,
                    tuple(boxes.get(raw.id, ())),
                    (raw.width, raw.height) if raw.width and raw.height else None,
                )
                for _, raw in reader.sound_images()
            )
        faults.raise_if_any(source.subject, "Correct the file, then try again.")
        return Annotations(source.name, source.sha256, images, labels)


def _read_boxes(
    reader: CocoReader, concepts: dict[int, str], labels: dict[int, str]
) -> dict[int, list[Box]]:
    """The boxes of each image by its id, in the order of the file; fills ``labels`` by box id."""
    boxes: dict[int, list[Box]] = {}
    for place, raw, _ in reader.sound_boxes():
        # What no annotator can have meant.
        width, height = raw.bbox[2:]
        if min(width, height) < 0:
            problem = f"has a negative size: width {width:g}, height {height:g}"
            reader.faults.add(f"{place}.bbox", problem)
        if max(map(abs, raw.bbox)) > LARGEST_SIDE:
            problem = f"{max(raw.bbox, key=abs):g} is more than {LARGEST_SIDE:,} pixels"
            reader.faults.add(f"{place}.bbox", f"is beyond any image: {problem}")
        boxes.setdefault(raw.image_id, []).append(Box(raw.id, *map(float, raw.bbox)))
        if label := reader.label_of(place, raw, concepts):
            labels[raw.id] = label
    return boxes
