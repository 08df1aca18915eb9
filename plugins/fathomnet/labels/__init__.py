"""What is derived from the labels of boxes: a primary label, and the ranks."""

from .primary import PrimaryLabelResult, add_primary_label
from .ranks import RanksResult, add_taxonomy_ranks

__all__ = [
    "PrimaryLabelResult",
    "RanksResult",
    "add_primary_label",
    "add_taxonomy_ranks",
]
