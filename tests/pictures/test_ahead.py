"""Parts of images made ahead: in order, few at a time, and no thread left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from fathomnet_voxel51.pictures import parts_ahead

PART = 3


def parts_of(image: tuple[str, int]) -> Iterator[list[str]]:
    """The boxes of an image, ``PART`` at a time; later images are ready sooner."""
    name, boxes = image
    time.sleep(0.02 / (1 + int(name)))
    for first in range(0, boxes, PART):
        yield [f"{name}.{box}" for box in range(first, min(first + PART, boxes))]


def boxes_in(image: tuple[str, int]) -> int:
    return image[1]


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_parts_come_in_the_order_of_the_images_and_images_without_boxes_are_left_out(
    workers: int,
) -> None:
    images = [("0", 7), ("1", 0), ("2", 3), ("3", 1), ("4", 10)]
    parts = list(parts_ahead(images, parts_of, boxes_in, part=PART, workers=workers, ahead=5))
    assert [len(part) for part in parts] == [3, 3, 1, 3, 1, 3, 3, 3, 1]
    expected = [f"{name}.{box}" for name, boxes in images for box in range(boxes)]
    assert [box for part in parts for box in part] == expected


@pytest.mark.parametrize("workers", [0, 2])
def test_an_image_that_ends_early_gives_way_to_the_next(workers: int) -> None:
    def broken(image: tuple[str, int]) -> Iterator[list[str]]:
        if image[0] == "1":
            yield ["1 cannot be opened"]
        elif image[0] != "2":
            yield from parts_of(image)

    images = [("0", 2), ("1", 100), ("2", 100), ("3", 1)]
    parts = list(parts_ahead(images, broken, boxes_in, part=PART, workers=workers, ahead=4))
    assert parts == [["0.0", "0.1"], ["1 cannot be opened"], ["3.0"]]


@pytest.mark.parametrize("workers", [1, 3])
def test_no_more_boxes_wait_than_are_asked_for(workers: int) -> None:
    begun = 0

    def counted(image: tuple[str, int]) -> Iterator[list[str]]:
        nonlocal begun
        begun += image[1]
        yield from parts_of(image)

    images = [(str(number), 2) for number in range(60)]
    for taken, _ in enumerate(
        parts_ahead(images, counted, boxes_in, part=PART, workers=workers, ahead=8), 1
    ):
        assert begun <= 2 * taken + 8
    assert begun == 120


def test_an_error_reaches_whoever_reads_and_the_threads_end() -> None:
    def failing(image: tuple[str, int]) -> Iterator[list[str]]:
        yield ["fine"]
        raise RuntimeError("not a picture's fault")

    before = threading.active_count()
    parts = parts_ahead([("0", 9)], failing, boxes_in, part=PART, workers=2, ahead=9)
    assert next(parts) == ["fine"]
    assert threading.active_count() > before
    with pytest.raises(RuntimeError, match="not a picture's fault"):
        next(parts)
    assert threading.active_count() == before
    parts = parts_ahead([("0", 9)] * 5, parts_of, boxes_in, part=PART, workers=2, ahead=9)
    assert next(parts)
    parts.close()
    assert threading.active_count() == before
