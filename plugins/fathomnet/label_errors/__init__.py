"""Labels that are probably wrong: the stage, its arithmetic and its record."""

from .find import check_label_errors, find_label_errors
from .record import LabelErrorsResult

__all__ = [
    "LabelErrorsResult",
    "check_label_errors",
    "find_label_errors",
]
