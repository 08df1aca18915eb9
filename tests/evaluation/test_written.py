"""An evaluation writes its own values whole, and leaves everything else as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from fathomnet_voxel51.errors import DatasetError
from fathomnet_voxel51.evaluation import evaluate_predictions

from tests.evaluation.boxes import LEFT, RIGHT
from tests.support.stored import documents, settings, without_none


def test_what_else_images_and_boxes_hold_is_left_as_it_is(
    make_dataset: Callable[..., Any], either_way: str
) -> None:
    dataset = make_dataset(*[([("A", LEFT), ("B", RIGHT)], [("A", LEFT), ("A", RIGHT)])] * 2)
    vectors = [[np.array([0.75, 0.25], np.float32)] * 2] * 2
    dataset.set_values("model_predictions.detections.probabilities", vectors, dynamic=True)
    dataset.tag_labels("checked", "ground_truth")
    before = documents(dataset)
    evaluate_predictions(dataset, eval_key="e")
    assert _without_key(documents(dataset)) == before
    dataset.delete_evaluation("e")
    assert documents(dataset) == before


def _without_key(value: Any) -> Any:
    """Stored values, less those of the evaluation "e"."""
    if isinstance(value, dict):
        return {
            name: _without_key(one)
            for name, one in value.items()
            if name != "e" and not name.startswith("e_")
        }
    return [_without_key(one) for one in value] if isinstance(value, list) else value


def test_a_repeat_replaces_the_evaluation_and_leaves_nothing_of_it(
    make_dataset: Callable[..., Any], either_way: str
) -> None:
    dataset = make_dataset(([("A", LEFT)], [("A", LEFT)]), ([("A", LEFT)], [("A", LEFT)]))
    evaluate_predictions(dataset, eval_key="e")
    whole = without_none(documents(dataset)), settings(dataset)
    evaluate_predictions(dataset, eval_key="e")
    assert (without_none(documents(dataset)), settings(dataset)) == whole
    evaluate_predictions(dataset.limit(1), eval_key="e")
    assert dataset.values("model_predictions.detections.e_distance") == [[12], [None]]
    assert dataset.values("e_tp") == [1, None]
    dataset.delete_evaluation("e")
    assert not [path for path in dataset.get_field_schema(flat=True) if ".e" in path]
    assert not any("e_tp" in document for document in dataset._sample_collection.find())


def test_deleting_and_renaming_take_the_distances_along(make_dataset: Callable[..., Any]) -> None:
    dataset = make_dataset(([("Caridea", LEFT)], [("Caridea", LEFT)]))
    evaluate_predictions(dataset, eval_key="model")
    dataset.rename_evaluation("model", "other")
    assert dataset.values("model_predictions.detections.other_distance") == [[0]]
    assert dataset.get_field("model_predictions.detections.model_distance") is None
    dataset.delete_evaluation("other")
    assert dataset.get_field("ground_truth.detections.other_distance") is None


def test_distances_that_a_deletion_without_the_plugin_left_are_replaced(
    make_dataset: Callable[..., Any],
) -> None:
    dataset = make_dataset(([("A", LEFT)], [("A", LEFT)]), ([("A", LEFT)], [("A", LEFT)]))
    evaluate_predictions(dataset, eval_key="e")
    config = dataset.get_evaluation_info("e").config
    config.custom_metrics = None
    fo.core.evaluation.EvaluationMethod.update_run_config(dataset, "e", config)
    dataset.delete_evaluation("e")
    assert dataset.get_field("ground_truth.detections.e_distance") is not None
    evaluate_predictions(dataset.limit(1), eval_key="e")
    assert dataset.values("ground_truth.detections.e_distance") == [[12], [None]]


def test_an_image_that_somebody_edits_meanwhile_is_evaluated_and_keeps_the_edit(
    make_dataset: Callable[..., Any], either_way: str
) -> None:
    dataset = make_dataset(*[([("A", LEFT), ("B", RIGHT)], [("A", LEFT), ("A", RIGHT)])] * 3)

    def edit(share: float, label: str) -> None:
        if label == "writing verdicts":
            dataset.limit(1).tag_labels("doubted", "ground_truth")

    evaluate_predictions(dataset, eval_key="e", progress=edit)
    assert dataset.values("ground_truth.detections.e") == [["tp", "fn"]] * 3
    assert dataset.count_label_tags("ground_truth") == {"doubted": 2}


@pytest.mark.fault(
    operator="evaluate_predictions",
    happens="somebody removes boxes meanwhile",
    end="it stops and says so; no other box has their verdict; run again, complete",
)
def test_boxes_that_are_removed_meanwhile_stop_it_and_no_other_box_gets_their_verdict(
    make_dataset: Callable[..., Any],
) -> None:
    dataset = make_dataset(*[([("A", LEFT), ("B", RIGHT)], [("A", LEFT), ("A", RIGHT)])] * 3)

    def remove(share: float, label: str) -> None:
        if label == "writing verdicts":
            sample = dataset.first()
            del sample.ground_truth.detections[0]
            sample.save()

    with pytest.raises(DatasetError, match="boxes of 1 images were removed"):
        evaluate_predictions(dataset, eval_key="e", progress=remove)
    dataset.reload()
    assert dataset.values("ground_truth.detections.e")[0] == [None]
    assert evaluate_predictions(dataset, eval_key="e").boxes == 5
