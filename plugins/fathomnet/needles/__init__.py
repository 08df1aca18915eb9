"""Search by packs of prompts for what nobody annotates."""

from __future__ import annotations

from .find import NeedlesResult, find_needles

__all__ = [
    "NeedlesResult",
    "find_needles",
]
