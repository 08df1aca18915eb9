"""Training, validation and test images of one data set, as Roboflow and others export them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset.ingest_record import read_ingest_records
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.operators.ingest_dataset import IngestDataset
from fathomnet_voxel51.parameters.dataset import IngestDataset as Parameters
from fathomnet_voxel51.predictions import import_predictions
from fathomnet_voxel51.report import report_dataset
from fathomnet_voxel51.splits import split_by_dive
from PIL import Image

from tests.support.cards import read_page, rows, section

FOLDERS = {"train": (1, 2, 3, 4), "valid": (5, 6), "test": (7,)}
"""By folder, the numbers of its frames, of two cameras."""


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A folder a split, each with its images and its annotations; ids begin anew in each."""
    for folder, frames in FOLDERS.items():
        (tmp_path / folder).mkdir()
        names = {number: f"cam{number % 2}_frame{frame}.jpg" for number, frame in enumerate(frames)}
        coco = {
            "images": [
                {"id": number, "file_name": name, "width": 64, "height": 64}
                for number, name in names.items()
            ],
            "annotations": [
                {"id": number, "image_id": number, "category_id": 1, "bbox": [1, 1, 9, 9]}
                for number in names
            ],
            "categories": [{"id": 0, "name": "fish"}, {"id": 1, "name": "Sebastes"}],
        }
        (tmp_path / folder / "_annotations.coco.json").write_text(json.dumps(coco))
        for name in names.values():
            Image.new("RGB", (64, 64)).save(tmp_path / folder / name)
    return tmp_path


@pytest.fixture
def dataset(exported: Path, dataset_name: str) -> Any:
    files = {folder: str(exported / folder / "_annotations.coco.json") for folder in FOLDERS}
    result = ingest_dataset(
        dataset_name,
        train_annotations=files["train"],
        val_annotations=files["valid"],
        test_annotations=files["test"],
        media_root=str(exported),
    )
    assert (result.splits, result.samples, result.boxes) == (("train", "val", "test"), 7, 7)
    assert (result.media_found, result.media_missing) == (7, 0)
    return fo.load_dataset(dataset_name)


def test_each_image_is_of_its_split_and_found_in_its_folder(dataset: Any, exported: Path) -> None:
    assert dataset.count_values("tags") == {"train": 4, "val": 2, "test": 1}
    assert dataset.count_values("split") == {"train": 4, "val": 2, "test": 1}
    assert dataset.list_saved_views() == ["train", "val", "test"]
    assert set(read_ingest_records(dataset)) == {"train", "val", "test"}
    assert sorted(dataset.values("filepath")) == sorted(map(str, exported.glob("*/*.jpg")))


@pytest.mark.parametrize("separator", [None, ";", "\n"])
def test_a_split_may_come_in_several_files(
    exported: Path, dataset_name: str, separator: str | None
) -> None:
    paths = [str(exported / folder / "_annotations.coco.json") for folder in ("train", "valid")]
    given = paths if separator is None else separator.join(paths)
    params = Parameters.parse({"dataset_name": dataset_name, "train_annotations": given})
    facts = IngestDataset().preview(params, None).facts
    assert [fact.partition(",")[0] for fact in facts[:2]] == [
        "train split: 4 images",
        "train split: 2 images",
    ]
    result = ingest_dataset(**params.model_dump())
    assert (result.splits, result.samples, result.boxes) == (("train",), 6, 6)
    # Both count from 0, and both have a first and a second camera's frame of other numbers.
    dataset = fo.load_dataset(dataset_name)
    assert sorted(dataset.values("image_id")) == [0, 1, 2, 3, 4, 5]
    assert sum("numbered on" in note for note in result.notes) == 2
    assert ingest_dataset(**params.model_dump()).samples_added == 0


def test_predictions_are_imported_for_the_validation_split(dataset: Any, exported: Path) -> None:
    rows = exported / "val.csv"
    rows.write_text("annotation_id,concept_name\n0,Sebastes\n1,Sebastes\n")
    assert import_predictions(dataset, str(rows), split="val").imported == 2
    predicted = dataset.match({"model_predictions.detections.0": {"$exists": True}})
    assert predicted.distinct("split") == ["val"]


def test_the_card_has_a_column_for_each_split(dataset: Any, exported: Path) -> None:
    page = read_page(report_dataset(dataset, exported / "card").files[1])
    heads, images = rows(section(page, "Contents"))[:2]
    assert heads[1:] == ["train", "val", "test", "all"]
    assert images[1:] == ["4", "2", "1", "7"]


def test_training_and_validation_images_are_divided_anew_by_camera(dataset: Any) -> None:
    told = split_by_dive(dataset, val_ratio=0.5, by="pattern", pattern="(cam[0-9])", dry_run=True)
    (before,) = (leak for leak in told.leaks_before if leak.sides == ("train", "val"))
    assert before.dives == 2
    result = split_by_dive(dataset, val_ratio=0.5, by="pattern", pattern="(cam[0-9])")
    assert (result.train, result.val) == (3, 3)
    cameras = {
        tag: {name[:4] for name in dataset.match_tags(tag).values("file_name")}
        for tag in ("train", "val")
    }
    assert cameras["train"].isdisjoint(cameras["val"])
    assert dataset.match_tags("test").count() == 1
