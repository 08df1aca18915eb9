"""The two metrics in the form in which FiftyOne keeps and shows them with an evaluation."""

from __future__ import annotations

from typing import Any

from ..fields import PLUGIN_NAME, RANK_ACCURACY, TAXONOMIC_DISTANCE
from ..taxonomy import Taxonomy
from .pairs import Pairs
from .ranks import rank_table

DISTANCE_URI = f"{PLUGIN_NAME}/{TAXONOMIC_DISTANCE}"
RANKS_URI = f"{PLUGIN_NAME}/{RANK_ACCURACY}"
DISTANCE_LABEL = "Mean taxonomic distance"

Entries = dict[str, dict[str, Any]]


def mean_distance(pairs: Pairs) -> float | None:
    """The mean taxonomic distance of all pairs; None without any.

    Examples:
        >>> from fathomnet_voxel51.scoring.pairs import pair_up
        >>> from fathomnet_voxel51.taxonomy import load_taxonomy
        >>> pairs = pair_up(["Elpidia", "Elpidia"], ["Elpidia", "Peniagone"], load_taxonomy())
        >>> mean_distance(pairs)
        1.0
    """
    return float(pairs.distances.mean()) if len(pairs) else None


def distance_entry(pairs: Pairs) -> Entries:
    """The mean taxonomic distance, lower being better."""
    value = mean_distance(pairs)
    return {} if value is None else {DISTANCE_URI: _entry(TAXONOMIC_DISTANCE, value, True)}


def rank_entries(pairs: Pairs, taxonomy: Taxonomy) -> Entries:
    """The accuracy at each rank that any box reaches; the App shows one line for each."""
    return {
        f"{RANKS_URI}/{one.rank}": {
            "key": f"accuracy_{one.rank}",
            "value": one.accuracy,
            "label": f"Accuracy at {one.rank}",
            "lower_is_better": False,
        }
        for one in rank_table(pairs, taxonomy)
        if one.accuracy is not None
    }


def _entry(key: str, value: float, lower_is_better: bool) -> dict[str, Any]:
    return {
        "key": key,
        "value": value,
        "label": DISTANCE_LABEL,
        "lower_is_better": lower_is_better,
    }
