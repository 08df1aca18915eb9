"""The how-to pages, followed to the letter: their commands run, in order, and do what they say."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import fiftyone as fo
import fiftyone.operators as foo
import numpy as np
import pytest
from fathomnet_voxel51.command_line.main import main as voxel51
from fathomnet_voxel51.command_line.terminal import BAD_INPUT
from PIL import Image

from tests.support.reader import Reader
from tests.support.served import serving

SIDE: Final = 200
CONCEPTS: Final = ("Sebastes", "Lionfish", "Brain coral")
"""The taxonomy knows the first."""
BOXES: Final = 36


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the reader is, with the files that the pages speak of."""
    before = dict(os.environ)
    monkeypatch.chdir(tmp_path)
    os.environ["FATHOMNET_LEDGERS"] = str(tmp_path / "ledgers")
    write_reef(tmp_path)
    yield tmp_path
    os.environ.clear()
    os.environ.update(before)
    for name in ("reef", "reef-voc"):
        if fo.dataset_exists(name):
            fo.delete_dataset(name)


def write_reef(folder: Path, url: str | None = None) -> None:
    """Somebody's own dataset: two sites, an image with a box of each name."""
    dice = np.random.default_rng(7)
    (folder / "photos").mkdir(exist_ok=True)
    images, annotations = [], []
    names = [f"{site}-{number:04}.png" for site in ("north", "south") for number in range(6)]
    for image, name in enumerate(names):
        pixels = dice.integers(0, 60, (SIDE, SIDE, 3), dtype=np.uint8)
        for kind in range(len(CONCEPTS)):
            box = {"image_id": image, "category_id": kind, "bbox": [10 + 60 * kind, 40, 50, 50]}
            pixels[40:90, 10 + 60 * kind : 60 + 60 * kind, kind] = 255
            annotations.append({"id": len(annotations), **box})
        Image.fromarray(pixels).save(folder / "photos" / name)
        source = {"coco_url": f"{url}/{name}"} if url else {}
        size = {"width": SIDE, "height": SIDE}
        images.append({"id": image, "file_name": name, **size, **source})
    categories = [{"id": number, "name": name} for number, name in enumerate(CONCEPTS)]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "reef.json").write_text(json.dumps(document))


def write_voc(folder: Path) -> None:
    """The same photographs in another program's format, by FiftyOne's own exporter."""
    photos = sorted((folder / "photos").iterdir())
    box = fo.Detection(label="Sebastes", bounding_box=[0.05, 0.2, 0.25, 0.25])
    truth = fo.Detections(detections=[box])
    made = fo.Dataset()
    made.add_samples(
        [fo.Sample(filepath=str(photo), ground_truth=truth.copy()) for photo in photos]
    )
    kind = fo.types.VOCDetectionDataset
    made.export(str(folder / "reef-voc"), dataset_type=kind, label_field="ground_truth")
    made.delete()


def operator(name: str) -> Any:
    return foo.get_operator(f"@fathomnet/voxel51/{name}")


def test_own_coco(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_voc(folder)
    reader = Reader("docs/howto-own-coco.md", capsys)
    reader.follow("shell", "python")
    ingested, labelled, ranked, embedded, indexed, doubted, reported, split = reader.results
    assert (ingested["samples"], ingested["boxes"], labelled["labelled"]) == (12, BOXES, 12)
    strangers = ["Brain coral", "Lionfish"]
    assert ranked == {"boxes": 12, "unknown_concepts": strangers, "by_part": []}
    assert (embedded["skipped"], indexed["indexed"], doubted["scored"]) == (0, BOXES, BOXES)
    assert "Lionfish" in reported["markdown"] and (folder / "reef-card/data-card.html").is_file()
    assert (split["train"], split["val"], split["dives"], split["leaks"]) == (6, 6, 2, [])
    assert fo.load_dataset("reef-voc").count_values("ground_truth.detections.label") == {
        "Sebastes": 12
    }
    dataset = fo.load_dataset("reef")
    assert dataset.count_values("media_status") == {"ok": 12}

    lines = "".join(f"{number},{CONCEPTS[number % 3]}\n" for number in range(BOXES))
    (folder / "all.csv").write_text("annotation_id,concept_name\n" + lines)
    operator("import_predictions")(dataset, predictions="all.csv", split="train")
    scored = operator("evaluate_predictions")(dataset)
    assert (scored["accuracy"], scored["mean_taxonomic_distance"]) == (1.0, 0.0)
    assert (scored["boxes"], scored["boxes_without_distance"]) == (BOXES, BOXES * 2 // 3)
    assert sorted(scored["unknown_names"]) == ["Brain coral", "Lionfish"]
    (folder / "other.csv").write_text("annotation_id,concept_name\n0,Pterois\n")
    dataset.save_view("north", dataset.match(fo.ViewField("dive") == "north"))
    on_reef = ["--dataset", "reef"]
    north = ["relabel-boxes", *on_reef, "--view", "north", "--label"]
    for refused in (
        ["import-predictions", *on_reef, "--predictions", "other.csv", "--split", "train"],
        [*north, "Pterois"],
    ):
        with pytest.raises(SystemExit) as ended:
            voxel51(refused, standalone_mode=False)
        assert ended.value.code == BAD_INPUT
        assert "Pterois" in capsys.readouterr().err
    voxel51([*north, "Lionfish", "--json"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out)["changed"] == 12


def test_own_predictions(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "reef").mkdir()
    (folder / "photos").rename(folder / "reef/train_images")
    operator("ingest_dataset")(
        dataset_name="reef", train_annotations="reef.json", media_root=str(folder / "reef")
    )
    (folder / "mine.csv").write_text("annotation_id,concept_name\n0,Sebastes\n1,Lionfish\n")
    shares = np.full((BOXES, 3), 0.1)
    shares[np.arange(BOXES), np.arange(BOXES) % 3] = 0.8
    shares[0] = 0.1, 0.8, 0.1
    np.save(folder / "probabilities.npy", shares)
    reader = Reader("docs/howto-own-predictions.md", capsys)
    # The page's files are made by its code; all of it comes before the commands that read them.
    reader.follow("python")
    reader.follow("shell")
    two, of_two, run, of_run, doubted, of_detector = reader.results
    assert (two["imported"], two["boxes_without_prediction"]) == (2, 34)
    assert (of_two["boxes"], of_two["boxes_without_prediction"]) == (BOXES, 34)
    assert (run["imported"], of_run["accuracy"]) == (BOXES, 35 / BOXES)
    assert (doubted["signals"], doubted["scored"]) == (["probabilities"], BOXES)
    assert of_detector["boxes_without_prediction"] == 24
    assert of_detector["predictions_without_box"] == 0
    assert of_detector["mean_taxonomic_distance_of_predicted"] == 0.0


def test_a_private_bucket(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader("docs/howto-private-bucket.md", capsys)

    def another_terminal(line: str) -> str:
        name, _, value = line.removeprefix("export ").partition("=")
        os.environ[name] = value
        reader.follow("shell")
        return ""

    monkeypatch.setattr("builtins.input", another_terminal)
    with serving(folder / "photos") as url:
        write_reef(folder, url)
        reader.follow("python")
    checked, refused, uploaded, downloaded, ingested, again = reader.results
    states = {check["name"]: check["status"] for check in checked["checks"]}
    assert "fail" not in states.values()
    assert (refused["rejected"], refused["stored"]) == (12, 0)
    assert (uploaded["stored"], downloaded["stored"]) == (12, 12)
    assert len(list((folder / "bucket/my-bucket/fathomnet/train_images").iterdir())) == 12
    assert ingested["samples_added"] == 12
    assert again["upload_images"]["train"]["present"] == 12
    assert again["ingest_dataset"]["samples_added"] == 0
    dataset = fo.load_dataset("reef")
    assert dataset.count_values("media_status") == {"ok": 12}
    assert dataset.first().media_uri == "gs://my-bucket/fathomnet/train_images/north-0000.png"
    assert dataset.first().filepath.startswith(str(Path("~/reef-mirror").expanduser()))
