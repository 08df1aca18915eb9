"""Which prediction is about which box."""

from __future__ import annotations

import numpy as np
from fathomnet_voxel51.evaluation.scoring.columns import Boxes
from fathomnet_voxel51.evaluation.scoring.judging import judge
from fathomnet_voxel51.evaluation.scoring.matching import Matches, match_boxes

Box = tuple[float, float, float, float]
LEFT: Box = (0.0, 0.0, 0.4, 0.4)
NEAR_LEFT: Box = (0.04, 0.0, 0.4, 0.4)
RIGHT: Box = (0.5, 0.5, 0.4, 0.4)


def boxes(
    *rows: tuple[int, str | None, Box, int | None, float | None], crowds: tuple[int, ...] = ()
) -> Boxes:
    """From image, label, rectangle, annotation id and confidence of each box."""
    return Boxes(
        owners=np.array([row[0] for row in rows], np.intp),
        ids=[f"box {number}" for number in range(len(rows))],
        labels=[row[1] for row in rows],
        rectangles=np.array([row[2] for row in rows], float).reshape(-1, 4),
        annotation_ids=[row[3] for row in rows],
        confidences=[row[4] for row in rows],
        crowds=np.array([number in crowds for number in range(len(rows))], bool),
    )


def matched(truth: Boxes, predictions: Boxes) -> Matches:
    return match_boxes(truth, predictions, 0.5, np.zeros(len(predictions), bool))


def test_an_annotation_id_decides_where_boxes_are_the_same() -> None:
    truth = boxes((0, "A", LEFT, 1, None), (0, "B", LEFT, 2, None))
    predictions = boxes((0, "A", LEFT, 2, 0.9), (0, "A", LEFT, 1, 0.1))
    found = matched(truth, predictions)
    assert found.of_predictions.tolist() == [1, 0]
    assert found.of_truth.tolist() == [1, 0]
    assert (found.ious.tolist(), found.by_annotation_id) == ([1.0, 1.0], 2)


def test_an_annotation_id_holds_within_its_image_and_wherever_the_box_is() -> None:
    truth = boxes((0, "A", LEFT, 1, None), (1, "A", LEFT, 1, None))
    predictions = boxes((1, "A", RIGHT, 1, None))
    found = matched(truth, predictions)
    assert (found.of_predictions.tolist(), found.ious.tolist()) == ([1], [0.0])


def test_without_ids_the_most_confident_takes_the_box_it_overlaps_most() -> None:
    truth = boxes((0, "A", LEFT, None, None), (0, "B", RIGHT, None, None))
    predictions = boxes(
        (0, "B", NEAR_LEFT, None, 0.4), (0, "B", LEFT, None, 0.8), (0, "A", RIGHT, 7, 0.0)
    )
    found = matched(truth, predictions)
    assert found.of_predictions.tolist() == [-1, 0, 1]
    assert found.by_annotation_id == 0


def test_only_what_has_no_id_on_one_side_is_matched_by_overlap() -> None:
    truth = boxes((0, "A", LEFT, 1, None), (0, "B", NEAR_LEFT, None, None))
    predictions = boxes((0, "A", NEAR_LEFT, 1, 0.1), (0, "B", LEFT, None, 0.9))
    assert matched(truth, predictions).of_predictions.tolist() == [0, 1]


def test_a_box_without_a_label_takes_its_prediction_out_of_the_count() -> None:
    truth = boxes((0, None, LEFT, 1, None), (0, "B", RIGHT, None, None), (1, "A", LEFT, 3, None))
    predictions = boxes((0, "A", LEFT, 1, None), (0, "B", RIGHT, None, None))
    found = judge(truth, predictions, np.array([True, True]), np.zeros(2, bool))
    assert found.predictions_kept.tolist() == [False, True]
    rows = list(zip(found.row_truth.tolist(), found.row_prediction.tolist(), strict=True))
    assert rows == [(1, 1), (2, -1)]


def test_a_prediction_of_a_hidden_box_takes_no_other_one() -> None:
    truth = boxes((0, "A", NEAR_LEFT, 2, None))
    predictions = boxes((0, "A", LEFT, 1, None))
    found = judge(truth, predictions, np.array([True]), np.array([True]))
    assert not found.predictions_kept.any()
    assert found.row_truth.tolist() == [0]
    assert found.row_prediction.tolist() == [-1]


def test_images_that_do_not_count_leave_no_row() -> None:
    truth = boxes((0, "A", LEFT, 1, None), (1, "A", LEFT, 1, None))
    found = judge(truth, boxes((1, "A", LEFT, 1, None)), np.array([False, True]), np.zeros(1, bool))
    assert found.row_truth.tolist() == [1]


def test_nothing_matches_nothing() -> None:
    found = matched(boxes(), boxes())
    assert (len(found.of_predictions), len(found.of_truth)) == (0, 0)
    found = matched(boxes((0, "A", LEFT, 1, None)), boxes())
    assert found.of_truth.tolist() == [-1]
