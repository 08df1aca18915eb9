"""One measurement of similarity search, in a process of its own: prints its figures as JSON.

Run by ``benchmarks.similarity``; FiftyOne is imported and connected before the clock starts.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Final

import fiftyone as fo
import fiftyone.brain as fob
import numpy as np
from fathomnet_voxel51.dataset.columns import ids_in
from fathomnet_voxel51.dataset.vectors import VectorRows, declare_vectors, write_vectors
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.similarity import build_similarity_index

from benchmarks.memory import count_peak_from_here, peak_mb
from demo.synthetic import write_catalog

IMAGES: Final = 9_306
BOXES: Final = 24_487
DIMENSIONS: Final = 512
OFFSET: Final = 1.5
"""Added to every number, so that all cosines are high, as those of CLIP's vectors are."""

QUERIES: Final = 30
K: Final = 25
DATASET: Final = "measured"
FIELD: Final = "ground_truth"
VECTORS: Final = "clip_embedding"
IN_THE_RUN: Final = "sklearn_in_run"
WAYS: Final = ("ours", "sklearn", IN_THE_RUN, "lancedb")
"""The brain's default keeps vectors in a field of the boxes, or in the run if it is given them."""
_AT_ONCE: Final = 2_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=("prepare", "build", "search", "product"))
    parser.add_argument("way", choices=WAYS, nargs="?")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--scale", type=float, default=1.0)
    arguments = parser.parse_args()
    if arguments.step == "prepare":
        figures = _prepare(arguments.folder, arguments.scale)
    elif arguments.step == "product":
        figures = _product(arguments.folder)
    elif arguments.step == "build":
        figures = _build(arguments.way, arguments.folder)
    else:
        figures = _search(arguments.way, arguments.folder)
    print(json.dumps(figures))


def _prepare(folder: Path, scale: float) -> dict[str, Any]:
    """A dataset with a vector on every box, and the same vectors and queries as files."""
    catalog = write_catalog(folder / "c.json", int(IMAGES * scale), int(BOXES * scale), seed=1)
    ingest_dataset(DATASET, train_annotations=str(catalog))
    dataset = fo.load_dataset(DATASET)
    samples, nested = ids_in(dataset, FIELD)
    pairs = [(one, box) for one, boxes in zip(samples, nested, strict=True) for box in boxes]
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((len(pairs), DIMENSIONS), dtype=np.float32) + OFFSET
    queries = rng.standard_normal((QUERIES, DIMENSIONS), dtype=np.float32) + OFFSET
    declare_vectors(dataset, FIELD, VECTORS)
    starts = [n for n in range(len(pairs)) if n == 0 or pairs[n][0] != pairs[n - 1][0]]
    cuts = [*starts[::_AT_ONCE], len(pairs)]
    for start, end in pairwise(cuts):
        part = pairs[start:end]
        rows = VectorRows(
            ids=[box for _, box in part],
            sample_ids=[sample for sample, _ in part],
            fingerprints=[{}] * len(part),
            matrix=matrix[start:end],
        )
        write_vectors(dataset, FIELD, VECTORS, rows)
    np.save(folder / "matrix.npy", matrix)
    np.save(folder / "queries.npy", queries)
    (folder / "ids.json").write_text(json.dumps([box for _, box in pairs]))
    return {"boxes": len(pairs), "images": len(samples)}


def _build(way: str, folder: Path) -> dict[str, Any]:
    dataset = fo.load_dataset(DATASET)
    embeddings = _by_image(dataset, folder) if way == IN_THE_RUN else VECTORS
    if dataset.has_brain_run(way):
        dataset.load_brain_results(way).cleanup()
        dataset.delete_brain_run(way)
    count_peak_from_here()
    before = peak_mb()
    start = time.perf_counter()
    if way == "ours":
        build_similarity_index(dataset, brain_key=way)
    else:
        backend = "lancedb" if way == "lancedb" else "sklearn"
        fob.compute_similarity(
            dataset, patches_field=FIELD, embeddings=embeddings, brain_key=way, backend=backend
        )
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "peak_mb": peak_mb(), "above_mb": peak_mb() - before}


def _by_image(dataset: Any, folder: Path) -> dict[str, Any]:
    """The vectors of each image's boxes, as the brain takes them."""
    matrix = np.load(folder / "matrix.npy")
    samples, nested = ids_in(dataset, FIELD)
    ends = np.cumsum([len(boxes) for boxes in nested])
    parts = np.split(matrix, ends[:-1])
    return {sample: part for sample, part in zip(samples, parts, strict=True) if len(part)}


def _search(way: str, folder: Path) -> dict[str, Any]:
    dataset = fo.load_dataset(DATASET)
    queries = np.load(folder / "queries.npy")
    example = json.loads((folder / "ids.json").read_text())[7]
    count_peak_from_here()
    before = peak_mb()
    start = time.perf_counter()
    index = dataset.load_brain_results(way)
    index.sort_by_similarity(queries[0], k=K)
    first = time.perf_counter() - start
    found: list[list[str]] = []

    def search(query: Any) -> None:
        # "mean" is what ``sort_by_similarity`` asks for, and so every search in the App, although
        # there is one query only. Without it FiftyOne's sklearn takes another way.
        found.append(index._kneighbors(query, k=K, aggregation="mean")[1])

    searches = [_timed(search, query) for query in queries]
    views = [_timed(partial(index.sort_by_similarity, k=K), query) for query in queries]
    before_example, found = found, []
    index.sort_by_similarity(example, k=K)
    for query in queries:
        search(query)
    return {
        "first_s": first,
        "search_ms": 1000 * median(searches),
        "view_ms": 1000 * median(views),
        "peak_mb": peak_mb(),
        "above_mb": peak_mb() - before,
        "found": before_example,
        "found_after_an_example": found,
    }


def _product(folder: Path) -> dict[str, Any]:
    """One matrix product with numpy's BLAS: what a search cannot do without."""
    matrix = np.load(folder / "matrix.npy")
    queries = np.load(folder / "queries.npy")
    times = [_timed(matrix.__matmul__, query) for _ in range(3) for query in queries]
    return {"product_ms": 1000 * median(times)}


def _timed(job: Callable[[Any], Any], argument: Any) -> float:
    start = time.perf_counter()
    job(argument)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
