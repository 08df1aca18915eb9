"""What was relabelled and stands, as a table and as COCO."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.errors import DatasetError, InputError
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.relabelling import export_corrections, relabel_boxes, undo_relabel
from fathomnet_voxel51.relabelling.corrections import hides_edits_by_hand

from demo.synthetic import write_catalog

NEW, OTHER = "Scotoplanes globosa", "Sebastes"


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return write_catalog(tmp_path / "train.json", 20, 50, seed=3)


@pytest.fixture
def dataset(dataset_name: str, catalog: Path, tmp_path: Path) -> Iterator[Any]:
    ingest_dataset(dataset_name, train_annotations=catalog, media_root=str(tmp_path))
    yield fo.load_dataset(dataset_name)


def test_each_corrected_box_is_listed_once_as_it_was_first_and_is_now(
    dataset: Any, catalog: Path, tmp_path: Path
) -> None:
    relabel_boxes(dataset.limit(4), NEW)
    relabel_boxes(dataset.limit(2), OTHER, note="looked again")
    relabel_boxes(dataset.skip(10), NEW)
    undo_relabel(dataset)
    result = export_corrections(dataset, tmp_path / "out")
    content = json.loads(catalog.read_text())
    names = {one["id"]: one["name"] for one in content["categories"]}
    images = {one["id"] for one in content["images"][:4]}
    first_two = {one["id"] for one in content["images"][:2]}
    expected = {
        str(one["id"]): (
            names[one["category_id"]],
            OTHER if one["image_id"] in first_two else NEW,
            "looked again" if one["image_id"] in first_two else "",
        )
        for one in content["annotations"]
        if one["image_id"] in images
    }
    with Path(result.csv).open(newline="") as file:
        rows = list(csv.DictReader(file))
    found = {row["annotation_id"]: (row["before"], row["after"], row["note"]) for row in rows}
    assert found == {key: row for key, row in expected.items() if row[0] != row[1]}
    assert len(rows) == len(found) == result.corrections
    coco = json.loads(Path(result.coco).read_text())
    original = {one["id"]: one["bbox"] for one in content["annotations"]}
    corrected = {one["id"]: one for one in coco["categories"]}
    assert len(coco["annotations"]) == len(found)
    for one in coco["annotations"]:
        assert one["bbox"] == pytest.approx(original[one["id"]], abs=0.01)
        assert corrected[one["category_id"]]["name"] == found[str(one["id"])][1]


def test_the_licences_of_the_file_that_the_images_are_from_go_with_them(
    dataset_name: str, catalog: Path, tmp_path: Path
) -> None:
    content = json.loads(catalog.read_text())
    content["licenses"] = [
        {"id": 4, "name": "CC BY 4.0", "url": "https://creativecommons.org/licenses/by/4.0/"},
        {"id": 7, "name": "of no image", "url": ""},
    ]
    content["images"] = [one | {"license": 4} for one in content["images"]]
    catalog.write_text(json.dumps(content))
    ingest_dataset(dataset_name, train_annotations=catalog, media_root=str(tmp_path))
    dataset = fo.load_dataset(dataset_name)
    relabel_boxes(dataset.limit(2), NEW)
    coco = json.loads(Path(export_corrections(dataset, tmp_path / "out").coco).read_text())
    assert coco["licenses"] == [content["licenses"][0] | {"id": 1}]


def test_nothing_relabelled_gives_empty_files(dataset: Any, tmp_path: Path) -> None:
    result = export_corrections(dataset, tmp_path / "out")
    assert result.corrections == 0
    assert Path(result.csv).read_text().count("\n") == 1
    assert json.loads(Path(result.coco).read_text())["annotations"] == []


def test_a_folder_that_is_not_named_or_not_writable_is_said(dataset: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name the folder"):
        export_corrections(dataset, "")
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="cannot be written"):
        export_corrections(dataset, tmp_path / "file" / "out")


def rows_of(result: Any) -> dict[tuple[str, str], dict[str, str]]:
    """By the box's number, or for one that has none its label: the rows of the table."""
    with Path(result.csv).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == result.corrections
    return {(row["annotation_id"], row["after"]): row for row in rows}


def test_what_a_person_edits_in_the_app_itself_is_in_the_corrections(
    dataset: Any, catalog: Path, tmp_path: Path, either_way: str
) -> None:
    """As FiftyOne's own Annotate tab does it: the image's boxes are changed and saved."""
    assert export_corrections(dataset, tmp_path / "before").corrections == 0
    content = json.loads(catalog.read_text())
    names = {one["id"]: one["name"] for one in content["categories"]}
    numbers = [one["id"] for one in content["annotations"]]
    truth = {one["id"]: names[one["category_id"]] for one in content["annotations"]}
    renamed, moved, both, deleted, again = numbers[:5]
    changed: dict[int, str] = {}
    for sample in dataset.iter_samples(autosave=True):
        boxes = sample.ground_truth.detections if sample.ground_truth else []
        for box in boxes:
            number = box.annotation_id
            if number in (renamed, both):
                changed[number] = box.label = NEW if truth[number] != NEW else OTHER
            if number in (moved, both):
                box.bounding_box = [box.bounding_box[0] / 2 + 0.01, *box.bounding_box[1:]]
            if number == again:
                box.bounding_box = [side * (1 + 1e-9) for side in box.bounding_box]
        if any(box.annotation_id == deleted for box in boxes):
            kept = [box for box in boxes if box.annotation_id != deleted]
            added = fo.Detection(label="Aegina", bounding_box=[0.1, 0.2, 0.3, 0.4])
            sample.ground_truth = fo.Detections(detections=[*kept, added])
    result = export_corrections(dataset, tmp_path / "out")
    rows = rows_of(result)
    assert {key: (row["before"], row["change"]) for key, row in rows.items()} == {
        (str(renamed), changed[renamed]): (truth[renamed], "relabelled"),
        (str(moved), truth[moved]): (truth[moved], "moved"),
        (str(both), changed[both]): (truth[both], "relabelled and moved"),
        (str(deleted), ""): (truth[deleted], "deleted"),
        ("", "Aegina"): ("", "added"),
    }
    assert {row["journal"] for row in rows.values()} == {""}
    coco = json.loads(Path(result.coco).read_text())
    ids = [one["id"] for one in coco["annotations"]]
    assert {*ids} >= {renamed, moved, both}
    assert deleted not in ids
    assert len(set(ids)) == 4
    (new,) = set(ids) - {renamed, moved, both}
    assert new not in numbers[:5]


def test_who_relabelled_is_said_until_a_hand_gives_another_name(
    dataset: Any, tmp_path: Path
) -> None:
    relabel_boxes(dataset.limit(2), NEW, note="seen twice")
    found = rows_of(export_corrections(dataset, tmp_path / "out"))
    assert {row["note"] for row in found.values()} == {"seen twice"}
    number = next(iter(found))[0]
    for sample in dataset.limit(2).iter_samples(autosave=True):
        for box in sample.ground_truth.detections:
            if str(box.annotation_id) == number:
                box.label = OTHER
    after = rows_of(export_corrections(dataset, tmp_path / "out"))
    assert len(after) == len(found)
    by_hand = after[number, OTHER]
    assert (by_hand["note"], by_hand["journal"], by_hand["user"]) == ("", "", "")
    assert by_hand["before"] == found[number, NEW]["before"]
    assert {row["note"] for key, row in after.items() if key[0] != number} == {"seen twice"}


def test_a_dataset_of_an_earlier_version_says_what_it_does_not_know_until_it_is_ingested_again(
    dataset: Any, dataset_name: str, catalog: Path, tmp_path: Path
) -> None:
    record = dataset.get_run_info("ingest_train").config.serialize()
    earlier = {k: v for k, v in record.items() if k not in ("boxes_kept", "method", "cls", "type")}
    dataset.delete_run("ingest_train")
    dataset.register_run("ingest_train", dataset.init_run(method="ingest_dataset", **earlier))
    sample = dataset.match(fo.ViewField("ground_truth.detections").length() > 0).first()
    sample.ground_truth.detections[0].label = "Aegina"
    sample.save()
    relabel_boxes(dataset.skip(5).limit(3), NEW)
    by_journal = export_corrections(dataset, tmp_path / "out")
    assert hides_edits_by_hand(dataset)
    assert {row["change"] for row in rows_of(by_journal).values()} == {"relabelled"}
    ingest_dataset(dataset_name, train_annotations=catalog, media_root=str(tmp_path))
    dataset.reload()
    assert not hides_edits_by_hand(dataset)
    assert export_corrections(dataset, tmp_path / "out").corrections == by_journal.corrections + 1
