"""Search by packs of prompts for what nobody annotates, and labels for what was found."""

from .find import NeedlesResult, find_needles
from .labelling import LabelHitsResult, label_hits

__all__ = [
    "LabelHitsResult",
    "NeedlesResult",
    "find_needles",
    "label_hits",
]
