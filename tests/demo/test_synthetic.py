from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest
from fathomnet_voxel51.errors import InputError

from demo.synthetic import box_counts, random_boxes, write_catalog, write_predictions_csv

URL = re.compile(
    r"https://database\.fathomnet\.org/static/m3/framegrabs/[\w%]+/"
    r"(images/\d+|stills/\d{4}/\d{3})/[\w.-]+\.png"
)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    return write_catalog(tmp_path_factory.mktemp("c") / "c.json", 900, 2368, seed=3)


def test_a_catalog_has_the_keys_of_the_real_file(catalog, real_test_split):
    real, made = (json.loads(path.read_text()) for path in (real_test_split, catalog))
    assert list(made) == list(real)
    assert made["categories"] == real["categories"]
    for part in ("images", "annotations"):
        assert {tuple(record) for record in made[part]} == {tuple(real[part][0])}


def test_a_catalog_has_exactly_the_numbers_asked_for(catalog):
    made = json.loads(catalog.read_text())
    assert (len(made["images"]), len(made["annotations"])) == (900, 2368)
    assert {box["image_id"] for box in made["annotations"]} == set(range(1, 901))
    assert len({image["file_name"] for image in made["images"]}) == 900


def test_equal_seeds_give_equal_bytes_and_splits_differ(catalog, tmp_path):
    again = write_catalog(tmp_path / "again.json", 900, 2368, seed=3)
    other = write_catalog(tmp_path / "other.json", 900, 2368, seed=3, split="test")
    assert again.read_bytes() == catalog.read_bytes()
    assert other.read_bytes() != catalog.read_bytes()


def test_urls_have_the_shape_of_the_real_ones(catalog, real_test_split):
    for path in (catalog, real_test_split):
        for image in json.loads(path.read_text())["images"]:
            assert URL.fullmatch(image["coco_url"]), image["coco_url"]
            assert image["coco_url"] == image["flickr_url"]


def test_sizes_follow_the_real_test_split(catalog, real_test_split):
    def sizes(path):
        content = json.loads(path.read_text())
        area = {image["id"]: image["width"] * image["height"] for image in content["images"]}
        return [(box["area"] / area[box["image_id"]]) ** 0.5 for box in content["annotations"]]

    made, real = (np.percentile(sizes(path), (25, 50, 75)) for path in (catalog, real_test_split))
    np.testing.assert_allclose(made, real, rtol=0.1)


def test_box_counts_add_up_whatever_is_asked_for():
    rng = np.random.default_rng(0)
    for images, boxes in ((1, 23), (10, 3), (50, 50), (100, 900), (0, 0)):
        counts = box_counts(images, boxes, rng)
        assert counts.sum() == boxes
        assert len(counts) == images


def test_more_boxes_than_images_can_hold_are_refused():
    with pytest.raises(InputError, match="24 boxes on 1 images"):
        box_counts(1, 24, np.random.default_rng(0))


def test_random_boxes_stay_inside_and_are_not_too_small():
    sizes = np.tile([[640, 366], [1920, 1080]], (2000, 1))
    boxes = random_boxes(sizes, np.random.default_rng(0))
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= sizes).all()
    assert boxes[:, 2:].min() >= 8


def test_predictions_name_each_box_once_and_are_as_right_as_asked(catalog, tmp_path):
    path = write_predictions_csv(tmp_path / "p.csv", catalog, seed=1, accuracy=0.6)
    content = json.loads(catalog.read_text())
    names = {category["id"]: category["name"] for category in content["categories"]}
    labels = {box["id"]: names[box["category_id"]] for box in content["annotations"]}
    with path.open(newline="") as stream:
        rows = [(int(r["annotation_id"]), r["concept_name"]) for r in csv.DictReader(stream)]
    assert [number for number, _ in rows] == sorted(labels)
    assert abs(np.mean([labels[number] == name for number, name in rows]) - 0.6) < 0.04


def test_unlabelled_boxes_get_predictions_too(tmp_path):
    catalog = write_catalog(tmp_path / "t.json", 20, 48, labelled=False, split="test")
    path = write_predictions_csv(tmp_path / "p.csv", catalog)
    assert {b["category_id"] for b in json.loads(catalog.read_text())["annotations"]} == {None}
    assert len(path.read_text().splitlines()) == 49
