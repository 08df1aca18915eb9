"""How good predictions are: agreement at each rank, how sure that is, and how FiftyOne keeps it."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ...names import PLUGIN_NAME, RANK_ACCURACY, RANKS, TAXONOMIC_DISTANCE
from ...taxonomy import Taxonomy
from .columns import Pairs, lineage_positions


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
        >>> from fathomnet_voxel51.evaluation.scoring.columns import pair_up
        >>> from fathomnet_voxel51.taxonomy import load_taxonomy
        >>> pairs = pair_up(["Elpidia", "Pandalus"], ["Peniagone", "Pandalus"], load_taxonomy())
        >>> [(score.rank, score.accuracy) for score in rank_table(pairs, load_taxonomy())][-3:]
        [('family', 1.0), ('genus', 0.5), ('species', None)]
    """
    table = lineage_positions(taxonomy)
    true = table[pairs.true_positions]
    predicted = table[pairs.predicted_positions]
    names = len(taxonomy.names)
    scores = []
    for rank, of_truth, of_predictions in zip(RANKS, true.T, predicted.T, strict=True):
        reached = of_truth >= 0
        a, b = of_truth[reached], of_predictions[reached]
        if not len(a):
            scores.append(RankScore(rank, 0, None, None, 0))
            continue
        right = a == b
        hits = np.bincount(a[right], minlength=names)
        # F1 is 2 TP / (2 TP + FP + FN), whose lower part is the truths and predictions of a name.
        mentions = np.bincount(a, minlength=names)
        mentions += np.bincount(b[b >= 0], minlength=names)
        occurring = mentions > 0
        f1 = 2 * hits[occurring] / mentions[occurring]
        share = float(right.mean())
        scores.append(RankScore(rank, len(a), share, float(f1.mean()), int(occurring.sum())))
    return tuple(scores)


DISTANCE_URI = f"{PLUGIN_NAME}/{TAXONOMIC_DISTANCE}"
RANKS_URI = f"{PLUGIN_NAME}/{RANK_ACCURACY}"
DISTANCE_LABEL = "Mean taxonomic distance"

Entries = dict[str, dict[str, Any]]


def mean_distance(pairs: Pairs) -> float | None:
    """The mean taxonomic distance of pairs with a true name in the taxonomy; None without any.

    Examples:
        >>> from fathomnet_voxel51.evaluation.scoring.columns import pair_up
        >>> from fathomnet_voxel51.taxonomy import load_taxonomy
        >>> pairs = pair_up(["Elpidia", "Elpidia"], ["Elpidia", "Peniagone"], load_taxonomy())
        >>> mean_distance(pairs)
        1.0
    """
    measured = pairs.distances[pairs.on_tree]
    return float(measured.mean()) if len(measured) else None


def distance_entry(pairs: Pairs) -> Entries:
    """The mean taxonomic distance, lower being better."""
    value = mean_distance(pairs)
    entry = {
        "key": TAXONOMIC_DISTANCE,
        "value": value,
        "label": DISTANCE_LABEL,
        "lower_is_better": True,
    }
    return {} if value is None else {DISTANCE_URI: entry}


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


DRAWS: Final = 1_000
SEED: Final = 51
LEVEL: Final = 0.95

_AT_ONCE: Final = 4_000_000
"""Groups that are drawn at a time; this bounds the memory."""

Interval = tuple[float, float]


def bootstrap_intervals(
    values: npt.NDArray[np.float64],
    groups: npt.NDArray[np.intp],
    draws: int = DRAWS,
    seed: int = SEED,
) -> tuple[Interval, ...] | None:
    """Percentile bootstrap intervals of the means of columns, by resampling whole groups.

    Boxes of one group (an image, a dive) resemble each other: the same animals, water and light.
    Drawing single boxes would treat them as independent and make the intervals too narrow.

    Args:
        values: (N, K) K quantities of N boxes.
        groups: (N,) number of the group that each box belongs to, 0 to G - 1.
        draws: the number of data sets to draw, each of G groups with replacement.
        seed: decides the draws.

    Returns:
        The interval of ``LEVEL`` for each column; None with fewer than two groups.

    Examples:
        >>> two_dives = np.array([0, 0, 1, 1])
        >>> bootstrap_intervals(np.ones((4, 1)), two_dives)
        ((1.0, 1.0),)
        >>> bootstrap_intervals(np.ones((4, 1)), np.zeros(4, int)) is None
        True
    """
    number = int(groups.max(initial=-1)) + 1
    if number < 2:
        return None
    sums = np.stack(
        [np.bincount(groups, column, number) for column in (*values.T, np.ones(len(groups)))]
    )
    rng = np.random.default_rng(seed)
    per_round = max(1, _AT_ONCE // number)
    rounds = []
    for done in range(0, draws, per_round):
        size = min(per_round, draws - done)
        drawn = rng.integers(0, number, (size, number), dtype=np.int64)
        drawn += np.arange(size)[:, None] * number
        # How often each group is drawn, (size, number).
        counts = np.bincount(drawn.ravel(), minlength=size * number).reshape(size, number)
        rounds.append(sums @ counts.astype(np.float64).T)
    totals = np.concatenate(rounds, axis=1)
    # A draw of empty groups only has no mean.
    kept = totals[:, totals[-1] > 0]
    tail = (1 - LEVEL) / 2
    bounds = np.quantile(kept[:-1] / kept[-1], (tail, 1 - tail), axis=1)
    return tuple((float(low), float(high)) for low, high in bounds.T)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Counts of boxes by how their prediction relates to the truth; each box counts once.

    Attributes:
        right: the true name.
        too_coarse: an ancestor of the true name: right, but it says too little.
        too_fine: a descendant of the true name: it says more than the annotator did.
        elsewhere: a name on another branch, or one that the taxonomy does not know.
        missing: no prediction.
    """

    right: int
    too_coarse: int
    too_fine: int
    elsewhere: int
    missing: int


@dataclass(frozen=True, slots=True)
class HierarchicalScore:
    """Precision, recall and F1 of the taxa that names imply: each name and its ancestors.

    Summed over all boxes (Kiritchenko et al. 2005; hiclass calls it ``micro``) at the seven ranks,
    without the root. An unknown or missing prediction implies no taxon and so costs recall. None
    where there is nothing to divide by.
    """

    precision: float | None
    recall: float | None
    f1: float | None


def agreement(pairs: Pairs, taxonomy: Taxonomy) -> Agreement:
    """Counts boxes by how their prediction relates to their true name.

    Examples:
        >>> from fathomnet_voxel51.evaluation.scoring.columns import pair_up
        >>> from fathomnet_voxel51.taxonomy import load_taxonomy
        >>> true = ["Pandalus amplus", "Pandalus", "Elpidia"]
        >>> pairs = pair_up(true, ["Pandalus", "Elpidia", None], load_taxonomy())
        >>> agreement(pairs, load_taxonomy())
        Agreement(right=0, too_coarse=1, too_fine=0, elsewhere=1, missing=1)
    """
    kinds = kinds_of_agreement(pairs, taxonomy)
    return Agreement(**{kind: int(of_kind.sum()) for kind, of_kind in kinds.items()})


def kinds_of_agreement(pairs: Pairs, taxonomy: Taxonomy) -> dict[str, npt.NDArray[np.bool_]]:
    """For each kind of ``Agreement`` which pairs are of it, (N,); every pair is of exactly one."""
    above = _is_ancestor(taxonomy)
    coarse = above[pairs.predicted_positions, pairs.true_positions]
    fine = above[pairs.true_positions, pairs.predicted_positions]
    right, missing = pairs.right, pairs.missing
    return {
        "right": right,
        "too_coarse": coarse,
        "too_fine": fine,
        "elsewhere": ~(right | coarse | fine | missing),
        "missing": missing,
    }


def hierarchical_score(pairs: Pairs, taxonomy: Taxonomy) -> HierarchicalScore:
    """Hierarchical precision, recall and F1 over the boxes whose true name is known.

    Examples:
        The genus implies six taxa, all of them among the seven that the species implies:

        >>> from fathomnet_voxel51.evaluation.scoring.columns import pair_up
        >>> from fathomnet_voxel51.taxonomy import load_taxonomy
        >>> pairs = pair_up(["Pandalus amplus"], ["Pandalus"], load_taxonomy())
        >>> score = hierarchical_score(pairs, load_taxonomy())
        >>> score.precision, score.recall == 6 / 7
        (1.0, True)
    """
    table = lineage_positions(taxonomy)
    known = pairs.true_positions >= 0
    true = table[pairs.true_positions[known]]
    predicted = table[pairs.predicted_positions[known]]
    shared = int(((true == predicted) & (true >= 0)).sum())
    of_predicted, of_true = int((predicted >= 0).sum()), int((true >= 0).sum())
    total = of_predicted + of_true
    return HierarchicalScore(
        precision=shared / of_predicted if of_predicted else None,
        recall=shared / of_true if of_true else None,
        f1=2 * shared / total if total else None,
    )


def _is_ancestor(taxonomy: Taxonomy) -> npt.NDArray[np.bool_]:
    """Whether a is an ancestor of b, (names + 1, names + 1); an unknown name has no relatives."""
    size = len(taxonomy.names)
    above = np.zeros((size + 1, size + 1), bool)
    position = {name: number for number, name in enumerate(taxonomy.names)}
    for number, taxon in enumerate(taxonomy.taxa):
        parent = taxon.parent
        if parent is not None:
            # In tree order a parent comes first, so its own ancestors are filled in already.
            above[:, number] = above[:, position[parent]]
            above[position[parent], number] = True
    return above
