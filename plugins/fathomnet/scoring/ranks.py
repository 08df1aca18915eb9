"""How good predictions are at each of the seven ranks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..fields import RANKS
from ..taxonomy import Taxonomy
from .pairs import Pairs, lineage_positions


@dataclass(frozen=True, slots=True)
class RankScore:
    """Predictions at one rank.

    Attributes:
        rank: one of ``RANKS``.
        boxes: boxes whose true lineage reaches the rank; only these count.
        accuracy: the share of these whose prediction has the same name at the rank. A prediction
            that does not reach the rank, an unknown name and a missing one are wrong. None
            without boxes.
        macro_f1: the mean F1 of the names that occur at the rank as truths or predictions.
        names: how many those are.
    """

    rank: str
    boxes: int
    accuracy: float | None
    macro_f1: float | None
    names: int


def rank_table(pairs: Pairs, taxonomy: Taxonomy) -> tuple[RankScore, ...]:
    """Accuracy and macro F1 at the seven ranks, kingdom first.

    Examples:
        >>> from fathomnet_voxel51.scoring.pairs import pair_up
        >>> from fathomnet_voxel51.taxonomy import load_taxonomy
        >>> pairs = pair_up(["Elpidia", "Pandalus"], ["Peniagone", "Pandalus"], load_taxonomy())
        >>> [(score.rank, score.accuracy) for score in rank_table(pairs, load_taxonomy())][-3:]
        [('family', 1.0), ('genus', 0.5), ('species', None)]
    """
    table = lineage_positions(taxonomy)
    true = table[pairs.true_positions]
    predicted = table[pairs.predicted_positions]
    return tuple(
        _score(rank, true[:, column], predicted[:, column], len(taxonomy.names))
        for column, rank in enumerate(RANKS)
    )


def _score(
    rank: str, true: npt.NDArray[np.intp], predicted: npt.NDArray[np.intp], names: int
) -> RankScore:
    reached = true >= 0
    true, predicted = true[reached], predicted[reached]
    if not len(true):
        return RankScore(rank, 0, None, None, 0)
    right = true == predicted
    hits = np.bincount(true[right], minlength=names)
    # F1 is 2 TP / (2 TP + FP + FN), whose lower part is the truths and predictions of a name.
    mentions = np.bincount(true, minlength=names)
    mentions += np.bincount(predicted[predicted >= 0], minlength=names)
    occurring = mentions > 0
    f1 = 2 * hits[occurring] / mentions[occurring]
    return RankScore(rank, len(true), float(right.mean()), float(f1.mean()), int(occurring.sum()))
