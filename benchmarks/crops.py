"""Crops: their ingest beside a plain loop, and each stage of them beside that of the same boxes.

Run it as ``python -m benchmarks.crops``. The boxes of a drawn catalog are listed once more as crops
with the same numbers, names and dives. Every way is a process of its own, and the ways take turns;
seconds are those of processors, of the process and of the MongoDB server together, since some
stages have the server do the work.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Final

from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.ingest import ingest_crops, ingest_dataset
from fathomnet_voxel51.label_errors import find_label_errors
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.predictions import import_predictions
from fathomnet_voxel51.relabelling import export_dataset, relabel_boxes, undo_relabel
from fathomnet_voxel51.report import report_dataset
from fathomnet_voxel51.splits import split_by_dive

from benchmarks.database import private_run, processor_seconds, run_step
from benchmarks.measure import BOXES
from benchmarks.scale.material import write_material
from benchmarks.scale.place import Place

MODULE: Final = "benchmarks.crops"
RESULTS: Final = Path(__file__).parent / "results" / "crops.md"
OLD: Final = "Sebastes"
NEW: Final = "Scotoplanes globosa"
SIZES: Final = (10_000, 100_000)
"""Crops that are ingested."""
WAYS: Final = ("plain", "ours", "boxes", "crops")
Job = Callable[[], int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", nargs="?", choices=["prepare", *WAYS])
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="crops to ingest")
    parser.add_argument("--boxes", type=int, default=BOXES, help="boxes, and crops beside them")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.way is None:
        _run_all(arguments.sizes, arguments.boxes, arguments.repeats)
        return
    place = Place.below(Path.home(), arguments.boxes, of_crops=True)
    if arguments.way == "prepare":
        place.folder.mkdir(parents=True)
        write_material(place)
        _write_files(place)
        print("prepared")
    elif arguments.way in ("plain", "ours"):
        print(json.dumps(_measured(_ingests(place)[arguments.way])))
    else:
        print(json.dumps(_measure_stages(place, arguments.way)))


def _run_all(sizes: list[int], boxes: int, repeats: int) -> None:
    with private_run() as (_, environment):
        environment["FIFTYONE_SHOW_PROGRESS_BARS"] = "false"

        def step(way: str, size: int) -> Any:
            printed = run_step(MODULE, [way, "--boxes", str(size)], environment)
            print(f"{way}, {size:,}: {printed}", flush=True)
            return json.loads(printed) if way in WAYS else None

        lines = [
            "| crops ingested | plain loop | ours | times |",
            "|---|---|---|---|",
        ]
        for size in sizes:
            step("prepare", size)
            found = [{way: step(way, size)[1] for way in ("plain", "ours")} for _ in range(repeats)]
            plain, ours = (median(one[way] for one in found) for way in ("plain", "ours"))
            lines.append(f"| {size:,} | {plain:.1f} s | {ours:.1f} s | {plain / ours:.1f} |")
        if boxes not in sizes:
            step("prepare", boxes)
        lines += [
            "",
            f"| stage, at {boxes:,} | boxes | crops | crops / boxes |",
            "|---|---|---|---|",
        ]
        rounds = [{way: step(way, boxes) for way in ("boxes", "crops")} for _ in range(repeats)]
        for stage in rounds[0]["boxes"]:
            made = {one[way][stage][0] for one in rounds for way in one}
            if len(made) > 1:
                raise ValueError(f"boxes and crops did not give the same at {stage}: {made}")
            of_boxes, of_crops = (
                median(one[way][stage][1] for one in rounds) for way in ("boxes", "crops")
            )
            times = of_crops / of_boxes
            lines.append(f"| {stage} | {of_boxes:.2f} s | {of_crops:.2f} s | {times:.2f} |")
    text = "\n".join(lines) + "\n"
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text, encoding="utf-8")
    print(text)


def _write_files(place: Place) -> None:
    """Crops are looked for, and never opened: they may be empty."""
    with place.table.open(newline="", encoding="utf-8") as file:
        paths = [place.folder / row["path"] for row in csv.DictReader(file)]
    for folder in {path.parent for path in paths}:
        folder.mkdir()
    for path in paths:
        path.touch()


def _measured(job: Job) -> tuple[int, float, float]:
    """What a job made, and its seconds of processors and of the clock."""
    import fiftyone as fo

    fo.list_datasets()  # connects
    started, worked = time.perf_counter(), processor_seconds()
    made = job()
    return made, processor_seconds() - worked, time.perf_counter() - started


def _ingests(place: Place) -> dict[str, Job]:
    import fiftyone as fo

    name = f"ingested-{place.boxes}"
    if fo.dataset_exists(name):
        fo.delete_dataset(name)

    def plain() -> int:
        """A ``Sample`` a crop, then ``add_samples``: what the documentation shows."""
        dataset = fo.Dataset(name, persistent=True)
        with place.table.open(newline="", encoding="utf-8") as file:
            samples = [
                fo.Sample(
                    filepath=str(place.folder / row["path"]),
                    tags=["train"],
                    ground_truth=fo.Classification(label=row["label"]),
                    source_url=row["source_url"],
                    deployment=row["deployment"],
                )
                for row in csv.DictReader(file)
            ]
        dataset.add_samples(samples, progress=False)
        return len(dataset)

    return {"plain": plain, "ours": lambda: ingest_crops(name, table=str(place.table)).samples}


def _measure_stages(place: Place, way: str) -> dict[str, tuple[int, float, float]]:
    import fiftyone as fo
    from fiftyone import ViewField as F

    name = f"measured-{way}"
    if fo.dataset_exists(name):
        fo.delete_dataset(name)

    def ingest() -> int:
        if way == "boxes":
            catalog, media = str(place.catalog), str(place.media)
            made = ingest_dataset(name, train_annotations=catalog, media_root=media)
            return int(made.boxes)
        return int(ingest_crops(name, table=str(place.table)).labels)

    measured = {"ingest": _measured(ingest)}
    dataset = fo.load_dataset(name)
    predictions, folder = str(place.predictions), place.folder / way
    jobs: dict[str, Job] = {
        "ranks": lambda: add_taxonomy_ranks(dataset).boxes,
        "import of predictions": lambda: import_predictions(dataset, predictions, "train").imported,
        "evaluation": lambda: evaluate_predictions(dataset).boxes,
        "label errors, by predictions": lambda: find_label_errors(dataset).scored,
        "relabelling": lambda: (
            relabel_boxes(dataset.filter_labels("ground_truth", F("label") == OLD), NEW).changed
        ),
        "undo": lambda: undo_relabel(dataset).restored,
        "export": lambda: export_dataset(dataset, str(folder)).boxes,
        "split": lambda: split_by_dive(dataset).dives,
        "data card": lambda: len(report_dataset(dataset, str(folder)).files),
    }
    return measured | {stage: _measured(job) for stage, job in jobs.items()}


if __name__ == "__main__":
    main()
