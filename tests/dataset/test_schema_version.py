"""Datasets of earlier versions open and work, those of newer ones are left alone."""

from __future__ import annotations

import csv
import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from fathomnet_voxel51.dataset import records as run_records
from fathomnet_voxel51.dataset import records as schema_version
from fathomnet_voxel51.dataset.records import (
    STEPS,
    bring_up_to_date,
    read_values,
    reload_known,
    write_schema_number,
    write_values,
)
from fathomnet_voxel51.dataset.schema import declare
from fathomnet_voxel51.errors import DatasetError
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.names import PLUGIN_NAME, SCHEMA_RUN_KEY, SCHEMA_VERSION
from fathomnet_voxel51.parameters import OPERATORS
from fathomnet_voxel51.relabelling import export_corrections, journal, relabel_boxes, undo_relabel
from fathomnet_voxel51.relabelling.journal import journals_of, move_to
from fathomnet_voxel51.tiles import add_tiles

from demo.synthetic import write_catalog
from tests.support.forking import forking
from tests.support.stored import DICE_AND_TIMES, documents, settings, without_none

NEW = "Scotoplanes globosa"


@pytest.fixture
def catalog(tmp_path: Path) -> str:
    return str(write_catalog(tmp_path / "train.json", 40, 120, seed=3))


@pytest.fixture
def dataset(dataset_name: str, catalog: str, tmp_path: Path) -> Iterator[Any]:
    ingest_dataset(dataset_name, train_annotations=catalog, media_root=str(tmp_path))
    yield fo.load_dataset(dataset_name, reload=True)


def content(dataset: Any) -> Any:
    return without_none(documents(dataset, DICE_AND_TIMES))


def number_of(dataset: Any) -> int | None:
    dataset.reload()
    record = read_values(dataset, SCHEMA_RUN_KEY)
    return None if record is None else record["number"]


def as_schema_1(dataset: Any) -> None:
    """Gives what is kept on a dataset the form that version 0.1.0 first wrote."""
    dataset.reload()
    dataset.delete_run(SCHEMA_RUN_KEY)
    dataset.info["fathomnet"] = {"schema_version": 1}
    dataset.save()
    for one in journals_of(dataset):
        groups = dataset.load_run_results(one.key, cache=False).groups
        for group in groups:
            group["boxes"] = [line.split() for line in group["boxes"].splitlines()]
        results = dataset.init_run_results(one.key, groups=groups)
        dataset.save_run_results(one.key, results, cache=False)


def test_a_new_dataset_has_the_current_form(dataset: Any) -> None:
    assert number_of(dataset) == SCHEMA_VERSION == STEPS[-1][0]
    assert [number for number, _ in STEPS] == list(range(2, SCHEMA_VERSION + 1))


def test_an_old_journal_is_undone_to_the_last_attribute(dataset: Any) -> None:
    add_taxonomy_ranks(dataset)
    before = content(dataset)
    relabel_boxes(dataset.limit(20), NEW)
    as_schema_1(dataset)
    undone = undo_relabel(dataset)
    assert undone.restored > 20 and undone.conflicts == 0
    assert content(dataset) == before
    assert number_of(dataset) == SCHEMA_VERSION
    assert "schema_version" not in dataset.info["fathomnet"]


def test_a_relabelling_that_an_old_version_left_open_is_finished(dataset: Any) -> None:
    before = content(dataset)
    relabel_boxes(dataset.limit(20), NEW)
    after = content(dataset)
    undo_relabel(dataset)
    (journal,) = journals_of(dataset)
    move_to(dataset, journal, "relabelling")
    as_schema_1(dataset)
    assert content(dataset) == before
    assert relabel_boxes(dataset.limit(20), NEW).journal == journal.key
    assert content(dataset) == after
    assert journals_of(dataset)[0].stage == "done"


def test_old_and_new_journals_are_exported_together(dataset: Any, tmp_path: Path) -> None:
    old = dataset.limit(5)
    relabel_boxes(old, NEW, note="old")
    as_schema_1(dataset)
    told = export_corrections(dataset, tmp_path / "early").corrections
    assert number_of(dataset) is None, "what only reads leaves the dataset as it is"
    relabel_boxes(dataset.skip(5), NEW, note="new")
    export_corrections(dataset, tmp_path / "late")
    with (tmp_path / "late" / "corrections.csv").open() as file:
        notes = [row["note"] for row in csv.DictReader(file)]
    assert notes.count("old") == told > 0
    assert notes.count("old") + notes.count("new") == len(notes) > told


def test_an_old_dataset_is_completed_like_a_new_one(
    dataset: Any, dataset_name: str, catalog: str, tmp_path: Path
) -> None:
    whole, kept = content(dataset), settings(dataset)
    dataset.delete_samples(dataset.values("id")[7:19])
    write_values(dataset, "ingest_train", "ingest_dataset", _incomplete(dataset))
    as_schema_1(dataset)
    done = ingest_dataset(dataset_name, train_annotations=catalog, media_root=str(tmp_path))
    assert (done.samples_added, done.samples_present) == (12, 28)
    again = fo.load_dataset(dataset_name, reload=True)
    assert (content(again), settings(again)) == (whole, kept)


def _incomplete(dataset: Any) -> dict[str, Any]:
    record = read_values(dataset, "ingest_train") or {}
    del record["plugin_version"]
    return {**record, "complete": False}


def as_of_the_future(dataset: Any) -> None:
    write_schema_number(dataset, SCHEMA_VERSION + 1)
    dataset.reload()


NEEDED: dict[str, dict[str, Any]] = {
    "import_predictions": {"predictions": "predictions.csv"},
    "relabel_boxes": {"label": NEW, "view": "train"},
    "find_needles": {"pack": "debris"},
    "export_corrections": {"folder": "corrected"},
    "export_dataset": {"folder": "exported"},
}


@pytest.mark.parametrize(
    "operator", [name for name, model in OPERATORS.items() if model.needs_dataset]
)
def test_what_a_newer_version_wrote_is_left_alone(dataset: Any, operator: str) -> None:
    as_of_the_future(dataset)
    before = content(dataset), settings(dataset)
    run = foo.get_operator(f"{PLUGIN_NAME}/{operator}")
    with pytest.raises(
        Exception, match=f"has schema {SCHEMA_VERSION + 1}, of fathomnet-voxel51 "
    ) as raised:
        run(dataset, **NEEDED.get(operator, {}))
    assert type(raised.value).__name__ == DatasetError.__name__  # the plugin's, or the package's
    assert "install that version or a later one" in str(raised.value)
    dataset.reload()
    assert (content(dataset), settings(dataset)) == before


@pytest.mark.parametrize("recreate", [False, True])
def test_a_newer_dataset_is_neither_completed_nor_replaced(
    dataset: Any, dataset_name: str, catalog: str, tmp_path: Path, recreate: bool
) -> None:
    as_of_the_future(dataset)
    before = content(dataset), settings(dataset)
    with pytest.raises(DatasetError, match="leaves it alone"):
        ingest_dataset(
            dataset_name,
            train_annotations=catalog,
            media_root=str(tmp_path),
            recreate=recreate,
        )
    again = fo.load_dataset(dataset_name, reload=True)
    assert (content(again), settings(again)) == before


def test_a_dry_run_neither_changes_an_old_dataset_nor_reads_a_newer_one(dataset: Any) -> None:
    relabel_boxes(dataset.limit(3), NEW)
    as_schema_1(dataset)
    before = settings(dataset)
    assert relabel_boxes(dataset.limit(20), NEW, dry_run=True).changed > 0
    dataset.reload()
    assert settings(dataset) == before
    as_of_the_future(dataset)
    with pytest.raises(DatasetError, match=f"has schema {SCHEMA_VERSION + 1}"):
        relabel_boxes(dataset.limit(20), NEW, dry_run=True)


@pytest.fixture
def foreign(dataset_name: str) -> Any:
    """A dataset that somebody else made."""
    dataset = fo.Dataset(dataset_name)
    box = fo.Detection(label="Sebastes", bounding_box=[0, 0, 1, 1])
    sample = fo.Sample(filepath="/a.png", ground_truth=fo.Detections(detections=[box]))
    dataset.add_sample(sample)
    dataset.info["fathom"] = "line"
    dataset.register_run("theirs", dataset.init_run(method="something else"))
    return dataset


def test_the_number_comes_with_the_first_record(foreign: Any) -> None:
    bring_up_to_date(foreign)
    assert foreign.list_runs() == ["theirs"], "nothing of ours is there to have a form"
    add_tiles(foreign, columns=2, rows=2)
    assert number_of(foreign) == SCHEMA_VERSION
    assert "fathomnet" not in foreign.info, "it has not become ours"


def test_a_journal_on_somebody_else_s_dataset_has_its_form_too(
    foreign: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of whatever size, it was a run of its own then.
    monkeypatch.setattr(journal, "_FEW", 0)
    relabel_boxes(foreign.view(), NEW)
    as_schema_1(foreign)
    del foreign.info["fathomnet"]
    foreign.save()
    assert reload_known(foreign) == 1
    assert undo_relabel(foreign).restored == 1
    assert number_of(foreign) == SCHEMA_VERSION
    assert foreign.info == {"fathom": "line"}


SECONDS = 0.02
"""What the step below takes for each image, so that two processes are in it at once."""


def number_images(dataset: Any, killed_at: int) -> None:
    # Not sample by sample: another process may add the field while this one reads.
    declare(dataset, {"place": fo.IntField()})
    for number, sample_id in enumerate(dataset.sort_by("image_id").values("id")):
        if number == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)
        dataset.set_values("place", {sample_id: number}, key_field="id")
        time.sleep(SECONDS)


NEXT = SCHEMA_VERSION + 1


def with_the_next_form(killed_at: int = -1) -> None:
    step = partial(number_images, killed_at=killed_at)
    schema_version.STEPS = (*STEPS, (NEXT, step))  # type: ignore[misc]
    schema_version.SCHEMA_VERSION = run_records.SCHEMA_VERSION = NEXT  # type: ignore[misc]


def to_the_next_form(name: str, killed_at: int = -1) -> None:
    with_the_next_form(killed_at)
    bring_up_to_date(fo.load_dataset(name))


def run(*arguments: Any) -> int | None:
    process = forking.Process(target=to_the_next_form, args=arguments)
    process.start()
    process.join()
    return process.exitcode


@pytest.mark.fault(
    operator="migration of a dataset",
    happens="it is killed in the middle of a step",
    end="the step is done again, and the dataset is of the new form",
)
def test_a_step_that_was_killed_is_done_again_and_no_later_one_before_it(dataset: Any) -> None:
    as_schema_1(dataset)
    assert run(dataset.name, 17) == -9
    dataset.reload()
    assert dataset.count("place") == 17
    assert number_of(dataset) == SCHEMA_VERSION
    assert run(dataset.name) == 0
    assert number_of(dataset) == NEXT
    assert dataset.sort_by("image_id").values("place") == list(range(40))


@pytest.mark.fault(
    operator="migration of a dataset",
    happens="two processes migrate it at once",
    end="the same as by one",
)
def test_two_at_once_end_like_one(dataset: Any) -> None:
    relabel_boxes(dataset.limit(5), NEW)
    before = content(dataset)
    as_schema_1(dataset)
    both = [forking.Process(target=to_the_next_form, args=(dataset.name,)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert number_of(dataset) == NEXT
    assert sorted(dataset.list_runs()) == sorted(
        [SCHEMA_RUN_KEY, "ingest_train", journals_of(dataset)[0].key]
    )
    assert dataset.sort_by("image_id").values("place") == list(range(40))
    dataset.delete_sample_field("place")
    assert content(dataset) == before
