"""What has no true label, no predictions in its split or no place in the view is not scored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fathomnet_voxel51.evaluation import evaluate_predictions
from fiftyone import ViewField as F

from tests.evaluation.boxes import LEFT, RIGHT


def test_boxes_without_a_true_label_are_left_out_with_their_predictions(
    make_dataset: Callable[..., Any], either_way: str
) -> None:
    dataset = make_dataset(
        ([(None, LEFT), ("A", RIGHT)], [("A", LEFT), ("A", RIGHT)]),
        ([(None, LEFT)], [("B", LEFT)]),
    )
    result = evaluate_predictions(dataset, eval_key="e")
    assert (result.boxes, result.accuracy, result.unlabelled_boxes) == (1, 1.0, 2)
    assert result.predictions_without_box == 0
    assert dataset.values("model_predictions.detections.e") == [[None, "tp"], [None]]
    assert dataset.values("ground_truth.detections.e") == [[None, "tp"], [None]]
    assert [dataset.values(f"e_{name}") for name in ("tp", "fp", "fn")] == [[1, 0], [0, 0], [0, 0]]


def test_a_split_that_has_no_prediction_is_not_scored_as_wrong(
    make_dataset: Callable[..., Any],
) -> None:
    dataset = make_dataset(
        ([("A", LEFT)], [("A", LEFT)]),
        ([("A", LEFT), ("B", RIGHT)], []),
        ([("A", LEFT)], []),
        splits=["test", "train", "test"],
    )
    result = evaluate_predictions(dataset, eval_key="e")
    assert (result.boxes, result.boxes_not_predicted) == (2, 2)
    assert result.boxes_without_prediction == 1
    assert dataset.values("e_fn") == [0, None, 1]


def test_a_view_evaluates_only_what_it_shows(
    make_dataset: Callable[..., Any], either_way: str
) -> None:
    dataset = make_dataset(
        ([("A", LEFT), ("B", RIGHT), ("A", LEFT)], [("A", LEFT), ("A", RIGHT), ("A", LEFT)]),
        ([("B", LEFT)], [("A", LEFT)]),
        ([("A", LEFT)], [("B", LEFT)]),
    )
    view = dataset.limit(2).filter_labels("ground_truth", F("label") == "B")
    result = evaluate_predictions(view, eval_key="e")
    assert (result.boxes, result.accuracy, result.predictions_without_box) == (2, 0.0, 0)
    assert dataset.values("ground_truth.detections.e") == [[None, "fn", None], ["fn"], [None]]
    assert dataset.values("model_predictions.detections.e") == [[None, "fp", None], ["fp"], [None]]
    assert dataset.values("e_fp") == [1, 1, None]
    assert len(dataset.load_evaluation_view("e")) == 2
    sure = dataset.filter_labels("model_predictions", F("label") == "B", only_matches=False)
    assert evaluate_predictions(sure, eval_key="e").boxes_without_prediction == 4
