"""Shards merge into what one run predicts, or the merge says which shard is wrong and why."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fathomnet_inference.merge import merge
from fathomnet_inference.parts import FOLDER
from fathomnet_inference.results import read_results, write_results
from fathomnet_inference.run import run
from fathomnet_inference.stop import Stop, StoppedError
from fathomnet_voxel51.errors import InputError

from tests.inference.toy import BOXES, IMAGES, Toy

pytestmark = pytest.mark.usefixtures("one_thread")
SHARDS = 3


@pytest.fixture(scope="module")
def made(toy: Toy, one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three shards of a run, one of which lacks an image."""
    folder = tmp_path_factory.mktemp("shards")
    images = folder / "images"
    shutil.copytree(toy.images, images)
    (images / "4.png").unlink()
    folders = [folder / f"{number}-of-{SHARDS}" for number in range(1, SHARDS + 1)]
    for number, output in enumerate(folders, start=1):
        run(toy.request(output, images=str(images), shard=f"{number}/{SHARDS}"))
    return folders


@pytest.fixture
def shards(made: list[Path], tmp_path: Path) -> list[Path]:
    """Copies, to be damaged."""
    return [Path(shutil.copytree(folder, tmp_path / folder.name)) for folder in made]


@pytest.fixture(scope="module")
def unsharded(made: list[Path], toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("unsharded")
    run(toy.request(output, images=str(made[0].parent / "images")))
    return output


def faults(folders: list[Path], output: Path) -> list[str]:
    with pytest.raises(InputError) as refusal:
        merge(folders, output)
    assert not (output / "manifest.json").exists()
    return [str(fault) for fault in refusal.value.faults]


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def test_shards_merge_into_what_one_run_predicts(
    shards: list[Path], unsharded: Path, tmp_path: Path
) -> None:
    output = tmp_path / "merged"
    result = merge(shards[::-1], output)
    assert (result.shards, result.boxes) == (SHARDS, BOXES)
    csv = "predictions.csv"
    assert (output / csv).read_bytes() == (unsharded / csv).read_bytes()
    (merged, manifest), (whole, whole_manifest) = read_results(output), read_results(unsharded)
    np.testing.assert_allclose(merged.probabilities, whole.probabilities, atol=1e-5)
    assert merged.rows["image_id"].equals(whole.rows["image_id"])
    assert manifest["counts"] == whole_manifest["counts"]
    assert manifest["not_predicted"] == whole_manifest["not_predicted"] != []
    of_the_whole = ("format_version", "concepts", "model", "checkpoint", "annotations", "decision")
    for member in (*of_the_whole, "taxonomy_sha256", "code_version", "settings"):
        assert manifest[member] == whole_manifest[member]
    assert [shard["shard"] for shard in manifest["shards"]] == ["1-of-3", "2-of-3", "3-of-3"]
    assert sum(shard["boxes"] for shard in manifest["shards"]) == BOXES


def test_merging_twice_gives_the_same_and_may_go_where_the_shards_lie(
    shards: list[Path], tmp_path: Path
) -> None:
    merge(shards, tmp_path)
    first = (tmp_path / "manifest.json").read_bytes()
    merge(shards, tmp_path)
    assert (tmp_path / "manifest.json").read_bytes() == first


def test_reasons_are_merged_too(toy: Toy, tmp_path: Path) -> None:
    folders = [tmp_path / "1", tmp_path / "2"]
    for number, folder in enumerate(folders, start=1):
        run(toy.request(folder, shard=f"{number}/2", decision="expected-distance"))
    merge(folders, tmp_path / "merged")
    merged = read_results(tmp_path / "merged")[0].rows.to_pandas().set_index("annotation_id")
    for folder in folders:
        rows = read_results(folder)[0].rows.to_pandas().set_index("annotation_id")
        assert merged.loc[rows.index].equals(rows)


@pytest.mark.fault(
    operator="fathomnet-infer merge",
    happens="a shard is missing",
    end="named, and nothing is merged",
)
def test_a_missing_shard_is_named(shards: list[Path], tmp_path: Path) -> None:
    assert faults(shards[:2], tmp_path / "merged") == ["shard 3/3: is missing"]
    assert faults([], tmp_path / "merged") == ["shards: none was named"]


def test_a_shard_that_is_there_twice_is_named(shards: list[Path], tmp_path: Path) -> None:
    twice = faults([*shards, shards[1]], tmp_path / "merged")
    assert twice[0] == f"{shards[1]}: is shard 2/3 again, after {shards[1]}"
    copy = Path(shutil.copytree(shards[1], tmp_path / "copy"))
    found = faults([*shards, copy], tmp_path / "merged")
    assert found[0] == f"{copy}: is shard 2/3 again, after {shards[1]}"
    assert any("annotation" in fault and f"is in {shards[1]} too" in fault for fault in found)


def test_shards_of_different_runs_do_not_fit(shards: list[Path], toy: Toy, tmp_path: Path) -> None:
    other = tmp_path / "1-of-2"
    run(toy.request(other, shard="1/2"))
    found = faults([*shards, other], tmp_path / "merged")
    assert f"{other}: is one of 2 shards, others are of 3" in found


def test_every_unfinished_shard_is_named_at_once(
    shards: list[Path], toy: Toy, tmp_path: Path
) -> None:
    stop = Stop()
    stop.asked_by = "SIGTERM"
    unfinished = tmp_path / "unfinished-1-of-3"
    with pytest.raises(StoppedError):
        run(toy.request(unfinished, shard="1/3"), stop=stop)
    never = tmp_path / "never"
    found = faults([unfinished, shards[1], never], tmp_path / "merged")
    assert [fault.split(",")[0] for fault in found] == [str(unfinished), str(never)]
    assert all("the run has not finished" in fault for fault in found)


@dataclass(frozen=True)
class Change:
    """A change of one shard's manifest, and the member that a refusal names."""

    member: str
    value: Any
    inner: str = ""


@pytest.mark.parametrize(
    "change",
    [
        Change("checkpoint", {"name": "last.ckpt", "sha256": "f" * 64}, "sha256"),
        Change("annotations", {"name": "a.json", "sha256": "f" * 64}, "sha256"),
        Change("decision", "expected-distance"),
        Change("taxonomy_sha256", "f" * 64),
        Change("code_version", "0.0.1"),
    ],
    ids=lambda change: change.member,
)
def test_shards_that_were_made_differently_do_not_mix(
    change: Change, shards: list[Path], tmp_path: Path
) -> None:
    change_manifest(shards[1], lambda manifest: manifest.update({change.member: change.value}))
    (fault,) = faults(shards, tmp_path / "merged")
    name = f"{change.member}.{change.inner}" if change.inner else change.member
    assert fault.startswith(f"{shards[1]}: {name} differs: ") and str(shards[0]) in fault


@pytest.mark.parametrize("name", ["precision", "temperature", "limit"])
def test_mixed_settings_are_refused(name: str, shards: list[Path], tmp_path: Path) -> None:
    change_manifest(shards[2], lambda manifest: manifest["settings"].update({name: 7}))
    (fault,) = faults(shards, tmp_path / "merged")
    assert fault.startswith(f"{shards[2]}: settings.{name} differs: 7 here, ")


def test_batches_may_differ_as_gpus_do(shards: list[Path], tmp_path: Path) -> None:
    change_manifest(shards[2], lambda manifest: manifest["settings"].update(batch_size=64))
    merge(shards, tmp_path / "merged")
    assert read_results(tmp_path / "merged")[1]["settings"]["batch_size"] is None


def test_boxes_that_are_in_no_shard_are_missed(shards: list[Path], tmp_path: Path) -> None:
    results, manifest = read_results(shards[0])
    short = type(results)(results.rows[1:], results.probabilities[1:])
    write_results(shards[0], short, {k: v for k, v in manifest.items() if k != "files"})
    (fault,) = faults(shards, tmp_path / "merged")
    assert fault == f"boxes: {BOXES - 1} are in the shards, the run has {BOXES}"


def test_a_shard_whose_files_were_changed_is_refused(shards: list[Path], tmp_path: Path) -> None:
    path = shards[0] / "predictions.csv"
    path.write_text(path.read_text() + "999,Porifera\n")
    (fault,) = faults(shards, tmp_path / "merged")
    assert str(shards[0]) in fault and "hash" in fault


def test_another_run_in_the_output_folder_is_left_alone(
    shards: list[Path], toy: Toy, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    run(toy.request(output, temperature="2"))
    before = (output / "manifest.json").read_bytes()
    with pytest.raises(InputError, match=r"settings\.temperature"):
        merge(shards, output)
    with pytest.raises(InputError, match="a shard, not the whole"):
        merge(shards, shards[0])
    (tmp_path / "begun" / FOLDER).mkdir(parents=True)
    with pytest.raises(InputError, match="not finished"):
        merge(shards, tmp_path / "begun")
    assert (output / "manifest.json").read_bytes() == before


def test_a_shard_without_images_takes_part(toy: Toy, tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(12)]
    results = [run(toy.request(f, shard=f"{n}/12", limit=3)) for n, f in enumerate(folders)]
    assert sum(result.images for result in results) == 3 < IMAGES
    merged = merge(folders, tmp_path / "merged")
    assert merged.predicted == sum(result.boxes for result in results)
