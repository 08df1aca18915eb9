"""The files that the stages of one size are given: catalog, predictions and images."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from benchmarks.scale.drawing import Sketch, write_pack
from benchmarks.scale.place import Place
from demo import coco
from demo.processes import end_with_parent, free_port
from demo.synthetic import SMALLEST_SIDE, write_catalog, write_predictions_csv

SEED: Final = 1
LONGER_SIDE: Final = 160
"""Pixels of an image; the real ones have 1,920."""

Document = dict[str, Any]


def main() -> None:
    end_with_parent()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--size", type=float, required=True)
    arguments = parser.parse_args()
    place = Place.below(arguments.folder, arguments.size)
    write_material(place)
    print(f"{place.size:g}x: {place.images:,} images, {place.boxes:,} boxes")


def write_material(place: Place) -> None:
    """Writes what is not there yet; the predictions come last, and say that all is there."""
    if place.predictions.exists():
        return
    write_catalog(place.catalog, place.images, place.boxes, SEED)
    if place.has_pixels:
        port = free_port()
        document = json.loads(place.catalog.read_text())
        sketches = _small(document, port)
        coco.write_json(place.catalog, document)
        write_pack(place.pack, sketches)
        place.port.write_text(str(port))
    made = write_predictions_csv(place.folder / "predictions.part", place.catalog)
    made.replace(place.predictions)


def _small(document: Document, port: int) -> list[Sketch]:
    """Makes images and boxes of a COCO file small, and has a server of this machine send them."""
    sketches: dict[int, tuple[str, tuple[int, int], list[tuple[coco.Bbox, int]]]] = {}
    scales: dict[int, float] = {}
    for image in document["images"]:
        scale = LONGER_SIDE / max(image["width"], image["height"])
        image["width"], image["height"] = (
            round(image[side] * scale) for side in ("width", "height")
        )
        url = urlsplit(image["coco_url"])
        here = urlunsplit(("http", f"127.0.0.1:{port}", url.path, "", ""))
        image["coco_url"] = image["flickr_url"] = here
        scales[image["id"]] = scale
        sketches[image["id"]] = (url.path.removeprefix("/"), (image["width"], image["height"]), [])
    for box in document["annotations"]:
        _, size, boxes = sketches[box["image_id"]]
        bbox = _inside(box["bbox"], scales[box["image_id"]], size)
        box["bbox"], box["area"] = [float(one) for one in bbox], float(bbox[2] * bbox[3])
        boxes.append((bbox, box["category_id"]))
    return [Sketch(name, size, tuple(boxes), id_) for id_, (name, size, boxes) in sketches.items()]


def _inside(bbox: list[float], scale: float, size: tuple[int, int]) -> coco.Bbox:
    """A box in the small image, no side of it under 8 pixels."""
    wide, high = (
        min(max(round(side * scale), SMALLEST_SIDE), whole)
        for side, whole in zip(bbox[2:], size, strict=True)
    )
    left, top = (
        min(round(corner * scale), whole - side)
        for corner, whole, side in zip(bbox[:2], size, (wide, high), strict=True)
    )
    return left, top, wide, high


if __name__ == "__main__":
    main()
