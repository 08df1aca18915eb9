"""Search by packs of prompts for what nobody annotates."""

from .find import NeedlesResult, find_needles

__all__ = [
    "NeedlesResult",
    "find_needles",
]
