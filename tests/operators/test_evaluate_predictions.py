"""evaluate_predictions as FiftyOne runs it: its preview, on a view, from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from click.testing import CliRunner
from fathomnet_voxel51.command_line.main import main
from fathomnet_voxel51.errors import InputError
from fathomnet_voxel51.names import PLUGIN_NAME

URI = f"{PLUGIN_NAME}/evaluate_predictions"
KEYS = {"boxes", "accuracy", "mean_taxonomic_distance", "ranks"}


@pytest.fixture
def dataset(dataset_name: str) -> Iterator[Any]:
    """Two images with a right prediction each, one with a wrong one, one without a true label."""
    made = fo.Dataset(dataset_name, persistent=True)
    pairs = [("Caridea", "Caridea"), ("Caridea", "Caridea"), ("Caridea", "Decapoda"), (None, "x")]
    for number, labels in enumerate(pairs):
        truth, predictions = (
            fo.Detections(detections=[fo.Detection(label=label, bounding_box=[0, 0, 0.5, 0.5])])
            for label in labels
        )
        made.add_sample(
            fo.Sample(filepath=f"/{number}.png", ground_truth=truth, model_predictions=predictions)
        )
    yield made


def preview(dataset: Any, **values: Any) -> Any:
    operator = foo.get_operator(URI)
    return operator.preview(operator.model.parse(values), dataset)


def test_the_form_says_what_will_be_scored(dataset: Any) -> None:
    found = preview(dataset)
    assert found.facts == (
        "3 boxes are scored, as evaluation eval_model_predictions",
        "1 box without a true label is left out",
    )
    assert found.problems == found.warnings == ()
    foo.get_operator(URI)(dataset)
    dataset.reload()
    (warning,) = preview(dataset).warnings
    assert "eval_model_predictions is there already and is replaced" in warning


def test_what_stands_in_the_way_is_said_at_its_field(dataset: Any) -> None:
    (fault,) = preview(dataset, pred_field="absent").problems
    assert fault.place == "pred_field"
    assert "ground_truth, model_predictions" in fault.problem
    (fault,) = preview(dataset.skip(3)).problems
    assert "has a true label" in fault.problem
    (fault,) = preview(dataset, eval_key="label").problems
    assert "choose another eval_key" in fault.problem


def test_it_works_on_the_view_that_is_open(dataset: Any) -> None:
    context = {"view": dataset.limit(2), "params": {"view_target": "CURRENT_VIEW"}}
    result = foo.execute_operator(URI, context).result
    assert result.keys() >= KEYS
    assert (result["boxes"], result["accuracy"]) == (2, 1.0)
    assert [rank["rank"] for rank in result["ranks"]][:2] == ["kingdom", "phylum"]
    whole = foo.execute_operator(URI, {"dataset": dataset, "params": {"eval_key": "e"}}).result
    assert (whole["boxes"], whole["mean_taxonomic_distance"]) == (3, 0.0)
    assert whole["agreement"]["too_coarse"] == 1


def test_the_command_gives_the_same_result(dataset: Any) -> None:
    arguments = ["evaluate-predictions", "--dataset", dataset.name, "--eval-key", "e", "--json"]
    finished = CliRunner().invoke(main, arguments)
    assert finished.exit_code == 0, finished.output
    assert json.loads(finished.stdout)["boxes"] == 3
    refused = CliRunner().invoke(main, [*arguments, "--pred-field", "absent"])
    assert refused.exit_code == 2


def test_a_saved_view_and_a_tag_are_evaluated_from_every_door(dataset: Any) -> None:
    dataset.limit(3).tag_samples("val")
    dataset.save_view("middle", dataset.skip(1))
    # Of the images 0 and 1 right and 2 wrong are "val"; 1 and 2 are in the view too.
    scores = {"all": (3, 2 / 3), "middle": (2, 0.5)}
    operator = foo.get_operator(URI)
    by_tag = operator(dataset, tag="val")
    assert (by_tag["boxes"], by_tag["accuracy"]) == pytest.approx(scores["all"])
    both = operator(dataset, view="middle", tag="val", eval_key="both")
    assert (both["boxes"], both["accuracy"]) == pytest.approx(scores["middle"])
    assert dataset.values("both_tp") == [None, 1, 0, None]
    assert preview(dataset, view="middle", tag="val", eval_key="new").facts == (
        "2 boxes are scored, as evaluation new",
    )
    ran = CliRunner().invoke(
        main,
        ["evaluate-predictions", "--dataset", dataset.name, "--view", "middle", "--json"],
    )
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["boxes"] == 2
    stages = {"stages": ["evaluate_predictions"], "evaluate_predictions": {"view": "middle"}}
    in_workflow = foo.get_operator(f"{PLUGIN_NAME}/run_workflow")(dataset, **stages)
    assert in_workflow["evaluate_predictions"]["boxes"] == 2


@pytest.mark.parametrize("name", ["view", "tag"])
def test_a_view_or_tag_that_is_not_there_is_refused_with_those_that_are(
    dataset: Any, name: str
) -> None:
    dataset.tag_samples("there")
    dataset.save_view("there", dataset.skip(1))
    (fault,) = preview(dataset, **{name: "x" * 3_000}).problems
    assert fault.place == name and "there" in fault.problem and len(fault.problem) < 500
    with pytest.raises(InputError, match=f"{name}: no "):
        foo.get_operator(URI)(dataset, **{name: "absent"})
    assert not dataset.list_evaluations()
