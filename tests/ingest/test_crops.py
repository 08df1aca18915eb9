"""From a table of crops, or folders of them, to a dataset with one label a sample."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import fiftyone as fo
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fathomnet_voxel51.dataset.ingest_record import read_ingest_record, read_kept_boxes
from fathomnet_voxel51.dataset.public_writes import SampleImport
from fathomnet_voxel51.errors import DatasetError, InputError
from fathomnet_voxel51.ingest import check_crops, ingest_crops, ingest_dataset
from fathomnet_voxel51.ingest import ingest as stage
from fiftyone import Classification

from demo.crops import cut_crops
from demo.synthetic import write_catalog
from tests.support.drawn import MEDIUM, Drawn
from tests.support.stored import documents, settings

EVERYTHING: frozenset[str] = frozenset()
VOLATILE = frozenset({"_dataset_id", "created_at", "last_modified_at"})

WriteTable = Callable[..., str]


@pytest.fixture
def write_table(tmp_path: Path) -> WriteTable:
    """Writes lines as a table, and an empty file for each path that is asked for."""

    def write(*lines: str, name: str = "crops.csv", there: tuple[str, ...] = ()) -> str:
        for path in there:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).touch()
        (tmp_path / name).write_text("\n".join(lines) + "\n")
        return str(tmp_path / name)

    return write


def test_a_crop_has_its_label_what_the_table_says_and_where_it_is(
    write_table: WriteTable, dataset_name: str, tmp_path: Path, either_way: str
) -> None:
    table = write_table(
        "path,label,confidence,label_2,confidence_2,external_id,depth,station,dive,date_captured,"
        "width,height,sure",
        "rois/a.png,sebastes,0.5,Aegina citrea,0.25,x-1,870,M1,443,2010-05-06 07:08:09,64,48,true",
        "rois/b.png,,,,,x-2,870.5,007,,,,,",
        there=("rois/a.png", "rois/b.png"),
    )
    result = ingest_crops(dataset_name, table=table)
    assert (result.samples_added, result.samples, result.labels, result.unlabelled) == (2, 2, 1, 1)
    assert (result.media_found, result.media_missing, result.split) == (2, 0, "train")
    assert result.notes == (
        "train: labels respelt, 1 time, such as line 2, label: 'sebastes' was read as 'Sebastes'",
    )
    dataset = fo.load_dataset(dataset_name, reload=True)
    first, second = dataset
    assert dataset.persistent and dataset.list_saved_views() == ["train"]
    assert (first.tags, first.split, first.image_id) == (["train"], "train", 1)
    assert (first.file_name, first.media_status) == ("rois/a.png", "ok")
    assert first.filepath == first.media_uri == f"{tmp_path}/rois/a.png"
    assert (first.metadata.width, first.metadata.height) == (64, 48)
    assert (first.vehicle, first.dive) == (None, "443")
    assert first.date_captured == datetime(2010, 5, 6, 7, 8, 9)
    assert (first.external_id, first.depth, first.station, first.sure) == ("x-1", 870, "M1", True)
    label = first.ground_truth
    assert isinstance(label, Classification)
    assert (label.label, label.confidence, label.annotation_id) == ("Sebastes", 0.5, 1)
    assert (label.second_label, label.second_confidence, label.margin) == (
        "Aegina citrea",
        0.25,
        0.25,
    )
    assert (second.ground_truth.label, second.ground_truth.annotation_id) == (None, 2)
    assert (second.station, second.depth, second.metadata) == ("007", 870.5, None)


def test_labels_are_stored_as_fiftyone_stores_its_own(
    write_table: WriteTable, dataset_name: str, either_way: str
) -> None:
    table = write_table(
        "path,label,confidence,label_2,confidence_2", "a.png,Sebastes,0.5,Aegina,0.25"
    )
    ingest_crops(dataset_name, table=table)
    (stored,) = fo.load_dataset(dataset_name)._sample_collection.find()
    label = fo.Classification(
        label="Sebastes",
        confidence=0.5,
        annotation_id=1,
        second_label="Aegina",
        second_confidence=0.25,
        margin=0.25,
    )
    label._id = stored["ground_truth"]["_id"]
    # To MongoDB, documents of another order are unequal.
    assert list(stored["ground_truth"].items()) == list(label.to_dict().items())


def test_both_ways_store_the_same(
    write_table: WriteTable, dataset_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = write_table("path,label,confidence,depth", "a.png,Sebastes,0.5,3", "b.png,,,4")
    found = []
    for way in ("0", "1"):
        monkeypatch.setenv("FATHOMNET_PUBLIC_API", way)
        ingest_crops(dataset_name, table=table)
        dataset = fo.load_dataset(dataset_name, reload=True)
        found.append((documents(dataset, VOLATILE), settings(dataset)))
        fo.delete_dataset(dataset_name)
    assert found[0] == found[1]


def test_run_twice_it_is_left_alone(
    write_table: WriteTable, dataset_name: str, either_way: str
) -> None:
    table = write_table("path,label", "a.png,Sebastes", "b.png,Aegina")
    ingest_crops(dataset_name, table=table)
    dataset = fo.load_dataset(dataset_name, reload=True)
    before = documents(dataset, EVERYTHING), settings(dataset)
    again = ingest_crops(dataset_name, table=table)
    assert (again.samples_added, again.samples_present) == (0, 2)
    dataset.reload()
    assert (documents(dataset, EVERYTHING), settings(dataset)) == before


@pytest.mark.fault(
    operator="ingest_crops",
    happens="it is killed after each of its batches",
    end="run again, the dataset of an undisturbed run, bit for bit",
)
def test_an_ingest_that_stops_half_way_goes_on_where_it_stopped(
    write_table: WriteTable, dataset_name: str, either_way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = write_table("path,label", *(f"{number}.png,Sebastes" for number in range(40)))
    ingest_crops(dataset_name, table=table)
    whole = documents(fo.load_dataset(dataset_name), VOLATILE)
    for written in (1, 2, 3):
        fo.delete_dataset(dataset_name)
        with monkeypatch.context() as stopping:
            stopping.setattr(stage, "BATCH", 10)
            stopping.setattr("fathomnet_voxel51.dataset.writes.IMPORTED_AT_ONCE", 1)
            add, calls = stop_after(written)
            stopping.setattr("fathomnet_voxel51.dataset.writes.insert_missing", add("insert"))
            stopping.setattr(SampleImport, "add", add("import"))
            with pytest.raises(KeyboardInterrupt):
                ingest_crops(dataset_name, table=table)
        assert len(calls) == written + 1
        assert 0 < len(fo.load_dataset(dataset_name)) < 40
        result = ingest_crops(dataset_name, table=table)
        assert result.samples_present > 0 and result.samples == 40
        assert documents(fo.load_dataset(dataset_name, reload=True), VOLATILE) == whole


def stop_after(batches: int) -> tuple[Callable[[str], Any], list[int]]:
    """What writes as many batches, and then is interrupted."""
    from fathomnet_voxel51.dataset.collection import insert_missing

    calls: list[int] = []
    ways = {"insert": insert_missing, "import": SampleImport.add}

    def of(way: str) -> Any:
        real = ways[way]

        def write(*arguments: Any) -> int:
            calls.append(1)
            if len(calls) > batches:
                raise KeyboardInterrupt
            return int(real(*arguments))

        return write

    return of, calls


def test_a_parquet_file_says_the_same_as_a_csv(
    write_table: WriteTable, dataset_name: str, tmp_path: Path
) -> None:
    lines = ("path,label,confidence,depth,note", "a.png,Sebastes,0.5,3.5,x", "b.png,,,4.0,")
    catalog = check_crops(table=write_table(*lines)).catalog
    columns = {
        "path": ["a.png", "b.png"],
        "label": ["Sebastes", None],
        "confidence": [0.5, None],
        "depth": [3.5, 4.0],
        "note": ["x", None],
    }
    pq.write_table(pa.table(columns), tmp_path / "crops.parquet")
    other = check_crops(table=str(tmp_path / "crops.parquet")).catalog
    assert other.images == catalog.images
    assert other.image_fields == catalog.image_fields == {"depth": float, "note": str}


def test_the_competition_s_crops_have_the_numbers_of_its_boxes(
    drawn: Drawn, dataset_name: str, tmp_path: Path
) -> None:
    demo = drawn(MEDIUM)
    table = cut_crops(demo.train, demo.media_root, "train", tmp_path)
    result = ingest_crops(dataset_name, table=str(table))
    coco = json.loads(demo.train.read_text())
    dataset = fo.load_dataset(dataset_name)
    assert result.samples == len(coco["annotations"]) == len(dataset)
    assert result.media_found == len(dataset)
    names = {one["id"]: one["name"] for one in coco["categories"]}
    expected = {box["id"]: names[box["category_id"]] for box in coco["annotations"]}
    numbers, labels = dataset.values(["ground_truth.annotation_id", "ground_truth.label"])
    assert dict(zip(numbers, labels, strict=True)) == expected
    assert set(dataset.values("image_id")) == set(expected)
    assert len(set(zip(*dataset.values(["vehicle", "dive"]), strict=True))) == 8
    kept = read_kept_boxes(dataset, "train")
    assert kept is not None
    assert {one.annotation_id: one.label for one in kept.values()} == expected
    assert set(kept) == set(dataset.values("ground_truth.id"))


def test_folders_of_classes_are_labels(dataset_name: str, tmp_path: Path, either_way: str) -> None:
    for path in ("Sebastes/1.png", "Sebastes/deeper/2.JPG", "Sea star/3.tif", "Sea star/notes.txt"):
        (tmp_path / "set" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / path).touch()
    result = ingest_crops(dataset_name, folder=str(tmp_path / "set"), split="val")
    assert (result.samples, result.labels, result.media_found) == (3, 3, 3)
    assert result.notes == ("val: 1 file is no image, and left out",)
    dataset = fo.load_dataset(dataset_name)
    assert dataset.values(["file_name", "ground_truth.label"]) == (
        ["Sea star/3.tif", "Sebastes/1.png", "Sebastes/deeper/2.JPG"],
        ["Sea star", "Sebastes", "Sebastes"],
    )
    assert all(Path(path).exists() for path in dataset.values("filepath"))
    # Splits may lie in folders of their own.
    (tmp_path / "other" / "Aegina").mkdir(parents=True)
    (tmp_path / "other" / "Aegina" / "1.png").touch()
    assert ingest_crops(dataset_name, folder=str(tmp_path / "other")).samples_added == 1
    assert fo.load_dataset(dataset_name).count_sample_tags() == {"val": 3, "train": 1}


def test_headers_may_be_named(write_table: WriteTable, dataset_name: str) -> None:
    table = write_table("roi_name,taxon,score,label", "a.png,Sebastes,0.5,12")
    named = {"path": "ROI_name", "label": "taxon", "confidence": "score"}
    ingest_crops(dataset_name, table=table, columns=named, label_field="species")
    sample = fo.load_dataset(dataset_name).first()
    assert (sample.species.label, sample.species.confidence) == ("Sebastes", 0.5)
    assert sample.file_label == 12 and not sample.has_field("ground_truth")
    texts = ["path=roi_name", "label = taxon", "confidence=score"]
    again = ingest_crops(dataset_name, table=table, columns=named, label_field="species")
    assert again.samples_added == 0
    assert check_crops(table=table, columns=texts).catalog.concepts == ("Sebastes",)
    with pytest.raises(DatasetError, match="is another file; or its columns are read otherwise"):
        ingest_crops(dataset_name, table=table, columns={"path": "roi_name"}, label_field="species")


def test_urls_are_sources_and_absolute_paths_are_read_below_what_they_share(
    write_table: WriteTable, dataset_name: str, tmp_path: Path
) -> None:
    url = "https://host/framegrabs/Ventana/images/0443/a%20b.png"
    plan = check_crops(table=write_table("url,label", f"{url},Sebastes"))
    (image,) = plan.images
    assert (image.file_name, image.source_url) == ("a b.png", url)
    assert (image.vehicle, image.dive, plan.media.media_root) == ("Ventana", "443", "")
    there = tmp_path / "rois"
    plan = check_crops(
        table=write_table("path", f"{there}/x/1.png", f"{there}/y/2.png", there=("rois/x/1.png",))
    )
    assert [one.file_name for one in plan.images] == ["x/1.png", "y/2.png"]
    assert plan.media.media_root == str(there)
    assert any("2 paths are absolute" in one for one in plan.catalog.told)
    assert any("all 2 crops are without one" in one for one in plan.catalog.told)
    # From another machine: what lies beside the table is found.
    lines = ("path", "/home/ada/rois/1_7.png", "/home/ada/rois/1_8.png")
    ingest_crops(dataset_name, table=write_table(*lines, there=("rois/1_7.png", "rois/1_8.png")))
    found = fo.load_dataset(dataset_name)
    assert found.values("filepath") == [f"{tmp_path}/rois/1_7.png", f"{tmp_path}/rois/1_8.png"]
    assert found.values("ground_truth.annotation_id") == [7, 8]


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (("path,label", "a.png,Sebastes", ",Aegina"), "line 3: has no path in the column path"),
        (("path,label", "a.png,x", "A.png,x"), "line 3: the same file is already on line 2"),
        (("path,label", "../a.png,x"), "line 2: '../a.png' leaves the images' folder"),
        (("path,label", "s3://bucket/a.png,x"), "line 2: 's3://bucket/a.png' is an address"),
        (("path,label", "a.png,x,y"), "line 2: has 3 fields where the header has 2"),
        (("path,confidence", "a.png,1.5"), "line 2, confidence: should be a number in 0..1"),
        (("path,confidence_2", "a.png,high"), "line 2, confidence_2: should be a number in 0..1"),
        (("path,external_id", "a.png,7", "b.png,7"), "line 3: the external_id is already on"),
        (("path,annotation_id", "a.png,x"), "line 2, annotation_id: should be a whole number"),
        (("path,annotation_id", "a.png,7", "b.png,7"), "line 3: the number in annotation_id is"),
        (("path,width,height", "a.png,0,5"), "line 2, width: should be pixels"),
        (("label,depth", "Sebastes,3"), "columns: none is named path, file_path, filepath or url"),
        (("path,label", 'a.png,"x'), "line 2: the row that begins here cannot be read"),
        (("path,Path", "a.png,b.png"), "line 1: more than one column is named path"),
        (("path,label", "a.png,x", "b.png,Aeg\0ina"), "line 3: holds a NUL character"),
        (("path,label", "a.png,Aeg\x07ina"), "line 2, label: 'Aeg\\x07ina' holds a character"),
        (("path,confidence", 'a.png,"0,5"'), "line 2, confidence: should be a number in 0..1"),
        (("path,confidence", "a.png,nan"), "line 2, confidence: should be a number in 0..1"),
        (("path,label", "é.png,x", "e\u0301.png,x"), "line 3: the same file is already on line 2"),
        (
            ("path,label", "https://me:secret@host/a.png,x"),
            "line 2: 'https://…@host/a.png' is not an http or https URL",
        ),
        (("path,label",), "file: has a header but no rows"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
@pytest.mark.fault(
    operator="ingest_crops",
    happens="the table is malformed",
    end="every fault is named with its line; no dataset is made",
)
def test_a_malformed_table_is_refused_with_line_and_reason(
    write_table: WriteTable, dataset_name: str, lines: tuple[str, ...], fault: str
) -> None:
    with pytest.raises(InputError) as raised:
        ingest_crops(dataset_name, table=write_table(*lines))
    assert any(str(one).startswith(fault) for one in raised.value.faults), raised.value
    assert not fo.dataset_exists(dataset_name)


@pytest.mark.parametrize(
    ("name", "cells", "kind"),
    [
        ("path", [["a.png"], ["b.png"]], "list<"),
        ("image", [{"bytes": b"x", "path": "a.png"}, None], "struct<bytes: binary"),
        ("path", [b"a.png", b"b.png"], "binary"),
        ("label", [["Sebastes"], ["Aegina"]], "list<"),
        ("confidence", [[0.5], [0.25]], "list<"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_parquet_column_that_holds_no_text_or_number_is_refused_with_its_type(
    name: str, cells: list[Any], kind: str, dataset_name: str, tmp_path: Path
) -> None:
    columns = {"path": ["a.png", "b.png"]} if name != "image" else {}
    pq.write_table(pa.table({**columns, name: cells}), tmp_path / "crops.parquet")
    with pytest.raises(InputError) as refused:
        ingest_crops(dataset_name, table=str(tmp_path / "crops.parquet"))
    (fault,) = refused.value.faults
    assert fault.place == f"column {name}" and fault.problem.startswith(f"holds {kind}")
    assert not fo.dataset_exists(dataset_name)


def test_further_columns_are_kept_and_what_no_field_can_hold_is_told(
    dataset_name: str, tmp_path: Path
) -> None:
    columns = {
        "path": ["a.png", "b.png"],
        # As pandas writes whole numbers beside gaps.
        "external_id": pa.array([7.0, 8.0]),
        "confidence": pa.array([0.5, 0.5]),
        "depth": pa.array([870.5, 12.0]).cast(pa.decimal128(6, 2)),
        "vector": [[1.0, 2.0], [3.0, 4.0]],
        **{f"measure_{number}": [number, number + 1] for number in range(100)},
    }
    pq.write_table(pa.table(columns), tmp_path / "crops.parquet")
    plan = check_crops(table=str(tmp_path / "crops.parquet"))
    first, _ = plan.images
    kept = dict(first.others)
    assert (kept["external_id"], kept["depth"], kept["measure_99"]) == ("7", 870.5, 99)
    assert len(plan.catalog.image_fields) == 102
    notes = " ".join(plan.catalog.told)
    assert "'vector' was left out: it holds list<" in notes
    assert "column confidence: all 2 are 0.5: they tell no crop from another" in notes


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tables_of_spreadsheets_are_read_and_accents_are_one_sign(
    delimiter: str, encoding: str, tmp_path: Path
) -> None:
    lines = ("path,label", "a.png,détritus", "b.png,de\u0301tritus", "c.png,Sebastes")
    text = "\r\n".join(lines).replace(",", delimiter)
    (tmp_path / "crops.csv").write_bytes(text.encode(encoding))
    plan = check_crops(table=str(tmp_path / "crops.csv"))
    assert plan.catalog.concepts == ("Sebastes", "détritus")
    assert [image.file_name for image in plan.images] == ["a.png", "b.png", "c.png"]


def test_wrong_parameters_are_told_at_once(
    write_table: WriteTable, dataset_name: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as raised:
        ingest_crops(dataset_name, split="dev", label_field="split", media_root="s3://bucket")
    places = {one.place for one in raised.value.faults}
    assert places == {"table, folder", "split", "label_field", "media_root"}
    table = write_table("path", "a.png")
    for columns in ({"name": "path"}, ["path"], {"label": "taxon"}, {"label": "path"}):
        with pytest.raises(InputError, match="column"):
            ingest_crops(dataset_name, table=table, columns=columns)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.png").touch()
    with pytest.raises(InputError, match=r"a\.png: lies beside the folders of the classes"):
        ingest_crops(dataset_name, folder=str(tmp_path / "set"))
    assert not fo.dataset_exists(dataset_name)


def test_boxes_and_crops_do_not_share_a_field(
    write_table: WriteTable, dataset_name: str, tmp_path: Path
) -> None:
    catalog = str(write_catalog(tmp_path / "train.json", 2, 4, seed=3))
    table = write_table("path,label", "a.png,Sebastes")
    ingest_dataset(dataset_name, train_annotations=catalog, media_root=str(tmp_path))
    dataset = fo.load_dataset(dataset_name, reload=True)
    before = documents(dataset, EVERYTHING), settings(dataset)
    for values in ({}, {"split": "val"}, {"label_field": "species"}):
        with pytest.raises(DatasetError, match="choose another dataset_name"):
            ingest_crops(dataset_name, table=table, **values)  # type: ignore[arg-type]
    dataset.reload()
    assert (documents(dataset, EVERYTHING), settings(dataset)) == before
    fo.delete_dataset(dataset_name)
    ingest_crops(dataset_name, table=table)
    dataset = fo.load_dataset(dataset_name, reload=True)
    before = documents(dataset, EVERYTHING), settings(dataset)
    for files in ({"train_annotations": catalog}, {"test_annotations": catalog}):
        for update in (False, True):
            with pytest.raises(DatasetError, match="choose another dataset_name"):
                ingest_dataset(dataset_name, media_root=str(tmp_path), update=update, **files)
    with pytest.raises(DatasetError, match="has crops in its train split"):
        ingest_dataset(dataset_name, media_root=str(tmp_path), update=True)
    dataset.reload()
    assert (documents(dataset, EVERYTHING), settings(dataset)) == before


def test_another_table_for_a_split_that_is_there_is_refused(
    write_table: WriteTable, dataset_name: str
) -> None:
    ingest_crops(dataset_name, table=write_table("path,label", "a.png,Sebastes"))
    other = write_table("path,label", "a.png,Aegina", name="other.csv")
    with pytest.raises(DatasetError, match=r"from crops\.csv .*other\.csv .* is another file"):
        ingest_crops(dataset_name, table=other)
    record = read_ingest_record(fo.load_dataset(dataset_name, reload=True), "train")
    assert record and (record.source, record.crops_field) == ("crops.csv", "ground_truth")


def test_what_is_found_later_is_noticed(
    write_table: WriteTable, dataset_name: str, tmp_path: Path, either_way: str
) -> None:
    table = write_table("path,label", "a.png,Sebastes", "b.png,Aegina", there=("a.png",))
    result = ingest_crops(dataset_name, table=table)
    assert (result.media_found, result.media_missing) == (1, 1)
    assert f"1 of 2 images are in {tmp_path}: expected b.png" in result.notes[0]
    (tmp_path / "b.png").touch()
    assert ingest_crops(dataset_name, table=table).media_found == 2
    dataset = fo.load_dataset(dataset_name, reload=True)
    assert dataset.values("media_status") == ["ok", "ok"]
    assert dataset.values("filepath") == [f"{tmp_path}/a.png", f"{tmp_path}/b.png"]
