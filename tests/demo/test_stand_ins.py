from __future__ import annotations

import json

import numpy as np
import pytest
from fathomnet_voxel51.errors import InputError
from PIL import Image

from demo.body_plans import draw_for
from demo.concepts import read_lineages
from demo.drawing.others import unnamed
from demo.stand_ins import draw_stand_ins
from demo.synthetic import write_catalog
from tests.demo.folders import hashes


@pytest.fixture
def annotations(tmp_path):
    return write_catalog(tmp_path / "a.json", 4, 8, seed=2)


def rewrite(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_every_record_gets_an_image_of_its_size(annotations, tmp_path):
    done = draw_stand_ins(annotations, tmp_path / "out")
    assert (done.drawn, done.present) == (4, 0)
    for image in json.loads(annotations.read_text())["images"]:
        with Image.open(tmp_path / "out" / image["file_name"]) as picture:
            assert picture.size == (image["width"], image["height"])


def test_every_box_holds_something_and_the_corner_a_mark(annotations, tmp_path):
    draw_stand_ins(annotations, tmp_path / "full")
    bare = tmp_path / "bare.json"
    bare.write_text(annotations.read_text())
    rewrite(bare, lambda content: content.update(annotations=[]))
    draw_stand_ins(bare, tmp_path / "empty")
    content = json.loads(annotations.read_text())
    names = {image["id"]: image["file_name"] for image in content["images"]}
    for box in content["annotations"]:
        full, empty = (
            np.asarray(Image.open(tmp_path / folder / names[box["image_id"]]), int)
            for folder in ("full", "empty")
        )
        left, top, width, height = map(int, box["bbox"])
        window = np.s_[top : top + height, left : left + width]
        assert (np.abs(full[window] - empty[window]) > 12).mean() > 0.03
        assert (full[:30, :60] == (255, 214, 64)).all(axis=2).any()


def test_what_is_there_is_kept_and_what_is_damaged_is_drawn_again(annotations, tmp_path):
    out = tmp_path / "out"
    draw_stand_ins(annotations, out)
    before = hashes(out)
    first, second, *_ = sorted(out.glob("*.png"))
    first.write_bytes(first.read_bytes()[:-40])
    second.unlink()
    done = draw_stand_ins(annotations, out, workers=2)
    assert (done.drawn, done.present) == (2, 2)
    assert hashes(out) == before


def test_unlabelled_boxes_get_the_neutral_creature():
    assert draw_for(None, ()) is unnamed
    assert draw_for("Nessie", ()) is unnamed


def test_every_concept_of_the_taxonomy_but_none_else_has_a_body_plan():
    for concept, lineage in read_lineages().items():
        assert draw_for(concept, lineage) is not unnamed, concept


@pytest.mark.parametrize("name", ["../x.png", "/x.png", "a/../../x.png", "C:\\x.png", "x.txt", 7])
def test_names_that_leave_the_folder_are_refused_and_nothing_is_drawn(annotations, tmp_path, name):
    rewrite(annotations, lambda content: content["images"][2].update(file_name=name))
    with pytest.raises(InputError, match=r"images\[2\]\.file_name"):
        draw_stand_ins(annotations, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_all_faults_are_reported_at_once(annotations, tmp_path):
    def spoil(content):
        content["images"][0]["width"] = 0
        content["images"][1]["height"] = "tall"
        content["annotations"][3]["bbox"] = [1, 2, float("nan"), 4]
        content["annotations"][5]["image_id"] = 99
        content["annotations"][6] = None
        del content["categories"][7]["name"]

    rewrite(annotations, spoil)
    with pytest.raises(InputError) as caught:
        draw_stand_ins(annotations, tmp_path / "out")
    assert [fault.place for fault in caught.value.faults] == [
        "images[0].width",
        "images[1].height",
        "annotations[3].bbox",
        "annotations[5].image_id",
        "annotations[6]",
        "categories[7]",
    ]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"images": 3}'])
def test_what_is_no_coco_file_is_refused(tmp_path, text):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"bad\.json"):
        draw_stand_ins(path, tmp_path / "out")


def test_boxes_that_stick_out_are_cut_and_boxes_outside_are_left_out(annotations, tmp_path):
    def spoil(content):
        content["annotations"][0]["bbox"] = [-20.0, -10.0, 60.0, 50.0]
        content["annotations"][1]["bbox"] = [99999.0, 5.0, 10.0, 10.0]

    rewrite(annotations, spoil)
    assert draw_stand_ins(annotations, tmp_path / "out").drawn == 4


def test_tiny_images_are_drawn_too(annotations, tmp_path):
    def shrink(content):
        content["images"][0].update(width=1, height=1)
        content["images"][1].update(width=9, height=700)

    rewrite(annotations, shrink)
    assert draw_stand_ins(annotations, tmp_path / "out").drawn == 4
