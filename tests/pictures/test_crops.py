"""Which pixels a box holds."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from fathomnet_voxel51.pictures.decoding import BoxError, Window, cut_patch, window_of
from fiftyone.utils.torch import _to_eta_bbox

WORKED_BY_HAND = {
    "inside": ([0.1, 0.2, 0.3, 0.4], Window(10, 10, 40, 30)),
    "the whole image": ([0.0, 0.0, 1.0, 1.0], Window(0, 0, 100, 50)),
    "at the right and lower border": ([0.9, 0.8, 0.1, 0.2], Window(90, 40, 100, 50)),
    "one pixel wide": ([0.5, 0.0, 0.01, 1.0], Window(50, 0, 51, 50)),
    "one pixel, in the last corner": ([0.99, 0.98, 0.01, 0.02], Window(99, 49, 100, 50)),
    "narrower than a pixel": ([0.505, 0.5, 0.001, 0.001], Window(50, 25, 51, 26)),
    "edges between pixels": ([0.105, 0.21, 0.3, 0.4], Window(10, 10, 40, 30)),
    "beyond the left and upper border": ([-0.1, -0.1, 0.3, 0.3], Window(0, 0, 20, 10)),
    "beyond the right and lower border": ([0.9, 0.9, 0.5, 0.5], Window(90, 45, 100, 50)),
    "larger than the image": ([-1.0, -1.0, 3.0, 3.0], Window(0, 0, 100, 50)),
}
WITHOUT_PIXELS = {
    "no width": [0.5, 0.5, 0.0, 0.1],
    "no height": [0.5, 0.5, 0.1, 0.0],
    "negative width": [0.5, 0.5, -0.1, 0.1],
    "left of the image": [-0.5, 0.1, 0.4, 0.4],
    "right of the image": [1.2, 0.1, 0.4, 0.4],
    "below the image": [0.1, 1.0, 0.4, 0.4],
    "not a number": [math.nan, 0.1, 0.4, 0.4],
    "infinite": [0.1, 0.1, math.inf, 0.4],
    "no rectangle": [],
}


@pytest.mark.parametrize("case", WORKED_BY_HAND)
def test_the_pixels_of_a_box_worked_by_hand(case: str) -> None:
    bounding_box, expected = WORKED_BY_HAND[case]
    assert window_of(bounding_box, 100, 50) == expected


@pytest.mark.parametrize("case", WITHOUT_PIXELS)
def test_a_box_without_a_pixel_is_named(case: str) -> None:
    with pytest.raises(BoxError, match=r"area|outside|rectangle"):
        window_of(WITHOUT_PIXELS[case], 100, 50)


def test_whole_pixels_of_the_catalog_come_back_for_every_size() -> None:
    draw = random.Random(1)
    for _ in range(20_000):
        width, height = draw.randint(1, 4000), draw.randint(1, 3000)
        left, top = draw.randrange(width), draw.randrange(height)
        right, bottom = draw.randint(left + 1, width), draw.randint(top + 1, height)
        box = [left / width, top / height, (right - left) / width, (bottom - top) / height]
        assert window_of(box, width, height) == Window(left, top, right, bottom)


def test_other_boxes_are_cut_as_fiftyone_cuts_them() -> None:
    draw = random.Random(2)
    picture = np.random.default_rng(0).integers(0, 256, (211, 307, 3)).astype(np.uint8)
    for _ in range(2_000):
        x, y = draw.uniform(0, 0.9), draw.uniform(0, 0.9)
        box = [x, y, draw.uniform(0.01, 1 - x), draw.uniform(0.01, 1 - y)]
        expected = _to_eta_bbox(box).extract_from(picture)
        ours = np.asarray(cut_patch(picture, window_of(box, 307, 211)))
        np.testing.assert_array_equal(ours, expected)
