"""The operators that move images, as FiftyOne runs them: their forms, results and secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone.operators as foo
import pytest
from fathomnet_voxel51.names import PLUGIN_NAME
from fiftyone.operators.executor import ExecutionError

from tests.media.jobs import write_coco


def preview(operator: str, **values: Any) -> Any:
    instance = foo.get_operator(f"{PLUGIN_NAME}/{operator}")
    return instance.preview(instance.model.parse({"split": "test", **values}), None)


def catalog(folder: Path, images: int, url: str = "http://127.0.0.1/") -> str:
    names = [f"{number}.png" for number in range(images)]
    return write_coco(folder / "test.json", {name: url and url + name for name in names})


WRONG = [
    ("upload_images", {}, ["media_root", "annotations"]),
    ("upload_images", {"media_root": "http://x/y"}, ["media_root", "annotations"]),
    (
        "upload_images",
        {"media_root": "/x", "emit_transfer_job": True},
        ["media_root", "annotations"],
    ),
    ("download_images", {"destination": "gs://bucket/x"}, ["destination", "annotations"]),
    ("download_images", {"destination": "/x", "source": "here"}, ["source", "annotations"]),
    ("download_images", {"destination": "/x", "shard": "9/4"}, ["annotations", "shard"]),
]


@pytest.mark.parametrize(("operator", "values", "places"), WRONG)
def test_all_that_is_wrong_is_said_at_its_field(
    operator: str, values: dict[str, Any], places: list[str]
) -> None:
    found = preview(operator, **values)
    assert [fault.place for fault in found.problems] == places
    assert not any("\n" in fault.problem for fault in found.problems)


def test_a_file_that_is_not_there_is_said_at_its_field(tmp_path: Path) -> None:
    missing = tmp_path / "none.json"
    found = preview("upload_images", media_root="gs://bucket", annotations=str(missing))
    (fault,) = found.problems
    assert fault.place == "annotations"
    assert "there is no such file" in fault.problem


def test_a_long_job_is_advised_to_be_scheduled_unless_it_only_lists(tmp_path: Path) -> None:
    values = {"media_root": "gs://bucket", "annotations": catalog(tmp_path, 1_001)}
    (warning,) = preview("upload_images", **values).warnings
    assert "Schedule it" in warning
    assert preview("upload_images", limit=200, **values).warnings == ()
    assert preview("upload_images", emit_transfer_job=True, **values).warnings == ()


def test_images_without_a_url_are_counted(tmp_path: Path) -> None:
    annotations = catalog(tmp_path, 3, url="")
    found = preview("download_images", destination=str(tmp_path), annotations=annotations)
    assert found.facts == (f"3 images are downloaded to {tmp_path}/test_images",)
    assert found.warnings == ("Without a URL in the catalog: 3",)


def test_a_ledger_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    annotations = catalog(tmp_path, 3)
    ledger = tmp_path / "ledgers" / "test_images.jsonl"
    ledger.parent.mkdir()
    ledger.write_text("not a ledger\n")
    found = preview("download_images", destination=str(tmp_path), annotations=annotations)
    (fault,) = found.problems
    assert str(ledger) in fault.problem


@pytest.mark.parametrize("operator", ["upload_images", "ingest_dataset", "check_setup"])
def test_a_run_that_failed_has_an_empty_result(operator: str) -> None:
    instance = foo.get_operator(f"{PLUGIN_NAME}/{operator}")
    context = foo.ExecutionContext({"results": None})
    assert instance.resolve_output(context).type.properties == {}


def test_a_result_is_shown_as_a_person_reads_it() -> None:
    result = {
        "total": 9306,
        "stored": 9000,
        "present": 210,
        "missing": 96,
        "bytes": 24_000_000_000,
        "splits": ["train", "test"],
        "unknown_concepts": [],
        "ledger": "/media/ledgers/_train_images.jsonl",
        "notes": ["9 connections instead of 50"],
    }
    instance = foo.get_operator(f"{PLUGIN_NAME}/upload_images")
    context = foo.ExecutionContext({"results": result})
    shown = instance.resolve_output(context).type.properties
    texts = {name: prop.default for name, prop in shown.items()}
    assert texts["_total"] == "9,306"
    assert texts["_bytes"] == "24.0 GB"
    assert texts["_splits"] == "train, test"
    assert texts["_unknown_concepts"] == "none"
    remark = "Not stored: 96, with the reasons in /media/ledgers/\\_train\\_images.not-stored.csv"
    assert texts["_remark_0"] == remark
    assert texts["_remark_1"] == "9 connections instead of 50."


def test_a_run_has_the_plugin_s_secret_and_shows_nothing_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("FATHOMNET_GCS_CREDENTIALS", '{"private_key": "deep')
    params = {"annotations": catalog(tmp_path, 1), "split": "test", "media_root": "gs://bucket"}
    with pytest.raises(ExecutionError, match="is no key of a service account") as refused:
        foo.execute_operator(f"{PLUGIN_NAME}/upload_images", {"params": params})
    assert "deep" not in str(refused.value)
    assert "run_upload" not in str(refused.value), "the calls that led to it would bury it"
