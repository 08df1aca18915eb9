"""Images that the competition's downloader named are found, or what is there is said."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from fathomnet_inference.annotations import ImageBoxes
from fathomnet_inference.file_names import found_in, with_found_names

IMAGES = [ImageBoxes(1, "a.png", ()), ImageBoxes(2, "b/c.png", ()), ImageBoxes(3, "4.png", ())]


@pytest.mark.parametrize(
    ("there", "names"),
    [
        (["1.png", "2.png", "3.png"], ["1.png", "2.png", "3.png"]),
        (["2.jpg"], ["a.png", "2.jpg", "4.png"]),
        (["1.png", "a.png"], ["a.png", "b/c.png", "4.png"]),
        (["4.png", "1.png"], ["a.png", "b/c.png", "4.png"]),
    ],
    ids=["all by id", "one by id", "one by its own name", "an id that is another's name"],
)
def test_images_named_by_their_ids_are_found_where_none_has_its_own_name(
    there: list[str], names: list[str], tmp_path: Path
) -> None:
    for name in there:
        (tmp_path / name).touch()
    named = with_found_names(IMAGES, found_in(tmp_path, IMAGES))
    assert [image.file_name for image in named] == names


@pytest.mark.parametrize(("there", "said"), [([], "nothing"), (["x.png", "y.png"], "x.png")])
def test_where_no_image_is_found_an_expected_and_a_found_name_are_said(
    there: list[str], said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in there:
        (tmp_path / name).touch()
    with caplog.at_level(logging.WARNING):
        assert found_in(tmp_path, IMAGES) == {}
    assert f"0 of 3 images are in {tmp_path}: expected such as a.png, found {said}" in caplog.text


def test_names_written_otherwise_are_found(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    images = [
        ImageBoxes(1, "IMG_0001.JPG", ()),
        ImageBoxes(2, "caf\u00e9/a b.png", ()),
        ImageBoxes(3, "c.png", ()),
        ImageBoxes(4, "gone.png", ()),
    ]
    (tmp_path / "cafe\u0301").mkdir()
    there = ["img_0001.jpg", "cafe\u0301/a%20b.png", "c.png", "4.png"]
    for name in there:
        (tmp_path / name).touch()
    with caplog.at_level(logging.WARNING):
        named = with_found_names(images, found_in(tmp_path, images))
    assert [image.file_name for image in named] == [*there[:3], "gone.png"]
    assert "2 of 4 were found so" in caplog.text


def test_two_files_that_a_name_may_mean_are_none(tmp_path: Path) -> None:
    for name in ("img.JPG", "IMG.jpg"):
        (tmp_path / name).touch()
    assert found_in(tmp_path, [ImageBoxes(1, "img.jpg", ())]) == {}
