"""How well wrong labels are found, and how long it takes.

Run it as ``python -m benchmarks.suspects``. The demo's boxes get wrong labels, 5 %, by several
seeds; the model's predictions and the vectors are of the true ones. Every way ranks the same boxes;
the figure is the average precision of its ranking. The time is of one run on as many boxes as the
FathomNet training split has, with vectors of 512 numbers.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from benchmarks.database import private_run

RESULTS: Final = Path(__file__).parent / "results" / "suspects.md"
IMAGES: Final = 9_306
BOXES: Final = 24_487
DIMENSIONS: Final = 512

Scores = dict[str, npt.NDArray[np.float64]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo-sets", type=int, nargs="*", default=[0, 1, 2], help="seeds")
    parser.add_argument("--seeds", type=int, default=5, help="plantings in each demo set")
    parser.add_argument("--boxes", type=int, default=BOXES, help="of the timing; 0 for none")
    arguments = parser.parse_args()
    with private_run() as (scratch, environment):
        os.environ.update(environment, FIFTYONE_SHOW_PROGRESS_BARS="false")
        found: list[dict[str, float]] = []
        for demo_set in arguments.demo_sets:
            found += _precisions(scratch, demo_set, arguments.seeds)
        text = _table(found, arguments) if found else ""
        if arguments.boxes:
            text += "\n" + _timing(scratch, arguments.boxes)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text)
    print(text)


def _precisions(scratch: Path, demo_set: int, seeds: int) -> list[dict[str, float]]:
    """The average precision of every way, for each planting in one demo set."""
    import fiftyone as fo

    from demo.generate import Settings, make
    from demo.wrong_labels import plant
    from tests.support.planted import MODEL, average_precision, is_wrong, planted_dataset

    folder = scratch / f"demo-{demo_set}"
    demo = make(folder, Settings(test=1, seed=demo_set), workers=os.cpu_count() or 1)
    vectors: dict[int, Any] = {}
    found = []
    for seed in range(seeds):
        planted = plant(demo.train, folder, seed)
        name = f"planted-{demo_set}-{seed}"
        dataset = planted_dataset(name, demo, planted, not vectors, "probabilities")
        _same_vectors(dataset, MODEL, vectors)
        numbers, scores = _scores(dataset)
        wrong = is_wrong(numbers, planted)
        found.append({way: average_precision(wrong, one) for way, one in scores.items()})
        print(demo_set, seed, json.dumps({way: round(ap, 3) for way, ap in found[-1].items()}))
        fo.delete_dataset(name)
    return found


def _same_vectors(dataset: Any, model: str, vectors: dict[int, Any]) -> None:
    """Keeps the vectors of the first dataset by annotation id, and gives them to the others."""
    from fathomnet_voxel51.dataset.vectors import (
        VectorRows,
        declare_vectors,
        read_vectors,
        write_vectors,
    )
    from fathomnet_voxel51.names import ANNOTATION_ID, GROUND_TRUTH, embedding_field
    from fathomnet_voxel51.similarity import build_similarity_index

    field = embedding_field(model)
    box = f"{GROUND_TRUTH}.detections"
    samples, ids, numbers = dataset.values(["id", f"{box}.id", f"{box}.{ANNOTATION_ID}"])
    rows = [
        (sample, id_, number)
        for sample, of_sample, some in zip(samples, ids, numbers, strict=True)
        for id_, number in zip(of_sample or (), some or (), strict=True)
    ]
    if not vectors:
        number_of = {id_: number for _, id_, number in rows}
        read = read_vectors(dataset, GROUND_TRUTH, field)
        vectors |= {number_of[id_]: row for id_, row in zip(read.ids, read.matrix, strict=True)}
        return
    declare_vectors(dataset, GROUND_TRUTH, field)
    write_vectors(
        dataset,
        GROUND_TRUTH,
        field,
        VectorRows(
            ids=[id_ for _, id_, _ in rows],
            sample_ids=[sample for sample, _, _ in rows],
            fingerprints=[{}] * len(rows),
            matrix=np.stack([vectors[number] for _, _, number in rows]),
        ),
    )
    build_similarity_index(dataset, model)


def _scores(dataset: Any) -> tuple[list[int], Scores]:
    """The labelled boxes' annotation ids, and their scores by every way."""
    from fathomnet_voxel51.label_errors import find_label_errors
    from fathomnet_voxel51.label_errors.from_neighbours import nearest_elsewhere
    from fathomnet_voxel51.label_errors.signals import find_sources, read_labelled, read_looks
    from fathomnet_voxel51.label_errors.weighing import Case, weigh_labels
    from fathomnet_voxel51.names import ANNOTATION_ID, GROUND_TRUTH, SUSPICION
    from fathomnet_voxel51.taxonomy import load_taxonomy

    sources = find_sources(dataset, "model_predictions", GROUND_TRUTH, "")
    labelled = read_labelled(dataset, sources, load_taxonomy())
    looks, full, given = read_looks(dataset, sources, labelled), labelled.opinions, labelled.given
    assert full is not None and full.probabilities is not None and looks is not None
    confident = replace(full, probabilities=None)
    named = replace(confident, confidences=np.full(len(given), np.nan))
    scores: Scores = {}
    differs = (full.predicted != given).astype(float)
    scores["disagreement"] = differs
    scores["disagreement, by confidence"] = np.where(
        differs > 0, full.confidences, -full.confidences
    )
    scores["mistakenness of fiftyone-brain"] = _mistakenness(dataset)
    scores["1 - probability of the label"] = 1.0 - full.probabilities[np.arange(len(given)), given]
    near = given[nearest_elsewhere(looks.matrix, looks.images, k=10).rows]
    scores["share of 10 neighbours that disagree"] = (near != given[:, None]).mean(axis=1)
    scores["disagreement + that share"] = differs + scores["share of 10 neighbours that disagree"]
    for title, opinions in (("names", named), ("confidence", confident), ("probabilities", full)):
        for suffix, own in (("", None), (" + neighbours", looks)):
            case = Case(given, labelled.names, opinions, own)
            scores[f"ours: {title}{suffix}"] = weigh_labels(case, 0.5).score
    scores["ours: neighbours"] = weigh_labels(Case(given, labelled.names, None, looks), 0.5).score
    find_label_errors(dataset)
    box = f"{GROUND_TRUTH}.detections"
    stored = np.array(dataset.values(f"{box}.{SUSPICION}", unwind=True), float)
    np.testing.assert_allclose(stored, scores["ours: probabilities + neighbours"], atol=1e-6)
    return dataset.values(f"{box}.{ANNOTATION_ID}", unwind=True), scores


def _mistakenness(dataset: Any) -> npt.NDArray[np.float64]:
    import fiftyone.brain as fob

    fob.compute_mistakenness(dataset, "model_predictions", label_field="ground_truth")
    values = dataset.values("ground_truth.detections.mistakenness", unwind=True)
    return np.array([-1.0 if value is None else value for value in values])


def _table(found: list[dict[str, float]], arguments: argparse.Namespace) -> str:
    disagreement = np.array([one["disagreement"] for one in found])
    lines = [
        f"Average precision over {len(found)} plantings ({len(arguments.demo_sets)} demo sets of "
        f"120 images, {arguments.seeds} seeds each), 5 % of the labels wrong.",
        "",
        "| way | mean | least | greatest | times disagreement, mean | least |",
        "|---|---|---|---|---|---|",
    ]
    for way in found[0]:
        values = np.array([one[way] for one in found])
        times = values / disagreement
        cells = (values.mean(), values.min(), values.max(), times.mean(), times.min())
        lines.append(f"| {way} | " + " | ".join(f"{cell:.2f}" for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _timing(scratch: Path, boxes: int) -> str:
    """One run, and a second that replaces it, on drawn-up boxes and random vectors."""
    import fiftyone as fo
    from fathomnet_voxel51.ingest import ingest_dataset
    from fathomnet_voxel51.label_errors import find_label_errors
    from fathomnet_voxel51.predictions import import_predictions
    from fathomnet_voxel51.similarity import build_similarity_index

    from demo.synthetic import write_catalog, write_predictions_csv
    from tests.similarity.embedded import give_vectors

    catalog = write_catalog(scratch / "coco.json", round(boxes * IMAGES / BOXES), boxes, seed=1)
    rows = write_predictions_csv(scratch / "predictions.csv", catalog)
    ingest_dataset("timed", train_annotations=str(catalog), media_root="/media")
    dataset = fo.load_dataset("timed")
    import_predictions(dataset, str(rows), split="train")
    matrix = np.random.default_rng(0).normal(size=(boxes, DIMENSIONS)).astype(np.float32)
    give_vectors(dataset, matrix)
    build_similarity_index(dataset)
    lines = ["| run | seconds |", "|---|---|"]
    for run in ("first", "again, which replaces it"):
        started = time.perf_counter()
        find_label_errors(dataset)
        seconds = time.perf_counter() - started
        lines.append(f"| {run} | {seconds:.1f} |")
    return (
        f"{boxes:,} boxes, names alone as predictions, random vectors of {DIMENSIONS} numbers, "
        f"{os.cpu_count()} cores:\n\n" + "\n".join(lines) + "\n"
    )


if __name__ == "__main__":
    main()
