"""The metrics that FiftyOne's own evaluation form offers, one file each."""

from __future__ import annotations

from typing import Any

from .rank_accuracy import RankAccuracy
from .taxonomic_distance import TaxonomicDistance

METRICS: tuple[type[Any], ...] = (TaxonomicDistance, RankAccuracy)

__all__ = ["METRICS"]
