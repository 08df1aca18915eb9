"""Concepts, their lineages, and the distance between them on the tree."""

from __future__ import annotations

from .tree import Taxonomy, load_taxonomy

__all__ = [
    "Taxonomy",
    "load_taxonomy",
]
