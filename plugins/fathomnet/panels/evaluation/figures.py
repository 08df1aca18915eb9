"""The pictures of an evaluation, as Plotly takes them: bars, and the matrix in the tree's order.

Plotly reads some HTML in every text, so each name is escaped. Places, not names, tell what was
clicked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from ...evaluation.scoring.confusion import CONCEPT, Confused, Confusion
from ...evaluation.scoring.scores import RankScore
from ...names import RANKS
from ...taxonomy import Taxonomy
from ...taxonomy.tree import MAX_DISTANCE
from ..base import RIGHT, WRONG, Figure, Record, escaped, layout_of, legend, of_level, short, ticks
from .at_rank import EvaluationAtRank

_SCALE: Final = [[0, "#33211a"], [0.5, WRONG], [0.5, "#123543"], [1, "#39b7e6"]]
"""Of the matrix: up to 1 the root of a share that is wrong, from 1 on one that is right."""
_LINE: Final = "rgba(140, 150, 160, 0.45)"

_FEW: Final = 22
"""Names; with more the matrix has no numbers in its cells, and lower rows."""
_ROW: Final = 17
_TYPE: Final = 12
"""Pixels of a low row, and of a name beside it."""


def matrix_figure(confusion: Confusion, taxonomy: Taxonomy) -> Figure:
    """Truth against prediction in the order of the tree; the colour is the share of the truth.

    A row is a true name, a column a predicted one; after them come predictions without a name, and
    at the edges all that is wrong of a row or a column. What there is none of is a hole, which
    nobody can click.
    """
    names = confusion.names
    few = len(names) <= _FEW
    rows, facts = _cells(confusion, taxonomy)
    columns = [
        *names,
        f"(no name{'' if confusion.rank == CONCEPT else f' at {confusion.rank}'})",
        "(all wrong)",
    ]
    names = (*names, "(all wrongly so)")
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
        "%{customdata[1]}%{customdata[2]}<extra></extra>",
    }
    if few:
        written = [[str(fact[0]) if fact else "" for fact in row] for row in facts]
        cells |= {"text": written, "texttemplate": "%{text}"}
    beside = ticks([short(name) for name in names])
    beneath = ticks([short(name) for name in columns])
    if not few:
        # There is no room for each name: the phyla beneath their columns.
        groups = _phyla(confusion, taxonomy)
        beneath = ticks([short(phylum or "no phylum") for phylum, _, _ in groups]) | {
            "tickvals": [(start + end - 1) / 2 for _, start, end in groups]
        }
    layout = layout_of(
        f"Confusion, {of_level(confusion.rank)}", (26 if few else _ROW) * len(names) + 240
    )
    of_names = {"type": "category", "tickfont": {"size": _TYPE}, "showgrid": False}
    return Figure(
        [cells],
        layout
        | {
            "xaxis": of_names | {"tickangle": -90} | beneath,
            "yaxis": of_names | {"autorange": "reversed"} | beside,
            "shapes": _borders(confusion, taxonomy),
        },
    )


def _cells(
    confusion: Confusion, taxonomy: Taxonomy
) -> tuple[list[list[float | None]], list[list[list[Any] | None]]]:
    """Of each cell its colour, see ``_SCALE``, and its boxes, share and distance for the hover."""
    names, counts = confusion.names, confusion.counts
    size, truths = len(names), counts.sum(axis=1)
    shares = counts / np.maximum(truths[:, None], 1)
    colours: list[list[float | None]] = [[None] * (size + 2) for _ in range(size + 1)]
    facts: list[list[list[Any] | None]] = [[None] * (size + 2) for _ in range(size + 1)]
    for row, column in zip(*(axis.tolist() for axis in counts.nonzero()), strict=True):
        share = float(shares[row, column])
        # The root, or the many small shares that are wrong would all look alike.
        colours[row][column] = round(1 + share if row == column else share**0.5, 3)
        far = ""
        if column < len(names):
            true, predicted = (taxonomy.stated(names[place]) for place in (row, column))
            far = f"<br>distance {taxonomy.distance(true, predicted)}"
        facts[row][column] = [int(counts[row, column]), f"{share:.1%} of the true ones", far]
    right = counts.diagonal()
    edges = [((row, size + 1), truths[row], right[row], "the true ones") for row in range(size)]
    predicted = counts.sum(axis=0)
    edges += [
        ((size, column), predicted[column], right[column] if column < size else 0, "those named so")
        for column in range(size + 1)
    ]
    edges.append(((size, size + 1), truths.sum(), right.sum(), "all"))
    for (row, column), whole, good, of in edges:
        if wrong := int(whole - good):
            colours[row][column] = round((wrong / int(whole)) ** 0.5, 3)
            facts[row][column] = [wrong, f"{wrong / int(whole):.1%} of {of}", ""]
    return colours, facts


def _phyla(confusion: Confusion, taxonomy: Taxonomy) -> list[tuple[str | None, int, int]]:
    """The runs of names of one phylum: it, the first place and the one after the last."""
    phyla = [taxonomy.rollup(name, "phylum") for name in confusion.names]
    starts = [place for place in range(len(phyla)) if phyla[place] != phyla[place - 1] or not place]
    ends = [*starts[1:], len(phyla)]
    return [(phyla[start], start, end) for start, end in zip(starts, ends, strict=True)]


def _borders(confusion: Confusion, taxonomy: Taxonomy) -> list[Record]:
    """Lines between the phyla, where the rank is finer, and before what is no name."""
    size = len(confusion.names)
    edges: list[float] = []
    if confusion.rank == CONCEPT or RANKS.index(confusion.rank) > RANKS.index("phylum"):
        edges = [start - 0.5 for _, start, _ in _phyla(confusion, taxonomy)[1:]]
    line = {"type": "line", "layer": "above", "line": {"color": _LINE, "width": 1}}
    across, down = [*edges, size - 0.5], [*edges, size - 0.5, size + 0.5]
    ends = {"x": size + 1.5, "y": size + 0.5}
    return [
        line | {f"{along}0": -0.5, f"{along}1": ends[along], f"{at}0": edge, f"{at}1": edge}
        for along, at, places in (("x", "y", across), ("y", "x", down))
        for edge in places
    ]


KINDS: Final = {
    "right": ("right", RIGHT),
    "too_coarse": ("right but too coarse", "#7cc8a4"),
    "too_fine": ("too fine", "#b79ced"),
    "elsewhere": ("elsewhere on the tree", WRONG),
    "missing": ("no prediction", "#8a8f98"),
}

_F1: Final = "#ffd23f"
_FAR_SCALE: Final = [[0, "#ffd9a0"], [0.5, WRONG], [1, "#c2185b"]]


def all_figures(shown: EvaluationAtRank) -> dict[str, Figure]:
    """The pictures of an evaluation by name, in the order in which they are shown."""
    result = shown.evaluation.details.result
    return {
        "ranks": ranks_figure(result.ranks),
        "kinds": kinds_figure(asdict(result.agreement)),
        "pairs": pairs_figure(shown.confused, shown.level),
        "matrix": matrix_figure(shown.confusion, shown.taxonomy),
    }


def ranks_figure(scores: Sequence[RankScore]) -> Figure:
    """Right and wrong boxes at each rank as two stacked bars, and macro F1 as a mark."""
    x = [one.rank for one in scores]
    shares = [one.accuracy for one in scores]
    common = {"x": x, "customdata": [[one.boxes, one.names] for one in scores]}
    said = "%{y:.1%} of %{customdata[0]:,} boxes<extra></extra>"
    right = common | {
        "type": "bar",
        "name": "right",
        "y": shares,
        "text": ["" if share is None else f"{share:.0%}" for share in shares],
        "textposition": "inside",
        "insidetextanchor": "start",
        "marker": {"color": RIGHT},
        "hovertemplate": f"right at %{{x}}: {said}",
    }
    wrong = common | {
        "type": "bar",
        "name": "wrong",
        "y": [None if share is None else 1 - share for share in shares],
        "marker": {"color": WRONG},
        "hovertemplate": f"wrong at %{{x}}: {said}",
    }
    f1 = common | {
        "type": "scatter",
        "mode": "markers",
        "name": "macro F1",
        "y": [one.macro_f1 for one in scores],
        "marker": {"color": _F1, "symbol": "diamond", "size": 10},
        "cliponaxis": False,
        "hovertemplate": "macro F1 at %{x}: %{y:.3f}, over the %{customdata[1]:,} names that are "
        "true or predicted there<extra></extra>",
    }
    layout = layout_of("Right and wrong at each rank", 270) | {
        "barmode": "stack",
        "bargap": 0.25,
        "yaxis": {"range": [0, 1], "tickformat": ".0%", "fixedrange": True},
        "xaxis": {"type": "category", "fixedrange": True},
    }
    return Figure([right, wrong, f1], layout | legend(1.02))


def kinds_figure(counts: Mapping[str, int]) -> Figure:
    """One bar of all boxes, a segment for each kind of agreement."""
    total = max(sum(counts.values()), 1)
    segments = []
    for kind, (words, colour) in KINDS.items():
        segments.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": f"{words} {counts[kind]:,}",
                "showlegend": counts[kind] > 0,
                "x": [counts[kind] / total],
                "y": [""],
                "marker": {"color": colour},
                "hovertemplate": f"{words}: {counts[kind]:,} boxes, %{{x:.1%}}<extra></extra>",
            }
        )
    layout = layout_of("How predictions relate to the truth on the tree", 175) | {
        "barmode": "stack",
        "xaxis": {"range": [0, 1], "tickformat": ".0%", "fixedrange": True},
        "yaxis": {"fixedrange": True, "showticklabels": False},
    }
    layout["margin"] |= {"l": 20, "r": 25, "t": 80}
    return Figure(segments, layout | legend(1.1))


def pairs_figure(confused: Sequence[Confused], level: str) -> Figure:
    """The pairs that are confused most: as long as they are many, as red as they are far apart."""
    names = [f"{short(one.true)} → {short(one.predicted)}" for one in confused]
    hovers = [
        f"{escaped(one.true)}<br>taken for {escaped(one.predicted)}<br>"
        f"boxes: {one.boxes:,}, distance {one.distance}"
        for one in confused
    ]
    bars = {
        "type": "bar",
        "name": level,
        "orientation": "h",
        "y": list(range(len(confused))),
        "x": [one.boxes for one in confused],
        "text": [f"{one.boxes:,} · distance {one.distance}" for one in confused],
        "textposition": "auto",
        "hovertext": hovers,
        "hoverinfo": "text",
        "marker": {
            "color": [one.distance for one in confused],
            "colorscale": _FAR_SCALE,
            "cmin": 1,
            "cmax": MAX_DISTANCE,
        },
    }
    title = f"Most confused: truth → prediction, {of_level(level)}"
    layout = layout_of(title if confused else f"{title}: none", 26 * len(confused) + 70) | {
        "yaxis": ticks(names) | {"autorange": "reversed", "fixedrange": True, "showgrid": False},
        "xaxis": {"fixedrange": True, "rangemode": "tozero"},
    }
    return Figure([bars], layout)
