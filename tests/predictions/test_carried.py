"""A labelled box says what was predicted of it: boxes of the same corners hide each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.predictions import import_predictions

from demo.synthetic import write_catalog

NAMES = ("Sebastes", "Scotoplanes globosa")


@pytest.fixture
def dataset(dataset_name: str, tmp_path: Path) -> Any:
    train, test = tmp_path / "train.json", tmp_path / "test.json"
    write_catalog(train, 12, 30, seed=1)
    write_catalog(test, 8, 20, seed=2)
    ingest_dataset(dataset_name, train_annotations=str(train), test_annotations=str(test))
    return fo.load_dataset(dataset_name)


def write(path: Path, names: dict[int, str]) -> str:
    lines = [f"{number},{name}" for number, name in names.items()]
    path.write_text("\n".join(["annotation_id,concept_name", *lines]) + "\n")
    return str(path)


def said(dataset: Any, split: str, attribute: str = "predicted_label") -> dict[int, str | None]:
    view = dataset.match(fo.ViewField("split") == split)
    columns = [
        view.values(f"ground_truth.detections.{one}", unwind=True)
        for one in ("annotation_id", attribute)
    ]
    return {number: name for number, name in zip(*columns, strict=True) if name is not None}


def test_each_box_says_the_prediction_of_its_number_and_split(
    dataset: Any, tmp_path: Path, either_way: str
) -> None:
    first = {number: NAMES[number % 2] for number in range(1, 21)}
    import_predictions(dataset, write(tmp_path / "first.csv", first))
    assert said(dataset, "test") == first
    assert said(dataset, "train") == {}  # its boxes have the same numbers

    before = {one["id"]: one["last_modified_at"] for one in dataset.iter_samples()}
    import_predictions(dataset, str(tmp_path / "first.csv"))
    after = {one["id"]: one["last_modified_at"] for one in dataset.iter_samples()}
    assert after == before

    second = dict.fromkeys(range(1, 6), NAMES[0])
    import_predictions(dataset, write(tmp_path / "second.csv", second))
    assert said(dataset, "test") == second  # the others are predicted no more
    import_predictions(dataset, str(tmp_path / "second.csv"), split="train", field="second_model")
    assert said(dataset, "train", "second_model_label") == second
    assert said(dataset, "test") == second


def test_confidence_comes_along_and_a_box_without_a_number_is_left_alone(
    dataset: Any, tmp_path: Path, either_way: str
) -> None:
    sample = dataset.match(fo.ViewField("split") == "test").first()
    drawn = fo.Detection(label="by hand", bounding_box=[0.1, 0.1, 0.2, 0.2])
    sample["ground_truth"] = fo.Detections(
        detections=[*(sample.ground_truth.detections if sample.ground_truth else []), drawn]
    )
    sample.save()
    rows = ["annotation_id,concept_name,confidence", f"3,{NAMES[0]},0.25", f"4,{NAMES[1]},0.5"]
    (tmp_path / "rows.csv").write_text("\n".join(rows) + "\n")
    import_predictions(dataset, str(tmp_path / "rows.csv"))
    assert said(dataset, "test") == {3: NAMES[0], 4: NAMES[1]}
    predicted = dict(
        zip(
            dataset.values("model_predictions.detections.annotation_id", unwind=True),
            dataset.values("model_predictions.detections.confidence", unwind=True),
            strict=True,
        )
    )
    given = {number: one for number, one in predicted.items() if one is not None}
    assert said(dataset, "test", "predicted_confidence") == given
    sample.reload()
    assert sample.ground_truth.detections[-1].label == "by hand"
    assert not sample.ground_truth.detections[-1].has_attribute("predicted_label")
