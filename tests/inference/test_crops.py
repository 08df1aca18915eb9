"""The crops: bit by bit those of the original program, and of its description read literally."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from fathomnet_inference.annotations import Box, read_annotations
from fathomnet_inference.crops import SIDE, Window, Windows, cut_window, windows_of
from fathomnet_inference.images import open_image
from fathomnet_inference.model import BRANCHES
from fathomnet_inference.normalise import MEAN, STD, Normaliser, normalisation_table
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.inference.winner import FIXTURE, needs_fixture

WIDTH, HEIGHT = 64, 48
CPU = torch.device("cpu")
FRAME = np.random.default_rng(5).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def four(windows: Windows) -> tuple[Window, ...]:
    return windows.object, windows.context_3, windows.context_5, windows.whole


def as_described(pixels: np.ndarray, box: Box) -> list[np.ndarray]:
    """Section 6 of the design page, steps 2 to 5, on an array, as it stands there."""
    height, width = pixels.shape[:2]
    cx = int(box.x + (box.width // 2))
    cy = int(box.y + (box.height // 2))
    half = math.floor(max(box.width, box.height) / 2)
    crops = []
    for reach in (half + 1, half * 3, half * 5, max(width, height)):
        rows = slice(int(max(cy - reach, 0)), int(min(cy + reach, height)))
        columns = slice(int(max(cx - reach, 0)), int(min(cx + reach, width)))
        part = pixels[rows, columns]
        if part.size:
            crops.append(np.asarray(Image.fromarray(part).resize((SIDE, SIDE))))
        else:
            crops.append(np.zeros((SIDE, SIDE, 3), np.uint8))
    return crops


@needs_fixture
def test_pixels_are_bitwise_those_of_the_original_program() -> None:
    expected = dict(np.load(FIXTURE / "pixels.npz"))
    order = {annotation_id: row for row, annotation_id in enumerate(expected["annotation_id"])}
    normalise = Normaliser(CPU)
    compared = 0
    for image in read_annotations(FIXTURE / "dataset_test.json").images:
        picture = open_image(FIXTURE / "images", image.file_name)
        for box in image.boxes:
            crops = [cut_window(picture, window) for window in four(windows_of(box, *picture.size))]
            found = normalise(torch.from_numpy(np.stack(crops))).numpy()
            for name, pixels in zip(("obj", *BRANCHES), found, strict=True):
                np.testing.assert_array_equal(pixels, expected[name][order[box.annotation_id]])
                compared += 1
    assert compared == 4 * len(json.loads((FIXTURE / "roi_notes.json").read_text()))


coordinate = st.floats(-200, 200) | st.integers(-200, 200).map(float)
side = st.floats(0, 150) | st.integers(0, 150).map(float)


@settings(deadline=None, max_examples=150)
@given(st.builds(Box, st.just(1), coordinate, coordinate, side, side))
def test_any_box_is_cut_as_the_description_says(box: Box) -> None:
    picture = Image.fromarray(FRAME)
    crops = [cut_window(picture, window) for window in four(windows_of(box, WIDTH, HEIGHT))]
    for found, expected in zip(crops, as_described(FRAME, box), strict=True):
        np.testing.assert_array_equal(found, expected.transpose(2, 0, 1))


def test_windows_worked_by_hand() -> None:
    """Centre 330, 220; half 30; reaches 31, 90, 150 and 640."""
    assert four(windows_of(Box(1, 300, 200, 60, 40), 640, 480)) == (
        Window(299, 189, 361, 251),
        Window(240, 130, 420, 310),
        Window(180, 70, 480, 370),
        Window(0, 0, 640, 480),
    )


def test_the_centre_is_truncated_towards_zero() -> None:
    """-1.5 + 0 becomes -1, not -2, and so the object window ends at column 0 (half 0, reach 1)."""
    assert windows_of(Box(1, -1.5, 10, 1, 1), 64, 48).object == Window(0, 9, 0, 11)
    assert windows_of(Box(1, -0.5, 10, 1, 1), 64, 48).object == Window(0, 9, 1, 11)


def test_a_window_left_of_the_image_wraps_round() -> None:
    """Centre -10, half 2, reach 3: up to column -7, which an array counts from its far end."""
    assert windows_of(Box(1, -12, 10, 4, 4), 64, 48).object == Window(0, 9, 64 - 7, 15)


@pytest.mark.parametrize(
    "box",
    [
        pytest.param(Box(1, 500, 500, 10, 10), id="right of and below the image"),
        pytest.param(Box(1, -500, -500, 10, 10), id="so far left that wrapping ends before 0"),
    ],
)
def test_a_window_outside_the_image_is_black(box: Box) -> None:
    for window in four(windows_of(box, WIDTH, HEIGHT)):
        assert window.empty
        assert not cut_window(Image.fromarray(FRAME), window).any()


def test_a_box_of_less_than_two_pixels_has_black_contexts() -> None:
    windows = windows_of(Box(1, 20, 20, 1, 1), WIDTH, HEIGHT)
    assert windows.object == Window(19, 19, 21, 21)
    assert windows.context_3.empty
    assert windows.context_5.empty


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", range(4))
def test_a_number_that_is_not_finite_is_refused(number: float, place: int) -> None:
    numbers = [10.0] * 4
    numbers[place] = number
    with pytest.raises(ValueError, match="finite"):
        windows_of(Box(1, *numbers), WIDTH, HEIGHT)


def test_huge_numbers_make_no_overflow() -> None:
    everything = Window(0, 0, WIDTH, HEIGHT)
    assert windows_of(Box(1, -1e308, 0, 1.7e308, 9), WIDTH, HEIGHT).context_5 == everything


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_weighs_the_colours_and_is_dropped(mode: str) -> None:
    """White that is wholly transparent beside opaque grey leaves no trace in the grey."""
    colours = len(mode) - 1
    pixels = np.full((8, 8, colours + 1), 100, np.uint8)
    pixels[..., -1] = 255
    pixels[:, :4, :colours] = 255
    pixels[:, :4, -1] = 0
    found = cut_window(Image.fromarray(pixels), Window(0, 0, 8, 8))
    assert found.shape == (3, SIDE, SIDE)
    assert found.max() < 130  # next to no alpha, the colour is rounded coarsely
    assert (found[:, :, 3 * SIDE // 4 :] == 100).all()


def test_the_table_holds_what_the_processor_computes() -> None:
    """Rescaled in float64, cast, mean and deviation in float32: here on whole pictures."""
    picture = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    rescaled = (picture.astype(np.float64) * 0.00392156862745098).astype(np.float32)
    expected = (rescaled - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    np.testing.assert_array_equal(normalisation_table(), expected.reshape(256, 3).T)


def test_a_lookup_fetches_each_pixel_from_its_channels_row() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 3, SIDE, SIDE), np.uint8)
    table = normalisation_table()
    expected = np.stack([table[channel][pixels[:, channel]] for channel in range(3)], 1)
    normalise = Normaliser(CPU)
    for count in (2, 5, 1, 0):
        found = normalise(torch.from_numpy(pixels[:count]))
        np.testing.assert_array_equal(found.numpy(), expected[:count])
