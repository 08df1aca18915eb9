"""Taxonomic distances a second: by table, beside walking the two lineages for each pair."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
from fathomnet_voxel51.names import RANKS
from fathomnet_voxel51.taxonomy import Taxonomy, load_taxonomy

PAIRS = 1_000_000
WALKED = 50_000
"""The plain way is slow, so it is given fewer pairs; its rate is per pair all the same."""
REPEATS = 5


def main() -> None:
    taxonomy = load_taxonomy()
    rng = np.random.default_rng(7)
    names = np.array(taxonomy.names, dtype=object)
    a, b = (names[rng.integers(len(names), size=PAIRS)].tolist() for _ in range(2))
    rates = {
        "walking both lineages": rate(lambda: walk(taxonomy, a[:WALKED], b[:WALKED]), WALKED),
        "distance(), one pair a call": rate(
            lambda: [taxonomy.distance(x, y) for x, y in zip(a, b, strict=True)], PAIRS
        ),
        "distances(), all at once": rate(lambda: taxonomy.distances(a, b), PAIRS),
    }
    plain = rates["walking both lineages"]
    print(f"| way | million pairs a second, median of {REPEATS} | ratio |\n|---|---|---|")
    for way, pairs in rates.items():
        print(f"| {way} | {pairs / 1e6:.2f} | {pairs / plain:.1f} |")


def rate(work: Callable[[], object], pairs: int) -> float:
    """Pairs a second, the median of several runs."""
    return statistics.median(pairs / _seconds(work) for _ in range(REPEATS))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def walk(taxonomy: Taxonomy, a: list[str], b: list[str]) -> list[int]:
    """What one writes without a table: compare the two lineages rank by rank."""
    lineages = {taxon.name: taxon.lineage for taxon in taxonomy.taxa}
    distances = []
    for x, y in zip(a, b, strict=True):
        shared = depth_x = depth_y = 0
        together = True
        for rank in range(len(RANKS)):
            here, there = lineages[x][rank], lineages[y][rank]
            depth_x += here is not None
            depth_y += there is not None
            together = together and here is not None and here == there
            shared += together
        distances.append(depth_x + depth_y - 2 * shared)
    return distances


if __name__ == "__main__":
    main()
