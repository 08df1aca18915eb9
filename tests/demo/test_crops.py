"""The demo's boxes as a dataset of crops, which is there to look at."""

from __future__ import annotations

import re
from pathlib import Path

import fiftyone as fo
from PIL import Image

from demo.crops import show_crops
from demo.wrong_labels import plant
from tests.support.drawn import MEDIUM, Drawn


def test_the_boxes_become_crops_with_predictions_and_suspects_and_again_the_same(
    drawn: Drawn, dataset_name: str, tmp_path: Path
) -> None:
    made = drawn(MEDIUM)
    planted = plant(made.train, tmp_path)
    told = show_crops(dataset_name, planted, made.media_root, tmp_path / "crops")
    dataset = fo.load_dataset(dataset_name)
    assert f"{len(dataset)} crops of {tmp_path}/crops/annotations.csv" in told
    assert re.search(r" (1 label is|[\d,]+ labels are) probably wrong$", told)
    assert dataset.persistent and dataset.count_values("media_status") == {"ok": len(dataset)}
    assert dataset.count("model_predictions.label") == dataset.count("ground_truth.label") > 50
    assert "suspects" in dataset.list_saved_views()
    with Image.open(dataset.first().filepath) as picture:
        assert picture.width < 640
    assert show_crops(dataset_name, planted, made.media_root, tmp_path / "crops") == told
    dataset.reload()
    assert f"{len(dataset)} crops" in told
