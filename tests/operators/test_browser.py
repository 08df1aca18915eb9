"""Files that a browser brings or takes: as if they lay on the server, which nobody has to reach."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from bson import ObjectId
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.names import PLUGIN_NAME
from fathomnet_voxel51.operators import browser
from fathomnet_voxel51.relabelling import relabel_boxes
from fathomnet_voxel51.resources import HOME_VARIABLE
from fiftyone.operators import types
from fiftyone.operators.delegated import DelegatedOperationService
from fiftyone.operators.executor import (
    ExecutionContext,
    ExecutionRunState,
    Executor,
    execute_or_delegate_operator,
)

from demo.synthetic import write_catalog, write_predictions_csv

NAME = "test-browser"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def dataset(tmp_path: Path, home: Path) -> Iterator[Any]:
    catalog = write_catalog(tmp_path / "train.json", 6, 12, seed=2)
    ingest_dataset(NAME, train_annotations=str(catalog), media_root=str(tmp_path))
    yield fo.load_dataset(NAME)
    fo.delete_dataset(NAME)


@pytest.fixture
def table(tmp_path: Path, dataset: Any) -> Path:
    return Path(write_predictions_csv(tmp_path / "predictions.csv", tmp_path / "train.json"))


def uploaded(file: Path, name: str = "") -> dict[str, Any]:
    """What the App makes of a file that is dropped on a field."""
    content = base64.b64encode(file.read_bytes()).decode()
    size = file.stat().st_size
    return {
        "name": name or file.name,
        "type": "text/csv",
        "size": size,
        "content": content,
        "last_modified": 1_760_000_000_000,
    }


def form(operator: str, **values: Any) -> dict[str, Any]:
    """The fields of a form as the App gets them."""
    uri = f"{PLUGIN_NAME}/{operator}"
    request = {"dataset_name": NAME, "params": values}
    ctx = ExecutionContext(operator_uri=uri, request_params=request, executor=Executor())
    shown = foo.get_operator(uri).resolve_type(ctx, "inputs").to_json()
    return dict(shown["type"]["properties"])


def run(operator: str, **values: Any) -> Any:
    """As the App's server runs it, or puts it on the queue."""
    delegate = values.pop("delegate", False)
    request = {"dataset_name": NAME, "params": values, "request_delegation": delegate}
    done = asyncio.run(execute_or_delegate_operator(f"{PLUGIN_NAME}/{operator}", request))
    done.raise_exceptions()
    return done


def sent(done: Any) -> dict[str, bytes]:
    """The files that a run sends to the browser, by their names."""
    files = {}
    for one in done.executor.to_json()["requests"]:
        if one["operator_uri"].rpartition("/")[2] == "browser_download":
            kind, _, letters = one["params"]["url"].partition(";base64,")
            assert kind.startswith("data:")
            files[one["params"]["filename"]] = base64.b64decode(letters, validate=True)
    return files


def test_a_form_previews_an_uploaded_file_as_one_that_is_there(table: Path) -> None:
    by_path = form("import_predictions", predictions=str(table), split="train")
    by_upload = form(
        "import_predictions", split="train", _uploads=True, _upload_predictions=uploaded(table)
    )
    assert by_upload["_preview"] == by_path["_preview"]
    assert by_upload["_upload_predictions"]["view"]["max_size"] == browser.LARGEST
    assert "_upload_predictions" not in by_path, "it takes no space before it is asked for"


@pytest.mark.parametrize("delegate", [False, True])
def test_an_uploaded_file_is_imported_wherever_it_is_run(
    table: Path, dataset: Any, home: Path, delegate: bool
) -> None:
    values = {"split": "train", "_uploads": True, "_upload_predictions": uploaded(table)}
    done = run("import_predictions", delegate=delegate, **values)
    if delegate:
        shutil.rmtree(home)  # a worker is on another machine
        queue = DelegatedOperationService()
        operation = queue.get(ObjectId(str(done.result["id"])))
        queue.execute_operation(operation)
        ended = queue.get(operation.id)
        assert ended.run_state == ExecutionRunState.COMPLETED, ended.result.error
    dataset.reload()
    rows = table.read_text().splitlines()[1:]
    assert dataset.count("model_predictions.detections") == len(rows)
    run("import_predictions", **values)
    (kept,) = home.rglob("predictions.csv")
    assert kept.read_bytes() == table.read_bytes()


def test_a_dataset_is_made_of_uploaded_annotations(tmp_path: Path, dataset: Any) -> None:
    own = write_catalog(tmp_path / "test.json", 3, 5, seed=7)
    values = {"test_annotations": str(own), "dataset_name": NAME, "media_root": str(tmp_path)}
    uploads = {"_uploads": True, "_upload_test_annotations": uploaded(Path(own))}
    made = run("ingest_dataset", **{**values, "test_annotations": ""}, **uploads)
    assert made.result["samples_added"] == 3


@pytest.mark.parametrize(
    ("upload", "said"),
    [
        ({"name": "p.csv", "content": "%%%"}, "the upload cannot be read"),
        ({"name": "p.csv", "content": 7}, "the upload cannot be read"),
        (
            {"name": "p.csv", "content": base64.b64encode(b"x" * ((5 << 20) + 1)).decode()},
            "more than 5 MB",
        ),
    ],
)
def test_what_is_no_small_file_is_refused_by_its_field(
    upload: dict[str, Any], said: str, dataset: Any, home: Path
) -> None:
    shown = form("import_predictions", split="train", _upload_predictions=upload)
    assert shown["predictions"]["invalid"] and said in shown["predictions"]["error_message"]
    with pytest.raises(Exception, match=f"Path: predictions. Reason: {said}"):
        run("import_predictions", split="train", _upload_predictions=upload)
    assert not list(home.rglob("p.csv"))


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "..", "a\\b:c\0d.csv", ""])
def test_a_file_s_name_leads_nowhere_else(name: str, table: Path, dataset: Any, home: Path) -> None:
    upload = uploaded(table) | {"name": name}
    run("import_predictions", split="train", _upload_predictions=upload)
    (kept,) = (path for path in (home / "uploads").rglob("*") if path.is_file())
    assert kept.parent.parent == home / "uploads" and kept.read_bytes() == table.read_bytes()


def test_uploads_that_nobody_asks_for_any_more_are_deleted(table: Path, home: Path) -> None:
    uploads = home / "uploads"
    old, own = uploads / ("0" * 16), uploads / "my own folder"
    for folder in (old, own):
        folder.mkdir(parents=True)
        (folder / "file.csv").write_text("annotation_id,concept_name\n")
        for one in (folder / "file.csv", folder):
            os.utime(one, (0, 0))
    form("import_predictions", split="train", _upload_predictions=uploaded(table))
    (kept,) = uploads.rglob("predictions.csv")
    assert not old.exists() and own.is_dir()

    other = uploaded(table) | {"content": base64.b64encode(b"annotation_id\n").decode()}
    # Asked for again, it is as good as new.
    for one in (kept, kept.parent):
        os.utime(one, (0, 0))
    form("import_predictions", split="train", _upload_predictions=uploaded(table))
    form("import_predictions", split="train", _upload_predictions=other)
    assert kept.is_file()


def test_a_data_card_is_sent_to_the_browser_without_a_folder(dataset: Any) -> None:
    assert "_download" in form("report_dataset")
    done = run("report_dataset", _download=True)
    written = {Path(file).name: Path(file).read_bytes() for file in done.result["files"]}
    assert sent(done) == written
    assert sorted(written) == ["data-card.html", "data-card.md"]
    assert sent(run("report_dataset")) == {}


def test_corrections_are_sent_to_the_browser_and_stay_in_the_folder(
    dataset: Any, tmp_path: Path
) -> None:
    relabel_boxes(dataset.view(), "Funiculina")
    folder = tmp_path / "corrections"
    done = run("export_corrections", folder=str(folder), _download=True)
    assert sent(done) == {path.name: path.read_bytes() for path in folder.iterdir()}
    corrected = json.loads(sent(done)["corrections.json"])["annotations"]
    assert len(corrected) == done.result["corrections"] > 0


def test_what_is_too_large_to_be_sent_is_said_where_it_is(
    dataset: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser, "LARGEST", 10)
    done = run("report_dataset", _download=True)
    assert sent(done) == {}
    told = [
        one
        for one in done.executor.to_json()["requests"]
        if one["operator_uri"].rpartition("/")[2] == "notify"
    ]
    assert all(file in str(told) for file in done.result["files"])


def test_a_release_without_uploads_has_paths_only(
    dataset: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "_uploads" in form("import_predictions")
    assert "_uploads" not in form("report_dataset"), "it reads no file"
    monkeypatch.delattr(types, "UploadedFile")
    assert not [name for name in form("import_predictions", _uploads=True) if "upload" in name]
