"""What a panel says about a taxon. Names are whatever somebody annotated, and never markup."""

from __future__ import annotations

import html
from typing import Final

from ..dataset.label_counts import LabelCount
from ..plain import counted, shortened
from .taxa import Node

NOTHING: Final = "–"  # noqa: RUF001  # a dash in a table


def escaped(text: str) -> str:
    """A text that plotly, which reads HTML's tags but no quotes' names, shows as it is."""
    return html.escape(text, quote=False)


def described(node: Node, whole: int) -> list[str]:
    """The lines about a node, as plotly shows them.

    Args:
        node: what was pointed at.
        whole: how many boxes there are.
    """
    lines = [f"<b>{escaped(shortened(node.name, 80))}</b>", node.rank]
    lines.append(f"{counted(node.total.boxes, 'box', 'boxes')}, {node.total.boxes / whole:.1%}")
    if node.total.scored:
        lines.append(f"{right(node.total)} right of {node.total.scored:,} scored")
        lines.append(f"{distance(node.total)} steps off in the mean")
    return [line for line in lines if line]


def right(count: LabelCount) -> str:
    """The share of the scored boxes that are right."""
    return NOTHING if count.accuracy is None else f"{count.accuracy:.0%}"


def distance(count: LabelCount) -> str:
    """The mean distance of the scored boxes."""
    return NOTHING if count.mean_distance is None else f"{count.mean_distance:.2f}"
