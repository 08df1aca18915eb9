"""Media in, beside the plain way and the limit, in one run: ``python -m benchmarks.media``.

Every measurement is a process of its own; an origin and a sink are two more, on loopback. The ways
take turns (plain, ours, floor, loop, plain, ...), so that a busy machine is busy for all of them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks.media.images import Pack, realistic_sizes
from benchmarks.media.measure import WAYS
from benchmarks.media.report import Measurement, table
from benchmarks.media.runs import Bench
from benchmarks.media.shapes import SHAPES

RESULTS: Final = Path(__file__).parents[1] / "results"
LARGE: Final = 200_000_000
LARGE_IMAGES: Final = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured how often.

    Attributes:
        shapes: names in ``shapes.SHAPES``.
        ways: names in ``measure.WAYS``.
        repeats: measurements of each way.
        images: number of images of realistic sizes.
    """

    shapes: tuple[str, ...]
    ways: tuple[str, ...]
    repeats: int
    images: int


def main() -> None:
    plan = _plan()
    RESULTS.mkdir(exist_ok=True)
    sizes = realistic_sizes(plan.images)
    measurements: list[Measurement] = []
    with tempfile.TemporaryDirectory(prefix="fathomnet-bench-") as folder:
        for measurement in _measurements(plan, sizes, Path(folder)):
            measurements.append(measurement)
            # Written after each one, so that a run that is cut short leaves what it has.
            values = [asdict(one) for one in measurements]
            (RESULTS / "media.json").write_text(json.dumps(values, indent=1))
            (RESULTS / "media.md").write_text(table(measurements, sizes))
    print(table(measurements, sizes))


def _plan() -> Plan:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", default="; ".join(SHAPES), help="names between semicolons")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--images", type=int, default=400)
    arguments = parser.parse_args()
    shapes = tuple(name.strip() for name in arguments.shapes.split(";"))
    ways = tuple(arguments.ways.split(","))
    if unknown := {*shapes, *ways} - {*SHAPES, *WAYS}:
        parser.error(f"no such shape or way: {', '.join(sorted(unknown))}")
    return Plan(shapes, ways, arguments.repeats, arguments.images)


def _measurements(plan: Plan, sizes: list[int], scratch: Path) -> Iterator[Measurement]:
    packs: dict[bool, Pack] = {}
    for name in plan.shapes:
        shape = SHAPES[name]
        ways = tuple(way for way in shape.ways if way in plan.ways)
        if not ways:
            continue
        if shape.large not in packs:
            packs[shape.large] = _pack(shape.large, sizes, scratch)
        bench = Bench(name, shape, packs[shape.large], scratch)
        for one in bench.measurements(ways, plan.repeats):
            print(
                f"{name}, {one.way}: {one.images / one.seconds:.1f} images/s, "
                f"{1_000 * one.cpu_seconds / one.images:.2f} ms CPU an image, "
                f"{one.peak_mb:.0f} MB",
                flush=True,
            )
            yield one


def _pack(large: bool, sizes: list[int], scratch: Path) -> Pack:
    """Draws images; the large ones are one that is served under several names."""
    if large:
        return Pack.write(scratch / "large", [LARGE], LARGE_IMAGES)
    return Pack.write(scratch / "realistic", sizes)


if __name__ == "__main__":
    main()
