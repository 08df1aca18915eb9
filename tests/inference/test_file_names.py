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
