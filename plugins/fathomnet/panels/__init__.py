"""The panels: one file each, all made by the same base."""

from .base import DatasetPanel
from .evaluation.panel import EvaluationByRank
from .taxonomy.panel import TaxonomyPanel

PANELS: tuple[type[DatasetPanel], ...] = (EvaluationByRank, TaxonomyPanel)

__all__ = ["PANELS"]
