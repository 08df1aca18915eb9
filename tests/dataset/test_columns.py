"""What is read of samples is what FiftyOne says of them, from the collection or not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import fathomnet_voxel51
import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset.columns import boxes_in, count_alike, read_images

PLUGIN = Path(str(fathomnet_voxel51.__file__)).parent
BOXES = "things.detections"


@pytest.fixture
def dataset(dataset_name: str) -> Any:
    """Images with two boxes, one, an empty list and none at all; other fields on one each."""
    dataset = fo.Dataset(dataset_name)
    samples = [fo.Sample(filepath=f"/{number}.png") for number in range(4)]
    for sample, labels in zip(samples, (["A", None], ["B"], []), strict=False):
        sample["things"] = fo.Detections(
            detections=[
                fo.Detection(label=label, bounding_box=[0.1, 0.2, 0.3, 0.1 * place])
                for place, label in enumerate(labels)
            ]
        )
    samples[0]["vehicle"] = "Ventana"
    samples[2]["main"] = fo.Classification(label="A")
    samples[3].metadata = fo.ImageMetadata(width=640, height=480)
    dataset.add_samples(samples)
    return dataset


def test_boxes_and_fields_are_those_that_fiftyone_shows(dataset: Any, either_way: str) -> None:
    fields = ("vehicle", "metadata.width", "no_such_field")
    read = list(read_images(dataset, fields, {BOXES: ("label", "bounding_box", "none_such")}))
    assert [str(one["_id"]) for one in read] == [sample.id for sample in dataset]
    assert [one.get("vehicle") for one in read] == ["Ventana", None, None, None]
    assert [(one.get("metadata") or {}).get("width") for one in read] == [None, None, None, 640]
    expected = [
        [
            (box.id, box.label, box.bounding_box)
            for box in (sample.things or fo.Detections()).detections
        ]
        for sample in dataset
    ]
    assert [
        [(str(box["_id"]), box.get("label"), box["bounding_box"]) for box in boxes_in(one, BOXES)]
        for one in read
    ] == expected
    assert not any("none_such" in box for one in read for box in boxes_in(one, BOXES))


def test_a_label_is_given_as_the_database_holds_it(dataset: Any, either_way: str) -> None:
    stored = dataset._sample_collection.find_one({"main.label": "A"})["main"]
    read = [one.get("main") for one in read_images(dataset, ["main"])]
    assert [one for one in read if one] == [stored]


def test_a_view_shows_only_its_boxes_in_its_order(dataset: Any, either_way: str) -> None:
    view = dataset.sort_by("filepath", reverse=True).filter_labels(
        "things", fo.ViewField("label") == "A", only_matches=False
    )
    read = list(read_images(view, ["filepath"], {BOXES: ("label",)}))
    assert [one["filepath"] for one in read] == ["/3.png", "/2.png", "/1.png", "/0.png"]
    assert [[box["label"] for box in boxes_in(one, BOXES)] for one in read] == [[], [], [], ["A"]]


def test_a_field_that_is_not_there_is_read_as_no_boxes(dataset: Any, either_way: str) -> None:
    read = list(read_images(dataset, boxes={"nothing.detections": ("label",)}))
    assert [boxes_in(one, "nothing.detections") for one in read] == [()] * 4


def test_labels_that_are_alike_are_counted(dataset: Any, either_way: str) -> None:
    counts: dict[Any, int] = {}
    for (label, _), number in count_alike(dataset, "things", BOXES, ["label", "none_such"]):
        counts[label] = counts.get(label, 0) + number
    assert counts == dataset.count_values(f"{BOXES}.label")


def test_no_stage_asks_by_itself_which_way_is_open() -> None:
    """Only the modules of ``dataset/`` do, so that a stage cannot say things twice."""
    asks = re.compile(r"\bsample_collection\(|\bpublic_writes\b|\._root_dataset\b")
    found = {
        str(path.relative_to(PLUGIN))
        for path in PLUGIN.rglob("*.py")
        if asks.search(path.read_text(encoding="utf-8"))
    }
    assert {one.partition("/")[0] for one in found} == {"dataset"}
