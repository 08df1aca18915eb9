"""A COCO file is read whole and exactly, or refused with the place of every fault."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from fathomnet_voxel51.catalog import Catalog, read_catalog
from fathomnet_voxel51.catalog.licences import Licence
from fathomnet_voxel51.errors import FAULTS_SHOWN, InputError

from tests.conftest import SHARED_DATA
from tests.support.malformed import MALFORMED_COCO, MalformedFile
from tests.support.malformed_coco import coco_bytes

REAL_FILE = SHARED_DATA / "dataset_test.json"
KNOWN = ("Funiculina", "Porifera")

Reader = Callable[..., Catalog]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Reads the sound COCO file after a change to it."""

    def read_changed(change: Callable[[dict[str, Any]], object], known: Any = ()) -> Catalog:
        path = tmp_path / "annotations.json"
        path.write_bytes(coco_bytes(change))
        return read_catalog(path, known)

    return read_changed


@pytest.fixture(scope="module")
def real() -> Catalog:
    return read_catalog(REAL_FILE)


@pytest.mark.parametrize("file", MALFORMED_COCO, ids=lambda file: file.name)
def test_a_malformed_file_is_read_or_refused_with_the_place(
    file: MalformedFile, tmp_path: Path
) -> None:
    path = file.write(tmp_path)
    if file.accepted:
        catalog = read_catalog(path, KNOWN)
        assert [image.file_name for image in catalog.images] == ["a.png", "b.png"]
        assert (catalog.box_count, catalog.concepts) == (3, KNOWN)
    else:
        with pytest.raises(InputError) as refusal:
            read_catalog(path, KNOWN)
        assert not [place for place in file.places if place not in str(refusal.value)]
        assert str(path) in str(refusal.value)
    path.unlink()


def test_the_names_of_malformed_files_are_unique() -> None:
    names = [file.name for file in MALFORMED_COCO]
    assert len(set(names)) == len(names) >= 35
    assert all(file.accepted != bool(file.places) for file in MALFORMED_COCO)


def test_the_real_test_split_is_read_as_published(real: Catalog) -> None:
    assert (len(real.images), real.box_count, real.unlabelled_box_count) == (325, 788, 788)
    assert (len(real.concepts), real.concepts[0]) == (79, "Abyssocucumis abyssorum")
    assert real.notes == ()
    assert (real.source, real.sha256) == (
        "dataset_test.json",
        hashlib.sha256(REAL_FILE.read_bytes()).hexdigest(),
    )


def test_every_real_value_arrives(real: Catalog) -> None:
    coco = json.loads(REAL_FILE.read_text())
    assert [(i.image_id, i.file_name, i.width, i.height, i.source_url) for i in real.images] == [
        (i["id"], i["file_name"], i["width"], i["height"], i["coco_url"]) for i in coco["images"]
    ]
    pixels = {
        box.annotation_id: [
            value * side
            for value, side in zip(box.bounding_box, (image.width, image.height) * 2, strict=True)
        ]
        for image in real.images
        for box in image.boxes
    }
    for box in coco["annotations"]:
        assert pixels[box["id"]] == pytest.approx(box["bbox"], abs=1e-9)


def test_a_real_box_worked_by_hand(real: Catalog) -> None:
    image = real.images[1]
    assert (image.image_id, image.width, image.height) == (2, 720, 486)
    box = image.boxes[0]
    assert (box.annotation_id, box.label, box.area, box.iscrowd) == (2, None, 312.0, 0)
    assert box.bounding_box == (436 / 720, 104 / 486, 13 / 720, 24 / 486)


def test_real_dates_come_from_the_file(real: Catalog) -> None:
    written = [image["date_captured"] for image in json.loads(REAL_FILE.read_text())["images"]]
    assert [str(image.date_captured) for image in real.images] == [str(date) for date in written]
    assert sum(image.date_captured is None for image in real.images) == 10


def test_the_real_licence_and_what_the_file_says_of_itself_arrive(real: Catalog) -> None:
    assert real.licences == (Licence(0, "FathomNet", "http://fathomnet.org/fathomnet/#/license"),)
    assert {image.licence for image in real.images} == {0}
    said = {one.name: one.value for one in real.statements}
    info = json.loads(REAL_FILE.read_text())["info"]
    assert said == {name: str(value) for name, value in info.items()}


def test_a_file_that_says_nothing_of_licences_has_none(read: Reader) -> None:
    catalog = read(lambda coco: coco.pop("info"))
    assert (catalog.licences, catalog.statements, catalog.notes) == ((), (), ())
    assert [image.licence for image in catalog.images] == [None, None]


@pytest.mark.parametrize(
    "info", [{}, {"half a character sends it through the slow reader": "\ud800"}]
)
def test_licences_that_are_malformed_are_left_out_with_a_note(
    read: Reader, info: dict[str, str]
) -> None:
    def spoil(coco: dict[str, Any]) -> None:
        coco["licenses"] = [
            {"id": 0, "name": "CC BY 4.0", "url": None},
            {"id": "0", "name": 7},
            "CC BY 4.0",
            {"id": 0, "name": "CC0"},
            {"id": True, "name": "CC0"},
            {"name": "CC0"},
            {"id": 5, "name": " \t", "url": ""},
            {"id": 6, "url": "www.host.org/licence"},
        ]
        coco["images"][0]["license"] = {"id": 0}
        coco["images"][1]["license"] = " 0\n"
        coco["info"] = info

    catalog = read(spoil)
    assert catalog.licences == (
        Licence(0, "CC BY 4.0", ""),
        Licence("0", "7", ""),
        Licence(6, "", "www.host.org/licence"),
    )
    assert [image.licence for image in catalog.images] == [None, "0"]
    assert [note.place for note in catalog.notes] == [
        "images[0] (id 1).license",
        "licenses[2]",
        "licenses[3].id",
        "licenses[4]",
        "licenses[5]",
        "licenses[6]",
    ]


def test_texts_of_licences_are_one_line_of_a_bearable_length(read: Reader) -> None:
    def fill(coco: dict[str, Any]) -> None:
        name = "\n# CC\u202e  BY\0" + "x" * 1_000
        coco["licenses"] = [{"id": number, "name": name} for number in range(1_500)]
        coco["licenses"][7]["name"] += "x" * 1_000_000
        coco["info"] = {f"member {number}": [name] for number in range(9)}
        coco["info"] |= {f"note {number}": name for number in range(60)}

    catalog = read(fill)
    assert len(catalog.licences) == 1_000
    assert catalog.licences[0].name.startswith("# CC BY xxx")
    assert {len(one.name) for one in catalog.licences} == {500}
    assert [one.name for one in catalog.statements] == [f"note {number}" for number in range(50)]
    assert all(one.value == catalog.licences[0].name for one in catalog.statements)
    assert [str(note) for note in catalog.notes] == [
        "licenses: has 1,500 items, of which 1,000 were read",
        "info: has 60 members, of which 50 were kept",
    ]


@pytest.mark.parametrize(
    ("written", "time"),
    [
        ("2013-11-14 17:02:52", datetime(2013, 11, 14, 17, 2, 52)),
        ("2013-11-14T17:02:52Z", datetime(2013, 11, 14, 17, 2, 52)),
        ("2013-11-14T17:02:52+09:00", datetime(2013, 11, 14, 8, 2, 52)),
        (None, datetime(2019, 8, 28, 19, 52, 35)),
        ("", datetime(2019, 8, 28, 19, 52, 35)),
    ],
)
def test_dates_are_kept_in_utc_and_fall_back_to_the_stamp_in_the_url(
    read: Reader, written: str | None, time: datetime
) -> None:
    url = "https://host/framegrabs/Ventana/images/12/20190828T195235Z--x.png"
    catalog = read(lambda coco: coco["images"][0].update(date_captured=written, coco_url=url))
    assert catalog.images[0].date_captured == time


@pytest.mark.parametrize(
    "written", ["yesterday", "0000-00-00 00:00:00", "0001-01-01T00:00+01:00", 7]
)
def test_a_date_that_is_none_is_left_out_with_a_note(read: Reader, written: object) -> None:
    catalog = read(lambda coco: coco["images"][0].update(date_captured=written))
    assert catalog.images[0].date_captured is None
    assert [note.place for note in catalog.notes] == ["images[0] (id 1).date_captured"]


def test_the_second_url_serves_where_the_first_is_empty(read: Reader) -> None:
    url = "http://host/framegrabs/Tiburon/images/0774/x.png"
    image = read(lambda c: c["images"][0].update(coco_url=None, flickr_url=url)).images[0]
    assert (image.source_url, image.vehicle, image.dive) == (url, "Tiburon", "774")


@pytest.mark.parametrize(
    ("bbox", "inside", "notes"),
    [
        ([10, 10, 20, 30], (0.1, 0.2, 0.2, 0.6), 0),
        ([-0.4, 0, 100.8, 50], (0.0, 0.0, 1.0, 1.0), 0),
        ([90, -10, 20, 30], (0.9, 0.0, 0.1, 0.4), 1),
        ([-1e300, -1e300, 1.5e300, 1.5e300], (0.0, 0.0, 1.0, 1.0), 1),
    ],
)
def test_a_box_is_clipped_to_its_image_of_100_by_50(
    read: Reader, bbox: list[float], inside: tuple[float, ...], notes: int
) -> None:
    catalog = read(lambda coco: coco["annotations"][0].update(bbox=bbox))
    assert catalog.images[0].boxes[0].bounding_box == pytest.approx(inside)
    assert len(catalog.notes) == notes


def test_a_missing_area_is_that_of_the_part_inside(read: Reader) -> None:
    catalog = read(lambda coco: coco["annotations"][0].update(bbox=[90, -10, 20, 30], area=None))
    assert catalog.images[0].boxes[0].area == 10 * 20


def test_known_concepts_lend_their_spelling_and_new_ones_keep_theirs(read: Reader) -> None:
    def rename(coco: dict[str, Any]) -> None:
        coco["categories"][0]["name"] = "fUNICULINA"
        coco["categories"][1]["name"] = "plastic  bag\t"

    catalog = read(rename, known=KNOWN)
    assert catalog.concepts == ("Funiculina", "plastic bag")
    assert [box.label for box in catalog.images[0].boxes] == ["Funiculina", "plastic bag"]
    assert [note.place for note in catalog.notes] == [
        "categories[0] (id 1).name",
        "categories[1] (id 2).name",
    ]


def test_concepts_stand_in_the_order_of_their_ids(read: Reader) -> None:
    assert read(lambda coco: coco["categories"].reverse()).concepts == KNOWN


def test_boxes_keep_the_order_of_the_file_whatever_their_ids(read: Reader) -> None:
    catalog = read(lambda coco: coco["annotations"].reverse())
    assert [[b.annotation_id for b in i.boxes] for i in catalog.images] == [[2, 1], [3]]


def test_categories_may_be_missing_where_no_box_names_one(read: Reader) -> None:
    def unlabel(coco: dict[str, Any]) -> None:
        del coco["categories"]
        for box in coco["annotations"]:
            del box["category_id"]

    catalog = read(unlabel)
    assert (catalog.concepts, catalog.unlabelled_box_count) == ((), 3)


def test_the_head_of_a_catalog_holds_its_first_images(real: Catalog) -> None:
    assert real.head(None) is real
    head = real.head(2)
    assert [image.image_id for image in head.images] == [1, 2]
    # Counted by hand: box 1 is on image 1, boxes 2 to 18 are on image 2.
    assert (head.box_count, head.sha256) == (18, real.sha256)


def test_all_faults_are_reported_together(read: Reader) -> None:
    def spoil(coco: dict[str, Any]) -> None:
        coco["images"][0]["width"] = "wide"
        coco["images"][1]["file_name"] = "/b.png"
        coco["annotations"][0]["bbox"] = [1, 2, 3]
        coco["annotations"][2]["category_id"] = 99

    with pytest.raises(InputError) as refusal:
        read(spoil)
    assert [fault.place for fault in refusal.value.faults] == [
        "images[0] (id 1).width",
        "annotations[0] (id 1).bbox",
        "annotations[2] (id 3).category_id",
        "images[1] (id 2).file_name",
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda coco: coco["images"][0].update(width=None),
        lambda coco: coco["images"][0].update(id=[1]),
        lambda coco: coco["categories"][0].update(name=None),
        lambda coco: coco["categories"][0].update(id=None),
        lambda coco: coco.pop("images"),
        lambda coco: coco.pop("categories"),
    ],
)
def test_boxes_are_not_blamed_for_what_they_refer_to(
    read: Reader, change: Callable[[dict[str, Any]], object]
) -> None:
    with pytest.raises(InputError) as refusal:
        read(change)
    assert len(refusal.value.faults) == 1


@pytest.mark.parametrize("path", ["", "nowhere.json", "."])
def test_a_path_that_names_no_file_is_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        read_catalog(path and tmp_path / path)


def test_faults_beyond_a_thousand_are_counted_and_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "annotations.json"
    path.write_bytes(coco_bytes(lambda coco: coco.update(annotations=[{"id": -1}] * 50_000), None))
    with pytest.raises(InputError) as refusal:
        read_catalog(path)
    # Each of the records lacks two members and has a wrong id.
    assert len(refusal.value.faults) == 1_001
    assert "149,000 more" in refusal.value.faults[-1].problem
    assert str(refusal.value).count("\n") < FAULTS_SHOWN + 4


def test_the_time_grows_with_the_file_and_no_faster(tmp_path: Path) -> None:
    box = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "segmentation": [[1.5] * 50]}

    def seconds(count: int) -> float:
        path = tmp_path / f"{count}.json"
        boxes = [{"id": number, **box} for number in range(count)]
        path.write_bytes(coco_bytes(lambda coco: coco.update(annotations=boxes), indent=None))
        start = process_time()
        assert read_catalog(path).box_count == count
        return process_time() - start

    assert seconds(40_000) < 8 * max(seconds(10_000), 0.05)
