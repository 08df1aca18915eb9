"""Stand-in images for any COCO file, so that a dataset can be looked at without its media."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from random import Random
from typing import Any, Final

import numpy as np
from fathomnet_voxel51.errors import Fault, InputError
from fathomnet_voxel51.progress import Progress, silent
from PIL import Image

from demo.body_plans import draw_for
from demo.coco import Bbox
from demo.concepts import TAXONOMY, Lineages, read_lineages
from demo.drawing.compose import stamp
from demo.drawing.lettering import write_words
from demo.drawing.water import add_snow, backdrop
from demo.pictures import Drawn, Picture, draw_pictures

MARK: Final = "STAND-IN"
"""Written into a corner of each image, so that nobody takes it for a photograph."""


@dataclass(frozen=True, slots=True)
class Sketch:
    """A stand-in before it is drawn: its size in pixels and its boxes, each with its label."""

    size: tuple[int, int]
    boxes: tuple[tuple[Bbox, str | None, tuple[str, ...]], ...]
    seed: str


def draw_stand_ins(
    annotations: Path,
    folder: Path,
    workers: int = 1,
    progress: Progress = silent,
    taxonomy: Path = TAXONOMY,
) -> Drawn:
    """Draws an image of the right size and name for each record of a COCO file.

    In every box there is a creature of the box's concept, or a neutral one where it has no label.
    Files that are there and whole are left alone; the rest is drawn, so a killed run continues.

    Args:
        annotations: the COCO file.
        folder: where the images go, under the names that the file gives.
        workers: number of processes that draw.
        progress: called with the share done and a label.
        taxonomy: the csv with the concepts.

    Raises:
        InputError: the file is not COCO, or a name would leave ``folder``; nothing is drawn.
    """
    content = _read(annotations)
    faults = list(_faults(content))
    if faults:
        raise InputError(str(annotations), faults, "Correct the COCO file.")
    lineages = read_lineages(taxonomy)
    sketches = zip(content["images"], _sketches(content, lineages), strict=True)
    pictures = [
        Picture(folder / image["file_name"], sketch.size, partial(draw, sketch))
        for image, sketch in sketches
    ]
    return draw_pictures(pictures, workers, progress)


def draw(sketch: Sketch) -> Image.Image:
    """The stand-in image of a sketch; equal sketches give equal pixels."""
    rng = Random(sketch.seed)
    scene = backdrop("midwater", sketch.size, 0.0, rng.getrandbits(48))
    # Large ones first, so that what is small is not hidden behind them.
    for bbox, concept, lineage in sorted(sketch.boxes, key=lambda box: -box[0][2] * box[0][3]):
        stamp(
            scene,
            draw_for(concept, lineage),
            bbox,
            rng.getrandbits(48),
            nearness=1.0,
            floor=False,
            mirrored=rng.random() < 0.5,
        )
    add_snow(scene, np.random.default_rng(rng.getrandbits(48)))
    height, width = scene.light.shape
    dot = max(1, min(height // 180, width // 120))
    write_words(scene.picture, MARK, (2 * dot, 2 * dot), dot)
    return Image.fromarray(scene.picture)


def _read(annotations: Path) -> dict[str, Any]:
    try:
        content = json.loads(annotations.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(str(annotations), [Fault("file", str(error))]) from error
    missing = [
        Fault(key, "is not a list of records")
        for key in ("images", "annotations", "categories")
        if not isinstance(content, dict) or not isinstance(content.get(key), list)
    ]
    if missing:
        raise InputError(str(annotations), missing, "Pass a COCO file.")
    return dict(content)


def _faults(content: dict[str, Any]) -> Iterator[Fault]:
    for number, image in enumerate(content["images"]):
        place = f"images[{number}]"
        if not isinstance(image, dict):
            yield Fault(place, "is not a record")
            continue
        for key in ("id", "width", "height"):
            if not isinstance(image.get(key), int) or image[key] < 1:
                problem = f"is {image.get(key)!r}, not a positive whole number"
                yield Fault(f"{place}.{key}", problem)
        if not _stays_inside(image.get("file_name")):
            problem = f"is {image.get('file_name')!r}, not a plain PNG name"
            yield Fault(f"{place}.file_name", problem)
    known = {image.get("id") for image in content["images"] if isinstance(image, dict)}
    for number, box in enumerate(content["annotations"]):
        yield from _box_faults(f"annotations[{number}]", box, known)
    for number, category in enumerate(content["categories"]):
        if not isinstance(category, dict) or not {"id", "name"} <= category.keys():
            yield Fault(f"categories[{number}]", "has no id and name")


def _box_faults(place: str, box: object, known: set[object]) -> Iterator[Fault]:
    if not isinstance(box, dict):
        yield Fault(place, "is not a record")
        return
    bbox = box.get("bbox")
    values = bbox if isinstance(bbox, list) else []
    finite = [isinstance(value, int | float) and bool(np.isfinite(value)) for value in values]
    if finite != [True] * 4:
        yield Fault(f"{place}.bbox", f"is {bbox!r}, not four numbers")
    if box.get("image_id") not in known:
        yield Fault(f"{place}.image_id", f"is {box.get('image_id')!r}, the id of no image")


def _stays_inside(name: object) -> bool:
    """Whether a file name is a PNG below the folder it is joined to, on any system."""
    if not isinstance(name, str) or not name.lower().endswith(".png"):
        return False
    return all(
        not path.is_absolute() and not path.drive and ".." not in path.parts
        for path in (PurePosixPath(name), PureWindowsPath(name))
    )


def _sketches(content: dict[str, Any], lineages: Lineages) -> Iterator[Sketch]:
    """A sketch for each image, in the file's order; boxes are cut to the image."""
    names = {category["id"]: category["name"] for category in content["categories"]}
    boxes = defaultdict(list)
    for box in content["annotations"]:
        boxes[box["image_id"]].append((box["bbox"], names.get(box.get("category_id"))))
    for image in content["images"]:
        width, height = image["width"], image["height"]
        inside: list[tuple[Bbox, str | None, tuple[str, ...]]] = []
        for bbox, concept in boxes[image["id"]]:
            left, top = (max(0, round(edge)) for edge in bbox[:2])
            right = min(width, round(bbox[0] + bbox[2]))
            bottom = min(height, round(bbox[1] + bbox[3]))
            if right > left and bottom > top:
                lineage = lineages.get(concept or "", ())
                inside.append(((left, top, right - left, bottom - top), concept, lineage))
        yield Sketch((width, height), tuple(inside), image["file_name"])
