"""Chapters of work on a dataset: each queued as one workflow, run by a worker, followed."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fathomnet_voxel51 import delegation
from fathomnet_voxel51.catalog import read_catalog
from fathomnet_voxel51.command_line import exit_status, progress_bar
from fathomnet_voxel51.names import GROUND_TRUTH, MODEL_PREDICTIONS, Split

from demo.processes import worker

Results = Mapping[str, Mapping[str, Any]]
"""What ``run_workflow`` gave: one result a stage."""


@dataclass(frozen=True)
class Chapter:
    """A workflow, and what a person is told of it.

    Attributes:
        title: what it is about.
        values: the parameters of ``run_workflow``.
        told: sentences about its results.
    """

    title: str
    values: Mapping[str, Any]
    told: Callable[[Results], Iterable[str]]


@dataclass(frozen=True)
class Job:
    """Somebody's own files.

    Attributes:
        annotations: a COCO file.
        split: that it is.
        predictions: for its boxes, if any.
        media: folder that holds ``<split>_images``.
    """

    annotations: Path
    split: Split
    predictions: Path | None
    media: Path


def split_of(annotations: Path) -> Split:
    """The split of somebody's own file: one without a single label is a test split."""
    catalog = read_catalog(annotations)
    return "test" if catalog.unlabelled_box_count == catalog.box_count else "train"


def main_job(job: Job, dataset: str) -> Chapter:
    """Files become a dataset with labels, ranks and predictions; that needs no model.

    Args:
        job: the files.
        dataset: name of the dataset to make.
    """
    stages = ["ingest_dataset", "add_primary_label", "add_taxonomy_ranks"]
    values: dict[str, Any] = {
        "stages": stages,
        "ingest_dataset": {
            "dataset_name": dataset,
            "media_root": str(job.media.resolve()),
            f"{job.split}_annotations": str(job.annotations.resolve()),
        },
    }
    if job.predictions is not None:
        # Ranks come last, so that the predictions have theirs too.
        stages.insert(2, "import_predictions")
        values["import_predictions"] = {
            "predictions": str(job.predictions.resolve()),
            "split": job.split,
        }
        values["add_taxonomy_ranks"] = {"label_fields": [GROUND_TRUTH, MODEL_PREDICTIONS]}
    return Chapter("Images, labels and ranks", values, made_of_files)


def made_of_files(results: Results) -> Iterator[str]:
    """What the main job made."""
    ingested = results["ingest_dataset"]
    yield (
        f"{ingested['samples']:,} images ({ingested['samples_added']:,} added now), "
        f"{ingested['boxes']:,} boxes, {ingested['unlabelled_boxes']:,} of them without a label"
    )
    yield f"{results['add_primary_label']['labelled']:,} images have a primary label"
    yield f"{results['add_taxonomy_ranks']['boxes']:,} labels have ranks, kingdom to species"
    if "import_predictions" in results:
        imported = results["import_predictions"]["imported"]
        yield f"{imported:,} predictions are in the field {MODEL_PREDICTIONS}"


def run(chapters: Sequence[Chapter], dataset: str, log: Path) -> None:
    """Runs chapters one after the other and says what each made.

    Args:
        chapters: the first makes the dataset.
        dataset: its name.
        log: where the worker's output goes.

    Raises:
        SystemExit: a chapter failed; its message has been printed.
    """
    import fiftyone as fo

    # The embedded database ends with the process that started it, so this one, which outlives
    # the worker, connects first.
    fo.list_datasets()
    started = time.monotonic()
    with exit_status(), worker(log):
        for number, chapter in enumerate(chapters, 1):
            print(f"{number}/{len(chapters)} {chapter.title}", flush=True)
            # Queued only when the one before is done: FiftyOne's queue is last in, first out.
            target = fo.load_dataset(dataset) if number > 1 else None
            with progress_bar() as report:
                operation = delegation.queue("run_workflow", target, chapter.values)
                results = delegation.follow(operation, report)
            for line in chapter.told(results):
                print(f"    {line}", flush=True)
    seconds = time.monotonic() - started
    print(f"The dataset {dataset} is ready after {seconds:.0f} seconds.")
    print(f"Look at it: make app DATASET={dataset}")
