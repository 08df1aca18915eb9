"""Which annotated boxes predictions are about: said by numbers, by evaluations, or not known."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.errors import DatasetError
from fathomnet_voxel51.seen import partners


def boxes(*numbers: int | None) -> fo.Detections:
    made = [
        fo.Detection(label="x", bounding_box=[0.1 * place, 0, 0.1, 1], annotation_id=number)
        for place, number in enumerate(numbers)
    ]
    return fo.Detections(detections=made)


@pytest.fixture
def dataset(dataset_name: str) -> Any:
    """Two images, in both of which a box has the number 1, as in two splits."""
    dataset = fo.Dataset(dataset_name)
    for truth, predicted in (((1, 2, None), (2, 1, 7)), ((1,), (None, 1))):
        sample = fo.Sample(filepath=f"/{len(dataset)}.png")
        sample["truth"], sample["predicted"] = boxes(*truth), boxes(*predicted)
        sample["tiles"] = fo.Detections(detections=[fo.Detection(bounding_box=[0, 0, 0.1, 1])] * 1)
        dataset.add_sample(sample)
    return dataset


def ids(dataset: Any, field: str) -> list[list[tuple[str, str]]]:
    return [[(sample.id, box.id) for box in sample[field].detections] for sample in dataset]


def test_a_number_means_the_box_of_the_same_image(dataset: Any) -> None:
    for field in ("truth", "predicted"):
        dataset.add_sample_field(f"{field}.detections.annotation_id", fo.IntField)
    truth, predicted = ids(dataset, "truth"), ids(dataset, "predicted")
    asked = [*predicted[1], *predicted[0]]
    found = [None, truth[1][0], truth[0][1], truth[0][0], None]
    assert partners(dataset, "predicted", asked, "truth") == found
    assert partners(dataset, "truth", truth[0], "predicted") == [
        predicted[0][1],
        predicted[0][0],
        None,
    ]


def test_without_numbers_it_is_what_evaluations_matched_and_they_must_agree(dataset: Any) -> None:
    truth, predicted = ids(dataset, "truth"), ids(dataset, "predicted")
    asked = [*predicted[0], *predicted[1]]
    with pytest.raises(DatasetError, match="nothing says which boxes of truth they belong to"):
        partners(dataset, "predicted", asked, "truth")
    dataset.evaluate_detections("predicted", "truth", eval_key="first", iou=0.5)
    # By their corners: the first with the first.
    first = [*truth[0], truth[1][0], None]
    assert partners(dataset, "predicted", asked, "truth") == first
    marks = dataset.values("predicted.detections.first_id")
    marks[0][0], marks[0][1] = marks[0][1], marks[0][0]
    dataset.evaluate_detections("predicted", "truth", eval_key="second", iou=0.5)
    dataset.set_values("predicted.detections.second_id", marks)
    with pytest.raises(DatasetError, match="first, second say different things"):
        partners(dataset, "predicted", asked, "truth")


def test_tiles_belong_to_no_box(dataset: Any) -> None:
    with pytest.raises(DatasetError, match="show boxes of truth instead"):
        partners(dataset, "tiles", ids(dataset, "tiles")[0], "truth")
