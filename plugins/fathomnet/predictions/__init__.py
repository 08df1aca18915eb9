"""A model's predictions become a field of the dataset."""

from __future__ import annotations

from .importing import ImportResult, check_predictions, import_predictions

__all__ = [
    "ImportResult",
    "check_predictions",
    "import_predictions",
]
