"""Predictions against true labels, as a FiftyOne evaluation."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from fathomnet_voxel51.dataset.collection import PUBLIC_API
from fathomnet_voxel51.dataset.evaluation_run import read_details
from fathomnet_voxel51.errors import DatasetError, InputError
from fathomnet_voxel51.evaluation import check_evaluation, evaluate_predictions
from fathomnet_voxel51.fields import RANKS
from fathomnet_voxel51.plain import plain
from fathomnet_voxel51.prediction_import import import_predictions
from fathomnet_voxel51.resources import data_file
from fathomnet_voxel51.samples import ingest_dataset
from fiftyone import ViewField as F

from tests.predicted import predicted_dataset
from tests.stored import documents, settings, without_none

SUBMISSION = "submission_experiment-final014.csv"
Box = tuple[str | None, tuple[float, float, float, float]]
LEFT, RIGHT = (0.0, 0.0, 0.4, 0.4), (0.5, 0.5, 0.4, 0.4)


@pytest.fixture(params=["collection", "public API"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The test is run both ways of reading and writing."""
    monkeypatch.setenv(PUBLIC_API, "1" if request.param == "public API" else "0")
    return str(request.param)


@pytest.fixture
def make_dataset() -> Iterator[Callable[..., Any]]:
    """Makes a dataset of images, each with labelled boxes and predictions of them.

    The first prediction is of the first box, and so on; what has no partner is left out.
    """
    made: list[Any] = []

    def make(*images: tuple[list[Box], list[Box]], splits: list[str] | None = None) -> Any:
        dataset = fo.Dataset(persistent=True)
        made.append(dataset)
        for number, (truth, predictions) in enumerate(images):
            sample = fo.Sample(
                filepath=f"/{number}.png",
                ground_truth=_detections(truth),
                model_predictions=_detections(predictions),
            )
            if splits:
                sample["split"] = splits[number]
            dataset.add_sample(sample, dynamic=True)
        return dataset

    yield make
    for dataset in made:
        dataset.delete()


def _detections(boxes: list[Box]) -> fo.Detections:
    return fo.Detections(
        detections=[
            fo.Detection(label=label, bounding_box=list(box), annotation_id=number)
            for number, (label, box) in enumerate(boxes, start=1)
        ]
    )


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """300 images and 800 boxes, a prediction of each."""
    dataset = predicted_dataset(tmp_path_factory.mktemp("synthetic"), "test-evaluated")
    yield dataset
    dataset.delete()


@pytest.fixture
def winner(shared_data: Path, dataset_name: str) -> Any:
    """The real test split, labelled with the winner's real predictions, and these imported."""
    ingest_dataset(dataset_name, test_annotations=str(shared_data / "dataset_test.json"))
    dataset = fo.load_dataset(dataset_name)
    import_predictions(dataset, str(shared_data / SUBMISSION))
    names = dataset.values("model_predictions.detections.label")
    dataset.set_values("ground_truth.detections.label", names)
    return dataset


def test_the_winner_against_itself_is_perfect(winner: Any, either_way: str) -> None:
    result = evaluate_predictions(winner)
    assert (result.boxes, result.accuracy, result.mean_taxonomic_distance) == (788, 1.0, 0.0)
    assert result.accuracy_interval == (1.0, 1.0)
    assert result.agreement.right == 788
    assert [one.accuracy for one in result.ranks] == [1.0] * 7
    assert result.eval_key == "eval_model_predictions"
    assert result.matched_by_annotation_id == 788


def test_against_animalia_the_winner_s_distance_is_the_depth_of_its_names(
    winner: Any, shared_data: Path
) -> None:
    with data_file("taxonomy.csv").open(newline="") as file:
        depths = {
            row["concept"]: sum(bool(row[rank]) for rank in RANKS) for row in csv.DictReader(file)
        }
    with (shared_data / SUBMISSION).open(newline="") as file:
        expected = [depths[row["concept_name"]] - 1 for row in csv.DictReader(file)]
    assert sum(expected) == 3_730
    _relabel(winner, lambda name: "Animalia")
    result = evaluate_predictions(winner)
    assert result.mean_taxonomic_distance == pytest.approx(3_730 / 788)
    assert result.agreement.too_coarse == 788
    assert result.ranks[0].accuracy == 1.0


def test_misspelt_names_raise_the_distance_by_exactly_twelve_each(winner: Any) -> None:
    numbers = iter(range(788))
    _relabel(winner, lambda name: f"{name} x" if next(numbers) % 20 == 0 else name)
    result = evaluate_predictions(winner)
    assert result.mean_taxonomic_distance == pytest.approx(40 * 12 / 788)
    assert result.agreement.elsewhere == 40
    assert all(name.endswith(" x") for name in result.unknown_names)


def test_misspelt_names_that_an_import_left_out_count_as_much(
    winner: Any, shared_data: Path, tmp_path: Path
) -> None:
    lines = (shared_data / SUBMISSION).read_text().splitlines()
    spoilt = [f"{line} x" if number % 20 == 1 else line for number, line in enumerate(lines)]
    path = tmp_path / "spoilt.csv"
    path.write_text("\n".join(spoilt))
    import_predictions(winner, str(path), skip_bad_rows=True)
    result = evaluate_predictions(winner)
    assert result.boxes_without_prediction == 40
    assert result.mean_taxonomic_distance == pytest.approx(40 * 12 / 788)
    assert result.accuracy == pytest.approx(748 / 788)
    assert result.mean_taxonomic_distance_of_predicted == 0.0
    assert result.accuracy_of_predicted == 1.0


def _relabel(dataset: Any, rename: Callable[[str], str]) -> None:
    path = "model_predictions.detections.label"
    dataset.set_values(path, [[rename(name) for name in names] for names in dataset.values(path)])


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


def test_every_box_has_its_distance(make_dataset: Callable[..., Any], either_way: str) -> None:
    dataset = make_dataset(
        (
            [("Mediaster", LEFT), ("Caridea", RIGHT)],
            [("Mediaster aequalis", LEFT), ("what", RIGHT)],
        ),
        ([("Caridea", LEFT), ("Caridea", RIGHT)], [("Caridea", LEFT)]),
    )
    result = evaluate_predictions(dataset, eval_key="e")
    distances = [[1, 12], [0, 12]]
    assert dataset.values("ground_truth.detections.e_distance") == distances
    assert dataset.values("model_predictions.detections.e_distance") == [[1, 12], [0]]
    assert result.mean_taxonomic_distance == 25 / 4
    assert result.mean_taxonomic_distance_of_predicted == 13 / 3
    assert (result.boxes, result.boxes_without_prediction) == (4, 1)
    assert (result.agreement.right, result.agreement.too_fine, result.agreement.missing) == (
        1,
        1,
        1,
    )


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


def test_a_view_of_patches_is_refused(synthetic: Any) -> None:
    with pytest.raises(DatasetError, match="a view of patches"):
        evaluate_predictions(synthetic.to_patches("ground_truth"))


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
    assert plain(result).items() <= details.items()
    assert read_details(synthetic, "e") == details
    synthetic.delete_evaluation("e")


def test_a_check_tells_the_result_and_writes_nothing(synthetic: Any) -> None:
    before = documents(synthetic), settings(synthetic)
    foretold = check_evaluation(synthetic, eval_key="e")
    assert (documents(synthetic), settings(synthetic)) == before
    assert evaluate_predictions(synthetic, eval_key="e") == foretold
    assert foretold.interval_by == "dive"
    low, high = foretold.mean_taxonomic_distance_interval or (0, 0)
    assert low < foretold.mean_taxonomic_distance < high
    synthetic.delete_evaluation("e")


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


def test_strangers_to_the_tree_can_be_right_and_are_named(
    make_dataset: Callable[..., Any],
) -> None:
    dataset = make_dataset(([("ROV basket", LEFT)], [("ROV basket", LEFT)]))
    result = evaluate_predictions(dataset)
    assert (result.accuracy, result.mean_taxonomic_distance) == (1.0, 12.0)
    assert result.unknown_names == ("ROV basket",)
    assert all(one.accuracy is None for one in result.ranks)
