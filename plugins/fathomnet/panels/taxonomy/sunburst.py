"""A tree of taxa as a plotly figure whose every slice can be clicked.

Plotly's own sunburst tells FiftyOne that it was clicked but not where, so each ring of this one is
a pie with a hole: of pies FiftyOne passes on the label, which here is the node's key.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ...text import shortened
from ..base import escaped
from .tree import OTHERS, UNLABELLED, Node, TaxonTree, described

RINGS: Final = 4
"""How many levels are drawn at once; more would leave no room for names."""
HOLE: Final = 0.3
"""Of the figure's radius: room for what stands in the middle."""
LETTERS: Final = 24
"""Of a name in a slice; the whole name is shown under the pointer."""

COLOURS: Final = (
    (76, 135, 196),
    (232, 138, 66),
    (88, 166, 107),
    (200, 88, 92),
    (140, 112, 186),
    (64, 168, 176),
    (209, 122, 176),
    (166, 148, 72),
    (104, 124, 150),
    (170, 110, 80),
)
INK: Final = "#0d1117"
"""Of the names: dark enough on every colour."""
GREY: Final = (120, 124, 132)
"""Of what is no taxon, and of what no evaluation has scored."""
BY_BRANCH: Final = "branch"
BY_ACCURACY: Final = "accuracy"
WAYS: Final = (BY_BRANCH, BY_ACCURACY)
"""What a colour says: which branch it is, phyla at first, or how much of it is right."""
SHADES: Final = ((232, 120, 80), (226, 200, 140), (64, 160, 210))
"""Of nothing right, of half of it, and of all."""
PALER: Final = 0.13
"""How much of the way to white each ring is paler than the one inside it."""


@dataclass(frozen=True, slots=True)
class _Slice:
    """A part of a ring; without a node it is a gap below a taxon that has boxes of its own."""

    node: Node | None
    boxes: int
    colour: tuple[int, ...]


def figure(
    tree: TaxonTree, key: str, way: str = BY_BRANCH
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The traces and the layout of what lies below a node.

    Args:
        tree: what is drawn.
        key: of the node in the middle.
        way: one of ``WAYS``.
    """
    rings = _rings(tree, key)
    if way == BY_ACCURACY:
        rings = [
            [replace(one, colour=_shade(one.node)) if one.node else one for one in ring]
            for ring in rings
        ]
    edges = [HOLE + (1 - HOLE) * number / len(rings) for number in range(len(rings) + 1)]
    whole = tree.whole.total.boxes
    traces = [
        _trace(ring, inner, outer, whole)
        for ring, inner, outer in zip(rings, edges, edges[1:], strict=False)
    ]
    middle = tree.nodes[key]
    name = escaped(shortened(middle.name, LETTERS))
    layout = {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"t": 8, "b": 8, "l": 8, "r": 8},
        # Names that would have to be smaller than this are left out.
        "uniformtext": {"minsize": 10, "mode": "hide"},
        "hoverlabel": {"align": "left"},
        "annotations": [
            {
                "text": f"<b>{name}</b><br>{middle.total.boxes:,}",
                "showarrow": False,
                "x": 0.5,
                "y": 0.5,
                "font": {"size": 15},
            }
        ],
    }
    return traces, layout


def _rings(tree: TaxonTree, key: str) -> list[list[_Slice]]:
    """From the inside out. Levels at which there is but one taxon are passed over at first."""
    node = tree.nodes[key]
    while len(below := tree.children(node.key)) == 1 and tree.children(below[0].key):
        node = below[0]
    first = below or (node,)
    ring = [
        _Slice(
            one,
            one.total.boxes,
            GREY if one.key in (OTHERS, UNLABELLED) else COLOURS[place % len(COLOURS)],
        )
        for place, one in enumerate(first)
    ]
    rings = [ring]
    while len(rings) < RINGS:
        ring = [inner for one in ring for inner in _outside(tree, one)]
        if not any(one.node for one in ring):
            break
        rings.append(ring)
    return rings


def _outside(tree: TaxonTree, one: _Slice) -> list[_Slice]:
    """What lies outside a slice: its taxon's children, and a gap for its own boxes."""
    children = tree.children(one.node.key) if one.node else ()
    colour = tuple(round(part + (255 - part) * PALER) for part in one.colour)
    slices = [_Slice(child, child.total.boxes, colour) for child in children]
    rest = one.boxes - sum(child.total.boxes for child in children)
    return [*slices, _Slice(None, rest, one.colour)] if rest else slices


def _shade(node: Node) -> tuple[int, ...]:
    """The colour of a share that is right: between two of ``SHADES``."""
    share = node.total.accuracy
    if share is None:
        return GREY
    low = min(int(share * 2), 1)
    return tuple(
        round(one + (other - one) * (share * 2 - low))
        for one, other in zip(SHADES[low], SHADES[low + 1], strict=True)
    )


def _trace(ring: Sequence[_Slice], inner: float, outer: float, whole: int) -> dict[str, Any]:
    sides = [0.5 - outer / 2, 0.5 + outer / 2]
    return {
        "type": "pie",
        "labels": [one.node.key if one.node else f"gap {place}" for place, one in enumerate(ring)],
        "values": [one.boxes for one in ring],
        "text": [escaped(shortened(one.node.name, LETTERS)) if one.node else "" for one in ring],
        "textinfo": "text",
        "textposition": "inside",
        "insidetextorientation": "auto",
        "insidetextfont": {"color": INK},
        "hovertext": ["<br>".join(described(one.node, whole)) if one.node else "" for one in ring],
        "hoverinfo": ["text" if one.node else "skip" for one in ring],
        "marker": {
            "colors": [f"rgba{(*one.colour, 1.0 if one.node else 0.0)}" for one in ring],
            "line": {
                "color": ["rgba(20,22,26,0.7)" if one.node else "rgba(0,0,0,0)" for one in ring],
                "width": 1,
            },
        },
        "hole": inner / outer,
        "domain": {"x": sides, "y": sides},
        "sort": False,
        "direction": "clockwise",
        "showlegend": False,
    }
