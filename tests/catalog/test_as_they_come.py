"""COCO files as other programs write them are read for what they can only mean."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from fathomnet_voxel51.catalog import Catalog, read_catalog
from fathomnet_voxel51.errors import InputError
from fathomnet_voxel51.media.request import read_listed
from fathomnet_voxel51.taxonomy import load_taxonomy
from PIL import Image

from tests.support.malformed_coco import URL, coco_bytes

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Catalog]:
    """Reads the sound COCO file after a change to it."""

    def read_changed(change: Change, **how: Any) -> Catalog:
        path = tmp_path / "annotations.json"
        path.write_bytes(coco_bytes(change))
        return read_catalog(path, **how)

    return read_changed


def every(section: str, **members: Callable[[Any], Any]) -> Change:
    """Changes members of all records of a list."""

    def change(coco: dict[str, Any]) -> None:
        for record in coco[section]:
            for name, written in members.items():
                record[name] = written(record.get(name))

    return change


SOUND = json.loads(coco_bytes())
PIXELS = {box["id"]: (box["image_id"], box["bbox"]) for box in SOUND["annotations"]}


def pixels(catalog: Catalog) -> dict[int, tuple[int, list[float]]]:
    """By id, each box's image and rectangle in pixels."""
    return {
        box.annotation_id: (
            image.image_id,
            [
                round(value * side, 6)
                for value, side in zip(
                    box.bounding_box, (image.width, image.height) * 2, strict=True
                )
            ],
        )
        for image in catalog.images
        for box in image.boxes
    }


@pytest.mark.parametrize(
    ("section", "member", "written"),
    [
        ("annotations", "category_id", str),
        ("annotations", "category_id", float),
        ("annotations", "image_id", lambda number: f" {number}.0 "),
        ("annotations", "id", str),
        ("annotations", "iscrowd", lambda _: False),
        ("annotations", "iscrowd", lambda _: 0.0),
        ("annotations", "iscrowd", lambda _: "0"),
        ("annotations", "iscrowd", lambda _: "False"),
        ("annotations", "area", str),
        ("annotations", "area", lambda area: -area),
        ("annotations", "area", lambda _: "unknown"),
        ("annotations", "bbox", lambda box: [str(value) for value in box]),
        ("annotations", "bbox", lambda box: [f"{value:e}" for value in box]),
        ("annotations", "bbox", str),
        ("annotations", "bbox", lambda box: " ".join(map(str, box))),
        ("images", "coco_url", lambda _: math.nan),
        ("images", "id", float),
        ("images", "width", lambda width: f"{width}.0"),
        ("images", "height", float),
        ("categories", "id", str),
    ],
)
def test_a_value_with_one_meaning_is_taken_with_one_note(
    read: Callable[..., Catalog], section: str, member: str, written: Callable[[Any], Any]
) -> None:
    catalog = read(every(section, **{member: written}))
    assert pixels(catalog) == PIXELS
    assert [box.label for image in catalog.images for box in image.boxes] == [
        "Funiculina",
        "Porifera",
        "Funiculina",
    ]
    assert [box.area for image in catalog.images for box in image.boxes] == [600, 5000, 25]
    assert [note.place for note in catalog.notes] == [f"{section}.{member}"]
    assert len(catalog.told) == 1
    assert f"{len(SOUND[section])} values" in catalog.told[0]


@pytest.mark.parametrize("written", ["1.5", "1e0", "one", "0x1", True, "", None, [1]])
def test_a_size_that_may_mean_anything_is_refused(
    read: Callable[..., Catalog], written: object
) -> None:
    with pytest.raises(InputError, match=r"images\[0\] \(id 1\).width"):
        read(lambda coco: coco["images"][0].update(width=written))


def test_boxes_without_ids_are_numbered_in_their_order(read: Callable[..., Catalog]) -> None:
    catalog = read(lambda coco: [box.pop("id") for box in coco["annotations"]])
    assert pixels(catalog) == PIXELS and catalog.numbered
    assert [note.place for note in catalog.notes] == ["annotations.id"]


def test_a_box_without_an_id_gets_one_beyond_the_others(read: Callable[..., Catalog]) -> None:
    catalog = read(lambda coco: coco["annotations"][0].update(id=None))
    assert sorted(pixels(catalog)) == [2, 3, 4]
    assert pixels(catalog)[4] == PIXELS[1]


@pytest.mark.parametrize("first", [0, 1, 100])
def test_ids_that_begin_anew_in_every_image_are_numbered_in_their_order(
    read: Callable[..., Catalog], first: int
) -> None:
    ids = iter((first, first + 1, first))
    catalog = read(every("annotations", id=lambda _: next(ids)))
    assert pixels(catalog) == PIXELS and catalog.numbered


def test_an_id_that_two_boxes_of_an_image_share_is_still_a_fault(
    read: Callable[..., Catalog],
) -> None:
    with pytest.raises(InputError, match="same as that of"):
        read(lambda coco: coco["annotations"][1].update(id=1))


def test_ids_that_are_texts_keep_boxes_images_and_categories_together(
    read: Callable[..., Catalog],
) -> None:
    def spell(coco: dict[str, Any]) -> None:
        for image in coco["images"]:
            image["id"] = f"image-{image['id']}"
        for box in coco["annotations"]:
            box |= {"id": f"box {box['id']}", "image_id": f"image-{box['image_id']}"}
            box["category_id"] = f"kind:{box['category_id']}"
        for category in coco["categories"]:
            category["id"] = f"kind:{category['id']}"

    catalog = read(spell)
    assert [(image.file_name, len(image.boxes)) for image in catalog.images] == [
        ("a.png", 2),
        ("b.png", 1),
    ]
    assert [box.label for box in catalog.images[0].boxes] == ["Funiculina", "Porifera"]
    numbers = list(pixels(catalog))
    assert len(set(numbers)) == 3 and all(0 <= number < 2**53 for number in numbers)
    again = read(
        lambda coco: (spell(coco), coco["annotations"].reverse(), coco["images"].reverse())
    )
    assert pixels(again) == pixels(catalog), "the same text is the same number in any order"

    def lose(coco: dict[str, Any]) -> None:
        spell(coco)
        coco["annotations"][0]["image_id"] = "image-9"

    with pytest.raises(InputError, match="no image has the id 'image-9'"):
        read(lose)


@pytest.mark.parametrize(
    ("names", "concepts"),
    [
        (("Fish", "fish"), ("Fish",)),
        (("urchin", "urchin"), ("urchin",)),
        ((" Porifera", "PORIFERA  "), ("Porifera",)),
        (("P\u00e9n\u00e9us", "Pe\u0301ne\u0301us"), ("P\u00e9n\u00e9us",)),
        (("Seb\u00adastes", "\ufeffSebastes\u200b"), ("Sebastes",)),
    ],
)
def test_equal_names_are_one_concept_with_a_note(
    read: Callable[..., Catalog], names: tuple[str, str], concepts: tuple[str, ...]
) -> None:
    spelt = iter(names)
    catalog = read(every("categories", name=lambda _: next(spelt)))
    assert catalog.concepts == concepts
    assert {box.label for image in catalog.images for box in image.boxes} == set(concepts)
    assert any("the same concept" in note.problem for note in catalog.notes)


def test_a_category_with_its_author_is_the_trees_and_an_open_one_stays(
    read: Callable[..., Catalog],
) -> None:
    spelt = iter(("Psolus squamatus (O.F. Müller, 1776)", "Munidopsis sp. 3"))
    change = every("categories", name=lambda _: next(spelt))
    catalog = read(change, canonical=load_taxonomy().canonical)
    assert catalog.concepts == ("Psolus squamatus", "Munidopsis sp. 3")
    assert [note.place for note in catalog.notes] == ["categories[0] (id 1).name"]


@pytest.mark.parametrize(
    "written",
    [
        "2019:03:01 12:00:00",
        "2019/03/01 12:00:00",
        "2019/3/1 12:00:00",
        "2019-03-01 12:00:00 UTC",
        "2019-03-01T12:00:00 GMT",
        "2019:03:01 14:00:00+02:00",
        "2019-03-01 14:00:00 +0200",
        "2019.03.01 12:00:00",
        "2019-03-01 12:00:00 utc",
        "2019-03-01T12:00:00[UTC]",
        "2019-03-01 14:00:00 UTC+02:00",
        "2019-03-01T05:00:00\N{MINUS SIGN}07:00",
        "2019-03-01 9:00:00-03:00",
    ],
)
def test_a_date_with_the_year_first_is_read(read: Callable[..., Catalog], written: str) -> None:
    catalog = read(lambda coco: coco["images"][0].update(date_captured=written))
    assert catalog.images[0].date_captured == datetime(2019, 3, 1, 12)
    assert catalog.notes == ()


@pytest.mark.parametrize("written", ["", 0, math.nan, None])
def test_what_programs_write_for_no_date_is_no_news(
    read: Callable[..., Catalog], written: object
) -> None:
    """CVAT writes 0 on every image, pandas NaN."""
    catalog = read(every("images", date_captured=lambda _: written))
    assert [image.date_captured for image in catalog.images] == [None, None]
    assert catalog.told == ()


@pytest.mark.parametrize("written", ["03/01/2019", "01.03.2019 12:00", "0000:00:00 00:00:00"])
def test_dates_that_stay_unread_are_counted(read: Callable[..., Catalog], written: str) -> None:
    catalog = read(every("images", date_captured=lambda _: written))
    assert [image.date_captured for image in catalog.images] == [None, None]
    (told,) = catalog.told
    assert told.startswith("images.date_captured, 2 times, such as images[0] (id 1)")


BAD = {
    "a point": {"bbox": [10, 10, 0, 0]},
    "an empty bbox": {"bbox": []},
    "no bbox": {"bbox": None},
    "outside": {"bbox": [500, 500, 5, 5]},
    "of no image": {"bbox": [1, 1, 2, 2], "image_id": 99},
    "of no category": {"bbox": [1, 1, 2, 2], "category_id": 99},
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_box_is_refused_or_by_choice_left_out_listed_and_counted(
    read: Callable[..., Catalog], bad: dict[str, Any]
) -> None:
    def add(coco: dict[str, Any]) -> None:
        coco["annotations"].insert(1, {"id": 9, "image_id": 1, "category_id": 1, **bad})

    with pytest.raises(InputError, match=r"annotations\[1\] \(id 9\)"):
        read(add)
    catalog = read(add, skip_bad_boxes=True)
    assert (pixels(catalog), catalog.skipped_boxes) == (PIXELS, 1)
    assert [fault.place.partition(".")[0] for fault in catalog.skipped] == ["annotations[1] (id 9)"]
    assert any(told.startswith("boxes left out, 1 time") for told in catalog.told)


def test_without_bad_boxes_nothing_is_left_out(read: Callable[..., Catalog]) -> None:
    catalog = read(lambda coco: None, skip_bad_boxes=True)
    assert (catalog.skipped_boxes, catalog.skipped, catalog.told) == (0, (), ())


def test_faults_of_images_are_refused_whatever_becomes_of_boxes(
    read: Callable[..., Catalog],
) -> None:
    with pytest.raises(InputError, match="file_name"):
        read(lambda coco: coco["images"][0].update(file_name="/a.png"), skip_bad_boxes=True)


def test_backslashes_are_folders(read: Callable[..., Catalog]) -> None:
    catalog = read(lambda coco: coco["images"][0].update(file_name="reef\\dive 3\\a.png"))
    assert catalog.images[0].file_name == "reef/dive 3/a.png"
    assert [note.place for note in catalog.notes] == ["images[0] (id 1).file_name"]


@pytest.mark.parametrize(
    "written", ["./reef/a.png", "reef//a.png", "reef/./a.png", ".\\reef\\a.png"]
)
def test_a_path_with_steps_of_no_length_is_the_shorter_one(
    read: Callable[..., Catalog], written: str
) -> None:
    catalog = read(lambda coco: coco["images"][0].update(file_name=written))
    assert catalog.images[0].file_name == "reef/a.png"
    assert [note.place for note in catalog.notes] == ["images[0] (id 1).file_name"]


@pytest.mark.parametrize(
    "written", ["a.png", "./images/a.png", "C:\\reef\\a.png", "None", "//host/a"]
)
def test_a_path_in_place_of_a_url_is_no_url_with_a_note(
    read: Callable[..., Catalog], written: str
) -> None:
    """VIA writes the image's path as both of its URLs."""
    catalog = read(every("images", coco_url=lambda _: written, flickr_url=lambda _: written))
    assert [image.source_url for image in catalog.images] == [None, None]
    assert [told.partition(" such")[0] for told in catalog.told] == [
        "images.coco_url, 2 times,",
        "images.flickr_url, 2 times,",
    ]
    other = read(every("images", coco_url=lambda _: written, flickr_url=lambda _: f" {URL}\n"))
    assert [image.source_url for image in other.images] == [URL, URL]


def test_a_password_in_a_url_is_not_shown(read: Callable[..., Catalog]) -> None:
    url = "https://ada:s3cret@host.org/a.png"
    with pytest.raises(InputError, match="without user and password") as refusal:
        read(every("images", coco_url=lambda _: url))
    assert "s3cret" not in str(refusal.value)


def test_an_image_without_a_name_has_that_of_its_url(read: Callable[..., Catalog]) -> None:
    """LVIS gives nothing but URLs."""

    def drop(coco: dict[str, Any]) -> None:
        for number, image in enumerate(coco["images"]):
            del image["file_name"]
            image["coco_url"] = f"http://images.example.org/train/{number}.jpg"

    images = read(drop).images
    assert [image.file_name for image in images] == ["0.jpg", "1.jpg"]
    assert images[1].source_url == "http://images.example.org/train/1.jpg"
    with pytest.raises(
        InputError, match=r"images\[0\] \(id 1\).file_name: should be text, not null"
    ):
        read(lambda coco: coco["images"][0].update(file_name=None, coco_url=None))


def test_a_record_with_a_text_as_id_is_named_by_it(read: Callable[..., Catalog]) -> None:
    with pytest.raises(InputError, match=r"annotations\[1\] \(id 'box-2'\).bbox: is missing"):
        read(
            lambda coco: (
                coco["annotations"][1].pop("bbox") and coco["annotations"][1].update(id="box-2")
            )
        )
    with pytest.raises(InputError, match=r"annotations\[1\] \(id 'box-2'\).image_id: no image"):
        read(lambda coco: coco["annotations"][1].update(id="box-2", image_id=99))


@pytest.mark.parametrize("written", [math.nan, "", " "])
def test_a_missing_category_as_tables_write_it_is_none(
    read: Callable[..., Catalog], written: object
) -> None:
    catalog = read(lambda coco: coco["annotations"][0].update(category_id=written))
    assert [box.label for box in catalog.images[0].boxes] == [None, "Porifera"]
    assert [note.place for note in catalog.notes] == ["annotations.category_id"]


def test_a_url_as_a_name_is_the_images_url_and_its_last_segment(
    read: Callable[..., Catalog],
) -> None:
    url = "https://images.example.org/reef/a%20b.png?size=large#top"
    catalog = read(lambda coco: coco["images"][0].update(file_name=url, coco_url=None))
    image = catalog.images[0]
    assert (image.file_name, image.source_url) == ("a b.png", url)
    kept = read(lambda coco: coco["images"][0].update(file_name=url)).images[0]
    assert (kept.file_name, kept.source_url) == ("a b.png", URL)


def test_urls_with_equal_last_segments_keep_their_folders(read: Callable[..., Catalog]) -> None:
    cameras = iter((1, 2))
    catalog = read(
        every("images", file_name=lambda _: f"http://host.org/cam{next(cameras)}/0001.png")
    )
    assert [image.file_name for image in catalog.images] == ["cam1/0001.png", "cam2/0001.png"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("/data/local-files/?d=reef/b.png", "Label Studio.*'reef/b.png'"),
        ("/data/upload/4/8f2a1c-b.png", "Label Studio.*'8f2a1c-b.png'"),
        ("s3://reef/2024/b.png", "an address .s3://.*media_root"),
        ("gs://reef/2024/b.png", "an address .gs://.*media_root"),
        ("file:///home/ada/b.png", "an address .file://"),
        ("..\\..\\media\\b.png", "leaves the images' folder"),
        ("D:\\survey\\b.png", "absolute path"),
        ("https://host.org/..%2F..%2Fb.png", "leaves the images' folder"),
    ],
)
def test_an_address_that_is_no_name_is_refused_in_words(
    read: Callable[..., Catalog], name: str, words: str
) -> None:
    with pytest.raises(InputError, match=rf"images\[1\] \(id 2\).file_name.*{words}"):
        read(lambda coco: coco["images"][1].update(file_name=name))


def test_sizes_come_from_the_images_where_the_file_has_none(
    read: Callable[..., Catalog],
) -> None:
    def drop(coco: dict[str, Any]) -> None:
        for image in coco["images"]:
            del image["width"], image["height"]

    sizes = {"a.png": (100, 50), "b.png": (200, 80)}
    catalog = read(drop, measure=sizes.get)
    assert pixels(catalog) == PIXELS
    assert [note.place for note in catalog.notes] == ["images.width"]
    with pytest.raises(InputError, match=r"images\[1\] \(id 2\).width: is missing"):
        read(drop, measure={"a.png": (100, 50)}.get)


def test_scalar_members_are_kept_with_one_type_each(read: Callable[..., Catalog]) -> None:
    def add(coco: dict[str, Any]) -> None:
        coco["images"][0] |= {"depth": 871, "latitude": 36.7, "gps (raw)": "N36", "tags": [1]}
        coco["images"][1] |= {"depth": 12.5, "extra": {"nested": 1}, "latitude": None}
        coco["annotations"][0] |= {"attributes": {"occluded": True, "sex": "f"}, "score": 0.5}
        coco["annotations"][1] |= {"attributes": {"sex": 2}, "order": "third"}

    catalog = read(add)
    assert catalog.image_fields == {"depth": float, "latitude": float, "gps_raw": str}
    assert [dict(image.others) for image in catalog.images] == [
        {"depth": 871.0, "latitude": 36.7, "gps_raw": "N36"},
        {"depth": 12.5},
    ]
    first, second = catalog.images[0].boxes
    assert dict(first.others) == {"occluded": True, "sex": "f", "score": 0.5}
    assert dict(second.others) == {"sex": "2", "file_order": "third"}
    assert all(type(value) is float for value in (dict(catalog.images[0].others)["depth"],))


def test_what_a_box_is_outlined_by_is_no_member_of_it(read: Callable[..., Catalog]) -> None:
    outline = {"segmentation": [[1, 2, 3, 4]], "rle": {"counts": "x"}, "keypoints": [1] * 51}
    catalog = read(lambda coco: [box.update(outline) for box in coco["annotations"]])
    assert catalog.box_fields == {}


def test_a_file_without_further_members_has_no_further_fields(
    read: Callable[..., Catalog],
) -> None:
    catalog = read(lambda coco: None)
    assert (catalog.image_fields, catalog.box_fields) == ({}, {})
    assert all(image.others == () for image in catalog.images)


FORMATS = {
    "voc.xml": ("<annotation><folder>a</folder></annotation>", ("Pascal VOC", "VOCDetection")),
    "cvat.xml": ('<?xml version="1.0"?>\n<annotations><image/></annotations>', ("CVAT", "COCO")),
    "page.html": ("<!DOCTYPE html>\n<html></html>", ("web page",)),
    "data.yaml": ("# set\ntrain: images\nnc: 1\nnames: ['crab']\n", ("YOLO", "YOLOv5Dataset")),
    "survey.yaml": ("image-set-header:\n  image-set-name: x\n", ("iFDO", "BIIGLE")),
    "list.yaml": ("---\n- a\n- b\n", ("YAML", "COCO JSON")),
    "label.txt": ("0 0.5 0.5 0.1 0.1\n3 0.2 0.2 0.1 0.1\n", ("YOLO", "YOLOv5Dataset")),
    "viame.csv": ("# 1: Detection or Track-id, 2: Video\n0,a.png,0,1,2,3,4,1\n", ("VIAME", "DIVE")),
    "plain-viame.csv": (
        "0,a.png,0,1,2,3,4,0.9,-1,crab,0.9\n1,b.png,1,1,2,3,4,0.9,-1,crab,0.9\n",
        ("VIAME", "DIVE"),
    ),
    "submission.csv": ("annotation_id,concept_name\n1,Sebastes\n", ("import_predictions",)),
    "table.csv": ("file;x;y\na.png;1;2\n", ("table (CSV)",)),
    "lines.jsonl": ('{"a": 1}\n{"a": 2}\n', ("JSON Lines",)),
    "ifdo.json": ('{"image-set-header": {}, "image-set-items": {}}', ("iFDO", "BIIGLE")),
    "results.json": (
        '[{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "score": 1}]',
        ("COCO's results", "import_predictions"),
    ),
    "long-lines.jsonl": (
        "\n".join(json.dumps({"file_name": "a.png", "text": "x" * 30_000}) for _ in range(2)),
        ("JSON Lines",),
    ),
    "pointer.json": (
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        ("Git LFS", "git lfs pull"),
    ),
    "wrapped.json": ('[{"images": [], "annotations": []}]', ("list of COCO files",)),
    "createml.json": ('[{"image": "a.jpg", "annotations": []}]', ("CreateML",)),
    "fathomnet.json": (
        '[{"id": 1, "uuid": "u", "url": "https://x", "boundingBoxes": []}]',
        ("FathomNet", "fathomnet-generate"),
    ),
    "via.json": ('{"a.png123": {"filename": "a.png", "size": 123, "regions": []}}', ("VIA",)),
    "tasks.json": ('[{"id": 1, "data": {"image": "a.png"}}]', ("Label Studio",)),
    "labelme.json": ('{"shapes": [], "imagePath": "a.png"}', ("LabelMe",)),
    "ultralytics.json": (
        '[{"image_id": "frame_1", "category_id": 2, "bbox": [1, 2, 3, 4], "score": 1}]',
        ("Ultralytics", "import_predictions"),
    ),
    "speciesnet.json": ('{"predictions": [{"filepath": "a"}]}', ("SpeciesNet",)),
    "megadetector.json": ('{"images": [], "detection_categories": {}}', ("MegaDetector",)),
    "2023.csv": ("id,categories,osd\nuuid,12 12,0.1\n", ("FathomNet 2023",)),
    "map.json": ('{"type": "FeatureCollection", "features": []}', ("GeoJSON",)),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_of_another_kind_is_named_for_what_it_is(name: str, tmp_path: Path) -> None:
    content, words = FORMATS[name]
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(InputError) as refusal:
        read_catalog(path)
    message = str(refusal.value)
    assert not [word for word in words if word not in message]
    assert "cut off" not in message


def test_what_is_cut_off_is_still_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "annotations.json"
    path.write_bytes(coco_bytes()[:300])
    with pytest.raises(InputError, match="the file looks cut off"):
        read_catalog(path)


def test_a_picture_is_measured_as_it_is_shown(tmp_path: Path) -> None:
    from fathomnet_voxel51.ingest.media import measure_in

    turned = Image.Exif()
    turned[0x0112] = 6
    (tmp_path / "reef").mkdir()
    Image.new("RGB", (60, 40)).save(tmp_path / "reef/turned.jpg", exif=turned)
    Image.new("RGB", (60, 40)).save(tmp_path / "turned.tif", exif=turned)
    turned[0x0112] = 3
    Image.new("RGB", (60, 40)).save(tmp_path / "upside-down.jpg", exif=turned)
    Image.new("RGB", (60, 40)).save(tmp_path / "upright.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    measure = measure_in([str(tmp_path / "nowhere"), str(tmp_path)])
    assert measure("reef/turned.jpg") == (40, 60)
    assert measure("turned.tif") == (40, 60)
    assert measure("upside-down.jpg") == measure("upright.png") == (60, 40)
    assert [measure(name) for name in ("broken.png", "none.png", "../x.png")] == [None] * 3


def test_a_file_without_sizes_still_says_what_is_to_be_fetched(tmp_path: Path) -> None:
    path = tmp_path / "annotations.json"
    path.write_bytes(coco_bytes(every("images", width=lambda _: None, height=lambda _: None)))
    assert [image.file_name for image in read_listed(str(path)).images] == ["a.png", "b.png"]
