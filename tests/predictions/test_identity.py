"""A row is about the box that it describes, not about whatever box has the same number."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import pandas as pd
import pytest
from fathomnet_voxel51.errors import InputError
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.prediction_files import write_predictions
from fathomnet_voxel51.predictions import check_predictions, import_predictions


def _coco(split: str, first_image: int, left: int) -> dict[str, Any]:
    """Three images with one box each; the box ids are 1, 2, 3 in either split."""
    return {
        "images": [
            {"id": first_image + n, "file_name": f"{split}{n}.png", "width": 200, "height": 100}
            for n in range(3)
        ],
        "annotations": [
            {"id": n + 1, "image_id": first_image + n, "category_id": 1,
             "bbox": [left + n, 5, 20, 10], "area": 200}
            for n in range(3)
        ],
        "categories": [{"id": 1, "name": "ROV basket"}],
    }  # fmt: skip


@pytest.fixture
def dataset(tmp_path: Path, dataset_name: str) -> Iterator[Any]:
    paths = {}
    for split, first, left in (("train", 1, 0), ("test", 11, 100)):
        paths[split] = tmp_path / f"{split}.json"
        paths[split].write_text(json.dumps(_coco(split, first, left)))
    ingest_dataset(
        dataset_name,
        train_annotations=str(paths["train"]),
        test_annotations=str(paths["test"]),
    )
    yield fo.load_dataset(dataset_name)


HEADERS = {
    "image ids": ("image_id", ["11", "12", "13.0"]),
    "file names": ("file_name", ["test0.png", "images\\test1.png", "a/b/TEST2.jpg"]),
    "rectangles": ("bbox", ['"[100, 5, 20, 10]"', '"[101.4, 5, 20, 10]"', '"[102, 5, 20, 10.5]"']),
    "sides": ("bbox_x,bbox_y,bbox_width,bbox_height", [f"{100 + n},5,20,10" for n in range(3)]),
}


@pytest.mark.parametrize("known_by", HEADERS)
def test_rows_that_describe_boxes_of_another_split_are_refused(
    dataset: Any, tmp_path: Path, known_by: str
) -> None:
    column, cells = HEADERS[known_by]
    path = tmp_path / "submission.csv"
    rows = [f"{n + 1},Actiniaria,{cell}" for n, cell in enumerate(cells)]
    path.write_text("\n".join([f"annotation_id,concept_name,{column}", *rows]) + "\n")
    for attempt in (check_predictions, import_predictions):
        with pytest.raises(InputError, match="All 3 rows fit the test split") as refused:
            attempt(dataset, str(path), split="train", skip_bad_rows=True)
        assert [fault.place for fault in refused.value.faults] == ["line 2", "line 3", "line 4"]
    assert dataset.get_field("model_predictions") is None
    assert import_predictions(dataset, str(path), split="test").imported == 3


def test_rows_with_boxes_of_their_own_are_not_joined_by_number(
    dataset: Any, tmp_path: Path
) -> None:
    path = tmp_path / "detections.csv"
    path.write_text(
        "annotation_id,image_id,concept_name,bbox_x,bbox_y,bbox_width,bbox_height,score\n"
        "1,13,Actiniaria,30,40,50,50,0.8\n2,11,Actiniaria,30,40,50,50,0.8\n"
    )
    for split in ("train", "test"):
        with pytest.raises(InputError, match="boxes of their own"):
            import_predictions(dataset, str(path), split=split, kind="names")
    result = import_predictions(dataset, str(path), split="test")
    assert (result.kind, result.imported) == ("detections", 2)


def test_a_run_made_for_another_splits_annotations_is_refused(dataset: Any, tmp_path: Path) -> None:
    digest = hashlib.sha256((tmp_path / "test.json").read_bytes()).hexdigest()
    rows = pd.DataFrame(
        {
            "annotation_id": [1, 2, 3],
            "image_id": [11, 12, 13],
            "concept_name": ["Actiniaria"] * 3,
            "confidence": [0.5] * 3,
            "rank": ["order"] * 3,
        }
    )
    annotations = {"name": "elsewhere.json", "sha256": digest}
    write_predictions(tmp_path / "run", rows, {"annotations": annotations})
    with pytest.raises(InputError, match="Choose the test split") as refused:
        import_predictions(dataset, str(tmp_path / "run"), split="train")
    assert "test.json" in str(refused.value)
    assert import_predictions(dataset, str(tmp_path / "run"), split="test").imported == 3
    # The parquet file by itself has no manifest with a hash, but says of which image a box is.
    parquet = str(tmp_path / "run" / "predictions.parquet")
    with pytest.raises(InputError, match="All 3 rows fit the test split"):
        import_predictions(dataset, parquet, split="train")


def test_a_box_cut_at_the_edge_still_fits_its_row(tmp_path: Path, dataset_name: str) -> None:
    coco = _coco("test", 11, 100)
    coco["annotations"][0]["bbox"] = [-6, 5, 20, 10]
    path = tmp_path / "cut.json"
    path.write_text(json.dumps(coco))
    ingest_dataset(dataset_name, test_annotations=str(path))
    rows = tmp_path / "rows.csv"
    rows.write_text('annotation_id,concept_name,bbox\n1,Actiniaria,"[-6, 5, 20, 10]"\n')
    assert import_predictions(fo.load_dataset(dataset_name), str(rows)).imported == 1


CROPS = {
    "files": ("path,label", ["/rois/11_1.png", "/rois/12_2.png", "13_3.jpg"]),
    "files, by the images' names": ("crop,class", ["test0_1.png", "x/test1_2.png", "TEST2_3"]),
    "ids": ("annotation_id,concept_name", ["11_1", "12_2", "13_3"]),
    "categories": ("path,category_id", ["11_1.png", "12_2.png", "13_3.png"]),
}


@pytest.mark.fault(
    operator="import_predictions",
    happens="the crops that a file names are those of another split",
    end="refused, with the split that all rows fit",
)
@pytest.mark.parametrize("known_by", CROPS)
def test_crops_name_the_image_and_the_box_and_both_are_checked(
    dataset: Any, tmp_path: Path, known_by: str
) -> None:
    header, cells = CROPS[known_by]
    name = "1" if "category_id" in header else "ROV basket"
    path = tmp_path / "crops.csv"
    path.write_text("\n".join([header, *(f"{cell},{name}" for cell in cells)]) + "\n")
    for attempt in (check_predictions, import_predictions):
        with pytest.raises(InputError, match="All 3 rows fit the test split") as refused:
            attempt(dataset, str(path), split="train")
        assert "is a box of image 1 (train0.png)" in refused.value.faults[0].problem
    assert import_predictions(dataset, str(path), split="test").imported == 3
    view = dataset.match({"split": "test"}).sort_by("image_id")
    assert view.values("model_predictions.detections.label") == [["ROV basket"]] * 3
    assert view.values("model_predictions.detections.annotation_id") == [[1], [2], [3]]


def test_ids_that_contradict_the_crops_beside_them_are_refused(
    dataset: Any, tmp_path: Path
) -> None:
    path = tmp_path / "shuffled.csv"
    path.write_text(
        "annotation_id,path,concept_name\n"
        "1,11_1.png,Actiniaria\n2,12_2.png,Actiniaria\n3,11_1.png,Actiniaria\n"
    )
    with pytest.raises(InputError, match="annotation 3 is called annotation 1"):
        import_predictions(dataset, str(path))


def test_a_rectangle_of_which_one_side_is_no_number_is_refused(
    dataset: Any, tmp_path: Path
) -> None:
    path = tmp_path / "sides.csv"
    rows = "1,Actiniaria,0,5,20,1e400\n2,Actiniaria,,,,\n"
    path.write_text(f"annotation_id,concept_name,bbox_x,bbox_y,bbox_width,bbox_height\n{rows}")
    with pytest.raises(InputError, match="line 2: annotation 1 has bbox_height '1e400', which is"):
        import_predictions(dataset, str(path), kind="names")
    assert dataset.get_field("model_predictions") is None


def test_a_split_without_categories_takes_the_ids_of_the_other(
    tmp_path: Path, dataset_name: str
) -> None:
    train, test = _coco("train", 1, 0), _coco("test", 11, 100)
    train["categories"] = [{"id": 5, "name": "ROV basket"}, {"id": 1, "name": "Lionfish"}]
    train["annotations"] = [one | {"category_id": 5} for one in train["annotations"]]
    test["categories"] = []
    test["annotations"] = [one | {"category_id": None} for one in test["annotations"]]
    files = {}
    for split, content in (("train", train), ("test", test)):
        files[f"{split}_annotations"] = str(tmp_path / f"{split}.json")
        Path(files[f"{split}_annotations"]).write_text(json.dumps(content))
    ingest_dataset(dataset_name, **files)
    dataset = fo.load_dataset(dataset_name)
    path = tmp_path / "rows.csv"
    path.write_text("annotation_id,category_id,note\n1,5,a\n2,1,b\n3,5.0,c\n")
    result = import_predictions(dataset, str(path))
    assert (result.imported, result.ignored_columns) == (3, ("note",))
    names = dataset.match({"split": "test"}).sort_by("image_id")
    assert names.values("model_predictions.detections.label") == [
        ["ROV basket"], ["Lionfish"], ["ROV basket"],
    ]  # fmt: skip


def test_detections_named_by_category_are_not_joined_by_number(
    dataset: Any, tmp_path: Path
) -> None:
    path = tmp_path / "detections.csv"
    path.write_text(
        "annotation_id,image_id,category_id,bbox_x,bbox_y,bbox_width,bbox_height,score\n"
        "1,13,1,30,40,50,50,0.8\n2,11,1,30,40,50,50,0.8\n"
    )
    with pytest.raises(InputError, match="boxes of their own"):
        import_predictions(dataset, str(path), kind="names")
    result = import_predictions(dataset, str(path))
    assert (result.kind, result.imported) == ("detections", 2)


@pytest.mark.parametrize(
    "spell",
    [
        lambda number: f"0d84d2f3-8b4c-4c4e-9f0a-5b7d1d0d6f{number}",
        lambda number: f"frame{number}_{9 - number}",
    ],
    ids=["UUIDs", "like the names of crops"],
)
def test_boxes_and_images_are_named_by_the_texts_that_are_their_ids(
    spell: Callable[[int], str], tmp_path: Path, dataset_name: str
) -> None:
    names = ("Sebastes", "Porifera", "Caridea")
    coco = {
        "images": [
            {"id": spell(n), "file_name": f"{n}.png", "width": 100, "height": 100} for n in range(3)
        ],
        "annotations": [
            {"id": spell(n + 3), "image_id": spell(n), "category_id": 1, "bbox": [5, 5, 20, 20]}
            for n in range(3)
        ],
        "categories": [{"id": 1, "name": "Sebastes"}],
    }
    (tmp_path / "test.json").write_text(json.dumps(coco))
    ingest_dataset(dataset_name, test_annotations=str(tmp_path / "test.json"), limit=2)
    dataset = fo.load_dataset(dataset_name)
    rows = [f"{spell(n + 3)},{name}" for n, name in enumerate(names)]
    (tmp_path / "names.csv").write_text("\n".join(["annotation_id,concept_name", *rows, ""]))
    result = import_predictions(dataset, str(tmp_path / "names.csv"))
    assert (result.imported, result.left_out_boxes, result.unmatched_rows) == (2, 1, 0)
    dataset.reload()
    labels = dataset.sort_by("file_name").values("model_predictions.detections.label", unwind=True)
    assert labels == list(names[:2])
    box = {"category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}
    (tmp_path / "boxes.json").write_text(json.dumps([{"image_id": spell(1), **box}]))
    found = import_predictions(dataset, str(tmp_path / "boxes.json"), field="detected")
    assert (found.imported, found.unmatched_rows) == (1, 0)
    (tmp_path / "names.csv").write_text(f"annotation_id,concept_name\n{spell(8)}x,Sebastes\n")
    with pytest.raises(InputError, match="annotation_id"):
        import_predictions(dataset, str(tmp_path / "names.csv"))
