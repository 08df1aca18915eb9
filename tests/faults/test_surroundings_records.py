"""Somebody else deletes a run's record while the run is in the middle of its work."""

from __future__ import annotations

from typing import Any

import pytest
from fathomnet_voxel51.errors import DatasetError
from fathomnet_voxel51.relabelling.journal import journals_of

from tests.faults import stages
from tests.faults.held import Held, alone
from tests.faults.stages import OF_NAME, Files, dataset

pytestmark = pytest.mark.usefixtures("nothing_left")


def interrupted(name: str, files: Files, delete: Any, way: str) -> Any:
    """How a stage ends in whose middle something is deleted."""
    case = OF_NAME[name]
    alone(stages.prepare, files, case.before)
    running = Held(case.stage, files, point=case.middle(way))
    running.wait()
    delete(dataset())
    running.go_on()
    return running.end()


@pytest.mark.fault(
    operator="relabel_boxes",
    happens="somebody deletes its journal in the middle",
    end="it says that what it changed cannot be undone by it; no journal without its boxes is left",
)
def test_a_journal_that_is_deleted_in_the_middle(files: Files, either_way: str) -> None:
    def delete(there: Any) -> None:
        there.delete_run(journals_of(there)[-1].key)

    ended = interrupted("relabel_boxes", files, delete, either_way)
    assert isinstance(ended, DatasetError), repr(ended)
    assert "was deleted by somebody else during the run" in str(ended)
    assert journals_of(dataset()) == []


@pytest.mark.fault(
    operator="evaluate_predictions",
    happens="somebody deletes the evaluation in the middle",
    end="it says so; run again, it ends as undisturbed",
)
def test_an_evaluation_that_is_deleted_in_the_middle(files: Files, either_way: str) -> None:
    def delete(there: Any) -> None:
        (key,) = there.list_evaluations()
        there.delete_evaluation(key)

    ended = interrupted("evaluate_predictions", files, delete, either_way)
    assert isinstance(ended, DatasetError), repr(ended)
    assert "was deleted by somebody else during the run" in str(ended)
    there = dataset()
    assert there.list_evaluations() == []
    kept = there._sample_collection.find_one({"image_id": 60})
    assert not [name for name in kept if name.startswith("eval")]
    assert all("eval" not in name for box in kept["ground_truth"]["detections"] for name in box)
    alone(OF_NAME["evaluate_predictions"].stage, files)
    (key,) = dataset().list_evaluations()
    assert len(dataset().load_evaluation_results(key).ytrue) == 180
