"""The panels: one file each, all made by the same base."""

from .base import DatasetPanel
from .evaluation.panel import EvaluationByRank
from .home.panel import HomePanel
from .review.panel import ReviewPanel
from .taxonomy.panel import TaxonomyPanel

PANELS: tuple[type[DatasetPanel], ...] = (HomePanel, ReviewPanel, EvaluationByRank, TaxonomyPanel)

__all__ = ["PANELS"]
