"""Counts the labels of a view and puts them on the tree; what is said about a taxon.

Names are whatever somebody annotated, and never markup.
"""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, Final

from ...dataset import columns
from ...dataset.label_map import special_names
from ...dataset.schema import label_types
from ...names import distance_attribute
from ...resources import data_file
from ...taxonomy import Taxonomy
from ...taxonomy.table import folded
from ...text import counted, shortened
from ..base import escaped

RIGHT: Final = ("tp", True)
"""The verdicts of an evaluation on a box, or a crop, whose partner has the same name."""


@dataclass(frozen=True, slots=True)
class LabelCount:
    """Counts of boxes that have something in common, such as their label.

    Attributes:
        boxes: the number of boxes.
        scored: how many of them got a verdict from an evaluation.
        right: how many the evaluation found right.
        measured: how many have a taxonomic distance.
        distance: the sum of their distances.
    """

    boxes: int = 0
    scored: int = 0
    right: int = 0
    measured: int = 0
    distance: int = 0

    def __add__(self, other: LabelCount) -> LabelCount:
        return LabelCount(
            self.boxes + other.boxes,
            self.scored + other.scored,
            self.right + other.right,
            self.measured + other.measured,
            self.distance + other.distance,
        )

    @property
    def accuracy(self) -> float | None:
        """The share of the scored boxes that are right."""
        return self.right / self.scored if self.scored else None

    @property
    def mean_distance(self) -> float | None:
        """Their mean taxonomic distance."""
        return self.distance / self.measured if self.measured else None


def labels_in(view: Any) -> dict[str, str]:
    """The fields of a dataset or view whose labels can be counted, with the paths of the labels.

    These hold boxes, one label per image or, in a view of patches, the box of each patch.
    """
    import fiftyone as fo

    kinds = label_types(view)
    lists = {name: f"{name}.detections" for name, kind in kinds.items() if kind is fo.Detections}
    single = {
        name: name for name, kind in kinds.items() if kind in (fo.Detection, fo.Classification)
    }
    return lists | single


def has_labels(samples: Any, field: str) -> bool:
    """Whether any box of a field has a label; looks no further than the first that has.

    Args:
        samples: a FiftyOne dataset or view.
        field: one of ``labels_in(samples)``.
    """
    from fiftyone import ViewField as F

    path = labels_in(samples)[field]
    if path == field:
        some = F(f"{field}.label").exists()
    else:
        some = F(path).filter(F("label").exists()).length() > 0
    return bool(samples.match(some).limit(1).values("id"))


def count_labels(view: Any, field: str, eval_key: str = "") -> dict[str | None, LabelCount]:
    """Counts the boxes of each label in one pass through the database.

    Args:
        view: a FiftyOne dataset or view.
        field: one of ``labels_in(view)``.
        eval_key: an evaluation whose verdicts are counted too; empty for none.

    Returns:
        The counts by label; boxes without a label are under None. Those that show no animal, whose
        names are no taxa, are left out.
    """
    path = labels_in(view)[field]
    attributes = ["label", *((distance_attribute(eval_key),) if eval_key else ())]
    # The verdict on a crop stands beside its label.
    of_box = bool(eval_key) and view.get_field(f"{path}.{eval_key}") is not None
    attributes += [eval_key] if of_box else []
    fields = [eval_key] if eval_key and not of_box else []
    counts: dict[str | None, LabelCount] = {}
    no_taxa = special_names(view)
    for (label, *marks), boxes in columns.count_alike(view, field, path, attributes, fields):
        if label in no_taxa:
            continue
        distance, verdict = marks or (None, None)
        count = LabelCount(
            boxes,
            scored=0 if verdict is None else boxes,
            right=boxes if verdict in RIGHT else 0,
            measured=boxes if distance is not None else 0,
            distance=boxes * (distance or 0),
        )
        counts[label] = counts.get(label, LabelCount()) + count
    return counts


ALL: Final = "all"
OTHERS: Final = "others"
"""All labels that the taxonomy does not know."""
UNLABELLED: Final = "unlabelled"
_TAXON: Final = "taxon:"
_OTHER: Final = "other:"

NO_RANK: Final = "not in the taxonomy"
SHORTEST_PART: Final = 3
"""Letters from which a search takes a part of a name for it."""


@cache
def common_names() -> tuple[tuple[str, str], ...]:
    """Names that people use, each with the taxon that it stands for."""
    with data_file("common_names.csv").open(newline="", encoding="utf-8") as file:
        return tuple((row["common_name"], row["taxon"]) for row in csv.DictReader(file))


@dataclass(frozen=True, slots=True)
class Node:
    """A place in the tree that has boxes.

    Attributes:
        key: names it among all nodes: a label may look like anything.
        name: what a person reads; of a taxon or a label as it is stored.
        rank: of a taxon; what it is for the others.
        parent: key of the node above; None for the whole.
        own: boxes that have exactly this label.
        total: these, and those of all that is below.
    """

    key: str
    name: str
    rank: str
    parent: str | None
    own: LabelCount
    total: LabelCount

    @property
    def is_concept(self) -> bool:
        """Whether some box has this name, and not just a name below it."""
        return self.own.boxes > 0


@dataclass(frozen=True)
class TaxonTree:
    """Everything that has boxes, by key; every node after its parent.

    Attributes:
        nodes: the whole first, then taxa in tree order, other labels by name, boxes without label.
    """

    nodes: Mapping[str, Node]

    @property
    def whole(self) -> Node:
        return self.nodes[ALL]

    def children(self, key: str) -> tuple[Node, ...]:
        """The nodes directly below one, the one with most boxes first."""
        return self._children.get(key, ())

    def path(self, key: str) -> tuple[Node, ...]:
        """The nodes from the whole down to one, both included."""
        node = self.nodes[key]
        above = self.path(node.parent) if node.parent is not None else ()
        return (*above, node)

    def at_and_below(self, key: str) -> Iterable[Node]:
        """A node and all below it, each before those below it."""
        yield self.nodes[key]
        for child in self.children(key):
            yield from self.at_and_below(child.key)

    def concepts(self, key: str) -> tuple[Node, ...]:
        """The labels at and below a node, the most frequent first."""
        found = (node for node in self.at_and_below(key) if node.is_concept)
        return tuple(sorted(found, key=lambda node: (-node.own.boxes, node.name)))

    def find(self, text: str) -> tuple[Node, ...]:
        """The taxa and labels that a text names, whatever its case; the best first.

        Those of exactly this name; where there is none, those in whose name it stands, whose
        beginning it is before the others.
        """
        wanted = folded(text)
        names = [(folded(node.name), node) for node in self._named]
        same = tuple(node for name, node in names if name == wanted)
        if same or len(wanted) < SHORTEST_PART:
            return same
        parts = [(not name.startswith(wanted), node) for name, node in names if wanted in name]
        parts.sort(key=lambda pair: (pair[0], -pair[1].total.boxes, pair[1].name))
        return tuple(node for _, node in parts)

    def find_common(self, text: str) -> list[tuple[str, Node]]:
        """The taxa whose common names a text is part of, each with that name, the shortest first.

        A taxon without boxes is left out, and so is a text too short to mean anything.
        """
        wanted = folded(text)
        if len(wanted) < SHORTEST_PART:
            return []
        found = [
            (common, self.nodes[taxon_key(name)])
            for common, name in common_names()
            if wanted in folded(common) and taxon_key(name) in self.nodes
        ]
        return sorted(found, key=lambda one: (len(one[0]), one[0]))

    def nearest(self, text: str) -> Node | None:
        """The taxon or label whose name is closest to a misspelt one; None where none is near."""
        by_name = {folded(node.name): node for node in self._named}
        close = difflib.get_close_matches(folded(text), by_name, n=1)
        return by_name[close[0]] if close else None

    @property
    def _named(self) -> list[Node]:
        return [node for node in self.nodes.values() if node.key.startswith((_TAXON, _OTHER))]

    @cached_property
    def _children(self) -> dict[str, tuple[Node, ...]]:
        found: dict[str, list[Node]] = {}
        for node in self.nodes.values():
            if node.parent is not None:
                found.setdefault(node.parent, []).append(node)
        return {
            key: tuple(
                sorted(
                    some,
                    key=lambda node: (
                        node.key == UNLABELLED,
                        node.key == OTHERS,
                        -node.total.boxes,
                        node.name,
                    ),
                )
            )
            for key, some in found.items()
        }


def build_tree(counts: Mapping[str | None, LabelCount], taxonomy: Taxonomy) -> TaxonTree:
    """Adds the boxes of labels up to the root.

    Args:
        counts: by label; those of boxes without label under None.
        taxonomy: the tree of concepts.
    """
    # From a label that states no taxon there is no distance, whatever was predicted.
    counts = {
        name: count if not name or taxonomy.stated(name) else replace(count, measured=0, distance=0)
        for name, count in counts.items()
    }
    whole = sum(counts.values(), LabelCount())
    nodes = {ALL: Node(ALL, "All", "", None, LabelCount(), whole)}
    for name, rank, parent in ((one.name, one.rank, one.parent) for one in taxonomy.taxa):
        total = _sum(counts, taxonomy.within(name))
        if total.boxes:
            above = ALL if parent is None else taxon_key(parent)
            own = counts.get(name, LabelCount())
            nodes[taxon_key(name)] = Node(taxon_key(name), name, rank, above, own, total)
    others = sorted(name for name in counts if name is not None and name not in taxonomy)
    if others:
        total = _sum(counts, others)
        nodes[OTHERS] = Node(OTHERS, "Not in the taxonomy", "", ALL, LabelCount(), total)
    for name in others:
        key = other_key(name)
        nodes[key] = Node(key, name, NO_RANK, OTHERS, counts[name], counts[name])
    if None in counts:
        total = counts[None]
        nodes[UNLABELLED] = Node(UNLABELLED, "Without a label", "", ALL, LabelCount(), total)
    return TaxonTree(nodes)


def taxon_key(name: str) -> str:
    """Key of a taxon's node."""
    return f"{_TAXON}{name}"


def other_key(label: str) -> str:
    """Key of the node of a label that the taxonomy does not know."""
    return f"{_OTHER}{label}"


def condition(key: str, taxonomy: Taxonomy) -> Any:
    """The FiftyOne expression for the labels at and below a node.

    Args:
        key: of the node.
        taxonomy: the tree of concepts.
    """
    from fiftyone import ViewExpression
    from fiftyone import ViewField as F

    if key == UNLABELLED:
        return ~F("label").exists()
    name = named_by(key)
    names = taxonomy.names if name is None else taxonomy.within(name) or (name,)
    # Literal, or MongoDB would take a label that begins with "$" for a field.
    among = ViewExpression({"$in": [F("label"), {"$literal": list(names)}]})
    return F("label").exists() & ~among if key == OTHERS else among


def outside(node: Node) -> bool:
    """Whether a node is a label that the taxonomy does not know."""
    return node.key.startswith(_OTHER)


def named_by(key: str) -> str | None:
    """The taxon or label that a key is of; None for the others."""
    for prefix in (_TAXON, _OTHER):
        if key.startswith(prefix):
            return key.removeprefix(prefix)
    return None


def _sum(counts: Mapping[str | None, LabelCount], names: Iterable[str]) -> LabelCount:
    return sum((counts[name] for name in names if name in counts), LabelCount())


NOTHING: Final = "–"  # noqa: RUF001  # a dash in a table


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
        if node.total.mean_distance is not None:
            lines.append(f"{distance(node.total)} steps off in the mean")
    return [line for line in lines if line]


def right(count: LabelCount) -> str:
    """The share of the scored boxes that are right."""
    return NOTHING if count.accuracy is None else f"{count.accuracy:.0%}"


def distance(count: LabelCount) -> str:
    """The mean distance of the scored boxes."""
    return NOTHING if count.mean_distance is None else f"{count.mean_distance:.2f}"
