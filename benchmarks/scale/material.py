"""The files that the stages of one size are given: catalog or crops, predictions, images."""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.measure import BOXES, IMAGES
from benchmarks.scale.drawing import Sketch, write_pack
from benchmarks.scale.place import Place
from demo import coco
from demo.processes import end_with_parent, free_port
from demo.synthetic import SMALLEST_SIDE, write_catalog, write_predictions_csv

SEED: Final = 1
DIMENSIONS: Final = 64
IMAGES_OF_A_DEPLOYMENT: Final = 50
LONGER_SIDE: Final = 160
"""Pixels of an image; the real ones have 1,920."""

Document = dict[str, Any]


def main() -> None:
    end_with_parent()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--size", type=float, required=True)
    parser.add_argument("--crops", action="store_true")
    arguments = parser.parse_args()
    place = Place.below(arguments.folder, arguments.size, arguments.crops)
    write_material(place)
    of = "crops" if place.of_crops else f"images, {place.boxes:,} boxes"
    print(f"{place.folder.name}: {place.images:,} {of}")


def write_material(place: Place) -> None:
    """Writes what is not there yet; the predictions come last, and say that all is there."""
    if place.predictions.exists():
        return
    images = round(place.boxes * IMAGES / BOXES) if place.of_crops else place.images
    write_catalog(place.catalog, images, place.boxes, SEED)
    if place.of_crops:
        _write_crops(place)
    if place.has_pixels:
        port = free_port()
        document = json.loads(place.catalog.read_text())
        sketches = _small(document, port)
        coco.write_json(place.catalog, document)
        write_pack(place.pack, sketches)
        place.port.write_text(str(port))
    made = write_predictions_csv(place.folder / "predictions.part", place.catalog)
    made.replace(place.predictions)


def _write_crops(place: Place) -> None:
    """Lists the boxes of the catalog as crops, and gives each a vector that its name decides."""
    document = json.loads(place.catalog.read_text())
    images = {one["id"]: one for one in document["images"]}
    names = {one["id"]: one["name"] for one in document["categories"]}
    rows = [
        (
            f"rois/{box['image_id']}_{box['id']}.png",
            names[box["category_id"]],
            images[box["image_id"]]["coco_url"],
            f"deployment {box['image_id'] // IMAGES_OF_A_DEPLOYMENT}",
        )
        for box in document["annotations"]
    ]
    with place.table.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "label", "source_url", "deployment"), *rows])
    dice = np.random.default_rng(SEED)
    categories = np.array([box["category_id"] for box in document["annotations"]])
    middles = dice.normal(size=(categories.max() + 1, DIMENSIONS)).astype(np.float32)
    matrix = middles[categories]
    matrix += 0.5 * dice.standard_normal(matrix.shape, dtype=np.float32)
    numbers = [box["id"] for box in document["annotations"]]
    flat = pa.array(matrix.reshape(-1))
    vectors = pa.FixedSizeListArray.from_arrays(flat, DIMENSIONS)
    pq.write_table(pa.table({"annotation_id": numbers, "embedding": vectors}), place.vectors)


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
