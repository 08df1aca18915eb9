"""A check tells the result, and what cannot be evaluated is refused, before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.errors import DatasetError, InputError
from fathomnet_voxel51.evaluation import check_evaluation, evaluate_predictions
from fiftyone import ViewField as F

from tests.evaluation.boxes import LEFT, RIGHT
from tests.support.stored import documents, settings


def test_a_check_tells_the_result_and_writes_nothing(synthetic: Any) -> None:
    before = documents(synthetic), settings(synthetic)
    foretold = check_evaluation(synthetic, eval_key="e")
    assert (documents(synthetic), settings(synthetic)) == before
    assert evaluate_predictions(synthetic, eval_key="e") == foretold
    assert foretold.interval_by == "dive"
    low, high = foretold.mean_taxonomic_distance_interval or (0, 0)
    assert low < foretold.mean_taxonomic_distance < high
    synthetic.delete_evaluation("e")


def test_with_nothing_left_to_score_a_labelled_split_is_offered(
    make_dataset: Callable[..., Any],
) -> None:
    dataset = make_dataset(
        ([(None, LEFT)], [("A", LEFT)]),
        ([("A", LEFT), ("B", RIGHT)], []),
        splits=["test", "train"],
    )
    before = documents(dataset), settings(dataset)
    with pytest.raises(DatasetError, match="the train split has 2 labelled boxes: import"):
        evaluate_predictions(dataset)
    train = dataset.match(F("split") == "train")
    with pytest.raises(DatasetError, match="no predictions in the 1 image looked at"):
        evaluate_predictions(train)
    assert (documents(dataset), settings(dataset)) == before


def test_a_view_of_patches_is_refused(synthetic: Any) -> None:
    with pytest.raises(DatasetError, match="a view of patches"):
        evaluate_predictions(synthetic.to_patches("ground_truth"))


@pytest.mark.parametrize(
    ("eval_key", "error"),
    [
        ("a b", InputError),
        ("_e", InputError),
        ("label", DatasetError),
        ("annotation_id", DatasetError),
        ("mask", DatasetError),
        ("taken", DatasetError),
    ],
)
def test_a_key_that_would_overwrite_something_is_refused(
    make_dataset: Callable[..., Any], eval_key: str, error: type[Exception]
) -> None:
    dataset = make_dataset(([("A", LEFT)], [("A", LEFT)]))
    dataset.add_sample_field("taken_fp", fo.IntField)
    before = documents(dataset), settings(dataset)
    with pytest.raises(error, match=eval_key):
        evaluate_predictions(dataset, eval_key=eval_key)
    assert (documents(dataset), settings(dataset)) == before


def test_fields_that_hold_no_boxes_are_refused(make_dataset: Callable[..., Any]) -> None:
    dataset = make_dataset(([("A", LEFT)], [("A", LEFT)]))
    with pytest.raises(DatasetError, match="'nothing' is no field"):
        evaluate_predictions(dataset, pred_field="nothing")
    with pytest.raises(DatasetError, match="against themselves"):
        evaluate_predictions(dataset, pred_field="ground_truth")
