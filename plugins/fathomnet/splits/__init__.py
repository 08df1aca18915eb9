"""Training and validation images by whole dives, and the dives that leak."""

from .split import SplitResult, split_by_dive

__all__ = [
    "SplitResult",
    "split_by_dive",
]
