"""Similarity search beside FiftyOne's own backends and the limit, in one run.

    python -m benchmarks.similarity [--large] [--scale 1] [--repeats 3]

An index of the stored vectors of FathomNet 2025's 24,487 boxes, 512 numbers each; ``--large``
takes ten times as many. Ours, the brain's default (sklearn) and its LanceDB take turns, each step
in a process of its own against a MongoDB server of this run; the limit is one BLAS product of the
same matrix and a query. The search is the App's: what ``sort_by_similarity`` asks an index. Every
answer is compared with brute force in double precision, before and after somebody has searched by
an example: at 15,000 vectors or fewer (``--scale 0.49``) that changes what sklearn finds.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from benchmarks.database import private_run, run_step
from benchmarks.similarity_process import WAYS, K

RESULTS: Final = Path(__file__).parent / "results"
LARGE: Final = 10
HEADER: Final = (
    "| way | build | its memory | first query | its memory | search | search / product | view "
    "| right | right after an example |\n|---|---|---|---|---|---|---|---|---|---|\n"
)

Figures = dict[str, list[dict[str, Any]]]
"""By way, one entry a repeat: what ``similarity_process`` printed for build and search."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="244,870 boxes, without sklearn")
    parser.add_argument("--scale", type=float, help="multiple of 24,487 boxes")
    parser.add_argument("--ways", default="", help=f"some of {','.join(WAYS)}")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    scale = arguments.scale or (LARGE if arguments.large else 1)
    # At ten times the size the brain's default would take gigabytes and minutes.
    default = [way for way in WAYS if not (arguments.large and way.startswith("sklearn"))]
    ways = arguments.ways.split(",") if arguments.ways else default
    with private_run() as (scratch, environment):
        environment["FIFTYONE_SHOW_PROGRESS_BARS"] = "false"
        environment["FIFTYONE_BRAIN_SIMILARITY_LANCEDB_URI"] = str(scratch / "lancedb")
        report = _measured(scratch, environment, scale, ways, arguments.repeats)
    RESULTS.mkdir(exist_ok=True)
    name = f"similarity_{scale:g}x.md"
    (RESULTS / name).write_text(report)
    print(report)


def _measured(
    scratch: Path, environment: dict[str, str], scale: float, ways: list[str], repeats: int
) -> str:
    prepared = _run(["prepare"], scratch, environment, scale)
    expected = _brute_force(scratch)
    figures: Figures = {way: [] for way in ways}
    products = []
    for _ in range(repeats):
        products.append(_run(["product"], scratch, environment)["product_ms"])
        for way in ways:
            build = _run(["build", way], scratch, environment)
            search = _run(["search", way], scratch, environment)
            for name, found in (("right", "found"), ("right_after", "found_after_an_example")):
                search[name] = _share_right(search.pop(found), expected)
            figures[way].append({"build": build, "search": search})
            print(f"{way}: {build} {search}", flush=True)
    return _report(prepared, median(products), figures)


def _run(
    arguments: list[str], folder: Path, environment: dict[str, str], scale: float = 1
) -> dict[str, Any]:
    size = ["--folder", str(folder), "--scale", str(scale)]
    line = run_step("benchmarks.similarity_process", [*arguments, *size], environment)
    figures: dict[str, Any] = json.loads(line)
    return figures


def _brute_force(folder: Path) -> list[list[str]]:
    """The nearest boxes of each query, from the matrix alone, in double precision."""
    matrix = np.load(folder / "matrix.npy", mmap_mode="r")
    queries = np.load(folder / "queries.npy").astype(np.float64)
    ids = json.loads((folder / "ids.json").read_text())
    cosines = np.empty((len(queries), len(matrix)))
    for start in range(0, len(matrix), 10_000):
        part = matrix[start : start + 10_000].astype(np.float64)
        cosines[:, start : start + len(part)] = queries @ part.T / np.linalg.norm(part, axis=1)
    orders = np.argsort(-cosines, axis=1, kind="stable")[:, :K]
    return [[ids[row] for row in order] for order in orders]


def _share_right(found: list[list[str]], expected: list[list[str]]) -> float:
    """Share of the hits that are brute force's at the same place."""
    pairs = [
        (a, b)
        for one, other in zip(found, expected, strict=True)
        for a, b in zip(one, other, strict=True)
    ]
    return sum(a == b for a, b in pairs) / len(pairs)


def _report(prepared: dict[str, Any], product: float, figures: Figures) -> str:
    rows = [_row(way, product, found) for way, found in figures.items()]
    title = f"{prepared['boxes']:,} vectors; one BLAS product: {product:.2f} ms\n\n"
    return title + HEADER + "".join(rows)


def _row(way: str, product: float, found: list[dict[str, Any]]) -> str:
    def middle(step: str, name: str) -> float:
        return median(float(one[step][name]) for one in found)

    search = middle("search", "search_ms")
    cells = (
        way,
        f"{middle('build', 'seconds'):.2f} s",
        f"{middle('build', 'peak_mb'):.0f} MB ({middle('build', 'above_mb'):.0f} above FiftyOne)",
        f"{middle('search', 'first_s'):.3f} s",
        f"{middle('search', 'peak_mb'):.0f} MB ({middle('search', 'above_mb'):.0f} above)",
        f"{search:.2f} ms",
        f"{search / product:.1f}",
        f"{middle('search', 'view_ms'):.2f} ms",
        f"{min(one['search']['right'] for one in found):.1%}",
        f"{min(one['search']['right_after'] for one in found):.1%}",
    )
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    main()
