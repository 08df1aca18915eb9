"""Several files of a split are one split: nothing is lost, and nothing is taken for another."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from fathomnet_voxel51.catalog import Catalog, merge_catalogs, read_catalog
from fathomnet_voxel51.errors import InputError

from tests.support.malformed_coco import SOUND_COCO


def catalog(folder: Path, name: str, **lists: Any) -> Catalog:
    """The sound file with some of its lists replaced, under another name."""
    path = folder / name
    path.write_text(json.dumps({**deepcopy(SOUND_COCO), **lists}))
    return read_catalog(path)


def boxes(whole: Catalog) -> list[tuple[str, str | None, int]]:
    return [
        (image.file_name, box.label, round(box.bounding_box[2] * image.width))
        for image in whole.images
        for box in image.boxes
    ]


def ids(whole: Catalog) -> tuple[list[int], list[int]]:
    images = [image.image_id for image in whole.images]
    return images, [box.annotation_id for image in whole.images for box in image.boxes]


SECOND = {
    "images": [
        {"id": 1, "file_name": "c.png", "width": 100, "height": 50, "depth": 7},
        {"id": 2, "file_name": "d.png", "width": 100, "height": 50, "depth": 7.5},
    ],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 5, "bbox": [1, 1, 11, 11]},
        {"id": 2, "image_id": 2, "category_id": 6, "bbox": [1, 1, 12, 12]},
    ],
    "categories": [{"id": 5, "name": "porifera"}, {"id": 6, "name": "Sebastes"}],
}


def test_a_single_file_is_itself(tmp_path: Path) -> None:
    one = catalog(tmp_path, "one.json")
    assert merge_catalogs([one]) is one


def test_files_that_both_count_from_one_are_numbered_on(tmp_path: Path) -> None:
    one, two = catalog(tmp_path, "one.json"), catalog(tmp_path, "two.json", **SECOND)
    whole = merge_catalogs([one, two])
    assert boxes(whole) == [*boxes(one), ("c.png", "Porifera", 11), ("d.png", "Sebastes", 12)]
    images, numbers = ids(whole)
    assert images == [1, 2, 4, 5] and numbers == [1, 2, 3, 5, 6]
    assert whole.numbered and [note.partition(":")[0] for note in whole.told] == ["two.json"] * 2
    assert whole.concepts == ("Funiculina", "Porifera", "Sebastes")
    assert whole.source == "one.json, two.json"
    assert whole.files == (one.sha256, two.sha256) and whole.sha256 not in whole.files
    assert [dict(image.others) for image in whole.images[2:]] == [{"depth": 7.0}, {"depth": 7.5}]


def test_numbers_that_are_free_stay(tmp_path: Path) -> None:
    second = deepcopy(SECOND)
    for number, image in enumerate(second["images"], start=70):
        image["id"] = number
    for number, box in enumerate(second["annotations"], start=70):
        box |= {"id": number, "image_id": number}
    one, two = catalog(tmp_path, "one.json"), catalog(tmp_path, "two.json", **second)
    whole = merge_catalogs([one, two])
    assert ids(whole) == ([1, 2, 70, 71], [1, 2, 3, 70, 71])
    assert (whole.numbered, whole.told) == (False, ())


def test_an_image_of_both_files_has_the_boxes_of_both(tmp_path: Path) -> None:
    extra = [{"id": 9, "image_id": 1, "category_id": 1, "bbox": [2, 2, 13, 13]}]
    one = catalog(tmp_path, "one.json")
    two = catalog(tmp_path, "two.json", annotations=extra)
    whole = merge_catalogs([one, two])
    assert [image.file_name for image in whole.images] == ["a.png", "b.png"]
    assert [len(image.boxes) for image in whole.images] == [3, 1]
    assert sorted(ids(whole)[1]) == [1, 2, 3, 9]


def test_types_that_differ_between_files_become_one(tmp_path: Path) -> None:
    def images(depth: object, number: int) -> list[dict[str, Any]]:
        name = f"{number}.png"
        size = {"width": 100, "height": 50}
        return [{"id": number, "file_name": name, **size, "depth": depth}]

    files = [
        catalog(tmp_path, f"{number}.json", images=images(depth, number), annotations=[])
        for number, depth in enumerate((7, 7.5, "deep"), start=1)
    ]
    assert merge_catalogs(files[:2]).image_fields == {"depth": float}
    whole = merge_catalogs(files)
    assert [dict(image.others)["depth"] for image in whole.images] == ["7.0", "7.5", "deep"]


def test_files_that_disagree_on_an_image_are_refused(tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "A.png", "width": 10, "height": 50}]
    two = catalog(tmp_path, "two.json", images=images, annotations=[])
    with pytest.raises(InputError, match="10 x 50 pixels, and 100 x 50 pixels"):
        merge_catalogs([catalog(tmp_path, "one.json"), two])
