"""The main job on demo data or on real files: queued, run by a worker, followed to its end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fathomnet_voxel51 import delegation
from fathomnet_voxel51.catalog import read_catalog
from fathomnet_voxel51.fields import GROUND_TRUTH, MODEL_PREDICTIONS, similarity_key
from fathomnet_voxel51.terminal import exit_status, progress_bar

from demo.processes import worker


@dataclass(frozen=True)
class Job:
    """What the workflow is run on.

    Attributes:
        annotations: COCO files by split.
        predictions: predictions for one split's boxes, if any.
        predicted_split: the split that they are for.
        media: folder that holds ``<split>_images``.
        model: makes boxes and images searchable; empty for no search.
    """

    annotations: Mapping[str, Path]
    predictions: Path | None
    predicted_split: str
    media: Path
    model: str = ""


def split_of(annotations: Path) -> str:
    """The split of somebody's own file: one without a single label is a test split."""
    catalog = read_catalog(annotations)
    return "test" if catalog.unlabelled_box_count == catalog.box_count else "train"


def workflow_values(job: Job, dataset: str) -> dict[str, Any]:
    """The parameters of ``run_workflow`` for a job.

    Args:
        job: the files.
        dataset: name of the dataset to make.
    """
    stages = ["ingest_dataset", "add_primary_label", "add_taxonomy_ranks"]
    ingest = {"dataset_name": dataset, "media_root": str(job.media.resolve())}
    ingest |= {
        f"{split}_annotations": str(path.resolve()) for split, path in job.annotations.items()
    }
    values: dict[str, Any] = {"stages": stages, "ingest_dataset": ingest}
    if job.predictions is not None:
        # Ranks come last, so that the predictions have theirs too.
        stages.insert(2, "import_predictions")
        values["import_predictions"] = {
            "predictions": str(job.predictions.resolve()),
            "split": job.predicted_split,
        }
        values["add_taxonomy_ranks"] = {"label_fields": [GROUND_TRUTH, MODEL_PREDICTIONS]}
    if job.model:
        stages += ["compute_embeddings", "build_similarity_index"]
        values["compute_embeddings"] = values["build_similarity_index"] = {"model": job.model}
    return values


def needles_values(model: str) -> dict[str, Any]:
    """The parameters of ``run_workflow`` for debris: it lies in no box, but in whole images.

    Args:
        model: what they are embedded by.
    """
    images = {"model": model, "patches_field": ""}
    return {
        "stages": ["compute_embeddings", "build_similarity_index", "find_needles"],
        "compute_embeddings": {**images, "method": "none"},
        "build_similarity_index": images,
        "find_needles": {"brain_key": similarity_key(model, ""), "pack": "debris"},
    }


def run(job: Job, dataset: str, log: Path) -> None:
    """Runs the workflow as a delegated operation and says what was made.

    Args:
        job: the files.
        dataset: name of the dataset to make.
        log: where the worker's output goes.

    Raises:
        SystemExit: the workflow failed; its message has been printed.
    """
    import fiftyone as fo

    # The embedded database ends with the process that started it, so this one, which outlives
    # the worker, connects first.
    fo.list_datasets()
    started = time.monotonic()
    needles = None
    with exit_status(), worker(log), progress_bar() as report:
        operation = delegation.queue("run_workflow", None, workflow_values(job, dataset))
        results = delegation.follow(operation, report)
        if job.model:
            # Queued only now: FiftyOne's queue is last in, first out.
            values = needles_values(job.model)
            operation = delegation.queue("run_workflow", fo.load_dataset(dataset), values)
            needles = delegation.follow(operation, report)["find_needles"]
    print(summary(results, needles, dataset, time.monotonic() - started))


def summary(
    results: Mapping[str, Mapping[str, Any]],
    needles: Mapping[str, Any] | None,
    dataset: str,
    seconds: float,
) -> str:
    """What was made, and how to look at it."""
    ingested = results["ingest_dataset"]
    lines = [
        f"The dataset {dataset} is ready, {seconds:.0f} seconds after it was queued:",
        f"  {ingested['samples']:,} images ({ingested['samples_added']:,} added now), "
        f"{ingested['boxes']:,} boxes, {ingested['unlabelled_boxes']:,} of them without a label",
        f"  {results['add_primary_label']['labelled']:,} images have a primary label",
        f"  {results['add_taxonomy_ranks']['boxes']:,} labels have ranks, kingdom to species",
    ]
    if "import_predictions" in results:
        imported = results["import_predictions"]["imported"]
        lines.append(f"  {imported:,} predictions are in the field {MODEL_PREDICTIONS}")
    if "build_similarity_index" in results:
        indexed = results["build_similarity_index"]["indexed"]
        lines.append(f"  {indexed:,} boxes can be searched by text and by example")
    if needles is not None:
        hits = sum(needle["hits"] for needle in needles["needles"])
        lines.append(f"  {hits:,} hits of debris are in the view {needles['view']}")
    return "\n".join([*lines, f"Look at it: make app DATASET={dataset}"])
