"""The whole main job on the stand-in for FiftyOne Enterprise: what is documented of it suffices."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51 import delegation
from fathomnet_voxel51.catalog import read_catalog
from fathomnet_voxel51.dataset import door
from fathomnet_voxel51.files.places import CloudPath
from fathomnet_voxel51.names import PLUGIN_NAME
from fathomnet_voxel51.progress import silent
from fathomnet_voxel51.resources import HOME_VARIABLE
from fiftyone.operators.executor import execute_or_delegate_operator

from demo.emulator import Emulator
from demo.origin import published
from demo.processes import background
from demo.stand_in_models import write_stand_in
from tests.conftest import REPOSITORY
from tests.enterprise.conftest import Deploy
from tests.support.drawn import SMALL, Drawn

ROOT = "gs://deep-sea/fathomnet"
FILES = "gs://deep-sea/files"


def run_now(name: str, dataset: str | None, values: dict[str, Any]) -> dict[str, Any]:
    """As the plugin server runs what the App executes."""
    request = {"dataset_name": dataset, "params": values}
    run = execute_or_delegate_operator(f"{PLUGIN_NAME}/{name}", request)
    done = asyncio.run(run)
    done.raise_exceptions()
    return dict(done.result)


def run_queued(name: str, dataset: str | None, values: dict[str, Any]) -> dict[str, Any]:
    return delegation.follow(delegation.queue(name, dataset, values), silent)


@contextmanager
def worker(log: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.support.enterprise_worker"]
    with background(command, log, {"PYTHONPATH": str(REPOSITORY)}):
        yield


@pytest.mark.parametrize("when", ["immediate", "delegated"])
@pytest.mark.parametrize("proxied", [False, True], ids=["direct", "proxied"])
def test_the_main_job_runs_on_what_enterprise_documents(
    when: str,
    proxied: bool,
    bucket: Emulator,
    deploy: Deploy,
    drawn: Drawn,
    dataset_name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = drawn(SMALL)
    model = str(write_stand_in("clip", tmp_path / "clip", small=True))
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    deploy(proxied=proxied)
    run = run_now if when == "immediate" else run_queued
    with published({"train": made.train}, made.media_root, tmp_path / "published") as copies:
        catalog = read_catalog(copies["train"])
        boxes = [box for image in catalog.images for box in image.boxes]
        rows = [f"{box.annotation_id},{box.label}" for box in boxes]
        table = "\n".join(["annotation_id,concept_name", *rows])
        CloudPath(f"{FILES}/train.json").write_bytes(copies["train"].read_bytes())
        CloudPath(f"{FILES}/predictions.csv").write_bytes(table.encode())
        working = worker(tmp_path / "worker.log") if when == "delegated" else nullcontext()
        with working:
            checks = run("check_setup", None, {"media_root": ROOT})["checks"]
            assert {"FiftyOne": "ok", "writing": "ok"}.items() <= {
                one["name"]: one["status"] for one in checks
            }.items()
            assert any("Enterprise" in one["detail"] for one in checks)
            files = {"annotations": f"{FILES}/train.json", "split": "train"}
            moved = run(
                "upload_images", None, {**files, "media_root": ROOT, "allow_private_hosts": True}
            )
            assert moved["stored"] == len(catalog.images)
            ingested = run(
                "ingest_dataset",
                None,
                {
                    "dataset_name": dataset_name,
                    "train_annotations": f"{FILES}/train.json",
                    "media_root": ROOT,
                },
            )
            assert ingested["samples"] == len(catalog.images)
            assert run("add_primary_label", dataset_name, {})["unlabelled"] == 0
            assert run("add_taxonomy_ranks", dataset_name, {})["boxes"] == len(boxes)
            embedded = run("compute_embeddings", dataset_name, {"model": model, "method": "none"})
            assert (embedded["embedded"], embedded["skipped"]) == (len(boxes), 0)
            indexed = run("build_similarity_index", dataset_name, {"model": model})
            assert indexed["indexed"] == len(boxes) and indexed["supports_prompts"]
            found = run("find_needles", dataset_name, {"prompts": ["a plastic bag"], "k": 3})
            assert [needle["prompt"] for needle in found["needles"]] == ["a plastic bag"]
            patches = fo.load_dataset(dataset_name).to_patches("ground_truth")
            key = indexed["brain_key"]
            assert len(patches.sort_by_similarity("a plastic bag", k=3, brain_key=key)) == 3
            imported = run(
                "import_predictions",
                dataset_name,
                {"predictions": f"{FILES}/predictions.csv", "split": "train"},
            )
            assert imported["imported"] == len(boxes)
            scores = run("evaluate_predictions", dataset_name, {})
            assert (scores["boxes"], scores["accuracy"]) == (len(boxes), 1)
            card = run("report_dataset", dataset_name, {"path": f"{FILES}/card"})
    fo.load_dataset(dataset_name).reload()
    paths = fo.load_dataset(dataset_name).values("filepath")
    assert sorted(paths) == sorted(f"{ROOT}/train_images/{i.file_name}" for i in catalog.images)
    stored = (bucket.files / "files/card/data-card.md").read_text()
    assert stored == card["markdown"] and "example crops" in stored
    assert "cannot be shown" not in stored, "every example was brought from the bucket"
    assert json.loads((bucket.files / "files/train.json").read_text())["images"]
    assert door.way().is_open, door.way().reason
