"""The setup check: every line has a status, and every line that is not ok has a fix."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator
from pathlib import Path

import fiftyone as fo
import pytest
from fathomnet_voxel51 import setup_check
from fathomnet_voxel51.media.gcs.store import GcsStore
from fathomnet_voxel51.media.store import Check
from fathomnet_voxel51.setup_check import check_setup

from demo.emulator import emulator
from demo.stand_in_models import write_stand_in
from tests.conftest import REPOSITORY
from tests.media.outgoing import Bytes
from tests.support.releases import number


def by_name(media_root: str = "") -> dict[str, Check]:
    return {check.name: check for check in check_setup(media_root).checks}


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is not in Google's cloud, with nobody logged in."""
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    for name in ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket with one object, in a real storage emulator over HTTP."""
    with emulator() as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)

        async def put() -> None:
            async with GcsStore(f"gs://{server.bucket}/fathomnet") as store:
                await store.put("test_images/a.png", Bytes(b"x"))

        asyncio.run(put())
        yield server.bucket


def test_a_working_setup_is_reported_line_by_line() -> None:
    checks = by_name()
    assert checks["FiftyOne"].status == "ok" and "open source" in checks["FiftyOne"].detail
    assert checks["database"].status == "ok" and "MongoDB" in checks["database"].detail
    assert checks["plugin"].status == "ok"


def test_what_this_release_of_fiftyone_lacks_is_named_as_in_the_page_on_deployment() -> None:
    """Each row of the page's table, against the releases themselves: CI runs this with three."""
    page = (REPOSITORY / "docs/deployment.md").read_text().replace("`", "")
    table = page.partition("| feature of FiftyOne | since |")[2].partition("\n\n")[0]
    head, _, *rows = (re.findall(r"[^|]+", line.strip("| ")) for line in table.splitlines())
    releases = [release.strip() for release in head[:-1]]
    features = {name.strip(): [cell.strip() for cell in cells] for name, *cells in rows}
    assert list(features) == [one.name for one in setup_check.FEATURES]
    locks = sorted(lock.stem for lock in REPOSITORY.glob(".ci/fiftyone-*.txt"))
    assert [f"fiftyone-{release}" for release in releases[:-1]] == locks
    assert f"fiftyone=={releases[-1]}\n" in (REPOSITORY / "constraints.txt").read_text()
    warned = [one.detail for one in check_setup().checks if one.name == "FiftyOne features"]
    lacking = []
    for name, (since, *there, without) in features.items():
        assert there == ["yes" if number(one) >= number(since) else "no" for one in releases]
        if number(fo.__version__) < number(since):
            lacking.append(f"this release has no {name}: {without}")
    assert warned == lacking


@pytest.mark.usefixtures("no_credentials")
def test_the_network_is_told_as_the_machine_s_variables_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert by_name()["network"].detail == "images directly, buckets directly"
    monkeypatch.setenv("https_proxy", "person:s3cret@proxy.example:3128")
    monkeypatch.setenv("no_proxy", "googleapis.com")
    logins = tmp_path / "logins.json"
    logins.write_text('{"images.example.org": {"Cookie": "s3cret"}}')
    monkeypatch.setenv("FATHOMNET_LOGINS", str(logins))
    told = "images through the proxy proxy.example:3128, buckets directly, logins of 1 host"
    assert by_name()["network"].detail == told
    logins.write_text("s3cret")
    assert by_name()["network"] == Check(
        "network",
        "fail",
        "what FATHOMNET_LOGINS names are no headers by host",
        'FATHOMNET_LOGINS names a JSON file such as {"host": {"Authorization": "Bearer ..."}}',
    )
    monkeypatch.setenv("https_proxy", "socks5://proxy.example:1080")
    assert by_name()["network"].status == "fail"


def test_whatever_is_not_ok_says_how_to_fix_it(tmp_path: Path) -> None:
    for root in ("", "gs://no-such-bucket/x", "gs://", str(tmp_path / "absent")):
        for check in check_setup(root).checks:
            assert check.status == "ok" or check.fix, check


@pytest.mark.usefixtures("no_credentials")
def test_a_bucket_without_credentials_fails_with_the_command_that_gets_them() -> None:
    check = by_name("gs://deep-sea/fathomnet")["credentials"]
    assert check.status == "fail" and "gcloud auth application-default login" in check.fix


def test_a_bucket_that_can_be_listed_is_ok(bucket: str) -> None:
    check = by_name(f"gs://{bucket}/fathomnet")["media root"]
    assert check.status == "ok" and "objects are there" in check.detail


def test_an_empty_prefix_is_ok_and_says_so(bucket: str) -> None:
    assert "it is empty" in by_name(f"gs://{bucket}/elsewhere")["media root"].detail


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_does_not_exist_fails() -> None:
    assert by_name("gs://absent/x")["media root"].status == "fail"


def test_a_folder_lists_the_splits_it_holds(tmp_path: Path) -> None:
    (tmp_path / "test_images").mkdir()
    check = by_name(str(tmp_path))["media root"]
    assert check.status == "ok" and "test_images" in check.detail


def test_a_folder_that_is_absent_fails(tmp_path: Path) -> None:
    assert by_name(str(tmp_path / "absent"))["media root"].status == "fail"


def test_little_disk_is_said_before_it_is_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup_check, "DISK_FAIL_BYTES", 1 << 60)
    assert by_name()["disk for media"].status == "fail"


def test_a_database_that_is_too_old_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(setup_check, "OLDEST_MONGODB", (99, 0))
    check = by_name()["database"]
    assert check.status == "fail" and check.fix


def test_the_disk_of_the_database_is_the_one_that_the_server_writes_to() -> None:
    """The tests' server keeps its files beside their other scratch files: see the conftest."""
    scratch = Path(os.environ["FIFTYONE_DEFAULT_DATASET_DIR"]).parent
    assert by_name()["disk for the database"].detail.endswith(f"free at {scratch / 'database'}")


def test_a_session_that_joined_another_ones_database_is_told_where_its_data_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert "database folder" not in by_name()
    # What FiftyOne's configuration says where it starts, or joins, an embedded database.
    monkeypatch.setattr(fo.config, "database_uri", None)
    monkeypatch.setattr(fo.config, "database_dir", str(tmp_path / "own"))
    scratch = Path(os.environ["FIFTYONE_DEFAULT_DATASET_DIR"]).parent
    check = by_name()["database folder"]
    assert check.status == "warn" and "FIFTYONE_DATABASE_URI" in check.fix
    assert str(scratch / "database") in check.detail and str(tmp_path / "own") in check.detail
    monkeypatch.setattr(fo.config, "database_dir", str(scratch / "database"))
    assert "database folder" not in by_name()


def test_each_model_says_where_its_weights_are_or_how_to_fetch_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_stand_in("dinov2", tmp_path / "dinov2", small=True)
    monkeypatch.setenv("FATHOMNET_MODELS", str(tmp_path))
    checks = by_name()
    assert checks["model dinov2"].status == "ok"
    assert str(tmp_path / "dinov2" / "model.safetensors") in checks["model dinov2"].detail
    assert checks["model demo-clip"].status == "ok"
    assert checks["model clip"].status == "warn"
    assert "hf download laion/CLIP-ViT-B-32-laion2B-s34B-b79K" in checks["model clip"].fix
