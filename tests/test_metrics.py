"""The metrics in FiftyOne's own evaluations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.names import RANKS

DISTANCE = "@fathomnet/voxel51/taxonomic_distance"
ACCURACY = "@fathomnet/voxel51/rank_accuracy"
NAMES = [
    ("Mediaster aequalis", "Mediaster aequalis"),
    ("Mediaster aequalis", "Mediaster"),
    ("Mediaster", "Ophiacanthidae"),
    ("Caridea", "what"),
]
DISTANCES = [0, 1, 7, 12]
BY_RANK = [3 / 4, 3 / 4, 2 / 4, 2 / 4, 2 / 3, 2 / 3, 1 / 2]
"""Worked by hand: Caridea ends at its order, Mediaster at its genus."""


@pytest.fixture
def dataset() -> Iterator[Any]:
    """Four images, each with one box and one label, and what was predicted of them."""
    made = fo.Dataset()
    for number, (true, predicted) in enumerate(NAMES):
        box = [0.1, 0.1, 0.5, 0.5]
        made.add_sample(
            fo.Sample(
                filepath=f"/{number}.png",
                truth=fo.Classification(label=true),
                guess=fo.Classification(label=predicted),
                ground_truth=fo.Detections(detections=[fo.Detection(label=true, bounding_box=box)]),
                model_predictions=fo.Detections(
                    detections=[fo.Detection(label=predicted, bounding_box=box, confidence=0.5)]
                ),
            )
        )
    yield made
    made.delete()


def test_fiftyone_s_own_form_finds_them_among_the_metrics() -> None:
    metrics = {metric.uri: metric for metric in foo.list_operators(type=foo.EvaluationMetric)}
    assert {DISTANCE, ACCURACY} <= metrics.keys()
    for uri in (DISTANCE, ACCURACY):
        config = metrics[uri].config
        assert {"classification", "detection"} <= set(config.eval_types)
        assert config.label and config.description


def test_they_score_an_evaluation_of_detections_as_ours_does(dataset: Any) -> None:
    theirs = dataset.evaluate_detections(
        "model_predictions", eval_key="theirs", classwise=False, custom_metrics=[DISTANCE, ACCURACY]
    )
    ours = evaluate_predictions(dataset, eval_key="ours")
    found = theirs.metrics()
    assert found["taxonomic_distance"] == ours.mean_taxonomic_distance == sum(DISTANCES) / 4
    by_rank = [found[f"accuracy_{rank}"] for rank in RANKS]
    assert by_rank == [one.accuracy for one in ours.ranks] == pytest.approx(BY_RANK)
    kept = dataset.load_evaluation_results("ours").custom_metrics
    assert kept == theirs.custom_metrics
    for field in ("ground_truth", "model_predictions"):
        path = f"{field}.detections.KEY_distance"
        assert dataset.values(path.replace("KEY", "theirs"), unwind=True) == DISTANCES
        assert dataset.values(path.replace("KEY", "ours"), unwind=True) == DISTANCES


def test_they_score_an_evaluation_of_classifications(dataset: Any) -> None:
    results = dataset.evaluate_classifications(
        "guess", gt_field="truth", eval_key="e", custom_metrics=[DISTANCE, ACCURACY]
    )
    found = results.metrics()
    assert found["taxonomic_distance"] == sum(DISTANCES) / 4
    assert [found[f"accuracy_{rank}"] for rank in RANKS] == pytest.approx(BY_RANK)
    assert dataset.values("guess.e_distance") == DISTANCES
    assert dataset.values("truth.e_distance") == DISTANCES


def test_without_a_key_nothing_is_written(dataset: Any) -> None:
    before = list(dataset.get_field_schema(flat=True))
    results = dataset.evaluate_detections("model_predictions", custom_metrics=[DISTANCE])
    assert results.metrics()["taxonomic_distance"] == 12.0 * 3 / 4, "classwise: one match in four"
    assert list(dataset.get_field_schema(flat=True)) == before


def test_a_prediction_about_no_box_has_no_distance_and_a_missing_one_has_twelve(
    dataset: Any,
) -> None:
    first, second = dataset.limit(2)
    first.ground_truth.detections = []
    second.model_predictions.detections = []
    first.save()
    second.save()
    results = dataset.evaluate_detections(
        "model_predictions", classwise=False, custom_metrics=[DISTANCE, ACCURACY]
    )
    assert results.metrics()["taxonomic_distance"] == pytest.approx((12 + 7 + 12) / 3)
    assert results.metrics()["accuracy_kingdom"] == pytest.approx(1 / 3)


def test_an_evaluation_is_renamed_and_deleted_with_its_distances(dataset: Any) -> None:
    dataset.evaluate_detections(
        "model_predictions", eval_key="truth", classwise=False, custom_metrics=[DISTANCE]
    )
    dataset.rename_evaluation("truth", "other")
    path = "ground_truth.detections.other_distance"
    assert dataset.values(path, unwind=True) == DISTANCES
    dataset.delete_evaluation("other")
    assert dataset.get_field(path) is None


def test_they_can_be_added_to_an_evaluation_that_is_there(dataset: Any) -> None:
    results = dataset.evaluate_detections("model_predictions", eval_key="e", classwise=False)
    results.add_custom_metrics([DISTANCE, ACCURACY])
    assert results.metrics()["taxonomic_distance"] == sum(DISTANCES) / 4
    dataset.clear_cache()
    assert dataset.load_evaluation_results("e").metrics()["accuracy_genus"] == pytest.approx(2 / 3)
