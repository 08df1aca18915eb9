"""Images prepared ahead: few at a time, each opened once, and no thread left behind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from fathomnet_inference import pipeline
from fathomnet_inference.annotations import Box, ImageBoxes
from PIL import Image

from tests.inference.stand_in import StandIn, draw, flat, ids, run, wanted

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("workers", [1, 3])
def test_few_images_are_open_however_many_there_are(
    workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = 0
    real = pipeline.open_image

    def counted(folder: Path, name: str, *more: Callable[[str], object]) -> Image.Image:
        nonlocal opened
        opened += 1
        return real(folder, name, *more)

    monkeypatch.setattr(pipeline, "open_image", counted)
    [image] = draw(tmp_path, [2])
    parts = pipeline.read_ahead([image] * 200, tmp_path, workers, ahead=8)
    for taken, _ in enumerate(parts):
        assert opened <= taken + 1 + 8 // 2
    assert opened == 200


@pytest.mark.parametrize("workers", [0, 2])
def test_an_image_with_very_many_boxes_is_opened_once_and_cut_in_parts(
    workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "PART", 4)
    images = draw(tmp_path, [11, 1, 9])
    (tmp_path / "2.png").unlink()
    parts = list(pipeline.read_ahead(images, tmp_path, workers, ahead=6))
    assert [len(part) for part in parts] == [4, 4, 3, 1, 4, 4, 1]
    assert ids([box for part in parts for box in part]) == wanted(images)
    model = StandIn()
    flat(run(model, images, tmp_path, 3, workers))
    assert model.whole_images == 2


def test_threads_end_with_whoever_reads(tmp_path: Path) -> None:
    before = threading.active_count()
    groups = run(StandIn(), draw(tmp_path, [1] * 30), tmp_path, 1, workers=3)
    assert next(groups)
    assert threading.active_count() > before
    groups.close()
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("size", "orientation", "right"),
    [
        ((40, 30), 1, True),
        ((80, 60), 1, False),
        ((30, 40), 1, False),
        ((41, 30), 6, False),
        ((40, 30), 6, True),
        ((30, 40), 6, True),
        ((30, 40), 8, True),
        ((40, 30), 3, True),
    ],
)
def test_an_image_of_another_size_than_the_file_says_is_not_predicted(
    size: tuple[int, int], orientation: int, right: bool, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x112] = orientation
    Image.new("RGB", (40, 30)).save(tmp_path / "1.jpg", exif=exif)
    image = ImageBoxes(1, "1.jpg", (Box(5, 2, 3, 9, 9),), size)
    ((prepared,),) = pipeline.prepare_image(tmp_path, image)
    if right:
        assert isinstance(prepared, pipeline.BoxCrops)
    else:
        assert isinstance(prepared, pipeline.Unpredicted)
        assert prepared.reason == f"is 40 x 30 pixels, but {size[0]} x {size[1]} in the COCO file"
