"""A worker is killed at a write of its operation, which is failed and run again: as undisturbed."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import fiftyone as fo
import pytest
from fathomnet_voxel51 import delegation
from fathomnet_voxel51.dataset.door import PUBLIC_API
from fiftyone.operators.executor import ExecutionRunState

from demo.story import MODEL
from tests.faults.doomed import fail_and_rerun, wait_for, worker
from tests.faults.prepared import Files, content, prepare, write_files

WHOLE: Final = "test-workers"
NAME: Final = "test-workers-killed"
COMPLETED, RUNNING = ExecutionRunState.COMPLETED, ExecutionRunState.RUNNING

INGEST: Final = {
    "dataset_name": NAME,
    "train_annotations": "{catalog}",
    "media_root": "{media}",
}
IMPORT: Final = {"predictions": "{predictions}", "split": "train", "field": "second_model"}
OF_IMAGES: Final = {"model": MODEL, "patches_field": ""}
OF_PREDICTIONS: Final = {"model": MODEL, "patches_field": "model_predictions", "method": "pca"}
STAGES: Final = ["ingest_dataset", "add_primary_label", "import_predictions", "split_by_dive"]
WORKFLOW: Final = {"stages": STAGES, "ingest_dataset": INGEST, "import_predictions": IMPORT}


def killed(operator: str, end: str, **values: Any) -> Any:
    """A case: an operator, its parameters, and what a run that was killed and rerun must leave."""
    mark = pytest.mark.fault(
        operator=operator,
        happens="its worker is killed at a write; `delegated fail` and `rerun`",
        end=end,
    )
    return pytest.param(operator, values, id=operator, marks=mark)


CASES: Final = (
    killed("ingest_dataset", "the samples, fields and record of an undisturbed run", **INGEST),
    killed("set_label_map", "the map, once, and the names that forms offer", file="{names}"),
    killed("add_primary_label", "the labels and fields of an undisturbed run"),
    killed("add_taxonomy_ranks", "the ranks and fields of an undisturbed run"),
    killed("add_tiles", "the tiles of an undisturbed run, none twice"),
    killed("compute_embeddings", "the vectors and map of an undisturbed run", **OF_PREDICTIONS),
    killed("export_embeddings", "the file of an undisturbed run", folder="{out}", **OF_IMAGES),
    killed("build_similarity_index", "the index of an undisturbed run", **OF_IMAGES),
    killed("find_duplicates", "the groups and views of an undisturbed run", model=MODEL),
    killed("find_needles", "the hits, views and record of an undisturbed run"),
    killed("import_predictions", "the boxes and record of an undisturbed run", **IMPORT),
    killed("evaluate_predictions", "the verdicts and results of an undisturbed run"),
    killed("find_label_errors", "the scores, views and record of an undisturbed run", threshold=0),
    killed(
        "relabel_boxes",
        "the labels, and one journal more",
        label="Scotoplanes globosa",
        view="train",
    ),
    killed("undo_relabel", "the labels of before, and a journal that is closed"),
    killed("reconcile_labels", "the labels, and one journal more", table="{renamed}"),
    killed("export_corrections", "the files of an undisturbed run", folder="{out}"),
    killed("export_dataset", "the files of an undisturbed run", folder="{out}"),
    killed("split_by_dive", "the tags of an undisturbed run"),
    killed("report_dataset", "the files of an undisturbed run", path="{out}"),
    killed("run_workflow", "the dataset of an undisturbed run, all stages done", **WORKFLOW),
)


WRITE_BOTH_WAYS: Final = (
    "ingest_dataset",
    "add_primary_label",
    "add_taxonomy_ranks",
    "add_tiles",
    "compute_embeddings",
    "import_predictions",
    "evaluate_predictions",
    "find_label_errors",
    "relabel_boxes",
    "undo_relabel",
    "reconcile_labels",
    "split_by_dive",
)
EITHER_WAY: Final = (
    *(
        pytest.param(*case.values, "0", id=f"{case.id}-collection", marks=case.marks)
        for case in CASES
    ),
    *(
        pytest.param(*case.values, "1", id=f"{case.id}-public API", marks=case.marks)
        for case in CASES
        if case.id in WRITE_BOTH_WAYS
    ),
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return write_files(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def whole(files: Files) -> Iterator[Any]:
    yield prepare(WHOLE, files)
    fo.delete_dataset(WHOLE)


class Case:
    """An operator on its copy of the dataset, and with its folder.

    Args:
        operator: its name.
        values: its parameters.
        whole: the dataset; an operator that makes its own gets no copy.
        folder: for what is written beside the dataset.
    """

    def __init__(self, operator: str, values: Mapping[str, Any], whole: Any, folder: Path) -> None:
        self._operator, self._values = operator, values
        self._whole = None if "ingest_dataset" in (operator, *values) else whole
        self.out, self.log = folder / "out", folder / "log"

    def queue_anew(self) -> str:
        """The operation on the queue, and all else as if it had never run."""
        self.delete()
        if self._whole is not None:
            self._whole.clone(NAME, persistent=True)
        return delegation.queue(self._operator, self._whole and NAME, self._values)

    def delete(self) -> None:
        shutil.rmtree(self.out, ignore_errors=True)
        if fo.dataset_exists(NAME):
            fo.delete_dataset(NAME)
        for name in ontologies():
            fo.delete_ontology(name, force=True)

    def run(self, operation: str) -> list[str]:
        """Runs it to its end, and says what was written on the way."""
        with worker(self.log, self.out) as one:
            assert wait_for(operation, one.alive) == COMPLETED
            # FiftyOne notes when it loads a dataset; that may be lost with the database.
            assert [what for what in one.in_memory if what != "update datasets"] == []
            return one.writes

    def killed_at(self, fatal: int, operation: str) -> list[str]:
        """Runs it until a write, and says what was written before."""
        with worker(self.log, self.out, fatal) as doomed:
            assert wait_for(operation, doomed.alive) == RUNNING
            return doomed.writes

    def state(self) -> Any:
        paths = self.out.rglob("*") if self.out.exists() else ()
        written = {str(path.relative_to(self.out)): path.read_bytes() for path in paths}
        return written, content(NAME) if fo.dataset_exists(NAME) else None, offered()


def ontologies() -> list[str]:
    """Those of the dataset's own names, where FiftyOne knows ontologies."""
    return [name for name in getattr(fo, "list_ontologies", list)() if name.endswith(f": {NAME}")]


def offered() -> tuple[list[str], Any]:
    """What FiftyOne's own Annotate tab offers."""
    there = fo.load_dataset(NAME, reload=True) if fo.dataset_exists(NAME) else None
    return sorted(ontologies()), getattr(there, "label_schemas", None)


@pytest.mark.parametrize(("operator", "values", "public"), EITHER_WAY)
def test_what_was_killed_and_rerun_ends_as_undisturbed(
    operator: str,
    values: Mapping[str, Any],
    public: str,
    whole: Any,
    files: Files,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(PUBLIC_API, public)
    places = {**vars(files), "out": str(tmp_path / "out")}
    case = Case(operator, filled(values, places), whole, tmp_path)
    operation = case.queue_anew()
    before = case.state()
    writes = case.run(operation)
    undisturbed = case.state()
    assert undisturbed != before
    for fatal in instants(operator, writes):
        operation = case.queue_anew()
        assert case.killed_at(fatal, operation) == writes[: fatal - 1]
        assert case.state() != undisturbed, "what it died of was no write that counts"
        case.run(fail_and_rerun(operation))
        assert case.state() == undisturbed, f"killed at write {fatal} of {len(writes)}"
    case.delete()


def filled(value: Any, places: Mapping[str, str]) -> Any:
    """Parameters with the places of files in them."""
    if isinstance(value, Mapping):
        return {key: filled(one, places) for key, one in value.items()}
    return value.format_map(places) if isinstance(value, str) else value


def instants(operator: str, writes: Sequence[str]) -> list[int]:
    """Which writes are not to happen: the last one, at which most is there, and another."""
    # FiftyOne also notes in its list of datasets that one was opened, which changes nothing.
    matter = [number for number, one in enumerate(writes, 1) if one != "update datasets"]
    return [*random.Random(operator).sample(matter[:-1], min(1, len(matter) - 1)), matter[-1]]
