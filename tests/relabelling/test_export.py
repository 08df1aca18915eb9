"""What goes out comes back: exports have the catalogs' numbers, and COCO's tools read them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fathomnet_voxel51.errors import DatasetError, InputError
from fathomnet_voxel51.ingest import ingest_crops, ingest_dataset
from fathomnet_voxel51.relabelling import (
    check_corrections,
    check_dataset_export,
    export_corrections,
    export_dataset,
    relabel_boxes,
    set_label_map,
    undo_relabel,
)
from fathomnet_voxel51.relabelling.export import pixels_of
from fathomnet_voxel51.relabelling.journal import acting_as
from fathomnet_voxel51.review import review_labels
from hypothesis import given
from hypothesis import strategies as st
from pycocotools.coco import COCO

from tests.support.stored import PASSING, documents, schema

BY, NC = "CC BY 4.0", "CC BY-NC-ND 4.0"
CATALOGS: dict[str, dict[str, Any]] = {
    # Ids of boxes begin at 1 in either split, those of categories at 0, with a gap.
    "train": {
        "info": {"year": 2025, "contributor": "MBARI"},
        "licenses": [{"id": 4, "name": NC, "url": ""}, {"id": "by", "name": BY, "url": "https://l"}],
        "images": [
            {"id": 7, "file_name": "a/7.png", "width": 1921, "height": 1079, "license": 4,
             "coco_url": "https://host.org/a/7.png", "date_captured": "2014-06-12 08:30:00"},
            {"id": 3, "file_name": "3.png", "width": 333, "height": 77, "license": "by"},
            {"id": 5, "file_name": "5.png", "width": 10, "height": 10, "license": 99},
        ],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 0, "bbox": [1042.0, 221.0, 86.3, 90.1],
             "area": 7000.5, "iscrowd": 0},
            {"id": 2, "image_id": 7, "category_id": 12, "bbox": [-6, 5, 20, 10], "iscrowd": 1},
            {"id": 9, "image_id": 3, "category_id": 5, "bbox": [0.1, 0.2, 400, 76.7]},
        ],
        "categories": [
            {"id": 0, "name": "ROV basket"}, {"id": 5, "name": "Caridea"},
            {"id": 12, "name": "Sebastes"}, {"id": 13, "name": "no box has this"},
        ],
    },
    "test": {
        "images": [{"id": 7, "file_name": "t.png", "width": 640, "height": 480}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": None, "bbox": [1 / 3, 2 / 3, 100, 50.5]},
            {"id": 2, "image_id": 7, "category_id": 5, "bbox": [10, 20, 30, 40]},
        ],
        "categories": [{"id": 5, "name": "Caridea"}, {"id": 6, "name": "Sebastes"}],
    },
}  # fmt: skip
NEW = "Scotoplanes globosa"


def ingest(name: str, folder: Path, catalogs: dict[str, dict[str, Any]]) -> Any:
    files = {}
    for split, content in catalogs.items():
        path = folder / f"{name}-{split}.json"
        path.write_text(json.dumps(content))
        files[f"{split}_annotations"] = str(path)
    ingest_dataset(name, **files)
    return fo.load_dataset(name)


@pytest.fixture
def dataset(dataset_name: str, tmp_path: Path) -> Iterator[Any]:
    yield ingest(dataset_name, tmp_path, CATALOGS)


def what_is_stored(dataset: Any) -> list[dict[str, Any]]:
    """The samples without what depends on when and where they were made."""
    passing = ("_dataset_id", "created_at", "last_modified_at", "filepath")
    return [
        {name: value for name, value in one.items() if name not in passing}
        for one in documents(dataset)
    ]


def loaded(file: str | Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path(file).read_text())
    return content


def test_an_exported_dataset_ingested_again_is_the_same(
    dataset: Any, tmp_path: Path, either_way: str
) -> None:
    result = export_dataset(dataset, tmp_path / "out")
    assert (result.images, result.boxes) == (4, 5)
    names = ["exported_test.json", "exported_train.json"]
    assert [Path(file).name for file in result.files] == names
    exported = {split: loaded(tmp_path / "out" / f"exported_{split}.json") for split in CATALOGS}
    again = ingest(f"{dataset.name}-again", tmp_path, exported)
    try:
        assert what_is_stored(again) == what_is_stored(dataset)
        before, after = (
            one.get_run_info("ingest_train").config.serialize() for one in (dataset, again)
        )
        same = ("images", "boxes", "concepts", "licences", "categories", "licensed")
        assert {name: before[name] for name in same} == {name: after[name] for name in same}
        export_dataset(again, tmp_path / "again")
        for name in names:
            once, twice = (tmp_path / folder / name for folder in ("out", "again"))
            assert once.read_bytes() == twice.read_bytes()
    finally:
        again.delete()


def test_exported_numbers_urls_and_licences_are_the_catalogs(dataset: Any, tmp_path: Path) -> None:
    export_dataset(dataset, tmp_path)
    for split, catalog in CATALOGS.items():
        content = loaded(tmp_path / f"exported_{split}.json")
        assert content["categories"] == catalog["categories"]
        assert content["licenses"] == catalog.get("licenses", [])
        assert content["images"] == catalog["images"]
        there = {one["id"]: one for one in catalog["annotations"]}
        assert [one["id"] for one in content["annotations"]] == list(there)
        for one in content["annotations"]:
            written = there[one["id"]]
            assert one["category_id"] == written["category_id"]
            assert one["image_id"] == written["image_id"]
            if one["id"] in {2, 9} and split == "train":
                continue  # cut at the edge of their images
            assert one["bbox"] == pytest.approx(written["bbox"], abs=1e-9)


def test_cocos_own_tools_read_an_export(dataset: Any, tmp_path: Path) -> None:
    relabel_boxes(dataset.match({"split": "train"}).limit(1), NEW)
    export_dataset(dataset, tmp_path)
    coco = COCO(tmp_path / "exported_train.json")
    (new,) = coco.getCatIds(catNms=[NEW])
    assert new == 14  # after the last of the catalog
    assert coco.getAnnIds(imgIds=[7], catIds=[new]) == [1, 2]
    assert coco.loadImgs([7])[0]["coco_url"] == "https://host.org/a/7.png"
    assert COCO(tmp_path / "exported_test.json").getAnnIds(catIds=[5]) == [2]
    ours = loaded(tmp_path / "exported_train.json")["annotations"]
    results = [one | {"score": 0.5} for one in ours if one["image_id"] == 7]
    assert len(coco.loadRes(results).getAnnIds()) == 2


def test_corrections_of_two_splits_are_two_files_with_the_catalogs_numbers(
    dataset: Any, tmp_path: Path
) -> None:
    relabel_boxes(dataset.view(), "Sebastes")
    told = check_corrections(dataset, tmp_path)
    result = export_corrections(dataset, tmp_path)
    # Box 2 of train was a Sebastes before.
    assert result.corrections == 4
    assert [Path(file).name for file in result.files] == [
        "corrections_test.json",
        "corrections_train.json",
    ]
    assert result.coco == result.files[0]
    assert told == {
        Path(result.csv): 4, Path(result.files[0]): 2, Path(result.files[1]): 2,
    }  # fmt: skip
    for split, boxes, category in (("test", [1, 2], 6), ("train", [1, 9], 12)):
        coco = COCO(tmp_path / f"corrections_{split}.json")
        assert sorted(coco.getAnnIds()) == boxes
        assert {one["category_id"] for one in coco.loadAnns(boxes)} == {category}
        assert coco.loadCats([5])[0]["name"] == "Caridea"
    corrected = loaded(result.files[1])
    names = {one["id"]: one["name"] for one in corrected["licenses"]}
    assert {one["id"]: names[one["license"]] for one in corrected["images"]} == {7: NC, 3: BY}


def test_files_of_an_earlier_export_do_not_stay_beside_the_new_ones(
    dataset: Any, tmp_path: Path
) -> None:
    relabel_boxes(dataset.view(), "Sebastes")
    (tmp_path / "corrections_mine.json").write_text("{}")
    for view, names in (
        (None, ["corrections_test.json", "corrections_train.json"]),
        (dataset.match({"split": "train"}), ["corrections.json"]),
        (dataset.view(), ["corrections_test.json", "corrections_train.json"]),
    ):
        if view is not None:
            undo_relabel(dataset)
            relabel_boxes(view, "Sebastes")
        export_corrections(dataset, tmp_path)
        there = sorted(path.name for path in tmp_path.glob("corrections*.json"))
        assert there == sorted([*names, "corrections_mine.json"])


def test_an_exported_table_of_crops_is_read_back_unchanged(
    dataset_name: str, tmp_path: Path, either_way: str
) -> None:
    tables = {
        "train": {
            "roi": ["rois/=a.png", "rois/b.png", "c.png"],
            "species": ["sebastes", "@a new one", None],
            "confidence": [0.1, 1 / 3, None],
            "label_2": ["Aegina", None, None],
            "confidence_2": [0.05, None, None],
            "external_id": ["x-1", "-2", "=3"],
            "annotation_id": [11, 7, 900],
            "width": [64, 48, None],
            "height": [64, 48, None],
            "date_captured": ["2010-05-06T07:08:09.25Z", None, "2011-01-01"],
            "source_url": ["https://host.org/whole.png", None, "https://host.org/x/c.png"],
            "sieve": ["007", "12", "13"],
            "depth": [870, 871.5, None],
            "night": [True, False, None],
        },
        "test": {
            "url": ["https://host.org/x/c.png", "https://host.org/x/d%20e.png?size=2"],
            "label": ["Sebastes", "Caridea"],
        },
    }
    named = {"train": {"path": "roi", "label": "species"}, "test": {}}
    for split, table in tables.items():
        pq.write_table(pa.table(table), tmp_path / f"{split}.parquet")
        file = str(tmp_path / f"{split}.parquet")
        ingest_crops(dataset_name, table=file, split=split, columns=named[split])
    dataset = fo.load_dataset(dataset_name, reload=True)
    assert (dataset.first().sieve, dataset.first().night) == ("007", True)
    told = check_dataset_export(dataset, tmp_path / "out")
    result = export_dataset(dataset, tmp_path / "out")
    assert [*map(str, told)] == [*result.files] and [*told.values()] == [2, 3]
    again = f"{dataset_name}-again"
    try:
        for file, split in zip(result.files, sorted(tables), strict=True):
            root = str(tmp_path) if split == "train" else ""
            ingest_crops(again, table=file, split=split, media_root=root)
        made = fo.load_dataset(again, reload=True)
        passing = PASSING - {"_id"}
        assert documents(made, passing) == documents(dataset, passing)
        assert schema(made) == schema(dataset)
    finally:
        fo.delete_dataset(again)


def test_a_field_that_is_called_like_a_column_of_an_export_keeps_its_values(
    dataset_name: str, tmp_path: Path
) -> None:
    (tmp_path / "crops.csv").write_text("roi,path,label\na.png,north,Sebastes\nb.png,,Sebastes\n")
    columns = {"path": "roi"}
    ingest_crops(dataset_name, table=str(tmp_path / "crops.csv"), columns=columns)
    (file,) = export_dataset(fo.load_dataset(dataset_name), tmp_path).files
    table = pq.read_table(file).to_pydict()
    assert (table["path"], table["file_path"]) == (["a.png", "b.png"], ["north", None])


def test_crops_with_special_names_are_left_out_whole(dataset_name: str, tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text("name,parent,status\nSebastes,,active\nnoise,,special\n")
    (tmp_path / "crops.csv").write_text("path,label\na.png,noise\nb.png,Sebastes\nc.png,\n")
    ingest_crops(dataset_name, table=str(tmp_path / "crops.csv"))
    dataset = fo.load_dataset(dataset_name)
    set_label_map(dataset, str(tmp_path / "map.csv"))
    result = export_dataset(dataset, tmp_path)
    assert (result.images, result.boxes, result.special_boxes) == (2, 2, 1)
    table = pq.read_table(result.files[0]).to_pydict()
    assert (table["path"], table["concept_name"]) == (["b.png", "c.png"], ["Sebastes", None])


def test_a_view_or_a_split_may_be_all_that_is_exported(dataset: Any, tmp_path: Path) -> None:
    dataset.save_view(
        "shrimps", dataset.filter_labels("ground_truth", fo.ViewField("label") == "Caridea")
    )
    result = export_dataset(dataset, tmp_path / "view", view="shrimps")
    assert (result.images, result.boxes, len(result.files)) == (2, 2, 2)
    one = export_dataset(dataset, tmp_path / "split", split="test")
    assert (one.images, one.boxes) == (1, 2)
    assert check_dataset_export(dataset, tmp_path, split="test") == {
        tmp_path / "exported_test.json": 1
    }
    with pytest.raises(InputError, match="no saved view 'whales'"):
        export_dataset(dataset, tmp_path / "no", view="whales")
    with pytest.raises(InputError, match="the splits are: test, train"):
        export_dataset(dataset, tmp_path / "no", split="val")
    with pytest.raises(DatasetError, match="no field"):
        export_dataset(dataset, tmp_path / "no", field="nothing")
    assert not (tmp_path / "no").exists()


def test_a_dataset_of_any_other_origin_gets_numbers(dataset_name: str, tmp_path: Path) -> None:
    dataset = fo.Dataset(dataset_name)
    for name in ("x", "y"):
        box = fo.Detection(label=name, bounding_box=[0.25, 0.5, 0.5, 0.25])
        dataset.add_sample(
            fo.Sample(
                f"/{name}.png",
                ground_truth=fo.Detections(detections=[box]),
                metadata=fo.ImageMetadata(width=200, height=100),
            )
        )
    (file,) = export_dataset(dataset, tmp_path).files
    coco = COCO(file)
    assert (coco.getImgIds(), coco.getAnnIds(), coco.getCatIds()) == ([1, 2], [1, 2], [1, 2])
    assert coco.loadAnns([2])[0]["bbox"] == [50, 50, 100, 25]


@given(value=st.floats(0, 5_000, allow_subnormal=False), side=st.integers(1, 5_000))
def test_pixels_give_the_same_share_again(value: float, side: int) -> None:
    share = min(value, side) / side
    assert pixels_of((share,) * 4, side, side)[0] / side == share


def test_whole_pixels_stay_whole() -> None:
    sides = np.random.default_rng(5).integers(1, 4_000, 2_000).tolist()
    for side in sides:
        assert pixels_of((1 / side, (side // 2) / side, 1, 0), side, side) == [
            1,
            side // 2,
            side,
            0,
        ]


def test_verdicts_that_stand_are_exported_corrected_or_not(
    dataset: Any, tmp_path: Path, either_way: str
) -> None:
    folder = tmp_path / "out"
    assert export_corrections(dataset, folder).verdicts == ""
    assert not (folder / "verdicts.csv").exists()
    chosen = dataset.match_tags("train").values("ground_truth.detections.id", unwind=True)
    with acting_as("=ana"):
        review_labels(dataset.select_labels(ids=chosen[:2]), "unsure")
        review_labels(dataset.select_labels(ids=chosen[2:]), "relabel", label="Sebastes")
    dataset.set_label_values("ground_truth.detections.label", {chosen[0]: "Octopus"})
    result = export_corrections(dataset, folder)
    with Path(result.verdicts).open() as file:
        rows = list(csv.DictReader(file))
    assert result.reviewed == len(rows) == 2
    assert [(one["state"], one["user"]) for one in rows] == [
        ("unsure", "'=ana"), ("relabelled", "'=ana")
    ]  # fmt: skip
    assert rows[1]["label"] == "Sebastes" and rows[1]["annotation_id"] == "9"
    assert datetime.fromisoformat(rows[0]["time"])
    undo_relabel(dataset)
    undo_relabel(dataset)
    assert export_corrections(dataset, folder).reviewed == 0
    assert not (folder / "verdicts.csv").exists()
