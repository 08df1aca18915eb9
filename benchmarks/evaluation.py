"""An evaluation of same-box predictions, written back, beside FiftyOne's own and the bare sums.

Run it as ``python -m benchmarks.evaluation``. Every measurement is a process of its own against a
MongoDB server of this run; FiftyOne is imported and connected before the clock starts. The ways
take turns, so that a busy machine is busy for all of them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Final

from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.predictions import import_predictions
from fathomnet_voxel51.taxonomy import load_taxonomy

from benchmarks.database import private_run, run_step
from demo.synthetic import write_catalog, write_predictions_csv

MODULE: Final = "benchmarks.evaluation"
RESULTS: Final = Path(__file__).parent / "results" / "evaluation.md"
DATASET: Final = "evaluated"
KEY: Final = "measured"
FIELD: Final = "model_predictions"
IMAGES: Final = 9_306
BOXES: Final = 24_487

Measured = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", nargs="?", choices=["prepare", *WAYS])
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
        _run_all(arguments)


def _run_all(arguments: argparse.Namespace) -> None:
    with private_run() as (_, environment):
        environment["FIFTYONE_SHOW_PROGRESS_BARS"] = "false"
        size = ["--images", str(arguments.images), "--boxes", str(arguments.boxes)]
        print(run_step(MODULE, ["prepare", *size], environment), flush=True)
        found: dict[str, list[Measured]] = {way: [] for way in WAYS}
        for number in range(arguments.repeats):
            for way in WAYS:
                if way != "plain" or number < arguments.plain_repeats:
                    found[way].append(json.loads(run_step(MODULE, [way], environment)))
                    print(f"{way}: {found[way][-1]['seconds']:.2f} s", flush=True)
    text = _table(found, arguments.boxes)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text)
    print(text)


def _table(found: dict[str, list[Measured]], boxes: int) -> str:
    """The medians.

    Raises:
        ValueError: two ways did not find the same.
    """
    for fact in ("confusion", "accuracy"):
        values = {one[fact] for way in found.values() for one in way if fact in one}
        if len(values) > 1:
            raise ValueError(f"the ways differ in {fact}: {values}")
    seconds = {way: median(one["seconds"] for one in of_way) for way, of_way in found.items()}
    lines = [f"{boxes:,} boxes; confusion counts and accuracy are the same in every way.", ""]
    lines += [
        "| way | seconds, median | measurements | times as long as ours |",
        "|---|---|---|---|",
    ]
    for way, of_way in found.items():
        times = seconds[way] / seconds["ours"]
        lines.append(f"| {TITLES[way]} | {seconds[way]:.2f} | {len(of_way)} | {times:.2f} |")
    return "\n".join(lines) + "\n"


def _prepare(images: int, boxes: int) -> None:
    import fiftyone as fo

    catalog = write_catalog(Path.home() / "coco.json", images, boxes, seed=1)
    rows = write_predictions_csv(Path.home() / "predictions.csv", catalog)
    ingest_dataset(DATASET, train_annotations=str(catalog), media_root="/media")
    result = import_predictions(fo.load_dataset(DATASET), str(rows), split="train")
    print(f"prepared: {result.imported:,} predictions on {images:,} images")


def _measure(way: str) -> Measured:
    import fiftyone as fo

    dataset = fo.load_dataset(DATASET)
    if dataset.has_evaluation(KEY):
        dataset.delete_evaluation(KEY)
    started = time.perf_counter()
    found = WAYS[way](dataset)
    seconds = time.perf_counter() - started
    if dataset.has_evaluation(KEY):
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


WAYS: Final[dict[str, Callable[[Any], Measured]]] = {
    "ours": _ours,
    "plain": _plain,
    "bare": _bare,
}
TITLES: Final = {
    "ours": "`evaluate_predictions`, written back",
    "plain": "FiftyOne's `evaluate_detections(classwise=False)`, written back",
    "bare": "names read, accuracy and mean distance, nothing written",
}


if __name__ == "__main__":
    main()
