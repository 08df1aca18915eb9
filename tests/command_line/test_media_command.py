"""The commands that move images: no FiftyOne, the contract's exit statuses, plain output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.media import origin as replies
from tests.media.jobs import write_coco
from tests.media.origin import Origin, png

WITHOUT_FIFTYONE = """
import sys
for name in ("fiftyone", "torch", "pandas", "pyarrow"):
    sys.modules[name] = None  # importing it fails
from fathomnet_voxel51.command_line.main import main
main()
"""


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin({f"{n}.png": png(4_000 + n, n) for n in range(5)}) as server:
        yield server


def command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_FIFTYONE, *arguments],
        cwd=cwd,
        env={**os.environ, "HOME": str(cwd)},
        capture_output=True,
        text=True,
        check=False,
    )


def catalog(origin: Origin, folder: Path) -> str:
    write_coco(folder / "coco.json", {name: origin.url(name) for name in origin.images})
    return "coco.json"


def test_download_and_upload_run_without_fiftyone(origin: Origin, tmp_path: Path) -> None:
    listed = catalog(origin, tmp_path)
    for arguments in (
        ("download-images", "--destination", "mirror"),
        ("upload-images", "--media-root", "store"),
    ):
        done = command(
            *arguments,
            *("--annotations", listed, "--split", "test", "--allow-private-hosts", "--json"),
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        assert list(result) == [
            *("total", "stored", "present", "missing", "rejected", "failed"),
            *("bytes", "seconds", "ledger", "notes"),
        ]
        assert result["stored"] == 5
    for place in ("mirror", "store"):
        found = {p.name: p.read_bytes() for p in (tmp_path / place / "test_images").iterdir()}
        assert found == origin.images


def test_what_is_missing_is_told_and_is_no_failure(origin: Origin, tmp_path: Path) -> None:
    origin.script["2.png"] = [replies.status(404)]
    done = command(
        *("download-images", "--annotations", catalog(origin, tmp_path), "--split", "test"),
        *("--destination", "mirror", "--allow-private-hosts"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "missing: 1" in done.stdout
    assert "not-stored.csv" in done.stderr


def test_what_failed_gives_exit_status_3(origin: Origin, tmp_path: Path) -> None:
    origin.script["2.png"] = [replies.status(451)]
    done = command(
        *("download-images", "--annotations", catalog(origin, tmp_path), "--split", "test"),
        *("--destination", "mirror", "--allow-private-hosts", "--json"),
        cwd=tmp_path,
    )
    assert done.returncode == 3
    assert json.loads(done.stdout)["failed"] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("download-images", "--annotations", "coco.json", "--destination", "m"), "split"),
        (("download-images", "--annotations", "no.json", "--split", "test"), "destination"),
        (
            ("upload-images", "--annotations", "no.json", "--split", "test", "--media-root", "m"),
            "no.json",
        ),
        (
            ("upload-images", "--annotations", "coco.json", "--split", "dev", "--media-root", "m"),
            "dev",
        ),
    ],
)
def test_bad_input_gives_exit_status_2_and_moves_nothing(
    arguments: tuple[str, ...], words: str, origin: Origin, tmp_path: Path
) -> None:
    catalog(origin, tmp_path)
    done = command(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr and not done.stdout
    assert not origin.seen.requests and not (tmp_path / "m").exists()


def test_a_transfer_job_is_written_and_its_command_printed(tmp_path: Path) -> None:
    write_coco(tmp_path / "coco.json", {"a.png": "https://images.example.org/a.png"})
    done = command(
        *("upload-images", "--annotations", "coco.json", "--split", "test"),
        *("--media-root", "gs://deep-sea/fathomnet", "--emit-transfer-job"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "gcloud transfer jobs create" in done.stdout
    (listing,) = (tmp_path / ".fathomnet").rglob("*.tsv")
    assert listing.read_text() == "TsvHttpData-1.0\nhttps://images.example.org/a.png\n"
