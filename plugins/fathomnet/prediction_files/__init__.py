"""The files in which predictions travel: read, checked and written."""

from __future__ import annotations

from .reading import Predictions, read_predictions
from .writing import write_predictions

__all__ = [
    "Predictions",
    "read_predictions",
    "write_predictions",
]
