"""The plain way: what a careful reader of FiftyOne's documentation writes."""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from benchmarks.job import MEDIA_ROOT, SPLIT, Inputs, Job

FOLDER = f"{MEDIA_ROOT}/{SPLIT}_images"


def ingest(inputs: Inputs) -> Job:
    """A ``Sample`` an image, then ``add_samples``."""
    import fiftyone as fo

    def job() -> int:
        coco = json.loads(inputs.catalog.read_text())
        names = {category["id"]: category["name"] for category in coco["categories"]}
        boxes = defaultdict(list)
        for annotation in coco["annotations"]:
            boxes[annotation["image_id"]].append(annotation)
        dataset = fo.Dataset(inputs.dataset, persistent=True)
        attributes = {"annotation_id": fo.IntField, "area": fo.FloatField, "iscrowd": fo.IntField}
        declare_boxes(dataset, "ground_truth", **attributes)
        samples = [_sample(image, boxes[image["id"]], names) for image in coco["images"]]
        dataset.add_samples(samples, progress=False)
        return len(dataset)

    return job


def primary(inputs: Inputs) -> Job:
    """A loop that saves each sample."""
    import fiftyone as fo

    dataset = fo.load_dataset(inputs.dataset)

    def job() -> int:
        labelled = 0
        for sample in dataset:
            counts = Counter(box.label for box in sample.ground_truth.detections if box.label)
            if counts:
                sample["primary_label"] = fo.Classification(label=counts.most_common(1)[0][0])
                sample.save()
                labelled += 1
        return labelled

    return job


def predictions(inputs: Inputs) -> Job:
    """A loop that saves each sample."""
    import fiftyone as fo

    dataset = fo.load_dataset(inputs.dataset)

    def job() -> int:
        with inputs.predictions.open(newline="") as file:
            names = {int(row["annotation_id"]): row["concept_name"] for row in csv.DictReader(file)}
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

    return job


def declare_boxes(dataset: Any, field: str, **attributes: Any) -> None:
    import fiftyone as fo

    dataset.add_sample_field(field, fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
    for name, kind in attributes.items():
        dataset.add_sample_field(f"{field}.detections.{name}", kind)


def _sample(image: dict[str, Any], boxes: list[dict[str, Any]], names: dict[int, str]) -> Any:
    import fiftyone as fo

    filepath = f"{FOLDER}/{image['file_name']}"
    sample = fo.Sample(
        filepath=filepath,
        tags=[SPLIT],
        metadata=fo.ImageMetadata(
            width=image["width"], height=image["height"], mime_type="image/png"
        ),
        split=SPLIT,
        image_id=image["id"],
        file_name=image["file_name"],
        source_url=image["coco_url"],
        media_uri=filepath,
        media_status="unknown",
        ground_truth=fo.Detections(detections=[_detection(image, box, names) for box in boxes]),
    )
    if image["date_captured"]:
        sample["date_captured"] = datetime.fromisoformat(image["date_captured"])
    path = [unquote(segment) for segment in urlsplit(image["coco_url"]).path.split("/")]
    if path[-3] == "images":
        sample["vehicle"] = path[-4]
        sample["dive"] = path[-2].lstrip("0")
    return sample


def _detection(image: dict[str, Any], box: dict[str, Any], names: dict[int, str]) -> Any:
    import fiftyone as fo

    x, y, width, height = box["bbox"]
    return fo.Detection(
        label=names.get(box["category_id"]),
        bounding_box=[
            x / image["width"],
            y / image["height"],
            width / image["width"],
            height / image["height"],
        ],
        annotation_id=box["id"],
        area=float(box["area"]),
        iscrowd=box["iscrowd"],
    )
