"""Boxes of a drawn set cut out into crops, for what must come out the same of both."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from fathomnet_voxel51.names import images_folder
from PIL import Image


def cut_crops(catalog: Path, media_root: Path, split: str, folder: Path) -> Path:
    """Cuts every box out, as the competition's downloader does, and lists the crops in a table.

    Args:
        catalog: the COCO file of a split, whose boxes lie in their images.
        media_root: holds its images.
        split: the split.
        folder: takes ``rois/<image>_<annotation>.png`` and ``annotations.csv``.

    Returns:
        The table: path, label, and the URL of the image that the crop is from.
    """
    coco = json.loads(catalog.read_text())
    names = {one["id"]: one["name"] for one in coco["categories"]}
    images = {one["id"]: one for one in coco["images"]}
    (folder / "rois").mkdir(parents=True, exist_ok=True)
    rows = []
    place = {id_: number for number, id_ in enumerate(images)}
    for box in sorted(coco["annotations"], key=lambda one: place[one["image_id"]]):
        image = images[box["image_id"]]
        left, top, width, height = box["bbox"]
        path = f"rois/{image['id']}_{box['id']}.png"
        whole = media_root / images_folder(split) / image["file_name"]
        if whole.exists():
            with Image.open(whole) as picture:
                cut = picture.crop((int(left), int(top), int(left + width), int(top + height)))
                cut.save(folder / path)
        rows.append([path, names.get(box.get("category_id"), ""), image.get("coco_url") or ""])
    table = folder / "annotations.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([["path", "label", "source_url"], *rows])
    return table
