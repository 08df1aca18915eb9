"""Measurements as a table that a person reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

ALL_WAYS = ("plain", "bulk", "ours", "bare")
HEADER = (
    "| stage | size | plain | bulk calls | ours | bare pymongo | plain / ours | bulk / ours "
    "| ours / bare | memory, plain | memory, bulk | memory, ours | repeats |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|---|---|\n"
)


@dataclass(frozen=True)
class Measurement:
    """One way of doing one stage, once.

    Attributes:
        stage: name of the stage.
        way: ``plain``, ``bulk``, ``ours`` or ``bare``.
        scale: multiple of the real dataset's size.
        seconds: wall-clock time.
        memory_mb: peak memory of the process above what it held before, MiB.
        made: samples, labels or predictions that it made.
    """

    stage: str
    way: str
    scale: int
    seconds: float
    memory_mb: float
    made: int


def table(measurements: Iterable[Measurement]) -> str:
    """A Markdown table of medians, and how the time of each stage grows with the size."""
    by_cell: dict[tuple[str, int], dict[str, list[Measurement]]] = {}
    for one in measurements:
        by_cell.setdefault((one.stage, one.scale), {}).setdefault(one.way, []).append(one)
    rows = [_row(stage, scale, ways) for (stage, scale), ways in by_cell.items()]
    return HEADER + "".join(rows) + _growth(by_cell)


def _row(stage: str, scale: int, ways: dict[str, list[Measurement]]) -> str:
    made = {one.made for found in ways.values() for one in found}
    if len(made) > 1:
        raise ValueError(f"the ways did not make the same at {stage} {scale}x: {sorted(made)}")
    seconds = {way: median(one.seconds for one in found) for way, found in ways.items()}
    memory = {way: median(one.memory_mb for one in found) for way, found in ways.items()}
    cells = (
        stage,
        f"{scale}x, {made.pop():,}",
        *(_shown(seconds.get(way), "{:.2f} s") for way in ALL_WAYS),
        _ratio(seconds, "plain", "ours"),
        _ratio(seconds, "bulk", "ours"),
        _ratio(seconds, "ours", "bare"),
        *(_shown(memory.get(way), "{:.0f} MB") for way in ("plain", "bulk", "ours")),
        " / ".join(str(len(ways.get(way, ()))) for way in ALL_WAYS),
    )
    return f"| {' | '.join(cells)} |\n"


def _shown(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def _ratio(seconds: dict[str, float], above: str, below: str) -> str:
    if above not in seconds or below not in seconds:
        return ""
    return f"{seconds[above] / seconds[below]:.1f}"


def _growth(by_cell: dict[tuple[str, int], dict[str, list[Measurement]]]) -> str:
    lines = []
    for (stage, scale), large in by_cell.items():
        small = by_cell.get((stage, 1), {})
        if scale == 1 or "ours" not in small or "ours" not in large:
            continue
        times = median(one.seconds for one in large["ours"])
        times /= median(one.seconds for one in small["ours"])
        lines.append(f"- {stage}: {scale} times the size takes {times:.1f} times as long\n")
    return "\n" + "".join(lines) if lines else ""
