"""The demo's boxes as crops: cut out, listed in a table, and made a dataset of their own."""

from __future__ import annotations

import csv
import json
from contextlib import nullcontext
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.ingest import ingest_crops
from fathomnet_voxel51.label_errors import find_label_errors
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.names import GROUND_TRUTH, MODEL_PREDICTIONS, images_folder
from fathomnet_voxel51.predictions import import_predictions
from fathomnet_voxel51.text import counted
from PIL import Image

from demo.wrong_labels import Planted


def show_crops(name: str, planted: Planted, media_root: Path, folder: Path) -> str:
    """Makes a dataset of the crops of a training split, with a model's predictions of them.

    Args:
        name: of the dataset; one that is there is completed.
        planted: the split, with labels that were made wrong, and the predictions.
        media_root: holds its images.
        folder: takes the crops and their table.

    Returns:
        What was made, in a sentence.
    """
    import fiftyone as fo

    table = cut_crops(planted.catalog, media_root, "train", folder)
    made = ingest_crops(name, table=str(table))
    dataset = fo.load_dataset(name)
    import_predictions(dataset, str(planted.predictions), "train")
    add_taxonomy_ranks(dataset, [GROUND_TRUTH, MODEL_PREDICTIONS])
    scores = evaluate_predictions(dataset)
    suspects = counted(find_label_errors(dataset).suspects, "label is", "labels are")
    return (
        f"{made.samples:,} crops of {table} are the dataset {name}: {scores.accuracy:.0%} of a "
        f"model's names are right, {suspects} probably wrong"
    )


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
    boxes = sorted(coco["annotations"], key=lambda one: place[one["image_id"]])
    for image_id, of_image in groupby(boxes, key=itemgetter("image_id")):
        image = images[image_id]
        whole = media_root / images_folder(split) / image["file_name"]
        with Image.open(whole) if whole.exists() else nullcontext() as picture:
            for box in of_image:
                left, top, width, height = box["bbox"]
                path = f"rois/{image_id}_{box['id']}.png"
                if picture is not None:
                    cut = picture.crop((int(left), int(top), int(left + width), int(top + height)))
                    cut.save(folder / path)
                name = names.get(box.get("category_id"), "")
                rows.append([path, name, image.get("coco_url") or ""])
    table = folder / "annotations.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([["path", "label", "source_url"], *rows])
    return table
