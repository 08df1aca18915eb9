"""200 images and their boxes, damaged in every way that a disk, a network or a hand has."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from fathomnet_inference.annotations import Box, ImageBoxes
from fathomnet_inference.predict import Unpredicted
from PIL import Image

from tests.inference.stand_in import StandIn, flat, ids, run, wanted

pytestmark = pytest.mark.usefixtures("one_thread")


def damage(content: bytes, made: random.Random) -> bytes | None:
    """What a bad disk, a broken download or a careless program makes of a file."""
    place = made.randrange(len(content))
    return made.choice(
        [
            content,
            content[:place],
            content[:place] + made.randbytes(20) + content[place + 20 :],
            bytes(value ^ (made.random() < 0.001) for value in content),
            made.randbytes(300),
            content[place:],
            b"",
            None,
        ]
    )


def odd_box(annotation_id: int, made: random.Random) -> Box:
    odd = (0.0, -0.5, 1.0, -30.0, 63.999, 1e6, -1e6, 1e308, float("nan"), float("inf"))
    numbers = [made.choice(odd) if made.random() < 0.3 else made.uniform(-20, 90) for _ in range(4)]
    return Box(annotation_id, *numbers)


@pytest.mark.fault(
    operator="fathomnet-infer run",
    happens="images are damaged in every way, boxes are not numbers",
    end="each box comes out once, predicted or with the reason why not",
)
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_200_damaged_images_with_odd_boxes_come_out_once_each(tmp_path: Path) -> None:
    made = random.Random(2025)
    kinds = ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "PPM"]
    modes = {"PNG": ["RGB", "RGBA", "LA", "L", "P", "1", "I;16"], "TIFF": ["RGB", "CMYK", "F"]}
    images = []
    for number in range(200):
        kind = made.choice(kinds)
        grey = Image.effect_noise((64, 48), 60)
        mode = made.choice(modes.get(kind, ["RGB"]))
        grey.convert("I" if mode == "I;16" else mode).convert(mode).save(tmp_path / "whole", kind)
        content = damage((tmp_path / "whole").read_bytes(), made)
        if content is not None:
            (tmp_path / f"{number}.png").write_bytes(content)
        boxes = [odd_box(10 * number + place, made) for place in range(made.randrange(5))]
        images.append(ImageBoxes(number, f"{number}.png", tuple(boxes)))
    boxes = flat(run(StandIn(fits=5), images, tmp_path, 16, workers=2))
    assert ids(boxes) == wanted(images)
    failed = [box for box in boxes if isinstance(box, Unpredicted)]
    assert 50 < len(failed) < len(boxes) - 50
    assert all(box.reason for box in failed)
