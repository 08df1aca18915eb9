"""The confusion of an evaluation as a picture: truth against prediction, ordered by the tree."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ..fields import RANKS
from ..scoring.confusion import CONCEPT, Confusion
from ..taxonomy import Taxonomy
from .figure_parts import WRONG, Figure, Record, layout_of, of_level, short, ticks
from .texts import escaped

_SCALE: Final = [[0, "#33211a"], [0.5, WRONG], [0.5, "#123543"], [1, "#39b7e6"]]
"""Of the matrix: up to 1 the root of a share that is wrong, from 1 on one that is right."""
_LINE: Final = "rgba(140, 150, 160, 0.45)"

_FEW: Final = 22
"""Names; with more the matrix has no numbers in its cells, and smaller type."""


def matrix_figure(confusion: Confusion, taxonomy: Taxonomy) -> Figure:
    """Truth against prediction in the order of the tree; the colour is the share of the truth.

    A row is a true name, a column a predicted one; the last column is of predictions without a
    name. What there is none of is a hole, which nobody can click.
    """
    names = confusion.names
    few = len(names) <= _FEW
    rows, facts = _cells(confusion, taxonomy)
    columns = [*names, f"(no name{'' if confusion.rank == CONCEPT else f' at {confusion.rank}'})"]
    cells = {
        "type": "heatmap",
        "name": confusion.rank,
        "x": [escaped(name) for name in columns],
        "y": [escaped(name) for name in names],
        "z": rows,
        "zmin": 0,
        "zmax": 2,
        "colorscale": _SCALE,
        "showscale": False,
        "xgap": 1 if few else 0.5,
        "ygap": 1 if few else 0.5,
        "hoverongaps": False,
        "customdata": facts,
        "hovertemplate": "true: %{y}<br>predicted: %{x}<br>boxes: %{customdata[0]:,}, "
        "%{customdata[1]} of the true ones%{customdata[2]}<extra></extra>",
    }
    if few:
        written = [[str(count or "") for count in row] for row in confusion.counts.tolist()]
        cells |= {"text": written, "texttemplate": "%{text}"}
    beside = ticks([short(name) for name in names])
    beneath = ticks([short(name) for name in columns])
    if not few:
        beneath = _phylum_ticks(confusion, taxonomy)
    layout = layout_of(
        f"Confusion, {of_level(confusion.rank)}", (26 if few else 13) * len(names) + 240
    )
    return Figure(
        [cells],
        layout
        | {
            "xaxis": _names_axis(few) | {"tickangle": -90} | beneath,
            "yaxis": _names_axis(few) | {"autorange": "reversed"} | beside,
            "shapes": _borders(confusion, taxonomy),
        },
    )


def _cells(
    confusion: Confusion, taxonomy: Taxonomy
) -> tuple[list[list[float | None]], list[list[list[Any] | None]]]:
    """Of each cell its colour, see ``_SCALE``, and its boxes, share and distance for the hover."""
    names, counts = confusion.names, confusion.counts
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    colours: list[list[float | None]] = [[None] * (len(names) + 1) for _ in names]
    facts: list[list[list[Any] | None]] = [[None] * (len(names) + 1) for _ in names]
    for row, column in zip(*(axis.tolist() for axis in counts.nonzero()), strict=True):
        share = float(shares[row, column])
        # The root, or the many small shares that are wrong would all look alike.
        colours[row][column] = round(1 + share if row == column else share**0.5, 3)
        named = column < len(names)
        far = f"<br>distance {taxonomy.distance(names[row], names[column])}" if named else ""
        facts[row][column] = [int(counts[row, column]), f"{share:.1%}", far]
    return colours, facts


def _phyla(confusion: Confusion, taxonomy: Taxonomy) -> list[tuple[str | None, int, int]]:
    """The runs of names of one phylum: it, the first place and the one after the last."""
    phyla = [taxonomy.rollup(name, "phylum") for name in confusion.names]
    starts = [place for place in range(len(phyla)) if phyla[place] != phyla[place - 1] or not place]
    ends = [*starts[1:], len(phyla)]
    return [(phyla[start], start, end) for start, end in zip(starts, ends, strict=True)]


def _borders(confusion: Confusion, taxonomy: Taxonomy) -> list[Record]:
    """Lines between the phyla, where the rank is finer, and one before the last column."""
    size = len(confusion.names)
    edges: list[float] = []
    if confusion.rank == CONCEPT or RANKS.index(confusion.rank) > RANKS.index("phylum"):
        edges = [start - 0.5 for _, start, _ in _phyla(confusion, taxonomy)[1:]]
    line = {"type": "line", "layer": "above", "line": {"color": _LINE, "width": 1}}
    across = [line | {"x0": -0.5, "x1": size + 0.5, "y0": edge, "y1": edge} for edge in edges]
    down = [*edges, size - 0.5]
    return across + [line | {"y0": -0.5, "y1": size - 0.5, "x0": edge, "x1": edge} for edge in down]


def _phylum_ticks(confusion: Confusion, taxonomy: Taxonomy) -> Record:
    """The phyla beneath their columns, where there is no room for each name."""
    groups = _phyla(confusion, taxonomy)
    return ticks([short(phylum or "no phylum") for phylum, _, _ in groups]) | {
        "tickvals": [(start + end - 1) / 2 for _, start, end in groups]
    }


def _names_axis(few: bool) -> Record:
    return {"type": "category", "tickfont": {"size": 11 if few else 9}, "showgrid": False}
