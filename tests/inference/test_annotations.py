"""A COCO file's boxes are taken exactly as written, or the file is refused with every place."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from fathomnet_inference.annotations import Annotations, Box, ImageBoxes, read_annotations
from fathomnet_voxel51.errors import InputError
from fathomnet_voxel51.media.request import Shard

from tests.conftest import SHARED_DATA
from tests.support.malformed import MALFORMED_COCO, MalformedFile

FIXTURE = SHARED_DATA / "winner-fixture" / "dataset_test.json"

Document = dict[str, Any]


def document(*boxes: object, **changes: object) -> Document:
    annotations = [
        {"id": number, "image_id": 7, "bbox": box, "category_id": None}
        for number, box in enumerate(boxes or ([1, 2, 3, 4],), start=1)
    ]
    return {
        "images": [{"id": 7, "file_name": "a/7.png", "width": 640, "height": 480}],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "Porifera"}],
        **changes,
    }


def read(folder: Path, content: Document | str) -> Annotations:
    path = folder / "coco.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_annotations(path)


def places(folder: Path, content: Document | str) -> list[str]:
    with pytest.raises(InputError) as refusal:
        read(folder, content)
    return [str(fault) for fault in refusal.value.faults]


def test_the_fixture_is_read_as_it_is_written() -> None:
    annotations = read_annotations(FIXTURE)
    written = json.loads(FIXTURE.read_text())
    names = {image["id"]: image["file_name"] for image in written["images"]}
    boxes = [
        (image.image_id, image.file_name, box.annotation_id, [box.x, box.y, box.width, box.height])
        for image in annotations.images
        for box in image.boxes
    ]
    assert boxes == [
        (one["image_id"], names[one["image_id"]], one["id"], one["bbox"])
        for one in written["annotations"]
    ]
    assert annotations.sha256 == hashlib.sha256(FIXTURE.read_bytes()).hexdigest()
    assert (annotations.source, annotations.labels) == ("dataset_test.json", {})


@pytest.mark.parametrize(
    "box",
    [
        [10, 10, 0, 0],
        [10, 10, 1, 40],
        [10.5, 10.25, 0.5, 0.75],
        [-20, -15, 70, 60],
        [600, 430, 400, 500],
        [5_000, 5_000, 10, 10],
        [-500, -500, 10, 10],
    ],
    ids=str,
)
def test_degenerate_boxes_are_kept_as_they_are(box: list[float], tmp_path: Path) -> None:
    (image,) = read(tmp_path, document(box)).images
    assert image == ImageBoxes(7, "a/7.png", (Box(1, *map(float, box)),), (640, 480))


@pytest.mark.parametrize(
    ("box", "problem"),
    [
        ([1, 2, -3, 4], "annotations[0] (id 1).bbox: has a negative size"),
        ([1, 2, 3, float("nan")], "annotations[0] (id 1).bbox[3]: should be a finite number"),
        ([float("inf"), 2, 3, 4], "annotations[0] (id 1).bbox[0]: should be a finite number"),
        ([1, 2, 3], "annotations[0] (id 1).bbox: should be a list of 4 numbers"),
        ([1, 2, 3, "four"], "annotations[0] (id 1).bbox[3]: should be a number"),
        ([1, 2, 3, True], "annotations[0] (id 1).bbox[3]: should be a number"),
        ([1, 2, 3, 1e30], "annotations[0] (id 1).bbox: is beyond any image"),
        ([10**400, 2, 3, 4], "annotations[0] (id 1).bbox[0]: "),
        (None, "annotations[0] (id 1).bbox: should be a list of 4 numbers"),
    ],
    ids=str,
)
def test_boxes_that_are_none_are_refused(box: object, problem: str, tmp_path: Path) -> None:
    (fault,) = places(tmp_path, document(box))
    assert fault.startswith(problem)


def test_every_fault_is_reported_at_once_with_its_place(tmp_path: Path) -> None:
    image = {"id": 7, "file_name": "../7.png", "width": 640, "height": 480}
    boxes = [
        {"id": 1, "image_id": 7, "bbox": [0, 0, 1, -1], "category_id": 1},
        {"id": 1, "image_id": 8, "bbox": [0, 0, 1, 1], "category_id": 9},
    ]
    categories = [{"id": 1, "name": "Porifera"}, {"id": 1, "name": " "}]
    found = places(tmp_path, document(images=[image], annotations=boxes, categories=categories))
    assert sorted(fault.split(": ")[0] for fault in found) == [
        "annotations[0] (id 1).bbox",
        "annotations[1] (id 1).category_id",
        "annotations[1] (id 1).id",
        "annotations[1] (id 1).image_id",
        "categories[1] (id 1).id",
        "categories[1] (id 1).name",
        "images[0] (id 7).file_name",
    ]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"annotations": []}, "annotations: is empty"),
        ({"images": []}, "images: is empty"),
        ({"annotations": None}, "annotations: should be a list"),
        (
            {"images": [{"id": n, "file_name": "A.png", "width": 1, "height": 1} for n in (7, 8)]},
            "images[1] (id 8).file_name: is the same as that of images[0]",
        ),
    ],
    ids=["no boxes", "no images", "null", "one name twice"],
)
def test_lists_that_are_of_no_use_are_refused(
    changes: Document, place: str, tmp_path: Path
) -> None:
    assert any(fault.startswith(place) for fault in places(tmp_path, document(**changes)))


@pytest.mark.parametrize("text", ["[]", "{", "7", "{}", '{"images": [], "annotations": []}'])
def test_what_is_no_coco_file_is_refused(text: str, tmp_path: Path) -> None:
    assert places(tmp_path, text)


# A dataset has no use for these boxes and needs sizes, and has no way to show these URLs; the model
# does not mind.
OF_A_DATASET = {
    "width missing",
    "bbox without width",
    "bbox that is nothing",
    "bbox right of its image",
    "bbox above its image",
    "URL of a script",
    "URL of a local file",
    "URL with a password",
}
REFUSED = [f for f in MALFORMED_COCO if not f.accepted and f.name not in OF_A_DATASET]


@pytest.mark.parametrize("file", REFUSED, ids=lambda file: file.name)
def test_what_the_catalog_refuses_is_refused_here_too(file: MalformedFile, tmp_path: Path) -> None:
    with pytest.raises(InputError) as refusal:
        read_annotations(file.write(tmp_path))
    said = str(refusal.value)
    places = [place for place in file.places if "has no area" not in place]
    assert not [place for place in places if place not in said]


@pytest.mark.parametrize(
    "file",
    [file for file in MALFORMED_COCO if file.accepted or file.name in OF_A_DATASET],
    ids=lambda file: file.name,
)
def test_what_is_odd_but_clear_is_read(file: MalformedFile, tmp_path: Path) -> None:
    assert read_annotations(file.write(tmp_path)).images


def test_labels_are_those_of_the_categories(tmp_path: Path) -> None:
    boxes = [
        {"id": number, "image_id": 7, "bbox": [0, 0, 1, 1], "category_id": category}
        for number, category in ((1, 1), (2, None), (3, 2))
    ]
    categories = [{"id": 2, "name": " Sebastes  diploproa "}, {"id": 1, "name": "Porifera"}]
    read_back = read(tmp_path, document(annotations=boxes, categories=categories))
    assert read_back.labels == {1: "Porifera", 3: "Sebastes diploproa"}


def test_shards_share_the_images_with_boxes_and_limit_counts_all_images() -> None:
    images = tuple(
        ImageBoxes(n, f"{n}.png", (Box(n, 0, 0, 1, 1),) if n % 3 else ()) for n in range(90)
    )
    annotations = Annotations("coco.json", "", images, {})
    whole = annotations.wanted(None, Shard())
    assert [image.image_id for image in whole] == [n for n in range(90) if n % 3]
    assert [image.image_id for image in annotations.wanted(5, Shard())] == [1, 2, 4]
    parts = [annotations.wanted(None, Shard(part, 4)) for part in range(4)]
    assert sorted(image.image_id for part in parts for image in part) == [
        image.image_id for image in whole
    ]
    assert all(list(part) == [image for image in whole if image in part] for part in parts)
