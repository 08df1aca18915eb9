"""10,000 labels confirmed at once, beside the loop over samples; one verdict among many; queues.

Run it as ``python -m benchmarks.reviewing``. The ways take turns on one dataset, against a
MongoDB server of this run; each begins with unreviewed labels. Then single labels are judged: the
first ones, and as many after the dataset has got as many verdicts as asked for, one by one. Last,
on ten times as many boxes, queues are made and the progress of the review is told.
"""

from __future__ import annotations

import argparse
import os
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from statistics import median
from typing import Any, Final

from fathomnet_voxel51.dataset.documents import now
from fathomnet_voxel51.relabelling import undo_relabel
from fathomnet_voxel51.relabelling.journal import acting_as
from fathomnet_voxel51.relabelling.relabel import ChosenBoxes
from fathomnet_voxel51.review import review_labels, start_review
from fathomnet_voxel51.review.progress import progress_of

from benchmarks.database import private_run
from benchmarks.relabelling import BOXES, IMAGES, ranked_dataset

RESULTS: Final = Path(__file__).parent / "results" / "reviewing.md"
CONFIRMED: Final = 10_000
JOURNALS: Final = 1_000
SINGLE: Final = 25
FIELD: Final = "ground_truth.detections"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--boxes", type=int, default=BOXES)
    parser.add_argument("--confirmed", type=int, default=CONFIRMED)
    parser.add_argument("--journals", type=int, default=JOURNALS)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--times", type=int, default=10, help="as many boxes for queues")
    arguments = parser.parse_args()
    with private_run() as (scratch, environment):
        # Before FiftyOne is imported, which reads them then.
        os.environ.update(environment, FIFTYONE_SHOW_PROGRESS_BARS="false")
        dataset = ranked_dataset("reviewed", scratch, arguments.images, arguments.boxes)
        text = _at_once(dataset, arguments.confirmed, arguments.repeats)
        text += "\n" + _one_by_one(dataset, arguments.journals)
        images, boxes = (arguments.times * one for one in (arguments.images, arguments.boxes))
        large = ranked_dataset("queued", scratch, images, boxes)
        text += "\n" + _queues(large, arguments.repeats)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text)
    print(text)


def _at_once(dataset: Any, count: int, repeats: int) -> str:
    boxes = list(accumulate(map(len, dataset.values(f"{FIELD}.label"))))
    view = dataset.limit(1 + bisect_left(boxes, count))
    expected = boxes[len(view) - 1]
    seconds: dict[str, list[float]] = {"loop": [], "review_labels": [], "undo_relabel": []}

    def timed(way: str, stage: Callable[[], object], confirmed: int) -> None:
        started = time.perf_counter()
        stage()
        seconds[way].append(time.perf_counter() - started)
        print(f"{way}: {seconds[way][-1]:.2f} s", flush=True)
        if (
            found := dataset.count_values(f"{FIELD}.review_state").get("confirmed", 0)
        ) != confirmed:
            raise ValueError(f"{found} labels are confirmed, not {confirmed}")

    # The attributes are declared by now, so that the loop need not.
    review_labels(view.limit(1))
    undo_relabel(dataset)
    for _ in range(repeats):
        timed("loop", lambda: _loop(view), expected)
        review_labels(view, "reset")
        timed("review_labels", lambda: review_labels(view), expected)
        timed("undo_relabel", lambda: undo_relabel(dataset), 0)
    lines = [f"{expected:,} labels; medians of {repeats}.", ""]
    lines += ["| way | seconds | the loop takes times as long |", "|---|---|---|"]
    loop = median(seconds["loop"])
    for way, found in seconds.items():
        lines.append(f"| {way} | {median(found):.2f} | {loop / median(found):.1f} |")
    return "\n".join(lines) + "\n"


def _loop(view: Any) -> None:
    moment = now()
    for sample in view.iter_samples(autosave=True):
        for box in sample.ground_truth.detections:
            box.review_state = "confirmed"
            box.reviewed_by = "ana"
            box.reviewed_at = moment
            box.reviewed_label = box.label
            box.verified = True


def _one_by_one(dataset: Any, journals: int) -> str:
    samples, labels = dataset.values(["id", f"{FIELD}.id"])
    boxes = [
        (sample, label) for sample, some in zip(samples, labels, strict=True) for label in some
    ]
    boxes = boxes[-journals - SINGLE :]
    first = _judged(dataset, boxes[:SINGLE])
    for box in boxes[SINGLE:journals]:
        review_labels(ChosenBoxes(dataset, (box,)))
    last = _judged(dataset, boxes[journals:])
    lines = [f"{dataset.count(FIELD):,} boxes; one verdict at a time, medians of {SINGLE}.", ""]
    lines += ["| journals before | milliseconds |", "|---|---|"]
    lines += [f"| few | {first:.0f} |", f"| {journals:,} | {last:.0f} |"]
    return "\n".join(lines) + "\n"


def _queues(dataset: Any, repeats: int) -> str:
    asked: dict[str, dict[str, Any]] = {"one queue, mixed": {"order": "random"}}
    asked["two people, by concept, a tenth for both"] = {
        "order": "concept",
        "assignees": ["ana", "bo"],
        "overlap": 0.1,
    }
    lines = [f"{dataset.count(FIELD):,} boxes; progress: median of {repeats}.", ""]
    lines += ["| what | seconds |", "|---|---|"]
    for what, values in asked.items():
        started = time.perf_counter()
        start_review(dataset, **values)
        lines.append(f"| {what} | {time.perf_counter() - started:.2f} |")
    for user, verdict, images in (("ana", "confirm", 3), ("bo", "reject", 6)):
        with acting_as(user):
            review_labels(dataset.limit(len(dataset) // images), verdict)
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        told = progress_of(dataset, FIELD.partition(".")[0])
        seconds.append(time.perf_counter() - started)
    lines.append(f"| progress, with {told.all.done:,} labels judged | {median(seconds):.2f} |")
    return "\n".join(lines) + "\n"


def _judged(dataset: Any, boxes: Sequence[tuple[str, str]]) -> float:
    """The median of the milliseconds that a verdict on a single label takes."""
    milliseconds = []
    for box in boxes:
        started = time.perf_counter()
        review_labels(ChosenBoxes(dataset, (box,)))
        milliseconds.append(1_000 * (time.perf_counter() - started))
    return median(milliseconds)


if __name__ == "__main__":
    main()
