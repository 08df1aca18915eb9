"""What a deployment's machines are like: small caches, read-only roots, servers without plugins."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from fathomnet_voxel51.command_line import enterprise
from fathomnet_voxel51.files.places import CloudPath
from fathomnet_voxel51.media.ledger import HOME_VARIABLE as LEDGERS
from fathomnet_voxel51.media.ledger import ledgers_of
from fathomnet_voxel51.names import PLUGIN_NAME
from fathomnet_voxel51.pictures import local
from fathomnet_voxel51.pictures.local import CACHE_VARIABLE, LocalMedia
from fathomnet_voxel51.resources import HOME_VARIABLE
from fathomnet_voxel51.setup_check import check_setup
from fathomnet_voxel51.similarity.mapped import HOME_VARIABLE as INDEXES
from fathomnet_voxel51.similarity.mapped import index_home
from fiftyone.operators.executor import ExecutionContext, Executor

from demo.emulator import Emulator
from demo.synthetic import write_catalog
from tests.enterprise.conftest import Deploy


@pytest.fixture
def remote(bucket: Emulator, deploy: Deploy, dataset_name: str) -> Any:
    """Ten images of a thousand bytes in the bucket, and their dataset."""
    cache = deploy(cache_bytes=-1)
    for number in range(10):
        CloudPath(f"gs://deep-sea/{number}.png").write_bytes(bytes(1_000))
    dataset = fo.Dataset(dataset_name)
    dataset.add_samples([fo.Sample(filepath=f"gs://deep-sea/{n}.png") for n in range(10)])
    assert dataset.values("filepath")[3] == "gs://deep-sea/3.png", "kept as it is"
    return dataset, cache


def bring_all(dataset: Any) -> list[int]:
    media = LocalMedia(dataset)
    pairs = zip(*dataset.values(["id", "filepath"]), strict=True)
    return [len(media.file(*pair).read_bytes()) for pair in pairs]


def test_a_stage_leaves_no_more_of_the_media_than_it_may(
    remote: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, cache = remote
    monkeypatch.setattr(local, "LATEST", 2)
    monkeypatch.setenv(CACHE_VARIABLE, "3000")
    assert bring_all(dataset) == [1_000] * 10
    assert (cache.stats()["current_size"], cache.largest) == (3_000, 4_000)
    assert cache.fetched == dataset.values("filepath")


def test_what_was_in_the_cache_before_stays(remote: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, cache = remote
    monkeypatch.setattr(local, "LATEST", 1)
    monkeypatch.setenv(CACHE_VARIABLE, "0")
    mine = dataset[:4]
    mine.download_media()
    bring_all(dataset)
    assert mine.cache_stats()["current_count"] == 4
    assert cache.stats()["current_count"] == 5, "and the last one that was read"


def test_a_cache_without_a_limit_is_left_alone(
    remote: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, cache = remote
    monkeypatch.setattr(local, "LATEST", 1)
    monkeypatch.setenv(CACHE_VARIABLE, "-1")
    bring_all(dataset)
    assert cache.stats()["current_count"] == 10


@pytest.fixture
def unwritable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that nobody can write to, not even root: below a file."""
    file = tmp_path / "file"
    file.write_text("not a folder")
    for name in (HOME_VARIABLE, LEDGERS, INDEXES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(file / "home"))
    monkeypatch.setattr(fo.config, "model_zoo_dir", str(file / "zoo"))
    return file


def folder_checks() -> dict[str, str]:
    return {c.fix: c.detail for c in check_setup().checks if c.name == "folders" and c.fix}


def test_check_setup_says_which_folders_cannot_be_written(unwritable: Path) -> None:
    told = folder_checks()
    named = {name for fix in told for name in re.findall(r"[A-Z_]{9,}", fix)}
    assert named == {HOME_VARIABLE, LEDGERS, INDEXES, "FIFTYONE_MODEL_ZOO_DIR"}
    assert all("Not a directory" in detail for detail in told.values())


def test_one_variable_moves_what_a_machine_keeps(
    unwritable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "volume"))
    assert ledgers_of("gs://lab/sets") == tmp_path / "volume/ledgers/lab/sets"
    assert index_home() == tmp_path / "volume/similarity"
    assert not any(HOME_VARIABLE in fix for fix in folder_checks())
    monkeypatch.setenv(INDEXES, str(tmp_path / "own"))
    assert index_home() == tmp_path / "own"


def chosen(name: str, **values: Any) -> Any:
    ctx = ExecutionContext({"params": values}, executor=Executor())
    return foo.get_operator(f"{PLUGIN_NAME}/{name}").resolve_execution_options(ctx)


@pytest.mark.parametrize(("images", "is_long"), [(200, False), (201, True)])
@pytest.mark.parametrize("name", ["upload_images", "run_workflow"])
def test_what_takes_minutes_is_scheduled_unless_said_otherwise(
    tmp_path: Path, name: str, images: int, is_long: bool
) -> None:
    annotations = str(write_catalog(tmp_path / "train.json", images, images, seed=1))
    values = {"annotations": annotations, "split": "train", "media_root": str(tmp_path / "m")}
    if name == "run_workflow":
        values = {"stages": ["upload_images"], "upload_images": values}
    options = chosen(name, **values)
    assert options.default_choice_to_delegated is is_long
    assert options.allow_immediate_execution and options.allow_delegated_execution


@pytest.mark.parametrize(("limit", "is_long"), [(None, True), (100, False)])
def test_a_workflow_that_embeds_says_for_how_many_minutes(
    tmp_path: Path, dataset_name: str, limit: int | None, is_long: bool
) -> None:
    annotations = str(write_catalog(tmp_path / "train.json", 1_000, 9_000, seed=1))
    ingest = {"dataset_name": dataset_name, "train_annotations": annotations, "limit": limit}
    values = {"stages": ["ingest_dataset", "compute_embeddings"], "ingest_dataset": ingest}
    assert chosen("run_workflow", **values).default_choice_to_delegated is is_long
    operator = foo.get_operator(f"{PLUGIN_NAME}/run_workflow")
    told = operator.preview(operator.model.parse(values), None)
    assert told.minutes == pytest.approx((limit or 1_000) / 1_000 * 9_000 / 860, rel=0.01)
    words = f"About {told.minutes:,.0f} minutes, to embed boxes without a GPU, on two cores"
    assert any(words in one for one in told.warnings) is is_long


def test_a_form_that_cannot_run_proposes_nothing() -> None:
    assert not chosen("upload_images", media_root=5).default_choice_to_delegated


@pytest.mark.parametrize("proxied", [False, True], ids=["direct", "proxied"])
def test_the_check_of_a_deployment_finds_it_in_order_and_leaves_nothing(
    bucket: Emulator, deploy: Deploy, proxied: bool
) -> None:
    deploy(proxied=proxied)
    before = fo.list_datasets()
    findings = enterprise.look("gs://deep-sea/checks")
    assert [one.name for one in findings if one.status == "fail"] == []
    assert {"remote media", "predictions", "data card"} <= {one.name for one in findings}
    assert fo.list_datasets() == before
    assert [path for path in bucket.files.rglob("*") if path.is_file()] == []
    report = enterprise.as_report(findings)
    assert "Enterprise" in report and "straight into the collection" in report


def test_the_check_says_what_fails_and_goes_on(bucket: Emulator, deploy: Deploy) -> None:
    """On open-source FiftyOne, that has no cache of media, and with a worker that never comes."""
    findings = {one.name: one for one in enterprise.look("gs://deep-sea/checks", wait=0.1)}
    assert "Sample.local_path" in findings["what Enterprise offers"].detail
    assert "queued after" in findings["a worker"].detail
    assert findings["predictions"].status == "ok"
    assert [path for path in bucket.files.rglob("*") if path.is_file()] == []
    assert not os.environ.get("FATHOMNET_TEST_ENTERPRISE")
