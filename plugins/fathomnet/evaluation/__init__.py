"""Predictions against true labels, as a FiftyOne evaluation."""

from .evaluate import check_evaluation, evaluate_predictions
from .run import EvaluationResult

__all__ = [
    "EvaluationResult",
    "check_evaluation",
    "evaluate_predictions",
]
