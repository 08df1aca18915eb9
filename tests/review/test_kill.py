"""Kill -9 before every single write of a review: run again, it ends as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import fiftyone as fo
import pytest
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.relabelling import relabel_boxes, undo_relabel
from fathomnet_voxel51.relabelling.journal import acting_as, journals_of
from fathomnet_voxel51.review import review_labels, start_review
from pymongo import monitoring

from demo.synthetic import write_catalog
from tests.faults.doomed import NEVER, Writes
from tests.support.forking import forking
from tests.support.stored import DICE_AND_TIMES, documents, without_none

NAME: Final = "test-review-killed"
BOXES: Final = "ground_truth.detections"
NEW: Final = "Scotoplanes globosa"


def few(dataset: Any) -> Any:
    """Labels whose journal is a line of a log."""
    return dataset.select_labels(ids=dataset.values(f"{BOXES}.id", unwind=True)[:2])


def reject_few(dataset: Any) -> None:
    review_labels(few(dataset), "reject")


def relabel_all(dataset: Any) -> None:
    review_labels(dataset.view(), "relabel", label=NEW)


def relabel_few(dataset: Any) -> None:
    relabel_boxes(few(dataset), NEW)


def undo_first(dataset: Any) -> None:
    undo_relabel(dataset, journals_of(dataset)[0].key)


def begin_round(dataset: Any) -> None:
    start_review(dataset, "ours", order="concept", assignees=["ana", "bo"], overlap=0.2)


@dataclass(frozen=True)
class Case:
    """What is done, on what, and how many journals stand in the end."""

    work: Callable[[Any], None]
    before: Callable[[Any], None] | None
    standing: int


def case(operator: str, name: str, work: Case) -> Any:
    mark = pytest.mark.fault(
        operator=operator,
        happens="it is killed before every single one of its writes",
        end="run again, labels, journals and queues are as without a kill",
    )
    return pytest.param(work, id=name, marks=mark)


CASES: Final = (
    case("review_labels", "few", Case(reject_few, None, 1)),
    case("review_labels", "all", Case(relabel_all, None, 1)),
    case("relabel_boxes", "relabel", Case(relabel_few, None, 1)),
    case("undo_relabel", "undo", Case(undo_first, reject_few, 0)),
    case("start_review", "round", Case(begin_round, None, 0)),
)


@pytest.fixture
def prepared(tmp_path: Path, either_way: str) -> Iterator[Any]:
    catalog = write_catalog(tmp_path / "train.json", 3, 14, seed=3)
    ingest_dataset(f"{NAME}-before", train_annotations=catalog, media_root=str(tmp_path))
    dataset = fo.load_dataset(f"{NAME}-before")
    add_taxonomy_ranks(dataset)
    yield dataset
    for name in (dataset.name, NAME):
        if fo.dataset_exists(name):
            fo.delete_dataset(name)


def do(work: Callable[[Any], None], log: Path, fatal: int) -> None:
    """The work, in a process of its own that ends before a write."""
    monitoring.register(Writes(log, log.parent, fatal))
    with acting_as("ana"):
        work(fo.load_dataset(NAME))


def written(work: Callable[[Any], None], log: Path, fatal: int = NEVER) -> list[str]:
    """What a process wrote until its end."""
    log.unlink(missing_ok=True)
    process = forking.Process(target=partial(do, work, log, fatal))
    process.start()
    process.join()
    assert process.exitcode == (0 if fatal == NEVER else -9)
    return log.read_text().splitlines() if log.exists() else []


def content(dataset: Any) -> Any:
    queues = {name: dataset.load_saved_view(name) for name in dataset.list_saved_views()}
    for queue in queues.values():
        queue.reload()
    shown = {name: queue.values("id") for name, queue in queues.items()}
    return without_none(documents(dataset, DICE_AND_TIMES)), shown


@pytest.mark.parametrize("case", CASES)
def test_what_is_killed_at_any_write_and_run_again_ends_as_undisturbed(
    prepared: Any, tmp_path: Path, case: Case
) -> None:
    log = tmp_path / "log"

    def anew() -> None:
        if fo.dataset_exists(NAME):
            fo.delete_dataset(NAME)
        with acting_as("ana"):
            copy = prepared.clone(NAME)
            if case.before:
                case.before(copy)

    anew()
    writes = written(case.work, log)
    wanted = content(fo.load_dataset(NAME, reload=True))
    # FiftyOne also notes in its list of datasets that one was opened, which changes nothing.
    fatal = [number for number, one in enumerate(writes, 1) if one != "update datasets"]
    assert len(fatal) > 2
    for number in fatal:
        anew()
        before = content(fo.load_dataset(NAME))
        written(case.work, log, number)
        dataset = fo.load_dataset(NAME, reload=True)
        with acting_as("ana"):
            case.work(dataset)
        dataset.reload()
        assert content(dataset) == wanted, f"killed at write {number} of {len(writes)}"
        journals = journals_of(dataset)
        assert all(one.stage in ("done", "undone") for one in journals)
        assert sum(one.can_be_undone for one in journals) == case.standing
        if case.standing:
            undo_relabel(dataset)
            assert content(dataset) == before
