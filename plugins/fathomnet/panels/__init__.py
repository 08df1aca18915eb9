"""The panels: one file each, all made by the same base."""

from __future__ import annotations

from .base import DatasetPanel
from .evaluation_by_rank import EvaluationByRank
from .taxonomy import TaxonomyPanel

PANELS: tuple[type[DatasetPanel], ...] = (EvaluationByRank, TaxonomyPanel)

__all__ = ["PANELS"]
