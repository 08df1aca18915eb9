"""The figures as tables that a person reads, and the pages that show them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks.scale.figures import Figure
from benchmarks.scale.place import Place
from benchmarks.scale.stages import STAGE_OF, STAGES

PAGES: Final = tuple(
    Path(__file__).parents[2] / page for page in ("docs/scale.md", "benchmarks/README.md")
)
BEGIN: Final = "<!-- Written by python -m benchmarks.scale --pages: begin -->"
BEGIN_CROPS: Final = "<!-- Written by python -m benchmarks.scale --crops: begin -->"
END: Final = "<!-- end -->"

MORE_THAN_LINEAR: Final = 1.15
"""A ratio from which it is printed in bold."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a table is about.

    Attributes:
        title: above the table.
        value: of a figure.
        form: how it is printed.
        least: no ratio is given to what is less than this at the smallest size: it is noise.
    """

    title: str
    value: Callable[[Figure], float]
    form: str
    least: float


QUANTITIES: Final = (
    Quantity("Time", lambda one: one.seconds, "{:,.1f} s", 0.2),
    Quantity(
        "Processor time, with the database server's",
        lambda one: one.processor_seconds,
        "{:,.1f} s",
        0.2,
    ),
    Quantity(
        "Memory of the process, above FiftyOne's own", lambda one: one.above_mb, "{:,.0f} MB", 20
    ),
    Quantity("Database on the disk, after the stage", lambda one: one.database_mb, "{:,.0f} MB", 1),
)


def report(figures: Sequence[Figure]) -> str:
    """All tables, and what they were measured on."""
    return "\n".join([_told(figures), *(_table(figures, one) for one in QUANTITIES)])


def write_pages(figures: Sequence[Figure]) -> None:
    """Writes the tables between the marks of the pages that show them."""
    texts = [(PAGES[0], BEGIN, report(figures)), (PAGES[1], BEGIN, _short(figures))]
    if is_of_crops(figures):
        texts = [(PAGES[0], BEGIN_CROPS, report(figures))]
    for page, begin, text in texts:
        before, _, rest = page.read_text(encoding="utf-8").partition(begin)
        _, _, after = rest.partition(END)
        page.write_text(f"{before}{begin}\n{text}\n{END}{after}", encoding="utf-8")


def is_of_crops(figures: Sequence[Figure]) -> bool:
    """Whether they are of crops: of crops or of boxes all of them are."""
    return any(STAGE_OF[one.stage].of_crops for one in figures)


def shown_size(figure: Figure) -> str:
    """The size of a figure: ``10x``, or ``10,000 crops``."""
    return f"{figure.size:,.0f} crops" if is_of_crops([figure]) else f"{figure.size:g}x"


def _short(figures: Sequence[Figure]) -> str:
    return "\n".join([_told(figures), _table(figures, QUANTITIES[0])])


def _told(figures: Sequence[Figure]) -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    of_crops = is_of_crops(figures)
    places = [Place(Path(), size, of_crops) for size in _sizes(figures)]
    lines = [
        f"{datetime.now(UTC):%B %Y}, {os.cpu_count()} cores, {memory:.0f} GB, "
        f"FiftyOne {version('fiftyone')}, everything on one machine; each stage once.",
        "",
        f"| {'crops' if of_crops else 'size | images | boxes'} "
        "| peak memory of the database server |",
        f"|{'---|' * (2 if of_crops else 4)}",
    ]
    for place in places:
        server = max(one.server_mb for one in figures if one.size == place.size)
        what = f"{place.size:g} | {place.images:,} | {place.boxes:,}"
        what = f"{place.images:,}" if of_crops else what
        lines.append(f"| {what} | {server:,.0f} MB |")
    return "\n".join(lines) + "\n"


def _sizes(figures: Sequence[Figure]) -> list[float]:
    return sorted({one.size for one in figures})


def _table(figures: Sequence[Figure], quantity: Quantity) -> str:
    first, *others = _sizes(figures)
    form = "{:,.0f}" if is_of_crops(figures) else "{:g}"
    heads = [form.format(first)]
    heads += [head for size in others for head in (form.format(size), "of linear")]
    lines = [f"**{quantity.title}**", "", f"| stage | {' | '.join(heads)} |"]
    lines.append("|---" * (len(heads) + 1) + "|")
    for stage in STAGES:
        found = {one.size: one for one in figures if one.stage == stage.name}
        if found:
            cells = [_shown(found.get(first), quantity)]
            for size in others:
                cells.append(_shown(found.get(size), quantity))
                cells.append(_ratio(found.get(first), found.get(size), quantity))
            lines.append(f"| {stage.name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _shown(figure: Figure | None, quantity: Quantity) -> str:
    if figure is None:
        return ""
    mark = " (killed, and went on)" if figure.interrupted else ""
    return quantity.form.format(quantity.value(figure)) + mark


def _ratio(small: Figure | None, large: Figure | None, quantity: Quantity) -> str:
    """How many times as much as the smallest size's, divided by how many times as large it is."""
    if small is None or large is None or quantity.value(small) < quantity.least:
        return ""
    times = quantity.value(large) / quantity.value(small) / (large.size / small.size)
    return f"**{times:.2f}**" if times > MORE_THAN_LINEAR else f"{times:.2f}"
