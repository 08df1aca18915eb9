"""Measurements as a table that a person reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.media.shapes import BASELINE_CONCURRENCY, SHAPES

HEADER = (
    "| shape | way | images/s | of plain at 50 | of the limit | CPU ms an image | of plain "
    "| peak MB | of plain | of it the transfer | repeats |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|\n"
)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One way over one shape, once.

    Attributes:
        shape: name in ``shapes.SHAPES``.
        way: name in ``measure.WAYS``.
        images: images moved.
        seconds: wall-clock time.
        cpu_seconds: the process's processor time, user and system.
        peak_mb: peak memory of the process, its libraries included, MiB.
        above_start_mb: the peak above what the process held before it began, MiB.
    """

    shape: str
    way: str
    images: int
    seconds: float
    cpu_seconds: float
    peak_mb: float
    above_start_mb: float


@dataclass(frozen=True, slots=True)
class Typical:
    """Medians of the measurements of one way over one shape; see ``Measurement``."""

    rate: float
    cpu_ms: float
    peak_mb: float
    above_start_mb: float
    repeats: int

    @classmethod
    def of(cls, found: Sequence[Measurement]) -> Typical:
        return cls(
            rate=median(one.images / one.seconds for one in found),
            cpu_ms=median(1_000 * one.cpu_seconds / one.images for one in found),
            peak_mb=median(one.peak_mb for one in found),
            above_start_mb=median(one.above_start_mb for one in found),
            repeats=len(found),
        )


Cells = Mapping[tuple[str, str], Typical]
"""By the names of the shape and the way."""


def table(measurements: Iterable[Measurement], sizes: Sequence[int]) -> str:
    """A Markdown table of medians, and the limits by arithmetic below it.

    Args:
        measurements: what was measured, in any order.
        sizes: bytes of the images of realistic sizes, in their order.
    """
    by_cell: dict[tuple[str, str], list[Measurement]] = {}
    for one in measurements:
        by_cell.setdefault((one.shape, one.way), []).append(one)
    cells = {cell: Typical.of(found) for cell, found in by_cell.items()}
    shapes = list(dict.fromkeys(shape for shape, _ in cells))
    rows = (_row(shape, way, cells, sizes) for shape, way in cells)
    return HEADER + "".join(rows) + "".join(_limits(shapes, sizes))


def _row(name: str, way: str, cells: Cells, sizes: Sequence[int]) -> str:
    one, plain = cells[name, way], cells.get((name, "plain"))
    baseline = cells.get((_baseline(name), "plain"))
    floor = cells.get((name, "floor"))
    limit = SHAPES[name].limit(sizes) or (floor.rate if floor else None)
    values = (
        name,
        way,
        f"{one.rate:.1f}",
        _share(one.rate, baseline.rate if baseline else None),
        _share(one.rate, limit),
        f"{one.cpu_ms:.2f}",
        _share(one.cpu_ms, plain.cpu_ms if plain else None),
        f"{one.peak_mb:.0f}",
        _share(one.peak_mb, plain.peak_mb if plain else None),
        f"{one.above_start_mb:.0f}",
        str(one.repeats),
    )
    return f"| {' | '.join(values)} |\n"


def _share(value: float, of: float | None) -> str:
    return "" if of is None else f"{value / of:.2f}"


def _baseline(name: str) -> str:
    """The shape over the same line with so many connections as the plain way is compared at."""
    shape = SHAPES[name]
    like = (shape.link, BASELINE_CONCURRENCY, shape.folder, shape.large)
    for other, found in SHAPES.items():
        if (found.link, found.concurrency, found.folder, found.large) == like:
            return other
    return name


def _limits(names: Iterable[str], sizes: Sequence[int]) -> Iterator[str]:
    for name in names:
        shape = SHAPES[name]
        limit, these = shape.limit(sizes), shape.limit_of_these(sizes)
        if limit and these:
            mean = sum(sizes) / len(sizes) / 1e6
            yield (
                f"\n{name}: the limit is {limit:.1f} images/s by arithmetic, {shape.concurrency} / "
                f"(2 * {shape.link.latency:g} s + {mean:.2f} MB / {shape.link.rate / 1e6:g} MB/s); "
                f"{these:.1f} for these {len(sizes)} images, whose last ones leave connections "
                f"idle.\n"
            )
