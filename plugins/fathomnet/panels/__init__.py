"""The panels: one file each, all made by the same base."""

from __future__ import annotations

from .base import DatasetPanel
from .evaluation_by_rank import EvaluationByRank

PANELS: tuple[type[DatasetPanel], ...] = (EvaluationByRank,)

__all__ = ["PANELS"]
