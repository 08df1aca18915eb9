"""A detector's scores are those of pycocotools on the same files."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from fathomnet_voxel51.errors import SetupError
from fathomnet_voxel51.evaluation import EvaluationResult, check_evaluation, evaluate_predictions
from fathomnet_voxel51.evaluation.run import EvaluationDetails
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.predictions import import_predictions
from fathomnet_voxel51.report import report_dataset
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tests.support.stored import documents, settings

NAMES = ["Sebastes", "Caridea", "Porifera", "Elpidia", "Actiniaria"]
SIZES = [(640, 480), (333, 777), (1920, 1080)]
STATS = (
    *("map", "map_50", "map_75", "map_small", "map_medium", "map_large"),
    *("recall_1", "recall_10", "recall_100", "recall_small", "recall_medium", "recall_large"),
)
Set = tuple[dict[str, Any], list[dict[str, Any]]]


def random_set(seed: int) -> Set:
    """A catalog and a detector's boxes: ties, crowds, empty images, all sizes, whole pixels."""
    rng = np.random.default_rng(seed)
    ids = rng.permutation(np.arange(1, 19)).tolist()  # ties count in the order of the ids
    images, annotations, found = [], [], []
    for id_ in ids:
        width, height = SIZES[int(rng.integers(3))]
        images.append({"id": id_, "file_name": f"{id_}.png", "width": width, "height": height})
        for _ in range(int(rng.choice([0, 1, 3, 7]))):
            side = int(rng.choice([8, 30, 32, 60, 96, 200]))
            box = [
                int(rng.integers(0, width - side)), int(rng.integers(0, height - side)),
                side, int(rng.choice([side, side // 2])),
            ]  # fmt: skip
            category = int(rng.integers(1, 5))
            annotation = {
                "id": len(annotations) + 1, "image_id": id_, "category_id": category, "bbox": box,
                "iscrowd": int(rng.random() < 0.15),
                # As of an outline, or of the rectangle itself.
                "area": box[2] * box[3] * (1 - 0.3 * (seed % 2)),
            }  # fmt: skip
            annotations.append(annotation)
            for _ in range(int(rng.choice([0, 1, 1, 2]))):
                shift = rng.integers(-(side // 8), side // 8 + 1, 2).tolist()
                left = min(max(box[0] + shift[0], 0), width - side)
                top = min(max(box[1] + shift[1], 0), height - side)
                other = category if rng.random() < 0.9 else int(rng.integers(1, 6))
                near = [left, top, box[2], box[3]]
                found.append({"image_id": id_, "category_id": other, "bbox": near, "score": 0.4})
        for _ in range(int(rng.choice([0, 0, 2, 130 if seed % 5 == 0 else 4]))):
            box = [*rng.integers(0, 200, 2).tolist(), *rng.integers(4, 100, 2).tolist()]
            other = int(rng.integers(1, 6))
            found.append({"image_id": id_, "category_id": other, "bbox": box, "score": 0.0})
    for row in found:
        chance = float(rng.integers(1, 6)) / 10 if seed % 3 else float(rng.random()) / 2
        row["score"] = round(row["score"] + chance, 6)
    categories = [{"id": n, "name": name} for n, name in enumerate(NAMES, start=1)]
    return {"images": images, "annotations": annotations, "categories": categories}, found


def by_pycocotools(annotated: dict[str, Any], found: list[dict[str, Any]]) -> COCOeval:
    """One run over all images and categories, as its own example has it."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = json.loads(json.dumps(annotated))
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(json.loads(json.dumps(found))), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def evaluated(
    folder: Path, name: str, made: Set, **parameters: Any
) -> tuple[Any, EvaluationResult]:
    for file, content in zip(("coco.json", "results.json"), made, strict=True):
        (folder / file).write_text(json.dumps(content))
    ingest_dataset(name, train_annotations=str(folder / "coco.json"))
    dataset = fo.load_dataset(name)
    path = str(folder / "results.json")
    assert import_predictions(dataset, path, "train", field="detected").imported == len(made[1])
    return dataset, evaluate_predictions(dataset, "detected", eval_key="e", **parameters)


def as_stats(result: EvaluationResult) -> list[float]:
    """COCO's twelve numbers, -1 for what cannot be averaged."""
    assert result.detection is not None
    values = [getattr(result.detection, name) for name in STATS]
    return [-1 if value is None else value for value in values]


@pytest.mark.parametrize("seed", range(20))
def test_the_twelve_numbers_are_those_of_pycocotools(
    tmp_path: Path, dataset_name: str, seed: int
) -> None:
    made = random_set(seed)
    _, result = evaluated(tmp_path, dataset_name, made)
    reference = by_pycocotools(*made)
    assert as_stats(result) == pytest.approx(reference.stats.tolist(), abs=1e-6)
    assert (result.map, result.map_50, result.map_75) == tuple(
        pytest.approx(value, abs=1e-6) for value in reference.stats[:3]
    )
    assert reference.stats[0] > 0.05  # there is something to compare
    assert result.detection is not None
    of_concepts = {one.concept: one for one in result.detection.by_concept}
    for place, name in enumerate(NAMES):
        curve = reference.eval["precision"][:, :, place, 0, 2]
        one = of_concepts.get(name)
        expected = float(curve[curve > -1].mean()) if (curve > -1).any() else None
        assert (one.map if one else None) == pytest.approx(expected, abs=1e-6)
        crowds = [a["iscrowd"] for a in made[0]["annotations"] if a["category_id"] == place + 1]
        assert (one.boxes if one else 0) == crowds.count(0)


@pytest.mark.parametrize("seed", [2, 5, 11])
def test_detections_that_reach_beyond_their_image_count_as_pycocotools_counts_them(
    tmp_path: Path, dataset_name: str, seed: int
) -> None:
    annotated, found = random_set(seed)
    sizes = {image["id"]: (image["width"], image["height"]) for image in annotated["images"]}
    rng = np.random.default_rng(seed)
    # At the right and lower edge stands an animal of each image, and its detection beyond it.
    for image_id, (width, height) in sizes.items():
        side = int(rng.choice([20, 60, 120]))
        corner = {"image_id": image_id, "category_id": 1, "area": side * side, "iscrowd": 0}
        corner |= {"id": 1_000 + image_id, "bbox": [width - side, height - side, side, side]}
        annotated["annotations"].append(corner)
        reach = int(rng.integers(1, side // 2))
        box = [width - side, height - side, side + reach, side + reach]
        found.append({"image_id": image_id, "category_id": 1, "bbox": box, "score": 0.9})
    _, result = evaluated(tmp_path, dataset_name, (annotated, found))
    reference = by_pycocotools(annotated, found).stats.tolist()
    assert as_stats(result) == pytest.approx(reference, abs=1e-6)
    inside = [
        one | {"bbox": [left, top, *(min(side, all_ - start) for side, all_, start in zip(
            sides, sizes[one["image_id"]], (left, top), strict=True))]}
        for one in found
        for left, top, *sides in [one["bbox"]]
    ]  # fmt: skip
    assert by_pycocotools(annotated, inside).stats[0] > reference[0], "cut, they would score more"


def test_either_way_gives_the_same_and_a_check_foretells_it(
    tmp_path: Path, dataset_name: str, either_way: str
) -> None:
    made = random_set(4)
    dataset, result = evaluated(tmp_path, dataset_name, made)
    assert as_stats(result) == pytest.approx(by_pycocotools(*made).stats.tolist(), abs=1e-6)
    before = documents(dataset), settings(dataset)
    assert check_evaluation(dataset, "detected", eval_key="e") == result
    assert (documents(dataset), settings(dataset)) == before


def test_a_record_and_the_card_have_the_scores(tmp_path: Path, dataset_name: str) -> None:
    dataset, result = evaluated(tmp_path, dataset_name, random_set(7))
    details = EvaluationDetails.read(dataset, "e")
    assert details is not None
    assert details.result == result
    card = report_dataset(dataset).markdown
    assert f"{result.map:.3f}" in card
    assert "average precision" in card


def test_predictions_of_the_boxes_themselves_have_no_average_precision(
    make_dataset: Callable[..., Any],
) -> None:
    from tests.evaluation.boxes import LEFT

    result = evaluate_predictions(make_dataset(([("A", LEFT)], [("A", LEFT)])))
    assert (result.map, result.detection, result.missing_boxes, result.views) == (
        None,
        None,
        None,
        (),
    )


def test_without_sizes_the_numbers_by_size_are_left_out() -> None:
    dataset = fo.Dataset()
    box = {"label": "Sebastes", "bounding_box": [0.1, 0.1, 0.5, 0.5]}
    sample = fo.Sample("/a.png", truth=fo.Detections(detections=[fo.Detection(**box)]))
    sample["detected"] = fo.Detections(detections=[fo.Detection(**box, confidence=0.5)])
    dataset.add_sample(sample)
    result = evaluate_predictions(dataset, "detected", "truth")
    assert result.detection is not None
    assert (result.map, result.detection.recall_100) == (pytest.approx(1.0), 1.0)
    assert (result.detection.map_small, result.detection.recall_large) == (None, None)
    dataset.delete()


def test_where_pycocotools_is_missing_it_is_said_how_to_install_it(
    tmp_path: Path, dataset_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, _ = evaluated(tmp_path, dataset_name, random_set(1))
    before = documents(dataset), settings(dataset)
    monkeypatch.setitem(sys.modules, "pycocotools.cocoeval", None)
    for attempt in (check_evaluation, evaluate_predictions):
        with pytest.raises(SetupError, match="pip install pycocotools"):
            attempt(dataset, "detected", eval_key="e")
    assert (documents(dataset), settings(dataset)) == before


@pytest.fixture
def planted() -> Iterator[Any]:
    """One image: a good box, one drawn askew, one that nothing matches, and a sure detection."""

    def boxes(*rows: tuple[list[float], float | None]) -> fo.Detections:
        found = [
            fo.Detection(label="Sebastes", bounding_box=box, confidence=confidence)
            for box, confidence in rows
        ]
        return fo.Detections(detections=found)

    dataset = fo.Dataset()
    truth = boxes(
        ([0.0, 0.0, 0.2, 0.2], None), ([0.4, 0.0, 0.2, 0.2], None), ([0.0, 0.5, 0.2, 0.2], None)
    )
    found = boxes(
        ([0.0, 0.0, 0.2, 0.2], 0.9),
        ([0.44, 0.0, 0.2, 0.2], 0.5),
        ([0.7, 0.7, 0.2, 0.2], 0.75),
        ([0.01, 0.0, 0.2, 0.2], 0.3),  # a repeat of the first, which is no missing box
    )
    dataset.add_sample(fo.Sample("/a.png", ground_truth=truth, detected=found))
    yield dataset
    dataset.delete()


def test_missing_spurious_and_badly_drawn_boxes_have_scores_and_views(
    planted: Any, either_way: str
) -> None:
    result = evaluate_predictions(planted, "detected", eval_key="e")
    counts = (result.missing_boxes, result.spurious_boxes, result.badly_drawn_boxes)
    assert counts == (1, 1, 1)
    assert result.views == ("missing_e", "spurious_e", "badly_drawn_e")
    (missing,) = planted.values("detected.detections.missing_e")
    assert missing == [None, None, pytest.approx(0.75), None]
    (spurious,) = planted.values("ground_truth.detections.spurious_e")
    assert spurious == [None, None, pytest.approx(1.0)]
    # Of 0.2 x 0.2 and a shift of 0.04: 0.16 / 0.24 overlaps.
    (askew,) = planted.values("ground_truth.detections.badly_drawn_e")
    assert askew == [None, pytest.approx(0.5 * (1 - 0.16 / 0.24)), None]
    for view, field, place in (
        ("missing_e", "detected", 2),
        ("spurious_e", "ground_truth", 2),
        ("badly_drawn_e", "ground_truth", 1),
    ):
        (ids,) = planted.values(f"{field}.detections.id")
        assert planted.load_saved_view(view).values(f"{field}.id") == [ids[place]]


def test_a_repeat_renews_scores_and_views_and_deleting_takes_the_scores(
    planted: Any, either_way: str
) -> None:
    evaluate_predictions(planted, "detected", eval_key="e")
    box = planted.first()["ground_truth"].detections[2].copy()
    sample = planted.first()
    sample["detected"].detections.append(box)
    sample.save()
    result = evaluate_predictions(planted, "detected", eval_key="e")
    assert (result.spurious_boxes, result.views) == (0, ("missing_e", "badly_drawn_e"))
    assert planted.list_saved_views() == ["missing_e", "badly_drawn_e"]
    assert planted.values("ground_truth.detections.spurious_e") == [[None] * 3]
    planted.rename_evaluation("e", "f")
    assert planted.values("detected.detections.missing_f")[0][2] == pytest.approx(0.75)
    planted.delete_evaluation("f")
    schema = planted.get_field_schema(flat=True)
    assert not [path for path in schema if "missing" in path or "badly_drawn" in path]


def test_scores_left_of_an_evaluation_deleted_without_the_plugin_are_replaced(planted: Any) -> None:
    planted.add_sample_field("detected.detections.missing_e", fo.FloatField)
    planted.set_values("detected.detections.missing_e", [[0.125] * 4])
    evaluate_predictions(planted, "detected", eval_key="e")
    (missing,) = planted.values("detected.detections.missing_e")
    assert missing == [None, None, pytest.approx(0.75), None]
