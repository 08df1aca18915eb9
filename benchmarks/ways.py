"""Three ways to do each stage: the plain way, ours, and pymongo alone, which is the limit.

A way is a function from ``Inputs`` to the number of things that it made; what must be there
before is made by the function that it names in ``PREPARE``, outside of the measurement.
"""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from fathomnet_voxel51.catalog import read_catalog
from fathomnet_voxel51.collection import batched, sample_collection
from fathomnet_voxel51.documents import sample_document
from fathomnet_voxel51.labels import add_primary_label
from fathomnet_voxel51.prediction_import import import_predictions
from fathomnet_voxel51.run_records import read_record
from fathomnet_voxel51.samples import ingest_dataset
from pymongo import InsertOne, UpdateOne

SPLIT = "train"
MEDIA = "/media/fathomnet/train_images"
BATCH = 1_000


@dataclass(frozen=True)
class Inputs:
    """Files of one size, and the name of the dataset that a measurement writes to."""

    catalog: Path
    predictions: Path
    dataset: str


def ingest_plain(inputs: Inputs) -> int:
    """What FiftyOne's documentation teaches: a Sample an image, then ``add_samples``."""
    import fiftyone as fo

    coco = json.loads(inputs.catalog.read_text())
    names = {category["id"]: category["name"] for category in coco["categories"]}
    boxes = defaultdict(list)
    for annotation in coco["annotations"]:
        boxes[annotation["image_id"]].append(annotation)
    dataset = fo.Dataset(inputs.dataset, persistent=True)
    for name, kind in (("annotation_id", fo.IntField), ("area", fo.FloatField)):
        _declare_box_attribute(dataset, name, kind)
    _declare_box_attribute(dataset, "iscrowd", fo.IntField)
    samples = [_plain_sample(image, boxes[image["id"]], names) for image in coco["images"]]
    dataset.add_samples(samples, progress=False)
    return len(dataset)


def _declare_box_attribute(dataset: Any, name: str, kind: type) -> None:
    import fiftyone as fo

    if dataset.get_field("ground_truth") is None:
        dataset.add_sample_field(
            "ground_truth", fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections
        )
    dataset.add_sample_field(f"ground_truth.detections.{name}", kind)


def _plain_sample(image: dict[str, Any], boxes: list[dict[str, Any]], names: dict[int, str]) -> Any:
    import fiftyone as fo

    width, height = image["width"], image["height"]
    detections = []
    for box in boxes:
        x, y, w, h = box["bbox"]
        detections.append(
            fo.Detection(
                label=names.get(box["category_id"]),
                bounding_box=[x / width, y / height, w / width, h / height],
                annotation_id=box["id"],
                area=box["area"],
                iscrowd=box["iscrowd"],
            )
        )
    segments = [unquote(part) for part in urlsplit(image["coco_url"]).path.split("/")]
    return fo.Sample(
        filepath=f"{MEDIA}/{image['file_name']}",
        tags=[SPLIT],
        metadata=fo.ImageMetadata(width=width, height=height, mime_type="image/png"),
        split=SPLIT,
        image_id=image["id"],
        file_name=image["file_name"],
        source_url=image["coco_url"],
        media_uri=f"{MEDIA}/{image['file_name']}",
        media_status="unknown",
        date_captured=datetime.fromisoformat(image["date_captured"]),
        vehicle=segments[-4],
        dive=segments[-2].lstrip("0"),
        ground_truth=fo.Detections(detections=detections),
    )


def ingest_ours(inputs: Inputs) -> int:
    result = ingest_dataset(
        inputs.dataset, train_annotations=str(inputs.catalog), media_root=str(Path(MEDIA).parent)
    )
    return result.samples


def ingest_bare(inputs: Inputs, documents: list[Any]) -> int:
    collection = _bare_collection(inputs)
    for batch in batched(documents, BATCH):
        collection.insert_many(batch, ordered=False)
    return int(collection.estimated_document_count())


def primary_plain(inputs: Inputs) -> int:
    """A loop over the samples that saves each."""
    import fiftyone as fo

    dataset = fo.load_dataset(inputs.dataset)
    labelled = 0
    for sample in dataset:
        counts = Counter(box.label for box in sample.ground_truth.detections if box.label)
        if counts:
            sample["primary_label"] = fo.Classification(label=counts.most_common(1)[0][0])
            sample.save()
            labelled += 1
    return labelled


def primary_ours(inputs: Inputs) -> int:
    import fiftyone as fo

    return add_primary_label(fo.load_dataset(inputs.dataset)).labelled


def primary_bare(inputs: Inputs, updates: list[Any]) -> int:
    return _bare_write(inputs, updates)


def predictions_plain(inputs: Inputs) -> int:
    """A loop over the samples that saves each."""
    import fiftyone as fo

    with inputs.predictions.open(newline="") as file:
        names = {int(row["annotation_id"]): row["concept_name"] for row in csv.DictReader(file)}
    dataset = fo.load_dataset(inputs.dataset)
    imported = 0
    for sample in dataset.match_tags(SPLIT):
        detections = [
            fo.Detection(
                label=names[box.annotation_id],
                bounding_box=box.bounding_box,
                annotation_id=box.annotation_id,
            )
            for box in sample.ground_truth.detections
            if box.annotation_id in names
        ]
        sample["model_predictions"] = fo.Detections(detections=detections)
        sample.save()
        imported += len(detections)
    return imported


def predictions_ours(inputs: Inputs) -> int:
    import fiftyone as fo

    dataset = fo.load_dataset(inputs.dataset)
    return import_predictions(dataset, str(inputs.predictions), split=SPLIT).imported


def predictions_bare(inputs: Inputs, updates: list[Any]) -> int:
    return _bare_write(inputs, updates)
