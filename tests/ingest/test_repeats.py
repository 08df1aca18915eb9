"""Boxes that are there twice are counted, shown, told, and no detector is punished for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset.door import PUBLIC_API
from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.ingest.ingest import save_repeats_view
from fathomnet_voxel51.report import report_dataset

from tests.support.cards import notes, read_page, section

CRAB = {"image_id": 1, "category_id": 7, "bbox": [20, 10, 40, 50]}
"""Annotated three times over."""
NEAR = {"image_id": 1, "category_id": 7, "bbox": [20, 10, 40, 51]}
OTHER_NAME = {"image_id": 1, "category_id": 8, "bbox": [20, 10, 40, 50]}
OTHER_IMAGE = {"image_id": 2, "category_id": 7, "bbox": [20, 10, 40, 50]}
NAMELESS = {"image_id": 2, "category_id": None, "bbox": [0, 0, 9, 9]}
"""Annotated twice."""
BOXES = [CRAB, NEAR, NAMELESS, CRAB, OTHER_NAME, OTHER_IMAGE, NAMELESS, CRAB]


@pytest.fixture
def annotations(tmp_path: Path) -> str:
    path = tmp_path / "twice.json"
    images = [
        {"id": number, "file_name": f"{number}.png", "width": 200, "height": 100}
        for number in (1, 2)
    ]
    boxes = [{"id": number, **box} for number, box in enumerate(BOXES, start=1)]
    names = [{"id": 7, "name": "Pannychia moseleyi"}, {"id": 8, "name": "Sebastes"}]
    path.write_text(json.dumps({"images": images, "annotations": boxes, "categories": names}))
    return str(path)


@pytest.fixture(params=["collection", "public"])
def dataset(
    annotations: str,
    dataset_name: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    if request.param == "public":
        monkeypatch.setenv(PUBLIC_API, "1")
    result = ingest_dataset(dataset_name, train_annotations=annotations)
    assert (result.boxes, result.repeated_boxes) == (8, 3)
    assert ingest_dataset(dataset_name, train_annotations=annotations).repeated_boxes == 3
    return fo.load_dataset(dataset_name)


def test_a_view_shows_them_each_beside_those_like_it(dataset: Any) -> None:
    view = dataset.load_saved_view("repeated boxes")
    assert view.values("ground_truth.annotation_id") == [1, 4, 8, 3, 7]


def test_the_view_goes_with_the_last_box_that_is_there_twice(dataset: Any) -> None:
    first = dataset.first()
    first.ground_truth.detections = first.ground_truth.detections[:1]
    first.save()
    assert save_repeats_view(dataset) == "repeated boxes"
    assert dataset.load_saved_view("repeated boxes").values("ground_truth.annotation_id") == [3, 7]
    dataset.delete_samples(dataset.values("id")[1:])
    assert save_repeats_view(dataset) == ""
    assert not dataset.has_saved_view("repeated boxes")


def test_the_card_counts_them(dataset: Any, tmp_path: Path) -> None:
    contents = section(read_page(report_dataset(dataset, tmp_path).files[1]), "Contents")
    assert "3 boxes repeat another exactly: the same image, corners and name." in notes(contents)


def drawn_once(dataset: Any, leave_out: int = 0) -> None:
    """What a detector finds that draws each thing once, and knows them all but some."""
    for sample in dataset.iter_samples(autosave=True):
        once = {}
        for box in sample.ground_truth.detections:
            once.setdefault((tuple(box.bounding_box), box.label), box)
        found = [
            fo.Detection(label=box.label, bounding_box=box.bounding_box, confidence=0.9)
            for box in once.values()
            if box.label and box.annotation_id != leave_out
        ]
        sample["model_predictions"] = fo.Detections(detections=found)


def test_a_detector_that_draws_each_once_and_rightly_is_right(dataset: Any) -> None:
    drawn_once(dataset)
    result = evaluate_predictions(dataset)
    assert (result.boxes, result.accuracy, result.boxes_without_prediction) == (4, 1.0, 0)
    assert (result.repeated_boxes, result.unlabelled_boxes) == (2, 2)
    verdicts = dataset.values("ground_truth.detections.eval_model_predictions", unwind=True)
    assert verdicts.count("fn") == 0


def test_who_misses_it_has_missed_every_copy(dataset: Any) -> None:
    drawn_once(dataset, leave_out=1)
    for sample in dataset.iter_samples(autosave=True):
        if len(sample.model_predictions.detections) == 2:  # nor what lies over it
            sample.model_predictions.detections = []
    result = evaluate_predictions(dataset)
    assert (result.boxes, result.boxes_without_prediction) == (6, 5)
    assert result.repeated_boxes == 0


def test_predictions_for_all_three_are_scored_all(dataset: Any) -> None:
    for sample in dataset.iter_samples(autosave=True):
        sample["model_predictions"] = fo.Detections(
            detections=[
                fo.Detection(
                    label=box.label or "Sebastes",
                    bounding_box=box.bounding_box,
                    annotation_id=box.annotation_id,
                )
                for box in sample.ground_truth.detections
            ]
        )
    dataset.add_dynamic_sample_fields()
    result = evaluate_predictions(dataset)
    assert (result.boxes, result.accuracy, result.repeated_boxes) == (6, 1.0, 0)


def test_the_real_test_split_has_what_a_set_of_its_boxes_lacks(
    shared_data: Path, dataset_name: str
) -> None:
    path = shared_data / "dataset_test.json"
    boxes = json.loads(path.read_text())["annotations"]
    distinct = {(box["image_id"], tuple(box["bbox"]), box["category_id"]) for box in boxes}
    result = ingest_dataset(dataset_name, test_annotations=str(path))
    assert result.repeated_boxes == len(boxes) - len(distinct)
