"""The main job by a plain loop, by FiftyOne's public API and by the collection, in one run.

Run it as ``python -m benchmarks.public_way``. The public way is what stages take where the door to
the collection stays shut (``fathomnet_voxel51.dataset.door``). Processor seconds are those of the
process and of the MongoDB server together, since some ways have the server do the work; FiftyOne
is imported and connected before the clock starts. The ways take turns.

Once more the collection is reached through a proxy of the database, in Python and over HTTP, which
stands for a connection through an API's server (``tests.support.enterprise_database``). It runs in
the process that is measured, so that its seconds are among those of the process.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

from fathomnet_voxel51.dataset import door
from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.labels.ranks import rank_attributes
from fathomnet_voxel51.taxonomy import load_taxonomy

from benchmarks import ours, plain
from benchmarks.database import private_run, processor_seconds, run_step
from benchmarks.job import Inputs, Job
from demo.synthetic import write_catalog, write_predictions_csv

MODULE: Final = "benchmarks.public_way"
RESULTS: Final = Path(__file__).parent / "results" / "public_way.md"
IMAGES: Final = 9_306
BOXES: Final = 24_487
KEY: Final = "measured"
GOALS: Final = {"ingest": 8, "primary": 11, "ranks": 5, "predictions": 4, "evaluation": 6}
"""How many times faster than the plain loop the public way is to be."""
WAYS: Final = {"plain": "", "public": "1", "collection": "", "proxied": ""}
"""Of each way the value of ``door.PUBLIC_API``; empty to have the door decide."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", nargs="?", choices=["prepare", *WAYS])
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--boxes", type=int, default=BOXES)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--plain-repeats", type=int, default=1)
    parser.add_argument("--stages", default=",".join(GOALS), help="from the first one on")
    arguments = parser.parse_args()
    if arguments.way == "prepare":
        catalog = write_catalog(_inputs("").catalog, arguments.images, arguments.boxes, seed=1)
        write_predictions_csv(_inputs("").predictions, catalog)
        print("prepared")
    elif arguments.way:
        with _connected(arguments.way):
            stages = arguments.stages.split(",")
            print(json.dumps({stage: _measure(arguments.way, stage) for stage in stages}))
    else:
        _run_all(arguments)


def _inputs(way: str) -> Inputs:
    home = Path.home()
    return Inputs(home / "coco.json", home / "predictions.csv", "", f"job-{way}")


def _run_all(arguments: argparse.Namespace) -> None:
    found: dict[str, dict[str, list[dict[str, float]]]] = {
        stage: {} for stage in arguments.stages.split(",")
    }
    with private_run() as (_, environment):
        environment["FIFTYONE_SHOW_PROGRESS_BARS"] = "false"
        size = ["--images", str(arguments.images), "--boxes", str(arguments.boxes)]
        run_step(MODULE, ["prepare", *size], environment)
        for number in range(arguments.repeats):
            for way, value in WAYS.items():
                if way == "plain" and number >= arguments.plain_repeats:
                    continue
                own = environment | {door.PUBLIC_API: value}
                measured = run_step(MODULE, [way, "--stages", arguments.stages], own)
                for stage, one in json.loads(measured).items():
                    found[stage].setdefault(way, []).append(one)
                    print(f"{stage} {way}: {one}", flush=True)
    text = _table(found)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text, encoding="utf-8")
    print(text)


def _table(found: dict[str, dict[str, list[dict[str, float]]]]) -> str:
    lines = [
        "| stage | plain loop | public way | collection | collection, by a proxy "
        "| plain / public | goal | plain / collection | plain / proxy |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for stage, ways in found.items():
        made = {one["made"] for of_way in ways.values() for one in of_way}
        if len(made) > 1:
            raise ValueError(f"the ways did not make the same at {stage}: {made}")
        processor = {way: median(one["processor"] for one in some) for way, some in ways.items()}
        least = {way: min(one["seconds"] for one in some) for way, some in ways.items()}
        cells = [f"{processor[way]:.1f} ({least[way]:.1f})" for way in WAYS]
        public, *others = (processor["plain"] / processor[way] for way in WAYS if way != "plain")
        times = " | ".join([f"{public:.1f}", str(GOALS[stage]), *(f"{one:.1f}" for one in others)])
        lines.append(f"| {stage} | {' | '.join(cells)} | {times} |")
    return "\n".join(lines) + "\n"


@contextmanager
def _connected(way: str) -> Iterator[None]:
    """Has this process reach the database as a way does."""
    import fiftyone as fo
    from pytest import MonkeyPatch

    from tests.support.enterprise_database import connect, serving

    fo.list_datasets()
    if way != "proxied":
        yield
        return
    with serving(fo.config.database_uri) as (where, _), MonkeyPatch.context() as patch:
        connect(where, patch)
        yield


def _measure(way: str, stage: str) -> dict[str, float]:
    import fiftyone as fo

    inputs = _inputs(way)
    if stage == "ingest" and fo.dataset_exists(inputs.dataset):
        fo.delete_dataset(inputs.dataset)
    if way in ("collection", "proxied") and not door.way().is_open:
        raise RuntimeError(door.way().reason)

    job = _job(way, stage, inputs)
    started, worked = time.perf_counter(), processor_seconds()
    made = job()
    return {
        "made": made,
        "processor": processor_seconds() - worked,
        "seconds": time.perf_counter() - started,
    }


def _job(way: str, stage: str, inputs: Inputs) -> Job:
    if stage in ("ingest", "primary", "predictions"):
        make: Callable[[Inputs], Job] = getattr(plain if way == "plain" else ours, stage)
        return make(inputs)
    import fiftyone as fo

    dataset = fo.load_dataset(inputs.dataset)
    jobs: dict[tuple[bool, str], Job] = {
        (True, "ranks"): lambda: _plain_ranks(dataset),
        (True, "evaluation"): lambda: _plain_evaluation(dataset),
        (False, "ranks"): lambda: add_taxonomy_ranks(dataset).boxes,
        (False, "evaluation"): lambda: evaluate_predictions(dataset, eval_key=KEY).boxes,
    }
    return jobs[way == "plain", stage]


def _plain_ranks(dataset: Any) -> int:
    """A loop that saves each sample."""
    taxonomy, boxes = load_taxonomy(), 0
    for sample in dataset:
        for box in sample.ground_truth.detections:
            for name, value in rank_attributes(box.label, taxonomy).items():
                box[name] = value
            boxes += 1
        sample.save()
    return boxes


def _plain_evaluation(dataset: Any) -> int:
    """FiftyOne's own."""
    results = dataset.evaluate_detections("model_predictions", eval_key=KEY, classwise=False)
    return sum(one != results.missing for one in results.ytrue)


if __name__ == "__main__":
    main()
