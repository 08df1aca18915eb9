"""What every picture of an evaluation is made of, as Plotly takes it."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..evaluation.scoring.confusion import CONCEPT
from ..text import shortened


def escaped(text: str) -> str:
    """A text that plotly, which reads HTML's tags but no quotes' names, shows as it is."""
    return html.escape(text, quote=False)


Record = dict[str, Any]

RIGHT: Final = "#2a9dc4"
WRONG: Final = "#ff7f50"

_CLEAR: Final = "rgba(0, 0, 0, 0)"

_LONGEST: Final = 28
"""Characters of a name on an axis; the hover has all of it."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Traces and layout of one picture."""

    data: list[Record]
    layout: Record


def ticks(texts: Sequence[str]) -> Record:
    """An axis that says these, one at each whole number from 0."""
    return {
        "tickmode": "array",
        "tickvals": list(range(len(texts))),
        "ticktext": list(texts),
        "automargin": True,
    }


def layout_of(title: str, height: int) -> Record:
    """The layout of a picture so many pixels high, its title on top."""
    return {
        "title": {
            "text": title,
            "x": 0,
            "xref": "container",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 6},
            "font": {"size": 14},
        },
        "height": height,
        "margin": {"l": 45, "r": 5, "t": 55, "b": 30},
        "paper_bgcolor": _CLEAR,
        "plot_bgcolor": _CLEAR,
        "hoverlabel": {"align": "left"},
    }


def legend(above: float) -> Record:
    """A legend in one line.

    Args:
        above: where it begins, as a share of the picture's height.
    """
    place = {"orientation": "h", "x": 0, "y": above, "yanchor": "bottom", "traceorder": "normal"}
    # A click on the legend would hide a trace, and with it boxes that are there.
    return {"showlegend": True, "legend": place | {"itemclick": False, "itemdoubleclick": False}}


def of_level(level: str) -> str:
    """What a title says of a rank."""
    return "of concepts" if level == CONCEPT else f"at {level}"


def short(name: str) -> str:
    """A name beside an axis."""
    return escaped(shortened(name, _LONGEST))
