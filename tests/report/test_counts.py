"""The examples of the card are cut from the pictures that the dataset means."""

from __future__ import annotations

import io
from pathlib import Path

import fiftyone as fo
import pytest
from fathomnet_voxel51.report.blocks import Crops, Note, read_content
from fathomnet_voxel51.report.counts import crop_section
from PIL import ExifTags, Image

REJECTED = {"review_state": "rejected", "reviewed_label": "Elpidia"}


@pytest.mark.parametrize("orientation", [None, 6])
def test_an_example_shows_the_box_of_the_picture_as_it_is_meant(
    dataset_name: str, tmp_path: Path, orientation: int | None
) -> None:
    meant = Image.new("RGB", (60, 40), "blue")
    meant.paste("red", (0, 0, 30, 40))
    exif = Image.Exif()
    if orientation:
        exif[ExifTags.Base.Orientation] = orientation
        meant = meant.transpose(Image.Transpose.ROTATE_90)
    meant.save(tmp_path / "a.png", exif=exif)
    Image.new("RGB", (30, 20)).save(tmp_path / "small.png")
    dataset = fo.Dataset(dataset_name)
    for name in ("a.png", "small.png"):
        half = fo.Detection(label=name, bounding_box=[0, 0, 0.4, 1])
        dataset.add_sample(
            fo.Sample(
                str(tmp_path / name),
                metadata=fo.ImageMetadata(width=60, height=40),
                ground_truth=fo.Detections(detections=[half]),
            )
        )
    blocks = crop_section(dataset, read_content(dataset), lambda share, label: None).blocks
    (shown,) = (block for block in blocks if isinstance(block, Crops))
    (crop,) = shown.pictures
    pixel = Image.open(io.BytesIO(crop.jpeg)).resize((1, 1)).getpixel((0, 0))
    assert isinstance(pixel, tuple) and pixel[0] > 200 > 60 > pixel[2]
    notes = [block.text for block in blocks if isinstance(block, Note)]
    assert any("is 30 x 20 pixels, but 60 x 40" in note for note in notes)


def test_no_suspect_is_an_example(dataset_name: str, tmp_path: Path) -> None:
    dataset = fo.Dataset(dataset_name)
    for number, (colour, attributes) in enumerate(
        (("red", {"suggested_label": "Sebastes"}), ("lime", {}), ("red", REJECTED))
    ):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", (60, 40), colour).save(path)
        one = fo.Detection(label="Elpidia", bounding_box=[0, 0, 1, 1 - number / 10], **attributes)
        dataset.add_sample(fo.Sample(str(path), ground_truth=fo.Detections(detections=[one])))
    dataset.add_dynamic_sample_fields()
    blocks = crop_section(dataset, read_content(dataset), lambda share, label: None).blocks
    (shown,) = (block for block in blocks if isinstance(block, Crops))
    (crop,) = shown.pictures
    pixel = Image.open(io.BytesIO(crop.jpeg)).getpixel((0, 0))
    assert isinstance(pixel, tuple) and pixel[1] > 200 > 60 > pixel[0]
