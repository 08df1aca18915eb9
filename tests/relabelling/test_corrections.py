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
