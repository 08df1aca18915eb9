"""Concepts, their lineages, and the distance between them on the tree."""

from .label_map import LabelMap, read_label_map
from .table import folded, read_table
from .tree import Taxonomy, load_taxonomy

__all__ = [
    "LabelMap",
    "Taxonomy",
    "folded",
    "load_taxonomy",
    "read_label_map",
    "read_table",
]
