"""Delegated operations: queued, run by a real worker, followed to their end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import fiftyone as fo
import pytest
from bson import ObjectId
from fathomnet_voxel51 import delegation
from fathomnet_voxel51.errors import OperationFailedError
from fiftyone.core.odm import get_db_conn
from fiftyone.operators.delegated import DelegatedOperationService

from demo import processes


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with processes.worker(tmp_path_factory.mktemp("worker") / "worker.log"):
        yield


def test_the_whole_chain_runs_in_a_worker(
    worker: None, shared_data: Path, dataset_name: str, tmp_path: Path
) -> None:
    values = {
        "ingest_dataset": {
            "dataset_name": dataset_name,
            "test_annotations": str(shared_data / "dataset_test.json"),
            "media_root": str(tmp_path),
        },
        "import_predictions": {
            "predictions": str(shared_data / "submission_experiment-final014.csv")
        },
    }
    labels: list[str] = []
    operation = delegation.queue("run_workflow", None, values)
    results = delegation.follow(operation, lambda share, label: labels.append(label))
    assert list(results) == [
        "ingest_dataset",
        "add_primary_label",
        "add_taxonomy_ranks",
        "import_predictions",
    ]
    dataset = fo.load_dataset(dataset_name)
    assert len(dataset) == 325
    assert dataset.count("ground_truth.detections") == 788
    assert dataset.count("ground_truth.detections.label") == 0
    assert dataset.count("model_predictions.detections") == 788
    assert labels[-1] == "4 stages done"


def test_each_stage_runs_in_a_worker(
    worker: None, shared_data: Path, dataset_name: str, tmp_path: Path
) -> None:
    def run(operator: str, dataset: str | None = None, **values: object) -> dict[str, object]:
        operation = delegation.queue(operator, dataset, values)
        return delegation.follow(operation, lambda share, label: None)

    annotations = str(shared_data / "dataset_test.json")
    ingested = run("ingest_dataset", dataset_name=dataset_name, test_annotations=annotations)
    assert ingested["samples"] == 325
    assert run("add_primary_label", dataset_name) == {"labelled": 0, "unlabelled": 325}
    assert run("add_taxonomy_ranks", dataset_name) == {
        "boxes": 0,
        "unknown_concepts": [],
        "by_part": [],
    }
    predictions = str(shared_data / "submission_experiment-final014.csv")
    assert run("import_predictions", dataset_name, predictions=predictions)["imported"] == 788
    checks = run("check_setup")["checks"]
    assert {check["name"] for check in checks} >= {"FiftyOne", "database"}


@pytest.mark.fault(
    operator="ingest_dataset",
    happens="it fails in a worker",
    end="whoever waits is told the reason, without a traceback; no dataset is made",
)
def test_a_failure_in_the_worker_arrives_with_its_reason_alone(
    worker: None, dataset_name: str, tmp_path: Path
) -> None:
    absent = tmp_path / "absent.json"
    values = {"dataset_name": dataset_name, "test_annotations": str(absent)}
    operation = delegation.queue("ingest_dataset", None, values)
    with pytest.raises(OperationFailedError, match=r"absent\.json") as raised:
        delegation.follow(operation, lambda share, label: None)
    assert "Traceback" not in str(raised.value)
    assert not fo.dataset_exists(dataset_name)


@pytest.mark.fault(
    operator="run_workflow",
    happens="its second stage fails in a worker",
    end="whoever waits is told which stage failed and why, without a traceback",
)
def test_a_workflow_that_fails_in_the_worker_says_so_in_its_own_words(
    worker: None, shared_data: Path, dataset_name: str, tmp_path: Path
) -> None:
    values = {
        "stages": ["ingest_dataset", "evaluate_predictions"],
        "ingest_dataset": {
            "dataset_name": dataset_name,
            "test_annotations": str(shared_data / "dataset_test.json"),
            "media_root": str(tmp_path),
        },
    }
    operation = delegation.queue("run_workflow", None, values)
    with pytest.raises(OperationFailedError) as raised:
        delegation.follow(operation, lambda share, label: None)
    told = str(raised.value)
    assert told.startswith("evaluate_predictions failed, stage 2 of 2.\n")
    assert told.endswith("Run the workflow again to go on from there.")
    assert "Traceback" not in told and "Error: " not in told


class HeardError(Exception):
    """Enough was heard."""


@pytest.mark.parametrize(("minutes", "is_told"), [(4, False), (7, True)])
def test_a_worker_that_was_killed_is_explained_where_it_says_nothing_for_long(
    dataset_name: str, minutes: int, is_told: bool
) -> None:
    dataset = fo.Dataset(dataset_name, persistent=True)
    operation = delegation.queue("add_primary_label", dataset, {})
    DelegatedOperationService().set_running(ObjectId(operation))
    then = datetime.now(timezone.utc) - timedelta(minutes=minutes, seconds=5)
    # As the queue is when its worker has been dead for so long.
    get_db_conn()["delegated_ops"].update_one(
        {"_id": ObjectId(operation)}, {"$set": {"started_at": then, "updated_at": then}}
    )
    words = f"no word for {minutes} minutes: if its worker was killed, mark it as failed "
    words += f"(fiftyone delegated fail {operation}) and run it again"
    assert delegation.newest_runs(dataset)[0].unheard == (words if is_told else "")

    def hears(share: float, label: str) -> None:
        raise HeardError(label)

    with pytest.raises(HeardError) as heard:
        delegation.follow(operation, hears)
    assert str(heard.value) == (f"starting; {words}" if is_told else "starting")
    DelegatedOperationService().delete_operation(ObjectId(operation))
