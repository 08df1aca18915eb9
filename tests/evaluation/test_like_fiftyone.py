"""An evaluation is the one that FiftyOne would have made, and is read as such."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import fiftyone.operators as foo
import numpy as np
import pytest
from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.evaluation.run import EvaluationDetails
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.text import as_plain
from fiftyone.operators.executor import ExecutionContext, Executor

from tests.evaluation.boxes import LEFT, RIGHT, Box
from tests.support.stored import documents, without_none


def test_the_run_is_the_one_that_fiftyone_would_have_made(synthetic: Any, either_way: str) -> None:
    evaluate_predictions(synthetic, eval_key="ours")
    synthetic.evaluate_detections("model_predictions", eval_key="theirs", classwise=False)
    ours, theirs = _described(synthetic, "ours"), _described(synthetic, "theirs")
    assert ours["matches"] == theirs["matches"]
    assert ours["confusion"] == theirs["confusion"]
    assert ours["report"] == theirs["report"]
    assert ours["subset"] == theirs["subset"]
    assert ours["metrics"].items() >= theirs["metrics"].items()
    assert ours["schema"] - theirs["schema"] == {
        ("ground_truth.detections.KEY_distance", "IntField"),
        ("model_predictions.detections.KEY_distance", "IntField"),
    }
    assert theirs["schema"] <= ours["schema"]
    assert ours["stored"] == theirs["stored"]
    patches = [synthetic.to_evaluation_patches(key) for key in ("ours", "theirs")]
    assert [patches[0].values(name) for name in ("type", "iou", "crowd")] == [
        patches[1].values(name) for name in ("type", "iou", "crowd")
    ]
    for key in ("ours", "theirs"):
        synthetic.delete_evaluation(key)


def _described(dataset: Any, key: str) -> dict[str, Any]:
    """All that an evaluation is, its key replaced."""
    results = dataset.load_evaluation_results(key)
    columns = (results.ytrue, results.ypred, results.ytrue_ids, results.ypred_ids)
    with results.use_subset(dataset.limit(20)):
        subset = results.metrics()["accuracy"], len(results.ytrue)
    schema = {
        (path.replace(key, "KEY"), type(field).__name__)
        for path, field in dataset.get_field_schema(flat=True).items()
        if key in path
    }
    found = []
    for document in documents(dataset):
        kept = _only(without_none(document), key)
        found.append(json.loads(json.dumps(kept).replace(key, "KEY")))
    return {
        "matches": sorted(zip(*(column.tolist() for column in columns), strict=True)),
        "confusion": results.confusion_matrix(include_missing=True).tolist(),
        "report": results.report(),
        "metrics": results.metrics(),
        "subset": subset,
        "schema": schema,
        "stored": found,
    }


def _only(value: Any, key: str) -> Any:
    """A document's values under names of an evaluation, without the distance; 1 for 1.0."""
    if isinstance(value, dict):
        inner = {
            name: float(one[1]) if name.endswith("_iou") else _only(one, key)
            for name, one in value.items()
            if not name.endswith("_distance")
        }
        return {
            n: one for n, one in inner.items() if n.startswith(key) or isinstance(one, dict | list)
        }
    return [_only(one, key) for one in value] if isinstance(value, list) else value


def test_without_annotation_ids_boxes_are_matched_as_fiftyone_does(
    make_dataset: Callable[..., Any], either_way: str
) -> None:
    dataset = make_dataset(*_scattered(40))
    for field in ("ground_truth", "model_predictions"):
        dataset.delete_sample_field(f"{field}.detections.annotation_id")
    rng = np.random.default_rng(5)
    counts = map(len, dataset.values("model_predictions.detections.id"))
    # Rounded, so that some are equal and some are 0.
    confidences = [rng.random(count).round(1).tolist() for count in counts]
    dataset.set_values("model_predictions.detections.confidence", confidences)
    evaluate_predictions(dataset, eval_key="ours")
    dataset.evaluate_detections("model_predictions", eval_key="theirs", classwise=False)
    ours, theirs = _described(dataset, "ours"), _described(dataset, "theirs")
    assert ours["matches"] == theirs["matches"]
    assert ours["stored"] == theirs["stored"]
    verdicts = dataset.count_values("model_predictions.detections.ours")
    assert min(verdicts["tp"], verdicts["fp"]) > 20


def _scattered(images: int) -> list[tuple[list[Box], list[Box]]]:
    """Boxes that overlap each other, and predictions somewhere near them."""
    rng = np.random.default_rng(12)
    made = []
    for _ in range(images):
        truth, anywhere = rng.uniform(0.1, 0.4, (2, rng.integers(0, 9), 4))
        near = truth[::2] + rng.normal(0, 0.02, truth[::2].shape)
        predictions = np.concatenate([anywhere, near])
        sides = [
            [("AB"[int(rng.integers(2))], tuple(box)) for box in side.tolist()]
            for side in (truth, predictions)
        ]
        made.append((sides[0], sides[1]))
    return made


def test_a_crowd_can_be_found_by_many(make_dataset: Callable[..., Any]) -> None:
    dataset = make_dataset(
        ([("A", (0.0, 0.0, 1.0, 1.0)), ("A", LEFT)], [("A", LEFT), ("A", RIGHT), ("B", RIGHT)])
    )
    dataset.set_values("ground_truth.detections.iscrowd", [[1, 0]], dynamic=True)
    for field in ("ground_truth", "model_predictions"):
        dataset.delete_sample_field(f"{field}.detections.annotation_id")
    evaluate_predictions(dataset, eval_key="ours")
    dataset.evaluate_detections("model_predictions", eval_key="theirs", classwise=False)
    assert _described(dataset, "ours")["stored"] == _described(dataset, "theirs")["stored"]


def test_the_results_are_there_for_another_process(synthetic: Any) -> None:
    result = evaluate_predictions(synthetic, eval_key="e")
    code = """
import json, sys, fiftyone as fo
dataset = fo.load_dataset(sys.argv[1])
results = dataset.load_evaluation_results("e")
results.plot_confusion_matrix(backend="matplotlib")
print(json.dumps([results.metrics()["accuracy"], results.metrics()["taxonomic_distance"],
    sorted(results.custom_metrics), dataset.get_evaluation_info("e").config.taxonomic]))
"""
    run = [sys.executable, "-c", code, synthetic.name]
    printed = subprocess.run(run, check=True, stdout=subprocess.PIPE, text=True).stdout
    accuracy, distance, metrics, details = json.loads(printed.splitlines()[-1])
    assert (accuracy, distance) == (result.accuracy, result.mean_taxonomic_distance)
    assert len(metrics) == 8
    assert as_plain(result).items() <= details.items()
    assert EvaluationDetails.read(synthetic, "e") == EvaluationDetails(
        result, details["taxonomy_sha256"]
    )
    synthetic.delete_evaluation("e")


SCENARIOS = {
    "saved views": {"type": "view", "subsets": ["the first", "the last"]},
    "a field of images": {"type": "sample_field", "field": "tags", "subsets": ["train"]},
    "an attribute of boxes": {
        "type": "label_attribute",
        "field": "ground_truth.detections.phylum",
        "subsets": ["Arthropoda", "Cnidaria"],
    },
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_fiftyones_own_panel_has_its_scenarios_and_compares_ours_with_its_own(
    synthetic: Any, scenario: dict[str, Any]
) -> None:
    panel = foo.get_operator("@voxel51/panels/model_evaluation_panel_builtin")
    if not hasattr(panel, "get_scenario_data"):
        pytest.skip("the panel of this FiftyOne has no scenarios")
    add_taxonomy_ranks(synthetic)
    synthetic.save_view("the first", synthetic[:150], overwrite=True)
    synthetic.save_view("the last", synthetic[150:], overwrite=True)
    evaluate_predictions(synthetic, eval_key="ours")
    synthetic.evaluate_detections("model_predictions", eval_key="theirs", classwise=False)
    shown = []
    for key in ("ours", "theirs"):
        state = {"view": {"key": key, "compareKey": "theirs"}}
        params = {"key": key, "panel_id": "1", "panel_state": state}
        request = {"dataset_name": synthetic.name, "params": params}
        context = ExecutionContext(request, executor=Executor(), operator_uri=panel.uri)
        told = panel.get_scenario_data(context, dict(scenario))["subsets_data"]
        assert list(told) == scenario["subsets"]
        assert all(of_one["distribution"] > 0 for of_one in told.values())
        whole = panel.get_evaluation_data(context)
        shown.append([whole["per_class_metrics"], *map(_numbers, (whole, *told.values()))])
        key_a, ours, key_b, theirs = panel.load_compare_evaluation_results(context)
        assert (key_a, key_b) == (key, "theirs")
        assert sorted(ours.ytrue_ids) == sorted(theirs.ytrue_ids)
    assert shown[0] == shown[1]
    for key in ("ours", "theirs"):
        synthetic.delete_evaluation(key)


def _numbers(told: dict[str, Any]) -> Any:
    """What a part of the panel shows, without its colours."""
    matrix = told["confusion_matrix"]
    ours = ("taxonomic_distance", "accuracy_")
    metrics = {name: one for name, one in told["metrics"].items() if not name.startswith(ours)}
    return metrics, matrix["matrix"].tolist(), list(matrix["classes"])
