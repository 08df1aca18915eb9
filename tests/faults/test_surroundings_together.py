"""Two programs at the same work: nothing is done twice, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fathomnet_voxel51 import delegation
from fathomnet_voxel51.errors import DatasetError

from demo import processes
from tests.faults import stages
from tests.faults.held import Held, alone, held
from tests.faults.stages import NAME, OF_CROPS, OF_NAME, Files

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture(scope="module")
def undisturbed(files: Files) -> dict[str, Any]:
    return dict(alone(stages.left_by_each, files))


def cases(some: Iterable[stages.Case], where: str = "") -> list[Any]:
    return [
        pytest.param(
            case,
            id=case.name,
            marks=pytest.mark.fault(
                operator=case.name,
                happens=f"the same is run {where}by somebody else while it is in the middle",
                end="both finish; nothing is there twice, and the end is that of one run",
            ),
        )
        for case in some
    ]


@pytest.mark.parametrize(
    "case",
    cases(
        OF_NAME[name]
        for name in (
            "ingest_dataset",
            "import_predictions",
            "compute_embeddings",
            "add_primary_label",
        )
    ),
)
def test_a_second_run_in_the_middle_of_the_first_changes_nothing(
    case: stages.Case, files: Files, undisturbed: dict[str, Any], either_way: str
) -> None:
    alone(stages.prepare, files, case.before)
    with held(case.stage, files, point=case.middle(either_way)) as first:
        second = alone(case.stage, files)
    ended = first.result()
    assert alone(stages.after, files) == undisturbed[case.name]
    if case.name == "ingest_dataset":
        assert ended["samples_added"] + second["samples_added"] == stages.IMAGES


@pytest.mark.fault(
    operator="relabel_boxes",
    happens="the same is run by somebody else while it is in the middle",
    end="the second run finishes the first one's work under the first one's journal",
)
def test_a_second_relabelling_in_the_middle_of_the_first(
    files: Files, undisturbed: dict[str, Any], either_way: str
) -> None:
    alone(stages.prepare, files, (stages.ingest, stages.ranks))
    with held(stages.relabel, files, point=OF_NAME["relabel_boxes"].middle(either_way)) as first:
        second = alone(stages.relabel, files)
    assert first.result()["journal"] == second["journal"]
    assert alone(stages.after, files) == undisturbed["relabel_boxes"]


@pytest.mark.parametrize("case", cases(OF_CROPS, "on crops "))
def test_a_second_run_on_crops_in_the_middle_of_the_first_changes_nothing(
    case: stages.Case, files: Files, either_way: str
) -> None:
    alone(stages.prepare, files, case.before)
    once = alone(stages.after, files, case.stage)
    alone(stages.prepare, files, case.before)
    with held(case.stage, files, point=case.middle(either_way)) as first:
        second = alone(case.stage, files)
    ended = first.result()
    assert alone(stages.after, files) == once
    if case.name == "ingest_crops":
        assert ended["samples_added"] + second["samples_added"] == 3 * stages.IMAGES
    if case.name == "relabel_boxes":
        assert ended["journal"] == second["journal"]


@pytest.mark.fault(
    operator="import_predictions",
    happens="somebody else imports another file into the same field in the middle",
    end="the first run says so; the import that is run again decides what the field holds",
)
def test_two_files_into_one_field(
    files: Files, undisturbed: dict[str, Any], either_way: str
) -> None:
    alone(stages.prepare, files, (stages.ingest,))
    other = Path(files.predictions).with_name("other.csv")
    other.write_text("annotation_id,concept_name\n1,Aegina\n")
    theirs = Files(files.catalog, str(other), files.media)
    running = Held(stages.import_, files, point=OF_NAME["import_predictions"].middle(either_way))
    running.wait()
    alone(stages.import_, theirs)
    running.go_on()
    ended = running.end()
    assert isinstance(ended, DatasetError)
    assert "somebody else began to import other.csv into the same field" in str(ended)
    assert alone(stages.after, files, stages.import_) == undisturbed["import_predictions"]


@pytest.fixture
def two_workers(tmp_path: Path) -> Iterator[list[Path]]:
    logs = [tmp_path / "one.log", tmp_path / "two.log"]
    with ExitStack() as stack:
        for log in logs:
            stack.enter_context(processes.worker(log))
        yield logs


@pytest.mark.fault(
    operator="run_workflow",
    happens="two workers take from one queue, with the same operations on one dataset in it twice",
    end="each operation is done once, by one of them, and the end is that of one after the other",
)
def test_two_workers_on_one_queue(
    files: Files, undisturbed: dict[str, Any], two_workers: list[Path]
) -> None:
    alone(stages.prepare, files, (stages.ingest,))
    values = {"predictions": files.predictions, "split": "train"}
    # Different fields, so that no operation needs what another one makes.
    ids = [
        *(delegation.queue("import_predictions", NAME, values) for _ in range(3)),
        *(delegation.queue("add_primary_label", NAME, {}) for _ in range(2)),
        *(delegation.queue("add_taxonomy_ranks", NAME, {}) for _ in range(2)),
    ]
    results = [delegation.follow(one, lambda share, label: None) for one in ids]
    assert results[0] == results[1] == results[2] and results[0]["imported"] == 180
    assert results[3:5] == [{"labelled": 60, "unlabelled": 0}] * 2
    began = [log.read_text().count("Running operation") for log in two_workers]
    assert sum(began) == len(ids), began
    left = alone(stages.after, files)
    order = (stages.ranks, stages.primary_label, stages.import_)
    alone(stages.prepare, files, (stages.ingest, *order))
    assert left == alone(stages.after, files)
