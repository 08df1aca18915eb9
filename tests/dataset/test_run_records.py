"""Records come back as they were written, and what is none is refused in one sentence."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset.ingest_record import (
    IngestRecord,
    LicenceCount,
    SplitLicences,
    read_ingest_record,
)
from fathomnet_voxel51.dataset.records import read_record, read_values, write_record
from fathomnet_voxel51.errors import DatasetError
from fathomnet_voxel51.relabelling.journal import Journal, journals_of
from fathomnet_voxel51.tiles import TileGrid

LICENCES = SplitLicences(
    described=(LicenceCount("CC BY-NC-ND 4.0", "", 3), LicenceCount("", "https://a.org/l", 0)),
    undescribed=1,
    undescribed_ids=("7",),
    unnamed=2,
    statements=(("year", "2025"),),
)
INGEST = IngestRecord(
    split="train",
    source="dataset_train.json",
    sha256="ab" * 32,
    images=6,
    boxes=20,
    concepts=("Sebastes", "Porifera"),
    limit=None,
    media_root="gs://deep-sea/fathomnet",
    filepath_root="/home/ada/mirror",
    complete=True,
    licences=LICENCES,
)
JOURNAL = Journal(
    key="relabel_20261128_120000_abcdef",
    stage="done",
    field="ground_truth",
    label="Sebastes",
    note="a rockfish",
    user="ada",
    time="2026-11-28T12:00:00.000000",
    boxes=4,
)


@pytest.fixture
def dataset(dataset_name: str) -> Any:
    return fo.Dataset(dataset_name)


@pytest.mark.parametrize("record", [INGEST, JOURNAL, TileGrid(7, 5)], ids=lambda r: r.METHOD)
def test_a_record_comes_back_as_it_was_written(dataset: Any, record: Any) -> None:
    key = getattr(record, "key", "some_run")
    write_record(dataset, key, record)
    there = fo.load_dataset(dataset.name, reload=True)
    assert read_record(there, key, type(record)) == record
    assert "key" not in (read_values(there, key) or {})


def test_where_there_is_no_run_there_is_no_record(dataset: Any) -> None:
    assert read_ingest_record(dataset, "train") is None
    assert journals_of(dataset) == []


def test_what_a_newer_version_added_is_passed_over_and_what_an_older_one_lacked_is_none(
    dataset: Any,
) -> None:
    INGEST.write(dataset)
    values = read_values(dataset, "ingest_train") or {}
    without = {name: value for name, value in values.items() if name != "licences"}
    config = dataset.init_run(method="ingest_dataset", **without, depth_of_the_deepest=3971)
    dataset.update_run_config("ingest_train", config)
    record = read_ingest_record(dataset, "train")
    assert record is not None and record.licences is None and record.source == INGEST.source


@pytest.mark.parametrize(
    ("member", "value"), [("images", "many"), ("concepts", None), ("complete", "perhaps")]
)
def test_a_run_that_somebody_changed_is_refused_with_its_member(
    dataset: Any, member: str, value: Any
) -> None:
    INGEST.write(dataset)
    values = {**(read_values(dataset, "ingest_train") or {}), member: value}
    dataset.update_run_config("ingest_train", dataset.init_run(method="ingest_dataset", **values))
    with pytest.raises(
        DatasetError, match=rf"'ingest_train'.*\({member}: .*run ingest_dataset again"
    ):
        read_ingest_record(dataset, "train")
