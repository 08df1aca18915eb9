"""Concepts, their lineages, and the distance between them on the tree."""

from .table import folded, read_table
from .tree import Taxonomy, load_taxonomy

__all__ = [
    "Taxonomy",
    "folded",
    "load_taxonomy",
    "read_table",
]
