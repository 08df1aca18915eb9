"""The pictures of an evaluation, as Plotly takes them.

Plotly reads some HTML in every text, so each name is escaped. Places, not names, tell what was
clicked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ..scoring.confusion import Confused
from ..scoring.ranks import RankScore
from ..taxonomy import MAX_DISTANCE
from .confusion_matrix import matrix_figure
from .evaluation_at_rank import EvaluationAtRank
from .figure_parts import RIGHT, WRONG, Figure, layout_of, legend, of_level, short, ticks
from .texts import escaped

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
    details = shown.evaluation.details
    return {
        "ranks": ranks_figure([RankScore(**one) for one in details["ranks"]]),
        "kinds": kinds_figure(details["agreement"]),
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
        "hovertemplate": "macro F1 at %{x}: %{y:.3f}, %{customdata[1]:,} names<extra></extra>",
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
