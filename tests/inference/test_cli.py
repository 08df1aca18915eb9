"""The commands of fathomnet-infer: without FiftyOne, with the contract's exit statuses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.inference.toy import BOXES, CONCEPTS, Toy
from tests.media.jobs import write_coco
from tests.media.origin import Origin, png

pytestmark = pytest.mark.usefixtures("one_thread")

NOT_NEEDED = ("fiftyone", "lightning", "pytorch_lightning", "transformers", "omegaconf", "wandb")
PROGRAM = f"""
import sys
for name in {NOT_NEEDED!r}:
    sys.modules[name] = None  # importing it fails
from fathomnet_inference.cli import main
main(prog_name="fathomnet-infer")
"""


def command(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "HOME": str(cwd), "COLUMNS": "500"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_commands_are_those_of_the_contract(tmp_path: Path) -> None:
    said = command("--help", cwd=tmp_path).stdout
    for name in ("download", "run", "merge", "inspect", "convert", "calibrate"):
        assert f"  {name} " in said
    options = command("run", "--help", cwd=tmp_path).stdout
    for name in (
        *("annotations", "images", "checkpoint", "output", "shard", "batch-size", "precision"),
        *("device", "decision", "limit", "workers", "temperature", "json"),
    ):
        assert f"--{name} " in options


def test_a_run_from_checkpoint_to_merged_predictions(toy: Toy, tmp_path: Path) -> None:
    whole = command("convert", toy.checkpoint, "winner", "--json", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    converted = Toy(toy.annotations, toy.images, tmp_path / "winner")
    for number in (1, 2):
        options = converted.options(tmp_path / str(number), "--shard", f"{number}/2", "--json")
        done = command("run", *options, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["not_predicted"] == 0
        assert "boxes predicted" in done.stderr, "progress goes to the log"
    merged = command("merge", "1", "2", "--output", "all", "--json", cwd=tmp_path)
    assert merged.returncode == 0, merged.stderr
    assert json.loads(merged.stdout) == {
        "shards": 2,
        "boxes": BOXES,
        "predicted": BOXES,
        "not_predicted": 0,
        "output": "all",
    }
    assert len((tmp_path / "all" / "predictions.csv").read_text().splitlines()) == BOXES + 1


def test_boxes_that_could_not_be_predicted_are_status_3(toy: Toy, tmp_path: Path) -> None:
    images = tmp_path / "images"
    shutil.copytree(toy.images, images)
    (images / "0.png").write_text("no image")
    done = command(
        "run", *Toy(toy.annotations, images, toy.checkpoint).options(tmp_path / "o"), cwd=tmp_path
    )
    assert done.returncode == 3, done.stderr
    lost = json.loads((tmp_path / "o" / "manifest.json").read_text())["not_predicted"]
    assert f"{len(lost)} boxes are not predicted; see {tmp_path}/o/manifest.json" in done.stderr
    assert f"predicted: {BOXES - len(lost)}" in done.stdout
    merged = command("merge", "o", "--output", "all", cwd=tmp_path)
    assert merged.returncode == 3, merged.stderr


def test_bad_input_is_status_2_with_every_place(toy: Toy, tmp_path: Path) -> None:
    coco = json.loads(toy.annotations.read_text())
    coco["annotations"][4]["bbox"][2] = -3
    coco["images"][1]["file_name"] = "../secret.png"
    (tmp_path / "bad.json").write_text(json.dumps(coco))
    bad = Toy(tmp_path / "bad.json", toy.images, toy.checkpoint)
    done = command("run", *bad.options(tmp_path / "o"), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "annotations[4] (id 26).bbox: has a negative size" in done.stderr
    assert "images[1] (id 101).file_name" in done.stderr
    assert not (tmp_path / "o").exists()
    assert command("run", "--annotations", "a.json", cwd=tmp_path).returncode == 2
    assert command("merge", "nowhere", "--output", "all", cwd=tmp_path).returncode == 2
    assert command("inspect", "nowhere.ckpt", cwd=tmp_path).returncode == 2


def test_a_gpu_that_is_not_there_is_status_1(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    options = toy.options(tmp_path / "o")
    options[options.index("cpu")] = "cuda"
    done = command("run", *options, cwd=tmp_path)
    assert done.returncode == 1 and "no GPU" in done.stderr
    assert not (tmp_path / "o").exists()


def test_inspect_says_what_is_in_a_checkpoint(toy: Toy, tmp_path: Path) -> None:
    done = command("inspect", toy.checkpoint, cwd=tmp_path)
    assert "name: last.ckpt" in done.stdout and "concepts: 79" in done.stdout
    found = json.loads(command("inspect", toy.checkpoint, "--json", cwd=tmp_path).stdout)
    assert found["concepts"] == list(CONCEPTS)
    assert {"name", "sha256", "size", "hyper_parameters"} <= set(found)


def test_calibrate_makes_a_file_that_run_takes(toy: Toy, tmp_path: Path) -> None:
    coco = json.loads(toy.annotations.read_text())
    for box in coco["annotations"]:
        box["category_id"] = 1 + box["id"] % 79
    (tmp_path / "labelled.json").write_text(json.dumps(coco))
    assert command("run", *toy.options(tmp_path / "o"), cwd=tmp_path).returncode == 0
    given = ("--annotations", "labelled.json", "--predictions", "o", "--output", "t.json")
    done = command("calibrate", *given, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((tmp_path / "t.json").read_text())
    options = toy.options(tmp_path / "c", "--temperature", "t.json")
    assert command("run", *options, cwd=tmp_path).returncode == 0


def test_download_is_the_projects_own_media_engine(tmp_path: Path) -> None:
    with Origin({f"{n}.png": png(4_000 + n, n) for n in range(3)}) as origin:
        urls = {name: origin.url(name) for name in origin.images}
        write_coco(tmp_path / "coco.json", {**urls, "lost.png": origin.url("lost.png")})
        given = ("--annotations", "coco.json", "--split", "test", "--destination", "mirror")
        done = command("download", *given, "--allow-private-hosts", "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        assert (result["stored"], result["missing"]) == (3, 1)
        found = {
            path.name: path.read_bytes() for path in (tmp_path / "mirror/test_images").iterdir()
        }
        assert found == origin.images
        assert command("download", "--annotations", "coco.json", cwd=tmp_path).returncode == 2
