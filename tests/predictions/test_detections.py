"""A detector's own boxes, in the forms in which detectors write them, become a field."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fathomnet_voxel51.errors import DatasetError, InputError
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.predictions import check_predictions, import_predictions
from fathomnet_voxel51.predictions.importing import read_import_records

from tests.support.stored import documents, settings

EVERYTHING: frozenset[str] = frozenset()
FIELD = "detected"


def coco(split: str, first: int) -> dict[str, Any]:
    """Three images of 200 x 100 pixels, the first two with a box; annotations 1 and 2."""
    return {
        "images": [
            {"id": first + n, "file_name": f"reef/{split}{n}.png", "width": 200, "height": 100}
            for n in range(3)
        ],
        "annotations": [
            {"id": n + 1, "image_id": first + n, "category_id": 5, "bbox": [10 * n, 5, 20, 10]}
            for n in range(2)
        ],
        "categories": [{"id": 5, "name": "ROV basket"}, {"id": 8, "name": "Actiniaria"}],
    }  # fmt: skip


@pytest.fixture
def dataset(tmp_path: Path, dataset_name: str) -> Iterator[Any]:
    paths = {}
    for split, first in (("train", 1), ("test", 11)):
        paths[f"{split}_annotations"] = str(tmp_path / f"{split}.json")
        Path(paths[f"{split}_annotations"]).write_text(json.dumps(coco(split, first)))
    ingest_dataset(dataset_name, **paths)
    yield fo.load_dataset(dataset_name)


def as_json(name: str, content: object) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_text(json.dumps(content))
        return folder / name

    return write


def as_text(name: str, text: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_text(text)
        return folder / name

    return write


def as_parquet(folder: Path) -> Path:
    columns = {
        "image_id": [11, 11, 12],
        "concept_name": ["ROV basket", "Actiniaria", "ROV basket"],
        "bbox": [[20.0, 10.0, 50.0, 20.0], [100.0, 50.0, 100.0, 50.0], [0.0, 0.0, 200.0, 100.0]],
        "score": [0.5, 0.25, 1.0],
    }
    pq.write_table(pa.table(columns), folder / "boxes.parquet")
    return folder / "boxes.parquet"


def as_labels(below: str, classes: str, text: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        labels = folder / "yolo" / below
        labels.mkdir(parents=True)
        (folder / "yolo" / classes).write_text(text)
        (labels / "test0.txt").write_text("0 0.225 0.2 0.25 0.2 0.5\n\n1 0.75 0.75 0.5 0.5 0.25\n")
        (labels / "test1.txt").write_text("0 0.5 0.5 1 1 1\n")
        (labels / "test2.txt").write_text("")
        return folder / "yolo"

    return write


def results(*images: object) -> list[dict[str, Any]]:
    """The same three boxes in the form of COCO's results."""
    boxes = ((5, [20, 10, 50, 20], 0.5), (8, [100, 50, 100, 50], 0.25), (5, [0, 0, 200, 100], 1))
    return [
        {"image_id": image, "category_id": category, "bbox": box, "score": score}
        for image, (category, box, score) in zip(images, boxes, strict=True)
    ]


def as_utf_16(folder: Path) -> Path:
    """As a shell of Windows redirects them."""
    (folder / "results.json").write_text(json.dumps(results(11, 11, 12)), "utf-16")
    return folder / "results.json"


HEADER_2026 = "annotation_id,image_id,category_id,bbox_x,bbox_y,bbox_width,bbox_height,score\n"
TRAPS = {
    "images": [
        {
            "file": "elsewhere/reef/test0.png",
            "detections": [
                {"category": "1", "conf": 0.5, "bbox": [0.1, 0.1, 0.25, 0.2]},
                {"category": "2", "conf": 0.25, "bbox": [0.5, 0.5, 0.5, 0.5]},
            ],
        },
        {
            "file": "test1.png",
            "detections": [{"category": "1", "conf": 1, "bbox": [0, 0, 1, 1]}],
        },
        {"file": "test2.png", "detections": []},
    ],
    "detection_categories": {"1": "ROV basket", "2": "actiniaria"},
}
SPECIES_NET = {
    "predictions": [
        {
            "filepath": "test0.png",
            "detections": [
                {"label": "ROV basket", "conf": 0.5, "bbox": [0.1, 0.1, 0.25, 0.2]},
                {"label": "Actiniaria", "conf": 0.25, "bbox": [0.5, 0.5, 0.5, 0.5]},
            ],
            "classifications": {"classes": [], "scores": []},
        },
        {
            "filepath": "test1.png",
            "detections": [{"label": "ROV basket", "conf": 1, "bbox": [0, 0, 1, 1]}],
        },
    ]
}
FORMS: dict[str, Callable[[Path], Path]] = {
    "COCO results": as_json("results.json", results(11, 11, 12)),
    "results by stems": as_json("results.json", results("test0", "test0", "test1")),
    "results by files": as_json(
        "results.json", results("reef/test0.png", "a\\reef\\test0.png", "TEST1.PNG")
    ),
    "results with names": as_json(
        "results.json",
        [
            {**row, "category_id": number, "category_name": name}
            for row, number, name in zip(
                results(11, 11, 12),
                (0, 5, 8),
                ("ROV basket", "actiniaria", "ROV basket"),
                strict=True,
            )
        ],
    ),
    "a table with names beside ids": as_text(
        "boxes.csv",
        "image_id,category_id,category_name,bbox,score\n11,8,ROV basket,[20. 10. 50. 20.],0.5\n"
        '11,0,Actiniaria,"(100, 50, 100, 50)",0.25\n12,5,ROV basket,0 0 200 100,1\n',
    ),
    "FathomNet 2026": as_text(
        "submission.csv",
        HEADER_2026 + "1,11,5,20,10,50,20,0.5\n2,11,8,100,50,100,50,0.25\n3,12,5,0,0,200,100,1\n",
    ),
    "names and corners": as_text(
        "boxes.csv",
        "file_name,label,xmin,ymin,xmax,ymax,confidence\n"
        "test0.png,ROV basket,20,10,70,30,0.5\ntest0.png,actiniaria,100,50,200,100,0.25\n"
        "test1.png,ROV basket,0,0,200,100,1\n",
    ),
    "shares of the image": as_text(
        "boxes.csv",
        "image,concept_name,x,y,w,h,conf\ntest0,ROV basket,0.1,0.1,0.25,0.2,0.5\n"
        "test0,Actiniaria,0.5,0.5,0.5,0.5,0.25\ntest1,ROV basket,0,0,1,1,1\n",
    ),
    "Parquet": as_parquet,
    "COCO results in UTF-16": as_utf_16,
    "YOLO": as_labels("", "classes.txt", "ROV basket\nactiniaria\n"),
    "YOLO with data.yaml": as_labels(
        "labels", "data.yaml", "names:\n  0: ROV basket\n  1: Actiniaria\n"
    ),
    "MegaDetector": as_json("traps.json", TRAPS),
    "SpeciesNet": as_json("species.json", SPECIES_NET),
}


@pytest.mark.parametrize("form", FORMS)
def test_boxes_land_on_their_images_with_label_confidence_and_rectangle(
    dataset: Any, tmp_path: Path, form: str
) -> None:
    path = str(FORMS[form](tmp_path))
    foretold = check_predictions(dataset, path, field=FIELD)
    assert dataset.get_field(FIELD) is None
    result = import_predictions(dataset, path, field=FIELD)
    assert result == foretold
    assert (result.kind, result.rows, result.imported) == ("detections", 3, 3)
    assert (result.unmatched_rows, result.boxes_without_prediction, result.replaced) == (0, 0, 0)
    view = dataset.match({"split": "test"}).sort_by("image_id")
    boxes = f"{FIELD}.detections"
    assert view.values(f"{boxes}.label")[:2] == [["ROV basket", "Actiniaria"], ["ROV basket"]]
    assert view.values(f"{boxes}.confidence")[:2] == [[0.5, 0.25], [1.0]]
    wanted = [[0.1, 0.1, 0.25, 0.2], [0.5, 0.5, 0.5, 0.5], [0.0, 0.0, 1.0, 1.0]]
    found = view.values(f"{boxes}.bounding_box")
    assert [box for of_image in found[:2] for box in of_image] == list(map(pytest.approx, wanted))
    assert dataset.match({"split": "train"}).count(boxes) == 0
    assert "predicted_label" not in dataset.get_field_schema(flat=True)
    record = read_import_records(dataset, FIELD)["test"]
    assert (record.kind, record.state, record.rows) == ("detections", "complete", 3)


def test_boxes_are_written_and_replaced_either_way(
    dataset: Any, tmp_path: Path, either_way: str
) -> None:
    path = str(FORMS["COCO results"](tmp_path))
    import_predictions(dataset, path, field=FIELD)
    before = documents(dataset, EVERYTHING)
    assert import_predictions(dataset, path, field=FIELD).replaced == 0
    assert documents(dataset, EVERYTHING) == before
    ids = dataset.values(f"{FIELD}.detections.id", unwind=True)
    assert len(set(ids)) == 3
    fewer = as_json("fewer.json", results(11, 12, 13)[1:])(tmp_path)
    result = import_predictions(dataset, str(fewer), field=FIELD)
    assert (result.replaced, result.boxes_without_prediction) == (2, 1)
    view = dataset.match({"split": "test"}).sort_by("image_id")
    assert view.values(f"{FIELD}.detections.label") == [None, ["Actiniaria"], ["ROV basket"]]
    kept = import_predictions(dataset, path, field=FIELD, keep_others=True)
    assert (kept.replaced, kept.boxes_without_prediction) == (1, 0)
    assert view.values(f"{FIELD}.detections.label") == [
        ["ROV basket", "Actiniaria"],
        ["ROV basket"],
        ["ROV basket"],
    ]
    assert read_import_records(dataset, FIELD)["test"].beside == ("fewer.json",)


def test_an_image_without_a_box_was_looked_at(dataset: Any, tmp_path: Path) -> None:
    import_predictions(dataset, str(FORMS["MegaDetector"](tmp_path)), field=FIELD)
    third = dataset.match({"split": "test", "image_id": 13}).first()
    assert third[FIELD].detections == []


def test_what_is_of_no_image_is_counted_and_listed_and_all_of_it_is_refused(
    dataset: Any, tmp_path: Path
) -> None:
    path = as_json("results.json", results(11, 99, 12))(tmp_path)
    result = import_predictions(dataset, str(path), field=FIELD)
    assert (result.rows, result.imported, result.unmatched_rows) == (3, 2, 1)
    assert any("1 image of the file could not be matched: 99" in note for note in result.notes)
    record = read_import_records(dataset, FIELD)["test"]
    assert record.rejected == ("[1]: image 99 is none of the test split",)
    before = documents(dataset, EVERYTHING), settings(dataset)
    path = as_json("results.json", results(97, 98, 99))(tmp_path)
    for skip in (False, True):
        with pytest.raises(InputError, match="image 97 is none of the test split"):
            import_predictions(dataset, str(path), field=FIELD, skip_bad_rows=skip)
    path = as_json("results.json", results(1, 2, 3))(tmp_path)
    with pytest.raises(InputError, match="All 3 boxes fit images of the train split"):
        import_predictions(dataset, str(path), field=FIELD)
    assert (documents(dataset, EVERYTHING), settings(dataset)) == before


def test_boxes_beyond_the_edge_stay_as_they_are_and_it_is_said(
    dataset: Any, tmp_path: Path
) -> None:
    text = HEADER_2026 + "1,11,5,-20,10,40,20,0.5\n2,12,5,190,90,20,20,0.25\n"
    path = as_text("submission.csv", text)(tmp_path)
    result = import_predictions(dataset, str(path), field=FIELD)
    assert any("2 boxes reach beyond the image" in note for note in result.notes)
    found = dataset.match({"split": "test"}).values(f"{FIELD}.detections.bounding_box")
    assert found[0] == [pytest.approx([-0.1, 0.1, 0.2, 0.2])]
    assert found[1] == [pytest.approx([0.95, 0.9, 0.1, 0.2])]


def test_classes_of_no_taxon_are_taken_as_the_file_names_them_and_told(
    dataset: Any, tmp_path: Path
) -> None:
    traps = {**TRAPS, "detection_categories": {"1": "animal", "2": "Actiniaria"}}
    result = import_predictions(dataset, str(as_json("traps.json", traps)(tmp_path)), field=FIELD)
    assert any("neither the taxonomy nor the dataset knows" in note for note in result.notes)
    labels = set(dataset.values(f"{FIELD}.detections.label", unwind=True))
    assert labels == {"animal", "Actiniaria"}


def test_a_name_beside_a_category_s_id_is_believed_and_a_contradiction_told(
    dataset: Any, tmp_path: Path
) -> None:
    """SAHI and others number classes from 0, and say what they mean."""
    result = import_predictions(dataset, str(FORMS["results with names"](tmp_path)), field=FIELD)
    (note,) = result.notes
    assert note.startswith("2 boxes have a category_id that the catalog gives another name")
    rows = results(11, 11, 12)
    rows[1]["category_name"] = "sea squirrel"
    with pytest.raises(InputError, match=r"\[1\]: unknown concept 'sea squirrel'"):
        import_predictions(dataset, str(as_json("unknown.json", rows)(tmp_path)), field=FIELD)


@pytest.mark.parametrize("written", ["cafe\u0301.png", "CAF\u00c9.PNG", "caf\u00e9"])
def test_an_image_is_found_however_its_accents_are_written(
    tmp_path: Path, dataset_name: str, written: str
) -> None:
    described = coco("test", 1)
    described["images"][0]["file_name"] = "reef/caf\u00e9.png"
    (tmp_path / "test.json").write_text(json.dumps(described))
    ingest_dataset(dataset_name, test_annotations=str(tmp_path / "test.json"))
    box = {"image_id": written, "category_id": 5, "bbox": [1, 2, 3, 4], "score": 0.5}
    path = as_json("results.json", [box])(tmp_path)
    result = import_predictions(fo.load_dataset(dataset_name), str(path), field=FIELD)
    assert (result.imported, result.unmatched_rows) == (1, 0)


def one(**changes: object) -> Callable[[Path], Path]:
    """COCO results of which the second row is another."""
    rows = results(11, 11, 12)
    rows[1].update(changes)
    return as_json("results.json", rows)


def row_2026(row: str) -> Callable[[Path], Path]:
    return as_text("submission.csv", HEADER_2026 + f"1,11,5,20,10,50,20,0.5\n{row}\n")


def line_of_yolo(line: str, classes: str = "ROV basket\n") -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        as_labels("", "classes.txt", classes)(folder)
        (folder / "yolo" / "test0.txt").write_text(f"0 0.5 0.5 0.1 0.1\n{line}\n")
        (folder / "yolo" / "test1.txt").unlink()
        return folder / "yolo"

    return write


def trap(**changes: object) -> Callable[[Path], Path]:
    detections = [{"category": "1", "conf": 0.5, "bbox": [0.1, 0.1, 0.2, 0.2]}]
    detections.append({**detections[0], **changes})
    images = [{"file": "test0.png", "detections": detections}]
    content = {"images": images, "detection_categories": {"1": "ROV basket"}}
    return as_json("traps.json", content)


def without_classes(folder: Path) -> Path:
    as_labels("", "classes.txt", "")(folder)
    (folder / "yolo" / "classes.txt").unlink()
    return folder / "yolo"


def damaged_labels(folder: Path) -> Path:
    (folder / "yolo").mkdir()
    (folder / "yolo" / "classes.txt").write_text("ROV basket\n")
    (folder / "yolo" / "t.txt").write_bytes(b"0 0.5 0.5 0.1 0.1\0\n")
    return folder / "yolo"


NAN = float("nan")
FAULTY: dict[str, tuple[Callable[[Path], Path], tuple[str, ...]]] = {
    "NaN in a rectangle": (one(bbox=[NAN, 1, 2, 3]), ("[1]", "finite")),
    "a rectangle of three": (one(bbox=[1, 2, 3]), ("[1]", "3 numbers")),
    "a rectangle as a text": (one(bbox="all"), ("[1]", "should have 4")),
    "a rectangle without area": (one(bbox=[1, 2, 0, 3]), ("[1]", "no area")),
    "a rectangle outside": (one(bbox=[300, 10, 5, 5]), ("[1]", "outside image 11 of 200 x 100")),
    "a score NaN": (one(score=NAN), ("[1]", "score", "nan")),
    "a score above 1": (one(score=1.5), ("[1]", "score", "1.5")),
    "no score": (one(score=None), ("[1]", "score is empty")),
    "an unknown category": (one(category_id=77), ("[1]", "77", "5..8")),
    "no image": (one(image_id=None), ("[1]", "image is empty")),
    "an image that is a list": (one(image_id=[11]), ("[1]", "a list")),
    "a list of nothing": (as_json("results.json", []), ("holds no box",)),
    "a list within an object": (
        as_json("results.json", {"predictions": results(11, 11, 12)}),
        ("a list of detections within an object", "list alone"),
    ),
    "JSON that is cut off": (
        as_text("results.json", json.dumps(results(11, 11, 12))[:-20]),
        ("line 1", "cut off"),
    ),
    "csv: too few fields": (row_2026("2,11,5,20,10"), ("line 3", "5 fields")),
    "csv: NaN": (row_2026("2,11,5,nan,10,5,5,0.5"), ("line 3", "finite")),
    "csv: outside": (row_2026("2,11,5,20,150,5,5,0.5"), ("line 3", "wholly outside")),
    "csv: unknown category": (row_2026("2,11,6,20,10,5,5,0.5"), ("line 3", "'6'")),
    "csv: no score": (row_2026("2,11,5,20,10,5,5,"), ("line 3", "score is empty")),
    "csv: unknown concept": (
        as_text(
            "a.csv",
            "image_id,concept_name,x1,y1,x2,y2,score\n11,Poriferra,1,1,9,9,1\n",
        ),
        ("line 2", "'Poriferra'", "did you mean 'Porifera'"),
    ),
    "csv: corners the wrong way round": (
        as_text("a.csv", "image_id,concept_name,x1,y1,x2,y2,score\n11,Porifera,9,1,1,9,1\n"),
        ("line 2", "no area"),
    ),
    "YOLO: an unknown class": (line_of_yolo("3 0.5 0.5 0.1 0.1"), ("test0.txt, line 2", "'3'")),
    "YOLO: four fields": (line_of_yolo("0 0.5 0.5 0.1"), ("test0.txt, line 2", "4 fields")),
    "YOLO: NaN": (line_of_yolo("0 nan 0.5 0.1 0.1"), ("test0.txt, line 2", "finite")),
    "YOLO: outside": (line_of_yolo("0 1.5 0.5 0.1 0.1"), ("test0.txt, line 2", "outside")),
    "YOLO: no class list": (without_classes, ("folder", "data.yaml", "classes.txt")),
    "MegaDetector: a category that is not listed": (
        trap(category="9"),
        ("images[0].detections[1]", "'9'", "detection_categories"),
    ),
    "MegaDetector: no detections": (
        as_json(
            "traps.json", {"images": [{"file": "test0.png"}], "detection_categories": {"1": "a"}}
        ),
        ("images[0]: detections should be a list",),
    ),
    "MegaDetector: categories in a list": (
        as_json("traps.json", {**TRAPS, "detection_categories": ["animal"]}),
        ("detection_categories: should be an object",),
    ),
    "an outline and no rectangle": (
        as_json(
            "results.json",
            [
                {
                    "image_id": 11,
                    "category_id": 5,
                    "segmentation": [[1, 2, 9, 2, 9, 9]],
                    "score": 0.5,
                }
            ],
        ),
        ("[0]", "rectangle is empty"),
    ),
    "csv: no number in a rectangle of an annotated box's number": (
        as_text("submission.csv", HEADER_2026 + '1,11,5,0,"5,5",20,10,0.5\n'),
        ("line 2", "finite"),
    ),
    "YOLO: the name of a class": (
        line_of_yolo("Actiniaria 0.5 0.5 0.1 0.1"),
        ("test0.txt, line 2", "'Actiniaria' is none"),
    ),
    "YOLO: damaged from its first line on": (damaged_labels, ("t.txt", "line 1", "NUL")),
    "MegaDetector: a confidence that is none": (
        trap(conf="sure"),
        ("images[0].detections[1]", "'sure'"),
    ),
    "MegaDetector: outside": (
        trap(bbox=[1.5, 0, 0.1, 0.1]),
        ("images[0].detections[1]", "outside"),
    ),
}


@pytest.mark.fault(
    operator="import_predictions",
    happens="a detector's boxes are malformed in one of many ways",
    end="refused with the row and nothing written; with skip_bad_rows without these rows",
)
@pytest.mark.parametrize("name", FAULTY)
def test_faulty_boxes_are_refused_with_their_place(dataset: Any, tmp_path: Path, name: str) -> None:
    write, words = FAULTY[name]
    path = str(write(tmp_path))
    before = documents(dataset, EVERYTHING), settings(dataset)
    for attempt in (check_predictions, import_predictions):
        with pytest.raises(InputError) as refused:
            attempt(dataset, path, field=FIELD)
        message = str(refused.value)
        assert not [word for word in words if word not in message], message
    assert (documents(dataset, EVERYTHING), settings(dataset)) == before


@pytest.mark.parametrize(
    "name", ["NaN in a rectangle", "a rectangle outside", "csv: NaN", "YOLO: four fields"]
)
def test_faulty_boxes_are_left_out_where_that_is_chosen(
    dataset: Any, tmp_path: Path, name: str
) -> None:
    path = str(FAULTY[name][0](tmp_path))
    result = import_predictions(dataset, path, field=FIELD, skip_bad_rows=True)
    assert (result.unmatched_rows, result.imported) == (1, result.rows - 1)
    assert dataset.count(f"{FIELD}.detections") == result.imported
    (left_out,) = read_import_records(dataset, FIELD)["test"].rejected
    assert FAULTY[name][1][0] in left_out


def test_the_kind_can_be_said_and_a_field_holds_one_kind(dataset: Any, tmp_path: Path) -> None:
    path = str(FORMS["COCO results"](tmp_path))
    with pytest.raises(InputError, match="import them as detections"):
        import_predictions(dataset, path, field=FIELD, kind="names")
    with pytest.raises(InputError, match="'boxes' is not auto, names or detections"):
        import_predictions(dataset, path, field=FIELD, kind="boxes")
    names = str(as_text("names.csv", "annotation_id,concept_name\n1,Actiniaria\n")(tmp_path))
    with pytest.raises(InputError, match="no table with an image and a rectangle"):
        import_predictions(dataset, names, field=FIELD, kind="detections")
    import_predictions(dataset, path, field=FIELD, kind="detections")
    with pytest.raises(DatasetError, match="holds detections"):
        import_predictions(dataset, names, split="train", field=FIELD)
    assert import_predictions(dataset, names, field="named").kind == "names"


def test_rows_about_annotated_boxes_name_these_though_they_have_scores(
    dataset: Any, tmp_path: Path
) -> None:
    rows = "1,11,8,0,5,20,10,0.5\n2,12,8,10,5,20,10,0.25\n"
    path = as_text("submission.csv", HEADER_2026 + rows)(tmp_path)
    result = import_predictions(dataset, str(path), field="named")
    assert (result.kind, result.imported) == ("names", 2)
    assert dataset.match({"split": "test"}).values("named.detections.annotation_id")[:2] == [
        [1], [2],
    ]  # fmt: skip
    with pytest.raises(InputError, match="All 2 rows fit the test split"):
        import_predictions(dataset, str(path), split="train", field="others")
    result = import_predictions(dataset, str(path), field=FIELD, kind="detections")
    assert (result.kind, result.imported) == ("detections", 2)


def test_two_images_of_one_name_are_told_apart_by_their_folders(
    tmp_path: Path, dataset_name: str
) -> None:
    content = coco("test", 1)
    for image, name in zip(content["images"], ("a/1.png", "b/1.png", "b/2.png"), strict=True):
        image["file_name"] = name
    as_json("two.json", content)(tmp_path)
    ingest_dataset(dataset_name, test_annotations=str(tmp_path / "two.json"))
    dataset = fo.load_dataset(dataset_name)
    path = as_json("results.json", results("a/1.png", "b/1.png", "2"))(tmp_path)
    assert import_predictions(dataset, str(path), field=FIELD).imported == 3
    counts = [len(labels) for labels in dataset.values(f"{FIELD}.detections.label")]
    assert counts == [1, 1, 1]
    path = as_json("results.json", results("a/1.png", "1.png", "2"))(tmp_path)
    result = import_predictions(dataset, str(path), field=FIELD)
    assert (result.imported, result.unmatched_rows) == (2, 1)
    (left_out,) = read_import_records(dataset, FIELD)["test"].rejected
    assert "may be any of 2 images" in left_out


def test_images_of_any_dataset_are_found_by_their_files(tmp_path: Path, dataset_name: str) -> None:
    dataset = fo.Dataset(dataset_name)
    box = fo.Detection(label="crab", bounding_box=[0, 0, 0.5, 0.5])
    for name in ("one", "two"):
        sample = fo.Sample(f"/images/{name}.jpg", truth=fo.Detections(detections=[box.copy()]))
        dataset.add_sample(sample)
    text = "file_name,label,x,y,w,h,score\none.jpg,crab,0.5,0.5,0.25,0.25,0.5\n"
    path = as_text("boxes.csv", text)(tmp_path)
    result = import_predictions(dataset, str(path), gt_field="truth", field=FIELD)
    assert (result.imported, result.boxes_without_prediction) == (1, 1)
    pixels = text.replace("0.5,0.5,0.25,0.25", "5,5,10,10")
    path = as_text("boxes.csv", pixels)(tmp_path)
    with pytest.raises(InputError, match="line 2: the box is in pixels"):
        import_predictions(dataset, str(path), gt_field="truth", field=FIELD)


@pytest.mark.parametrize(
    "form", [*(one for one in FORMS if "YOLO" not in one), "rows about boxes", "names"]
)
def test_a_file_is_read_once_whatever_it_turns_out_to_be(
    dataset: Any, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_names = {
        "rows about boxes": HEADER_2026 + "1,11,8,0,5,20,10,0.5\n2,12,8,10,5,20,10,0.25\n",
        "names": "annotation_id,concept_name\n1,Actiniaria\n",
    }
    make = FORMS.get(form) or as_text("names.csv", of_names[form])
    path = make(tmp_path)
    reads: list[Path] = []
    read_bytes = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda one: (reads.append(one), read_bytes(one))[1])
    result = import_predictions(dataset, str(path), field=FIELD)
    assert result.kind == ("names" if form in of_names else "detections")
    assert reads.count(path) == 1
