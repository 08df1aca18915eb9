"""How a prediction relates to the truth on the tree: right, too coarse, too fine, elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..taxonomy import Taxonomy
from .pairs import Pairs, lineage_positions


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
        >>> from fathomnet_voxel51.scoring.pairs import pair_up
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

        >>> from fathomnet_voxel51.scoring.pairs import pair_up
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
