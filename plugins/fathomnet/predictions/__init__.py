"""A model's predictions become a field of the dataset."""

from .importing import ImportResult, check_predictions, import_predictions

__all__ = [
    "ImportResult",
    "check_predictions",
    "import_predictions",
]
