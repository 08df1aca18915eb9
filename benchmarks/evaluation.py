"""An evaluation, written back, beside FiftyOne's own and the bare sums.

Of same-box predictions; with ``--detections`` of as many boxes that a detector drew, with their
mean average precision.

Run it as ``python -m benchmarks.evaluation``. Every measurement is a process of its own against a
MongoDB server of this run; FiftyOne is imported and connected before the clock starts. The ways
take turns, so that a busy machine is busy for all of them.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import hashlib
import io
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.predictions import import_predictions
from fathomnet_voxel51.taxonomy import load_taxonomy
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from benchmarks.database import private_run, run_step
from demo.synthetic import write_catalog, write_predictions_csv

MODULE: Final = "benchmarks.evaluation"
RESULTS: Final = Path(__file__).parent / "results" / "evaluation.md"
DATASET: Final = "evaluated"
KEY: Final = "measured"
FIELD: Final = "model_predictions"
DETECTED: Final = "detected"
IMAGES: Final = 9_306
BOXES: Final = 24_487

Measured = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", nargs="?", choices=["prepare", *WAYS, *DETECTION_WAYS])
    parser.add_argument("--detections", action="store_true", help="boxes of a detector's own")
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--boxes", type=int, default=BOXES)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--plain-repeats", type=int, default=1, help="of FiftyOne's own loop")
    arguments = parser.parse_args()
    if arguments.step == "prepare":
        _prepare(arguments.images, arguments.boxes)
    elif arguments.step:
        print(json.dumps(_measure(arguments.step)))
    else:
        _run_all(arguments, DETECTION_WAYS if arguments.detections else WAYS)


def _run_all(arguments: argparse.Namespace, ways: Mapping[str, Way]) -> None:
    with private_run() as (_, environment):
        environment["FIFTYONE_SHOW_PROGRESS_BARS"] = "false"
        size = ["--images", str(arguments.images), "--boxes", str(arguments.boxes)]
        print(run_step(MODULE, ["prepare", *size], environment), flush=True)
        found: dict[str, list[Measured]] = {way: [] for way in ways}
        for number in range(arguments.repeats):
            for way in ways:
                if way not in PLAIN or number < arguments.plain_repeats:
                    found[way].append(json.loads(run_step(MODULE, [way], environment)))
                    print(f"{way}: {found[way][-1]['seconds']:.2f} s", flush=True)
    text = _table(found, arguments.boxes)
    results = RESULTS.with_stem("detections") if arguments.detections else RESULTS
    results.parent.mkdir(exist_ok=True)
    results.write_text(text)
    print(text)


def _table(found: dict[str, list[Measured]], boxes: int) -> str:
    """The medians.

    Raises:
        ValueError: two ways did not find the same.
    """
    for fact in ("confusion", "accuracy", "map"):
        values = {one[fact] for way in found.values() for one in way if fact in one}
        if len(values) > 1:
            raise ValueError(f"the ways differ in {fact}: {values}")
    seconds = {way: median(one["seconds"] for one in of_way) for way, of_way in found.items()}
    same = "average precision is" if "detected" in found else "confusion counts and accuracy are"
    lines = [f"{boxes:,} boxes; {same} the same in every way.", ""]
    lines += [
        "| way | seconds, median | measurements | times as long as ours |",
        "|---|---|---|---|",
    ]
    for way, of_way in found.items():
        times = seconds[way] / seconds[next(iter(found))]
        lines.append(f"| {TITLES[way]} | {seconds[way]:.2f} | {len(of_way)} | {times:.2f} |")
    return "\n".join(lines) + "\n"


def _prepare(images: int, boxes: int) -> None:
    import fiftyone as fo

    catalog = write_catalog(Path.home() / "coco.json", images, boxes, seed=1)
    rows = write_predictions_csv(Path.home() / "predictions.csv", catalog)
    ingest_dataset(DATASET, train_annotations=str(catalog), media_root="/media")
    dataset = fo.load_dataset(DATASET)
    result = import_predictions(dataset, str(rows), split="train")
    # A detector's boxes: those that are annotated, pushed by up to a tenth.
    rng = np.random.default_rng(1)
    (x, y, width, height), names = (
        np.array(dataset.values(f"{FIELD}.detections.bounding_box", unwind=True)).reshape(-1, 4).T,
        dataset.values(f"{FIELD}.detections.label", unwind=True),
    )
    owners = np.repeat(
        dataset.values("file_name"),
        [len(ids or ()) for ids in dataset.values(f"{FIELD}.detections.id")],
    )
    left, top = (
        side + size * rng.uniform(-0.1, 0.1, len(x)) for side, size in ((x, width), (y, height))
    )
    boxes_file = Path.home() / "detections.csv"
    with boxes_file.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file_name", "concept_name", "x", "y", "w", "h", "score"])
        columns = (left, top, width, height, rng.uniform(0, 1, len(x)))
        writer.writerows(zip(owners, names, *(one.tolist() for one in columns), strict=True))
    detected = import_predictions(dataset, str(boxes_file), split="train", field=DETECTED)
    print(f"prepared: {result.imported:,} predictions on {images:,} images")
    print(f"prepared: {detected.imported:,} boxes of a detector")


def _measure(way: str) -> Measured:
    import fiftyone as fo

    dataset = fo.load_dataset(DATASET)
    if dataset.has_evaluation(KEY):
        dataset.delete_evaluation(KEY)
    started = time.perf_counter()
    found = {**WAYS, **DETECTION_WAYS}[way](dataset)
    seconds = time.perf_counter() - started
    if way in WAYS and dataset.has_evaluation(KEY):
        counts = dataset.load_evaluation_results(KEY).confusion_matrix(include_missing=True)
        found["confusion"] = hashlib.sha256(counts.tobytes()).hexdigest()
    return {"seconds": seconds, **found}


def _ours(dataset: Any) -> Measured:
    return {"accuracy": evaluate_predictions(dataset, eval_key=KEY).accuracy}


def _plain(dataset: Any) -> Measured:
    results = dataset.evaluate_detections(FIELD, eval_key=KEY, classwise=False)
    return {"accuracy": float(results.metrics()["accuracy"])}


def _bare(dataset: Any) -> Measured:
    """Accuracy and mean distance of two columns that are read already; nothing is written."""
    taxonomy = load_taxonomy()
    names = [f"{field}.detections.label" for field in ("ground_truth", FIELD)]
    true, predicted = (dataset.values(name, unwind=True) for name in names)
    started = time.perf_counter()
    right = sum(a == b for a, b in zip(true, predicted, strict=True)) / len(true)
    distance = float(taxonomy.distances(true, predicted).mean())
    return {"accuracy": right, "distance": distance, "sums": time.perf_counter() - started}


def _detected(dataset: Any) -> Measured:
    return {"map": _rounded(evaluate_predictions(dataset, DETECTED, eval_key=KEY).map)}


def _detected_plain(dataset: Any) -> Measured:
    results = dataset.evaluate_detections(DETECTED, eval_key=KEY, compute_mAP=True)
    return {"fiftyone_map": results.mAP()}


def _detected_bare(dataset: Any) -> Measured:
    """One run of pycocotools over all images and categories; nothing is written."""
    with contextlib.redirect_stdout(io.StringIO()):
        sides = []
        sizes = list(
            zip(dataset.values("metadata.width"), dataset.values("metadata.height"), strict=True)
        )
        names = dataset.distinct("ground_truth.detections.label")
        category = {name: number for number, name in enumerate(names, start=1)}
        for field in ("ground_truth", DETECTED):
            path = f"{field}.detections"
            asked = [f"{path}.{name}" for name in ("label", "bounding_box", "confidence", "area")]
            asked = [one for one in asked if dataset.get_field(one) is not None]
            rows: list[dict[str, Any]] = []
            for image, (size, *columns) in enumerate(
                zip(sizes, *dataset.values(asked), strict=True)
            ):
                for label, box, *others in zip(*(one or () for one in columns), strict=True):
                    pixels = [round(side * of, 6) for side, of in zip(box, size * 2, strict=True)]
                    row = {"id": len(rows) + 1, "image_id": image, "bbox": pixels, "iscrowd": 0}
                    row |= {"category_id": category.get(label, 0), "score": others[0] or 0}
                    rows.append(
                        row | {"area": others[-1] if field != DETECTED else pixels[2] * pixels[3]}
                    )
            side = COCO()
            side.dataset = {
                "images": [{"id": image} for image in range(len(sizes))],
                "annotations": rows,
                "categories": [{"id": number} for number in category.values()],
            }
            side.createIndex()
            sides.append(side)
        started = time.perf_counter()
        evaluation = COCOeval(*sides, iouType="bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return {"map": _rounded(evaluation.stats[0]), "sums": time.perf_counter() - started}


def _rounded(value: float | None) -> float:
    return round(float(value or 0), 9)


Way = Callable[[Any], Measured]

WAYS: Final[dict[str, Way]] = {
    "ours": _ours,
    "plain": _plain,
    "bare": _bare,
}
DETECTION_WAYS: Final[dict[str, Way]] = {
    "detected": _detected,
    "detected_plain": _detected_plain,
    "detected_bare": _detected_bare,
}
PLAIN: Final = ("plain", "detected_plain")
TITLES: Final = {
    "ours": "`evaluate_predictions`, written back",
    "plain": "FiftyOne's `evaluate_detections(classwise=False)`, written back",
    "bare": "names read, accuracy and mean distance, nothing written",
    "detected": "`evaluate_predictions` of a detector's boxes, written back",
    "detected_plain": "FiftyOne's `evaluate_detections(compute_mAP=True)`, written back",
    "detected_bare": "boxes read, one run of pycocotools over all, nothing written",
}


if __name__ == "__main__":
    main()
