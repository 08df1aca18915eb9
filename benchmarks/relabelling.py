"""10,000 boxes relabelled and restored, beside the loop over samples that a notebook would write.

Run it as ``python -m benchmarks.relabelling``. The ways take turns on one dataset, against a
MongoDB server of this run; each begins with the labels as they were.
"""

from __future__ import annotations

import argparse
import os
import time
from bisect import bisect_left
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from statistics import median
from typing import Any, Final

from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.relabelling import relabel_boxes, undo_relabel

from benchmarks.database import private_run
from demo.synthetic import write_catalog

RESULTS: Final = Path(__file__).parent / "results" / "relabelling.md"
IMAGES: Final = 9_306
BOXES: Final = 24_487
CHANGED: Final = 10_000
NEW: Final = "Scotoplanes globosa"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--boxes", type=int, default=BOXES)
    parser.add_argument("--changed", type=int, default=CHANGED)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with private_run() as (scratch, environment):
        # Before FiftyOne is imported, which reads them then.
        os.environ.update(environment, FIFTYONE_SHOW_PROGRESS_BARS="false")
        dataset = ranked_dataset("relabelled", scratch, arguments.images, arguments.boxes)
        text = _measure(dataset, arguments.changed, arguments.repeats)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text)
    print(text)


def ranked_dataset(name: str, scratch: Path, images: int, boxes: int) -> Any:
    """A dataset of a drawn catalog, whose boxes have ranks."""
    import fiftyone as fo

    catalog = write_catalog(scratch / "coco.json", images, boxes, seed=1)
    ingest_dataset(name, train_annotations=str(catalog), media_root="/media")
    dataset = fo.load_dataset(name)
    add_taxonomy_ranks(dataset)
    return dataset


def _measure(dataset: Any, count: int, repeats: int) -> str:
    before = dataset.values("ground_truth.detections.label")
    boxes = list(accumulate(map(len, before)))
    view = dataset.limit(1 + bisect_left(boxes, count))
    seconds: dict[str, list[float]] = {"loop": [], "relabel_boxes": [], "undo_relabel": []}

    def timed(way: str, stage: Callable[[], object]) -> None:
        started = time.perf_counter()
        stage()
        seconds[way].append(time.perf_counter() - started)
        print(f"{way}: {seconds[way][-1]:.2f} s", flush=True)

    for _ in range(repeats):
        timed("loop", lambda: _loop(view))
        changed = dataset.values("ground_truth.detections.label")
        dataset.set_values("ground_truth.detections.label", before)
        timed("relabel_boxes", lambda: relabel_boxes(view, NEW))
        if dataset.values("ground_truth.detections.label") != changed:
            raise ValueError("the ways did not make the same labels")
        timed("undo_relabel", lambda: undo_relabel(dataset))
        if dataset.values("ground_truth.detections.label") != before:
            raise ValueError("undo did not restore the labels")
    lines = [f"{boxes[len(view) - 1]:,} boxes; medians of {repeats}.", ""]
    lines += ["| way | seconds | the loop takes times as long |", "|---|---|---|"]
    loop = median(seconds["loop"])
    for way, found in seconds.items():
        lines.append(f"| {way} | {median(found):.2f} | {loop / median(found):.1f} |")
    return "\n".join(lines) + "\n"


def _loop(view: Any) -> None:
    for sample in view.iter_samples():
        for box in sample.ground_truth.detections:
            box.label = NEW
        sample.save()


if __name__ == "__main__":
    main()
