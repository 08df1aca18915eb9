"""The home panel: what it counts, what its buttons open, and the queue that it shows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51 import delegation
from fathomnet_voxel51.errors import OperationFailedError
from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.label_errors import find_label_errors
from fathomnet_voxel51.names import PLUGIN_NAME
from fathomnet_voxel51.progress import silent
from fathomnet_voxel51.relabelling import relabel_boxes
from fathomnet_voxel51.review import review_labels
from fathomnet_voxel51.review.sets import read_set
from fiftyone.operators.delegated import DelegatedOperationService
from fiftyone.operators.executor import execute_or_delegate_operator

from tests.panels.driven import DrivenPanel, Told, plugin_module
from tests.support import screens
from tests.support.predicted import predicted_dataset

LABELS = "ground_truth.detections.label"


pytestmark = pytest.mark.usefixtures("empty_queue")


@pytest.fixture
def dataset(tmp_path: Path) -> Iterator[Any]:
    """300 images and 800 boxes with predictions; the first box of some images has no label."""
    dataset = predicted_dataset(tmp_path, "test-home")
    labels = dataset.values(LABELS)
    for image in labels[:40]:
        if image:
            image[0] = None
    dataset.set_values(LABELS, labels)
    yield dataset
    DelegatedOperationService().delete_for_dataset(dataset._doc.id)
    dataset.delete()


@pytest.fixture
def panel(dataset: Any) -> DrivenPanel:
    panel = DrivenPanel("home", dataset)
    panel.fire("on_load")
    return panel


def shown(panel: DrivenPanel) -> dict[str, Any]:
    """What the panel shows, by name, that of rows under ``row.name``."""
    found = {}
    for name, one in panel.page["type"]["properties"].items():
        found[name] = one
        inner = one["type"].get("properties") or {}
        found |= {f"{name}.{part}": some for part, some in inner.items()}
    return found


def click(panel: DrivenPanel, words: str, button: str) -> Told:
    """Clicks a button, as the App does, in the row whose words begin so."""
    there = shown(panel)
    rows = [
        name.rpartition(".")[0]
        for name, one in there.items()
        if name.endswith(".words") and words in json.dumps(one)
    ]
    buttons = [
        one["view"]
        for row in rows
        for name, one in there.items()
        if name.startswith(f"{row}.") and one["view"].get("label") == button
    ]
    assert buttons, f"no button {button!r} beside {words!r}"
    (method,) = {buttons[0]["operator"].rpartition("#")[2]}
    return panel.fire(method, **(buttons[0].get("params") or {}))


def card(panel: DrivenPanel, number: int) -> str:
    return str(shown(panel)[f"cards.card_{number}"]["default"])


def run_queue(dataset: Any) -> None:
    DelegatedOperationService().execute_queued_operations(dataset_name=dataset.name)


def test_the_numbers_are_those_of_the_dataset(dataset: Any, either_way: Any) -> None:
    panel = DrivenPanel("home", dataset)
    panel.fire("on_load")
    labels = dataset.values(LABELS, unwind=True)
    expected = {
        "Images": 300,
        "Boxes": 800,
        "Without a label": labels.count(None),
        "Concepts": len(set(labels) - {None}),
    }
    assert labels.count(None) >= 20
    for number, (title, value) in enumerate(expected.items()):
        assert card(panel, number) == f"{title}\n##### {value:,}"
    assert "train: 300" in panel.texts()


def test_boxes_without_a_label_are_opened(panel: DrivenPanel, dataset: Any) -> None:
    view = panel.opened(click(panel, "without a label", "Show"))
    ids = view.values("ground_truth.detections.id", unwind=True)
    labels = dict(
        zip(
            dataset.values("ground_truth.detections.id", unwind=True),
            dataset.values(LABELS, unwind=True),
            strict=True,
        )
    )
    assert set(ids) == {id_ for id_, label in labels.items() if label is None}


def test_the_next_step_follows_what_was_done(panel: DrivenPanel, dataset: Any) -> None:
    def next_form() -> str:
        panel.fire("on_load")
        (prompt,) = click(panel, "", shown(panel)["next_step.go"]["view"]["label"]).of(
            "prompt_user_for_operation"
        )
        return str(prompt["operator_uri"]).removeprefix(f"{PLUGIN_NAME}/")

    predictions = dataset.values("model_predictions")
    dataset.delete_sample_field("model_predictions")
    assert next_form() == "import_predictions"
    dataset.add_sample_field(
        "model_predictions", fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections
    )
    dataset.set_values("model_predictions", predictions)
    assert next_form() == "evaluate_predictions"
    evaluate_predictions(dataset)
    assert next_form() == "find_label_errors"
    find_label_errors(dataset)
    assert next_form() == "report_dataset"


def test_suspects_wait_until_somebody_has_reviewed_them(panel: DrivenPanel, dataset: Any) -> None:
    found = find_label_errors(dataset, threshold=0.005)
    assert found.suspects > 2
    panel.fire("on_load")
    assert f"{found.suspects} suspects that nobody has reviewed" in panel.texts()
    (request,) = click(panel, "suspects", "Show").of("set_view")
    assert request == {"name": found.view}
    suspects = dataset.load_saved_view(found.view)
    told = click(panel, "suspects", "Review")
    (shown_set,) = told.of("show_review_set")
    pinned = read_set(dataset, shown_set["key"])
    assert pinned is not None
    assert [label for _, label in pinned.boxes] == suspects.values("id")
    assert told.of("open_panel")[0]["name"] == "review"
    review_labels(suspects.limit(1))
    review_labels(suspects.skip(1).limit(1), verdict="unsure")
    panel.fire("on_load")
    assert f"{found.suspects - 2} suspects" in panel.texts()
    unsure = panel.opened(click(panel, "not sure", "Show"))
    assert unsure.values("ground_truth.detections.id", unwind=True) == [suspects.values("id")[1]]


def test_what_is_out_of_date_says_so(panel: DrivenPanel, dataset: Any) -> None:
    evaluate_predictions(dataset)
    panel.fire("on_load")
    assert "Out of date" not in panel.texts()
    relabel_boxes(dataset.limit(50), "Sebastes")
    panel.fire("on_load")
    assert "Out of date: evaluation eval_model_predictions" in panel.texts()


def test_a_run_can_be_read_when_it_has_ended_and_run_again(
    panel: DrivenPanel, dataset: Any
) -> None:
    delegation.queue("add_primary_label", dataset, {"field": "main_label"})
    run_queue(dataset)
    panel.fire("on_load")
    click(panel, "completed", "Result")
    labelled = dataset.count("main_label")
    assert labelled > 100
    result = shown(panel)["run_result"]["default"]
    assert f"- **labelled**: {labelled}\n" in f"{result}\n"
    click(panel, "completed", "Result")
    assert "run_result" not in shown(panel)

    click(panel, "completed", "Run again")
    first, second = delegation.newest_runs(dataset)
    assert (first.state, first.operator, first.values["field"]) == (
        "queued",
        "add_primary_label",
        "main_label",
    )
    assert first.id != second.id


def test_a_run_that_waits_can_be_cancelled_and_no_other(panel: DrivenPanel, dataset: Any) -> None:
    operation = delegation.queue("add_primary_label", dataset, {})
    panel.fire("on_load")
    click(panel, "queued", "Cancel")
    run_queue(dataset)
    (run,) = delegation.newest_runs(dataset)
    assert (run.id, run.state) == (operation, "failed")
    assert "cancelled" in run.error
    assert dataset.get_field("primary_label") is None
    told = panel.fire("cancel_run", run=operation)
    assert "label failed" not in panel.texts()
    assert "already" in told.of("notify")[0]["message"]


def run_at_once(dataset: Any, operator: str, by: str = "App", **values: Any) -> Any:
    """Runs an operator as the App does from a form, or as a program does."""
    sent = screens.request(dataset) if by == "App" else {"dataset_name": dataset.name}
    request = json.loads(json.dumps(sent | {"params": values}))
    return asyncio.run(execute_or_delegate_operator(f"{PLUGIN_NAME}/{operator}", request))


def test_a_run_at_once_can_be_read_after_its_dialog_was_closed(
    panel: DrivenPanel, dataset: Any
) -> None:
    labelled = run_at_once(dataset, "add_primary_label", field="main_label").result["labelled"]
    nowhere = {"predictions": "/nowhere.csv", "split": "train"}
    assert run_at_once(dataset, "import_predictions", **nowhere).error
    panel.fire("on_load")
    click(panel, "failed, begun", "Why")
    assert "/nowhere.csv" in json.dumps(shown(panel)["run_error"])
    assert "import_predictions failed" not in json.dumps(
        [one for name, one in shown(panel).items() if name.startswith("waits_")]
    )
    click(panel, "completed, begun", "Result")
    assert f"- **labelled**: {labelled}\n" in shown(panel)["run_result"]["default"] + "\n"
    # Again with the same parameters, from the form.
    (prompt,) = click(panel, "completed, begun", "Run again").of("prompt_user_for_operation")
    assert prompt["operator_uri"] == f"{PLUGIN_NAME}/add_primary_label"
    assert prompt["params"]["field"] == "main_label"


def test_runs_of_one_operator_are_told_apart(panel: DrivenPanel, dataset: Any) -> None:
    delegation.queue("add_primary_label", dataset, {})
    delegation.queue("add_primary_label", dataset, {"field": "main_label"})
    stages = {"stages": ["add_primary_label", "add_taxonomy_ranks"]}
    of_ranks = {"add_taxonomy_ranks": {"label_fields": ["ground_truth", "a*b"]}}
    delegation.queue("run_workflow", dataset, stages | of_ranks)
    panel.fire("on_load")
    told = [one["default"] for name, one in shown(panel).items() if name.endswith(".words")]
    rows = [str(one).partition("UTC")[2] for one in told if "UTC" in str(one)]
    assert rows == [
        "\\\nstages: add\\_primary\\_label, add\\_taxonomy\\_ranks; "
        "add\\_taxonomy\\_ranks.label\\_fields: ground\\_truth, a\\*b",
        "\\\nfield: main\\_label",
        "",
    ]


def test_of_what_a_program_calls_nothing_is_noted_and_of_forms_the_last_ten(dataset: Any) -> None:
    run_at_once(dataset, "add_primary_label", by="program")
    assert delegation.newest_runs(dataset) == []
    for number in range(delegation.NOTED + 3):
        values = {"columns": {"$name.of": "label"}}
        with delegation.noting(dataset, f"run_{number}", values, silent) as note:
            note.ends({"number": number})
    runs = delegation.newest_runs(dataset, most=100)
    assert {json.dumps(run.values) for run in runs} == {json.dumps(values)}
    assert [run.result["number"] for run in runs] == [str(one) for one in range(12, 2, -1)]


def test_a_run_at_once_says_how_far_it_is_and_stops_where_it_is_cancelled(
    panel: DrivenPanel, dataset: Any
) -> None:
    heard: list[tuple[float, str]] = []
    with (
        pytest.raises(OperationFailedError, match="cancelled in the home panel"),
        delegation.noting(
            dataset, "find_duplicates", {}, lambda share, label: heard.append((share, label))
        ) as note,
    ):
        note.hears(0.4, "comparing the images")
        panel.fire("on_load")
        assert "running, 40%, comparing the images, begun" in panel.texts()
        click(panel, "running, 40%", "Cancel")
        note.hears(0.5, "comparing the pictures")
    assert heard[-1] == (0.4, "comparing the images")
    (run,) = delegation.newest_runs(dataset)
    assert (run.state, run.waits) == ("failed", False)
    panel.fire("on_load")
    assert "cancelled in the home panel" not in panel.texts()
    told = panel.fire("cancel_run", run=run.id)
    assert "has ended already" in told.of("notify")[0]["message"]


def test_of_a_run_whose_app_was_stopped_it_says_so(dataset: Any) -> None:
    note = delegation.Note(dataset, "find_duplicates", {}, silent)
    assert delegation.newest_runs(dataset)[0].unheard == ""
    note._write(heard="2026-11-29T10:00:00")
    (run,) = delegation.newest_runs(dataset)
    assert "minutes: if the App was stopped, run it again" in run.unheard


def test_a_run_that_failed_waits_until_it_went_well(
    panel: DrivenPanel, dataset: Any, tmp_path: Path
) -> None:
    predictions, elsewhere = tmp_path / "predictions.csv", tmp_path / "elsewhere.csv"
    values = {"predictions": str(predictions), "split": "train"}
    delegation.queue("import_predictions", dataset, values)
    predictions.rename(elsewhere)
    run_queue(dataset)
    panel.fire("on_load")
    click(panel, "predictions failed", "Show why")
    error = shown(panel)["run_error"]["view"]["description"]
    assert "predictions.csv" in error and "Traceback" not in panel.texts()
    elsewhere.rename(predictions)
    click(panel, "failed, queued", "Run again")
    run_queue(dataset)
    panel.fire("on_load")
    assert "predictions failed" not in json.dumps(
        [one for name, one in shown(panel).items() if name.startswith("waits_")]
    )
    assert [run.state for run in delegation.newest_runs(dataset)] == ["completed", "failed"]


def test_runs_of_other_datasets_are_not_shown(panel: DrivenPanel, dataset: Any) -> None:
    other = fo.Dataset()
    other.persistent = True
    try:
        operation = delegation.queue("add_primary_label", dataset, {})
        elsewhere = DrivenPanel("home", other)
        elsewhere.fire("on_load")
        assert "no_runs" in shown(elsewhere) and "run_0" not in shown(elsewhere)
        told = elsewhere.fire("cancel_run", run=operation)
        assert "no longer" in told.of("notify")[0]["message"]
        assert [run.state for run in delegation.newest_runs(dataset)] == ["queued"]
    finally:
        other.delete()


def test_a_dataset_without_any_field_is_told_where_to_begin() -> None:
    empty = fo.Dataset()
    try:
        panel = DrivenPanel("home", empty)
        panel.fire("on_load")
        assert card(panel, 0) == "Images\n##### 0"
        assert "ingest_dataset" in json.dumps(shown(panel)["next_step.go"])
    finally:
        empty.delete()


def test_a_field_called_split_may_hold_anything() -> None:
    dataset = fo.Dataset()
    try:
        dataset.add_samples(fo.Sample(filepath=f"/{one}.png", split=[one, 7]) for one in range(3))
        panel = DrivenPanel("home", dataset)
        panel.fire("on_load")
        assert card(panel, 0) == "Images\n##### 3"
    finally:
        dataset.delete()


def test_without_a_dataset_it_says_so() -> None:
    panel = DrivenPanel("home", None)
    panel.fire("on_load")
    assert "No dataset is open" in panel.texts()


def test_a_database_that_does_not_answer_is_told_in_words(
    panel: DrivenPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pymongo.errors import ServerSelectionTimeoutError

    def gone(*arguments: Any, **named: Any) -> Any:
        raise ServerSelectionTimeoutError("localhost:27017: connection refused")

    monkeypatch.setattr(plugin_module("delegation"), "newest_runs", gone)
    panel.fire("on_load")
    assert "The dataset cannot be read" in panel.texts() and "Traceback" not in panel.texts()
