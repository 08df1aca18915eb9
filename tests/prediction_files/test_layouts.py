"""Tables that name boxes in other ways, files that are no tables, and the length of messages."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fathomnet_voxel51.errors import LONGEST_MESSAGE, FathomNetError, Fault, InputError
from fathomnet_voxel51.prediction_files import Predictions, read_predictions
from fathomnet_voxel51.prediction_files.detections import read_detections
from fathomnet_voxel51.prediction_files.layout import matrix_of, number_or_nan
from fathomnet_voxel51.taxonomy import load_taxonomy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CATEGORIES = {3: "Caridea", 12: "Porifera", 40: "Sebastes"}


def read(path: Path, skip_bad_rows: bool = False) -> Predictions:
    taxonomy = load_taxonomy()
    return read_predictions(
        path, taxonomy.canonical, taxonomy.suggest, skip_bad_rows, categories=CATEGORIES
    )


def write(folder: Path, text: str) -> Path:
    path = folder / "rows.csv"
    path.write_text(text)
    return path


BY_NAME = {
    "files of crops": "path,label\n/data/rois/7_31.png,Caridea\nrois\\8_32.png,Porifera\n",
    "crops without an ending": "annotation_id,concept_name\n7_31,Caridea\n8_32,Porifera\n",
    "crops in a column of files": "filename,class_name\n7_31.jpg,caridea\n8_0032.JPG,Porifera\n",
    "crops in a column of images": "image,label\nrois/7_31.png,Caridea\nrois/8_32.png,Porifera\n",
    "ids beside crops": "annotation_id,roi,concept_name\n31,7_31.png,Caridea\n32,8_32,Porifera\n",
}


@pytest.mark.parametrize("text", BY_NAME.values(), ids=BY_NAME)
def test_the_name_of_a_crop_gives_its_box_and_its_image(tmp_path: Path, text: str) -> None:
    predictions = read(write(tmp_path, text))
    assert predictions.annotation_id.tolist() == [31, 32]
    assert predictions.concept_name.tolist() == ["Caridea", "Porifera"]
    assert predictions.identity["named_image"].tolist() == ["7", "8"]


@pytest.mark.parametrize("image", ["0a-9f", "cam_2", "dive 7.frame"])
def test_a_crop_may_be_called_by_the_name_of_its_images_file(tmp_path: Path, image: str) -> None:
    predictions = read(write(tmp_path, f"crop,label\nx/{image}_31.png,Caridea\n"))
    assert predictions.annotation_id.tolist() == [31]
    assert predictions.identity["named_image"].tolist() == [image]


@pytest.mark.parametrize("name", ["frame.png", "12.png", "7-31.png", ""])
def test_a_file_whose_name_gives_no_box_is_a_fault_of_its_row(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, f'path,label\n7_31.png,Caridea\n"{name}",Caridea\n8_32.png,Caridea\n')
    with pytest.raises(InputError, match=r"path is empty|path should end with") as refused:
        read(path)
    assert [fault.place for fault in refused.value.faults] == ["line 3"]
    assert read(path, skip_bad_rows=True).annotation_id.tolist() == [31, 32]


def test_crops_are_read_from_parquet_too(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"path": ["7_31.png", "8_32.png"], "label": ["Caridea"] * 2}), path)
    assert read(path).annotation_id.tolist() == [31, 32]
    pq.write_table(
        pa.table({"annotation_id": ["7_31", "8_32"], "concept_name": ["Caridea"] * 2}), path
    )
    assert read(path).identity["named_image"].tolist() == ["7", "8"]


@pytest.mark.parametrize("cells", [("12", "3"), ("12.0", "3.0"), (" 12 ", "003")])
def test_a_category_id_is_that_of_the_catalog(tmp_path: Path, cells: tuple[str, str]) -> None:
    text = "annotation_id,category_id\n" + "".join(f"{n},{c}\n" for n, c in enumerate(cells))
    assert read(write(tmp_path, text)).concept_name.tolist() == ["Porifera", "Caridea"]


@pytest.mark.parametrize("cell", ["0", "13", "", "3.5", "Caridea"])
def test_a_category_id_that_the_catalog_has_not_is_a_fault(tmp_path: Path, cell: str) -> None:
    path = write(tmp_path, f"annotation_id,category_id\n1,3\n2,{cell}\n")
    with pytest.raises(
        InputError, match=r"is of no category; the catalog's are 3\.\.40"
    ) as refused:
        read(path)
    assert [fault.place for fault in refused.value.faults] == ["line 3"]


@pytest.mark.parametrize("is_parquet", [False, True])
def test_a_category_id_that_contradicts_the_name_beside_it_is_a_fault(
    tmp_path: Path, is_parquet: bool
) -> None:
    """Programs number their classes from 0, or by a list of their own."""
    rows = {
        "annotation_id": [1, 2],
        "category_id": [3, 12],
        "category_name": ["caridea", "Sebastes"],
    }
    path = tmp_path / "rows.parquet"
    if is_parquet:
        pq.write_table(pa.table(rows), path)
    else:
        path = write(tmp_path, "annotation_id,category_id,class_name\n1,3,caridea\n2,12,Sebastes\n")
    with pytest.raises(InputError, match="category_id 12 is 'Porifera', but") as refused:
        read(path)
    assert len(refused.value.faults) == 1 and "is 'Sebastes'" in str(refused.value)
    assert read(path, skip_bad_rows=True).ignored == ()


def test_whole_numbers_are_confidences_too(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    rows = {"annotation_id": [1, 2], "concept_name": ["Caridea"] * 2, "confidence": [1, 0]}
    pq.write_table(pa.table(rows), path)
    confidence = read(path).confidence
    assert confidence is not None and confidence.tolist() == [1, 0]


def test_where_the_catalog_has_no_categories_their_ids_mean_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, "annotation_id,category_id\n1,3\n")
    with pytest.raises(InputError, match="the catalog has no categories"):
        read_predictions(path, load_taxonomy().canonical)


WIDE = {
    "concepts": "annotation_id,Caridea,Porifera,Sebastes",
    "prefixes and underscores": "annotation_id,prob_Caridea,p_Porifera,probability Sebastes",
    "category ids": "annotation_id,3,12,40",
    "by crops": "path,Caridea,Porifera,Sebastes",
}


@pytest.mark.parametrize("header", WIDE.values(), ids=WIDE)
def test_a_column_a_concept_holds_its_probabilities(tmp_path: Path, header: str) -> None:
    boxes = ("7_31.png", "8_32.png") if header.startswith("path") else ("31", "32")
    rows = [f"{box},{cells}\n" for box, cells in zip(boxes, ("0.1,0.7,0.2", "0,0,1"), strict=True)]
    predictions = read(write(tmp_path, "".join((header, "\n", *rows))))
    assert predictions.annotation_id.tolist() == [31, 32]
    assert predictions.concepts == ("Caridea", "Porifera", "Sebastes")
    assert predictions.concept_name.tolist() == ["Porifera", "Sebastes"]
    assert predictions.confidence is not None and predictions.probabilities is not None
    assert predictions.confidence.tolist() == pytest.approx([0.7, 1])
    assert predictions.probabilities[0].tolist() == pytest.approx([0.1, 0.7, 0.2])


def test_a_wide_parquet_file_is_read_as_the_csv_is(tmp_path: Path) -> None:
    columns = {"Caridea": [0.25, 0.5], "note": ["a", "b"], "Porifera": [0.75, 0.5]}
    pq.write_table(pa.table({"annotation_id": [4, 5], **columns}), tmp_path / "wide.parquet")
    predictions = read(tmp_path / "wide.parquet")
    assert predictions.concept_name.tolist() == ["Porifera", "Caridea"]
    assert predictions.ignored == ("note",)


@pytest.mark.parametrize(
    ("cells", "problem"), [("3,-4", "negative"), ("0.9,0.9", "sum to 1"), ("0.5,", "missing")]
)
def test_columns_that_hold_no_probabilities_are_faults(
    tmp_path: Path, cells: str, problem: str
) -> None:
    path = write(tmp_path, f"annotation_id,Caridea,Porifera\n1,0.5,0.5\n2,{cells}\n")
    with pytest.raises(InputError, match=problem) as refused:
        read(path)
    assert [fault.place for fault in refused.value.faults] == ["line 3"]
    # Beside names, such columns are something else, and are said not to have been read.
    text = f"annotation_id,concept_name,Caridea,Porifera\n1,Caridea,0.5,0.5\n2,Caridea,{cells}\n"
    predictions = read(write(tmp_path, text))
    assert predictions.probabilities is None
    assert predictions.ignored == ("Caridea", "Porifera")


def test_two_columns_of_one_concept_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="of one concept"):
        read(write(tmp_path, "annotation_id,Caridea,caridea\n1,0.5,0.5\n"))


def coco_results(image: object) -> str:
    return json.dumps(
        [{"image_id": image, "category_id": 3, "bbox": [1, 2, 3, 4], "score": 0.5}] * 20_000
    )


OTHER_FORMATS: dict[str, tuple[str, str]] = {
    "COCO results": (coco_results(7), "COCO's results format"),
    "COCO results, indented": (json.dumps([{"bbox": [1], "image_id": 1}], indent=2), "COCO's"),
    "Ultralytics": (coco_results("frame_7"), "Ultralytics"),
    "SpeciesNet": ('{"predictions": [{"filepath": "a", "classifications": {}}]}', "SpeciesNet"),
    "MegaDetector": ('{"images": [{"file": "a", "detections": [{"conf": 1}]}]}', "MegaDetector"),
    "a COCO file": ('{"info": {}, "images": [], "annotations": []}', "COCO annotations file"),
    "JSON lines": ('{"annotation_id": 1}\n{"annotation_id": 2}\n', "JSON"),
    "YOLO": ("11 0.5 0.25 0.125 1e-2 0.8\n11 0 0 1 1 1\n", "YOLO"),
    "YOLO without confidence": ("0 0.5 0.25 0.125 0.5", "YOLO"),
    "Pascal VOC": ("<annotation><folder/></annotation>", "annotations in XML"),
    "CVAT": ('<?xml version="1.0"?>\n<annotations><image/></annotations>', "CVAT"),
    "YOLO's settings": ("train: images\nnc: 1\nnames: ['crab']\n", "YOLO"),
    "VIAME": ("# 1: Detection or Track-id, 2: Video\n0,a.png,0,1,2,3,4,1\n", "VIAME"),
    "iFDO": ('{"image-set-header": {}, "image-set-items": {}}', "iFDO"),
    "LabelMe": ('{"shapes": [], "imagePath": "a.png"}', "LabelMe"),
    "Label Studio": ('[{"id": 1, "data": {"image": "a.png"}}]', "Label Studio"),
    "GeoJSON": ('{"type": "FeatureCollection", "features": []}', "GeoJSON"),
    "COCO with a confidence a box": (
        '{"images": [], "annotations": [{"id": 1, "conf": 0.5}]}',
        "COCO annotations file",
    ),
    "a login page": ("<!DOCTYPE html><html></html>", "a web page"),
    "FathomNet 2023": ("id,categories,osd\nuuid,12 12,0.1\n", "FathomNet 2023"),
}


@pytest.mark.parametrize(("text", "kind"), OTHER_FORMATS.values(), ids=OTHER_FORMATS)
def test_other_formats_are_refused_by_name_with_what_to_do(
    tmp_path: Path, text: str, kind: str
) -> None:
    path = tmp_path / "predictions.json"
    for content in (text, "\ufeff" + text):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match=kind) as refused:
            read(path)
        assert len(str(refused.value)) < 600
        assert refused.value.advice


@pytest.mark.parametrize("below", ["", "labels"])
def test_a_folder_of_labels_says_what_it_holds(tmp_path: Path, below: str) -> None:
    (tmp_path / below).mkdir(exist_ok=True)
    (tmp_path / below / "a.txt").write_text("11 0.5 0.25 0.125 0.01 0.8\n")
    with pytest.raises(InputError, match="holds YOLO's labels"):
        read(tmp_path)


# Whatever a file holds, a message is a screen at most.

long_texts = st.one_of(
    st.text(min_size=0, max_size=6),
    st.text(min_size=1, max_size=30).map(lambda text: text * 300),
    st.sampled_from(
        ["annotation_id", "concept_name", "path", "label", "category_id", "confidence"]
    ),
    st.integers().map(str),
)


def as_csv(rows: list[list[str]]) -> str:
    sink = io.StringIO()
    import csv

    csv.writer(sink).writerows(rows)
    return sink.getvalue()


def refused_in_short(read_file: Callable[[], Any]) -> None:
    try:
        read_file()
    except FathomNetError as error:
        assert len(str(error)) <= LONGEST_MESSAGE


@given(
    header=st.lists(long_texts, max_size=12),
    rows=st.lists(st.lists(long_texts, max_size=12), max_size=30),
    required=st.sampled_from(
        [[], ["annotation_id", "concept_name"], ["path", "label"], ["annotation_id", "category_id"]]
    ),
)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_message_about_a_table_is_longer_than_a_screen(
    tmp_path_factory: pytest.TempPathFactory,
    header: list[str],
    rows: list[list[str]],
    required: list[str],
) -> None:
    width = len(required) + len(header)
    squared = [(row * (width + 1))[:width] if row else [""] * width for row in rows]
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    for body in (rows, squared):
        path.write_bytes(as_csv([required + header, *body]).encode("utf-8", "replace"))
        refused_in_short(lambda: read(path))


@given(content=st.one_of(st.binary(max_size=400), st.binary(max_size=40).map(lambda b: b * 2_000)))
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_message_about_any_bytes_is_longer_than_a_screen(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    for name in ("rows.csv", "manifest.json"):
        (folder / name).write_bytes(content)
        refused_in_short(lambda: read(folder / "rows.csv"))
    (folder / "predictions.csv").write_text("annotation_id,concept_name\n1,Caridea\n")
    refused_in_short(lambda: read(folder))


@given(
    manifest=st.dictionaries(
        st.sampled_from(["format_version", "concepts", "files"]),
        st.one_of(long_texts, st.lists(long_texts, max_size=40), st.just(1), st.none()),
    )
)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_message_about_a_manifest_is_longer_than_a_screen(
    tmp_path_factory: pytest.TempPathFactory, manifest: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("run")
    shares = pa.array(np.eye(3, dtype=np.float32).tolist(), pa.list_(pa.float32()))
    table = {"annotation_id": [1, 2, 3], "concept_name": ["Caridea"] * 3, "probabilities": shares}
    pq.write_table(pa.table(table), folder / "predictions.parquet")
    (folder / "manifest.json").write_text(json.dumps({"format_version": 1} | manifest))
    refused_in_short(lambda: read(folder))


@pytest.mark.parametrize("kind", ["header", "one cell", "many cells", "types", "subject"])
def test_what_made_long_messages_no_longer_does(tmp_path: Path, kind: str) -> None:
    long = "x" * 1_000_000
    path = tmp_path / "rows.csv"
    if kind == "header":
        path.write_text(",".join(["y" * 50_000] * 40) + "\n1,2\n")
    elif kind == "one cell":
        path.write_text(f"annotation_id,concept_name,confidence\n1,Caridea,{long[:100_000]}\n")
    elif kind == "many cells":
        path.write_text("annotation_id,concept_name\n" + f"{long[:1000]},{long[:1000]}\n" * 40)
    elif kind == "types":
        path = tmp_path / "rows.parquet"
        inner = pa.array([{f"field {n}": 1 for n in range(2_000)}])
        pq.write_table(pa.table({"annotation_id": inner, "concept_name": inner}), path)
    else:
        path = tmp_path.joinpath(*["z" * 250] * 8, "rows.csv")
    with pytest.raises(InputError) as refused:
        read(path)
    assert len(str(refused.value)) <= LONGEST_MESSAGE
    assert "nothing was written" in str(refused.value)


def test_a_message_shows_as_many_faults_as_fit_and_counts_the_others() -> None:
    short = InputError("a.csv", [Fault(f"line {n}", "is empty") for n in range(25)], "Do this.")
    assert str(short).splitlines()[-2:] == ["  and 5 more", "Do this."]
    long = InputError("a.csv", [Fault(f"line {n}", "x" * 900) for n in range(25)], "Do this.")
    lines = str(long).splitlines()
    assert len(str(long)) <= LONGEST_MESSAGE
    assert lines[1].startswith("  line 0: xxx") and lines[-1] == "Do this."
    assert lines[-2] == f"  and {25 - (len(lines) - 3)} more"


NUMBERS = (("0.5", 0.5), (" 5e-1 ", 0.5), ("+.5", 0.5), (0.5, 0.5), (1, 1.0), ("01", 1.0))
NO_NUMBERS: tuple[Any, ...] = (
    *(
        "",
        " ",
        "nan",
        "NaN",
        "inf",
        "-Infinity",
        "1e999",
        "half",
        "0,5",
        "0x1",
        "1_0",
        "\u0661",
        "True",
    ),
    *(None, True, False, math.nan, math.inf, 10**400, [1], {}),
)


@pytest.mark.parametrize(("cell", "number"), NUMBERS)
def test_a_number_in_a_cell_is_one_however_it_is_written(cell: Any, number: float) -> None:
    assert number_or_nan(cell) == number
    assert matrix_of([[cell, cell]]).tolist() == [[number], [number]]


@pytest.mark.parametrize("cell", NO_NUMBERS, ids=repr)
def test_what_is_no_number_is_none_alone_and_among_others(cell: Any) -> None:
    assert math.isnan(number_or_nan(cell))
    assert np.isnan(matrix_of([[cell, cell]])).all()
    others = ["0.5"] if isinstance(cell, str) else [None]
    assert np.isnan(matrix_of([[cell, *others]])[0, 0])


@pytest.mark.parametrize("cell", [one for one in NO_NUMBERS if isinstance(one, str)], ids=repr)
def test_a_confidence_a_score_and_a_probability_have_one_answer_to_what_is_no_number(
    tmp_path: Path, cell: str
) -> None:
    path = write(tmp_path, f'annotation_id,concept_name,confidence\n31,Caridea,"{cell}"\n')
    with pytest.raises(InputError, match=r"confidence should be a number in 0\.\.1"):
        read(path)
    path = write(tmp_path, f'annotation_id,Caridea,Porifera\n31,"{cell}",1\n')
    with pytest.raises(InputError, match="probabilities are missing"):
        read(path)
    header = "image_id,concept_name,bbox_x,bbox_y,bbox_width,bbox_height,score"
    path = write(tmp_path, f'{header}\n1,Caridea,1,1,9,9,"{cell}"\n')
    with pytest.raises(InputError, match=r"the score (should be a number in 0\.\.1|is empty)"):
        read_detections(path, load_taxonomy().canonical)
    path = write(tmp_path, f'{header}\n1,Caridea,1,1,"{cell}",9,0.5\n')
    with pytest.raises(InputError, match="the rectangle should be 4 finite numbers"):
        read_detections(path, load_taxonomy().canonical)


def test_a_detector_s_table_that_is_read_for_names_is_told_apart(tmp_path: Path) -> None:
    header = "image_id,concept_name,bbox_x,bbox_y,bbox_width,bbox_height,score"
    path = write(tmp_path, f"{header}\n1,Caridea,1,1,9,9,0.5\n")
    with pytest.raises(InputError, match="import them as detections"):
        read(path)
