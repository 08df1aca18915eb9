"""A run ends in the same files however often it was interrupted, or is refused before any."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fathomnet_inference.cli import CONTINUE, main
from fathomnet_inference.decide import probabilities
from fathomnet_inference.merge import merge
from fathomnet_inference.parts import FOLDER
from fathomnet_inference.results import read_results
from fathomnet_inference.run import RunResult, run
from fathomnet_inference.stop import Stop, StoppedError
from fathomnet_voxel51.errors import InputError, SetupError
from PIL import Image

from tests.inference.toy import BOXES, CONCEPTS, IMAGES, Toy, make_toy
from tests.inference.winner import FIXTURE, needs_fixture
from tests.support.forking import forking

PREDICTIONS = ("predictions.csv", "predictions.parquet")
OF_A_MOMENT = {"started", "finished", "slurm"}


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def undisturbed(toy: Toy, one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("undisturbed")
    run(toy.request(output))
    return output


@pytest.fixture
def damaged(toy: Toy, tmp_path: Path) -> Toy:
    """The toy with images of its own, one of them missing and one cut off."""
    images = tmp_path / "images"
    shutil.copytree(toy.images, images)
    (images / "3.png").unlink()
    (images / "5.png").write_bytes((toy.images / "5.png").read_bytes()[:500])
    return Toy(toy.annotations, images, toy.checkpoint)


def manifest_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "manifest.json").read_text())


def assert_same_run(one: Path, other: Path) -> None:
    """Byte for byte, apart from times."""
    for name in PREDICTIONS:
        assert (one / name).read_bytes() == (other / name).read_bytes()
    manifests = [manifest_of(folder) for folder in (one, other)]
    for manifest in manifests:
        for name in OF_A_MOMENT:
            del manifest[name]
    assert manifests[0] == manifests[1]
    assert {path.name for path in one.iterdir()} == {path.name for path in other.iterdir()}


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def stop_after(parts: int, output: Path) -> tuple[Stop, Callable[[float, str], None]]:
    """A stop, and a progress callback that asks for it once so many parts are kept."""
    stop = Stop()

    def progress(share: float, label: str) -> None:
        if len(list((output / FOLDER).glob("part-*.npz"))) >= parts:
            stop.asked_by = "SIGUSR1"

    return stop, progress


def test_a_run_leaves_the_files_of_the_contract_and_nothing_else(undisturbed: Path) -> None:
    assert {path.name for path in undisturbed.iterdir()} == {*PREDICTIONS, "manifest.json"}
    results, manifest = read_results(undisturbed)
    assert results.rows.to_pandas()["annotation_id"].tolist() == list(range(1, BOXES + 1))
    assert results.rows.to_pandas()["image_id"].tolist() == [
        100 + (BOXES - box) % IMAGES for box in range(1, BOXES + 1)
    ]
    assert manifest["concepts"] == list(CONCEPTS)
    assert manifest["counts"] == {
        "images": IMAGES,
        "boxes": BOXES,
        "predicted": BOXES,
        "not_predicted": 0,
        "boxes_of_all_shards": BOXES,
        "decisions": {"argmax": BOXES},
    }
    assert manifest["settings"] == {
        "precision": "fp32",
        "batch_size": 2,
        "boxes_a_part": 4,
        "temperature": 1.0,
        "limit": None,
        "shard": "",
    }
    assert (manifest["device"], manifest["decision"]) == ("cpu", "argmax")


def test_a_finished_run_is_left_alone(toy: Toy, undisturbed: Path) -> None:
    before = contents(undisturbed)
    again = run(toy.request(undisturbed))
    assert contents(undisturbed) == before
    assert (again.boxes, again.predicted, again.not_predicted) == (BOXES, BOXES, 0)


@pytest.mark.parametrize("parts", [0, 1, 4])
def test_a_run_that_is_stopped_goes_on_where_it_was(
    parts: int, toy: Toy, undisturbed: Path, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    stop, progress = stop_after(parts, output)
    with pytest.raises(StoppedError, match="boxes are kept; run it again"):
        run(toy.request(output), progress, stop)
    kept = {path.name: path.stat().st_mtime_ns for path in (output / FOLDER).glob("part-*")}
    # The part at work when it is asked to stop is finished.
    assert len(kept) in (parts, parts + 1)
    assert not (output / "manifest.json").exists()
    run(toy.request(output, precision="auto", batch_size=None))
    assert_same_run(output, undisturbed)


def test_a_run_that_is_stopped_at_every_part_still_arrives(
    toy: Toy, undisturbed: Path, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    for parts in range(1, BOXES):
        try:
            run(toy.request(output), *reversed(stop_after(parts, output)))
            break
        except StoppedError:
            assert len(list((output / FOLDER).glob("part-*"))) <= parts + 1
    assert_same_run(output, undisturbed)


def command(options: Sequence[str]) -> None:
    """The command line of a run, for a process of its own."""
    torch.set_num_threads(1)
    main(["run", *options])


@pytest.mark.fault(
    operator="fathomnet-infer run",
    happens="it is killed, or told to stop, in the middle",
    end="run again, the predictions of an undisturbed run",
)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1])
def test_a_process_that_is_ended_goes_on_where_it_was(
    number: signal.Signals, toy: Toy, undisturbed: Path, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    process = forking.Process(target=command, args=(toy.options(output),))
    process.start()
    while process.is_alive() and not list(output.glob(f"{FOLDER}/part-*.npz")):
        time.sleep(0.005)
    os.kill(process.pid, number)
    process.join()
    assert process.exitcode == (-signal.SIGKILL if number == signal.SIGKILL else CONTINUE)
    assert not (output / "manifest.json").exists()
    run(toy.request(output))
    assert_same_run(output, undisturbed)


@pytest.mark.fault(
    operator="fathomnet-infer run",
    happens="finished parts are cut short, emptied or overwritten",
    end="predicted again; the predictions of an undisturbed run",
)
def test_a_part_that_was_damaged_is_predicted_again(
    toy: Toy, undisturbed: Path, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    with pytest.raises(StoppedError):
        run(toy.request(output), *reversed(stop_after(3, output)))
    first, second, third, *_ = sorted((output / FOLDER).glob("part-*.npz"))
    first.write_bytes(first.read_bytes()[:-100])
    second.write_bytes(b"")
    third.write_bytes((output / FOLDER / "run.json").read_bytes())
    run(toy.request(output))
    assert_same_run(output, undisturbed)


def test_an_image_that_cannot_be_read_costs_its_own_boxes(
    damaged: Toy, undisturbed: Path, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    result = run(damaged.request(output))
    lost = manifest_of(output)["not_predicted"]
    on_them = [box for box in range(1, BOXES + 1) if (BOXES - box) % IMAGES in (3, 5)]
    assert [box["annotation_id"] for box in lost] == on_them
    assert {box["image_id"] for box in lost} == {103, 105}
    assert all(box["reason"] for box in lost)
    assert (result.predicted, result.not_predicted) == (BOXES - len(on_them), len(on_them))
    rows, whole = (
        read_results(output)[0].rows.to_pandas(),
        read_results(undisturbed)[0].rows.to_pandas(),
    )
    names = dict(zip(whole["annotation_id"], whole["concept_name"], strict=True))
    assert set(rows["annotation_id"]) == set(names) - set(on_them)
    assert all(
        names[box] == name for box, name in zip(rows.iloc[:, 0], rows.iloc[:, 2], strict=True)
    )


def test_data_of_a_camera_with_12_bits_are_noted_by_run_and_merge_and_after_a_stop(
    toy: Toy, tmp_path: Path
) -> None:
    images = tmp_path / "images"
    shutil.copytree(toy.images, images)
    values = np.linspace(0, 4095, 64 * 48).reshape(48, 64).astype(np.uint16)
    for name in ("0.png", "11.png"):
        Image.fromarray(values).save(images / name)
    note = "12-bit data in 16 bits, of which the high byte is seen: nearly black"
    camera = Toy(toy.annotations, images, toy.checkpoint)
    stop, progress = stop_after(2, tmp_path / "whole")
    with pytest.raises(StoppedError):
        run(camera.request(tmp_path / "whole"), progress, stop)
    result = run(camera.request(tmp_path / "whole"))
    noted = [f"0.png: {note}", f"11.png: {note}"]
    assert (result.predicted, result.notes) == (
        BOXES,
        ("2 images are noted in the manifest", *noted),
    )
    assert manifest_of(tmp_path / "whole")["notes"] == noted
    parts = [tmp_path / str(number) for number in (1, 2)]
    for number, part in enumerate(parts, 1):
        run(camera.request(part, shard=f"{number}/2"))
    merge(parts, tmp_path / "merged")
    assert sorted(manifest_of(tmp_path / "merged")["notes"]) == noted


def test_once_the_images_are_there_the_run_is_completed(
    damaged: Toy, toy: Toy, undisturbed: Path, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    run(damaged.request(output))
    before = contents(output)
    assert run(damaged.request(output)).not_predicted > 0
    after = contents(output)
    assert {name: after[name] for name in after if FOLDER not in name} == {
        name: before[name] for name in before if FOLDER not in name
    }, "nothing new was found, so nothing is written"
    for name in ("3.png", "5.png"):
        shutil.copy(toy.images / name, damaged.images / name)
    assert run(damaged.request(output)).not_predicted == 0
    assert_same_run(output, undisturbed)


def test_a_run_without_a_single_readable_image_ends_all_the_same(toy: Toy, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    result = run(toy.request(tmp_path / "output", images=str(empty)))
    assert (result.predicted, result.not_predicted) == (0, BOXES)
    assert (tmp_path / "output" / "predictions.csv").read_text() == "annotation_id,concept_name\n"


def test_expected_distance_says_why_in_a_file_of_its_own(toy: Toy, tmp_path: Path) -> None:
    run(toy.request(tmp_path, decision="expected-distance", temperature="3"))
    results, manifest = read_results(tmp_path)
    assert "decisions.csv" in manifest["files"]
    assert manifest["settings"]["temperature"] == 3
    tally = manifest["counts"]["decisions"]
    assert sum(tally.values()) == BOXES and any("rolled up" in reason for reason in tally)
    rolled = results.rows.to_pandas()[results.rows.to_pandas()["reason"] != "argmax"]
    assert (rolled["concept_name"] != rolled["argmax"]).all()
    likeliest = [CONCEPTS[at] for at in results.probabilities.argmax(axis=1)]
    assert results.rows.to_pandas()["argmax"].tolist() == likeliest


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ({"decision": "expected-distance"}, "decision"),
        ({"temperature": "2"}, "settings.temperature"),
        ({"batch_size": 3}, "settings.batch_size"),
        ({"precision": "bf16"}, "settings.precision"),
        ({"shard": "1/2"}, "settings.shard"),
        ({"limit": 5}, "settings.limit"),
        ({"annotations": "other"}, "annotations.sha256"),
        ({"checkpoint": "other"}, "checkpoint.sha256"),
    ],
    ids=str,
)
@pytest.mark.parametrize("state", ["unfinished", "finished"])
def test_another_run_is_not_mixed_into_the_same_folder(
    state: str, change: dict[str, Any], member: str, toy: Toy, undisturbed: Path, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    if state == "finished":
        shutil.copytree(undisturbed, output)
    else:
        with pytest.raises(StoppedError):
            run(toy.request(output), *reversed(stop_after(1, output)))
    if "annotations" in change:
        other = tmp_path / "other.json"
        other.write_text(toy.annotations.read_text() + " ")
        change = {"annotations": str(other)}
    if "checkpoint" in change:
        change = {"checkpoint": str(make_toy(tmp_path / "other", seed=1).checkpoint)}
    before = contents(output)
    with pytest.raises(InputError) as refusal:
        run(toy.request(output, **change))
    assert member in [fault.place for fault in refusal.value.faults]
    assert contents(output) == before


def test_a_renamed_file_is_still_the_same(toy: Toy, undisturbed: Path, tmp_path: Path) -> None:
    renamed = tmp_path / "renamed.json"
    shutil.copy(toy.annotations, renamed)
    assert run(toy.request(undisturbed, annotations=str(renamed))).predicted == BOXES


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"images": "/no"}, "images"),
        ({"images": ""}, "images"),
        ({"output": ""}, "output"),
        ({"shard": "4/3"}, "shard"),
        ({"limit": 0}, "limit"),
        ({"batch_size": 0}, "batch_size"),
        ({"workers": -1}, "workers"),
        ({"decision": "vote"}, "decision"),
        ({"temperature": "0"}, "temperature"),
        ({"temperature": "nan"}, "temperature"),
        ({"temperature": "warm.json"}, "file"),
        ({"annotations": "/no.json"}, "file"),
        ({"checkpoint": "/no.ckpt"}, "path"),
    ],
    ids=str,
)
def test_bad_input_is_refused_and_nothing_is_written(
    change: dict[str, Any], place: str, toy: Toy, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as refusal:
        run(replace(toy.request(tmp_path / "output"), **change))
    assert [fault.place for fault in refusal.value.faults] == [place]
    assert not (tmp_path / "output").exists()


@pytest.mark.fault(
    operator="fathomnet-infer run",
    happens="a second process begins in the same folder",
    end="refused, in words; the first arrives",
)
def test_two_processes_do_not_work_in_one_folder(toy: Toy, tmp_path: Path) -> None:
    refusals = []

    def progress(share: float, label: str) -> None:
        if "predicting" in label and not refusals:
            with pytest.raises(SetupError, match="another process") as refusal:
                run(toy.request(tmp_path))
            refusals.append(refusal)

    assert run(toy.request(tmp_path), progress).predicted == BOXES
    assert refusals


def test_progress_goes_up_to_the_end_and_names_what_is_done(damaged: Toy, tmp_path: Path) -> None:
    heard: list[tuple[float, str]] = []
    result = run(damaged.request(tmp_path / "output"), lambda *said: heard.append(said))
    shares = [share for share, _ in heard]
    assert shares == sorted(shares) and shares[-1] == 1.0
    labels = [label for _, label in heard if label.startswith("predicting")]
    assert labels[-1].startswith(f"predicting {BOXES}/{BOXES} boxes, ")
    assert isinstance(result, RunResult)
    assert heard[-1][1] == f"{result.predicted} of {BOXES} boxes predicted"


@needs_fixture
@pytest.mark.parametrize("batch_size", [5, 22])
def test_the_fixture_gets_the_names_of_the_original_program(
    batch_size: int, tmp_path: Path
) -> None:
    fixture = Toy(FIXTURE / "dataset_test.json", FIXTURE / "images", FIXTURE / "last.ckpt")
    run(fixture.request(tmp_path, batch_size=batch_size))
    results, manifest = read_results(tmp_path)
    logits = np.load(FIXTURE / "logits_f64.npy")  # rows in the order of the annotations, 1 to 22
    assert results.rows.to_pandas()["annotation_id"].tolist() == list(range(1, 23))
    names = [manifest["concepts"][at] for at in logits.argmax(axis=1)]
    assert results.rows.to_pandas()["concept_name"].tolist() == names
    expected = probabilities(logits)
    np.testing.assert_allclose(results.probabilities, expected, atol=1e-4)
