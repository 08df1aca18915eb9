"""Transfers with more connections than a process may have files open."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.media.jobs import write_coco
from tests.media.origin import Origin, png

resource = pytest.importorskip("resource")

DOWNLOAD = """
import json, resource, sys
from dataclasses import asdict
from fathomnet_voxel51.media.transfer import download_images

catalog, folder, soft, hard, concurrency = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_NOFILE, (int(soft), int(hard)))
result = download_images(
    catalog, "train", folder, concurrency=int(concurrency), allow_private_hosts=True
)
print(json.dumps([asdict(result), resource.getrlimit(resource.RLIMIT_NOFILE)]))
"""


@pytest.fixture
def images() -> dict[str, bytes]:
    return {f"{number:03d}.png": png(2_000, number) for number in range(300)}


@pytest.fixture
def origin(images: dict[str, bytes]) -> Iterator[Origin]:
    with Origin(images) as server:
        yield server


@pytest.mark.parametrize(
    ("soft", "hard", "concurrency", "told"),
    [
        pytest.param(64, 4096, 200, "", id="raised"),
        pytest.param(64, 200, 200, " instead of 200: ", id="as far as may be"),
        pytest.param(60, 60, 200, "1 connection instead of 200: ", id="hardly any"),
        pytest.param(900, 4096, 5, "", id="enough"),
    ],
)
def test_open_files_are_raised_or_there_are_fewer_connections_and_a_note(
    soft: int, hard: int, concurrency: int, told: str, origin: Origin, tmp_path: Path
) -> None:
    catalog = write_coco(tmp_path / "coco.json", {name: origin.url(name) for name in origin.images})
    limits = map(str, (soft, hard, concurrency))
    done = subprocess.run(
        [sys.executable, "-c", DOWNLOAD, catalog, str(tmp_path / "m"), *limits],
        capture_output=True,
        text=True,
        check=True,
    )
    result, (soft_after, hard_after) = json.loads(done.stdout)
    assert result["stored"] == result["total"] == 300, result
    assert told in " ".join(result["notes"])
    assert len(result["notes"]) == bool(told)
    assert hard_after == hard
    if told:
        assert soft_after == hard
    elif soft < concurrency * 4:
        assert concurrency * 4 < soft_after < hard
    else:
        assert soft_after == soft


WORKFLOW = """
import json, resource, sys
from dataclasses import asdict
from fathomnet_voxel51.parameters import RunWorkflow
from fathomnet_voxel51.workflow.media import move_images

resource.setrlimit(resource.RLIMIT_NOFILE, (400, 400))
params = RunWorkflow.parse(json.loads(sys.argv[1]))
moved = move_images("download_images", params, lambda share, label: None)
print(json.dumps({split: asdict(result) for split, result in moved.items()}))
"""


def test_a_split_of_two_files_says_it_once(origin: Origin, tmp_path: Path) -> None:
    names = sorted(origin.images)[:20]
    files = [
        write_coco(tmp_path / f"{last}.json", {name: origin.url(name) for name in names[:last]})
        for last in (10, 20)
    ]
    params = {
        "stages": ["download_images", "ingest_dataset"],
        "ingest_dataset": {"train_annotations": files},
        "download_images": {
            "destination": str(tmp_path / "m"),
            "concurrency": 900,
            "allow_private_hosts": True,
        },
    }
    done = subprocess.run(
        [sys.executable, "-c", WORKFLOW, json.dumps(params)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])["train"]
    assert (result["total"], result["stored"], len(result["notes"])) == (20, 20, 1), result
