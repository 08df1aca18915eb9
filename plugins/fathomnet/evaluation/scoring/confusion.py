"""Confusion matrices at any rank, and the pairs of names that are confused most often."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ...names import RANKS
from ...taxonomy import Taxonomy
from .columns import Name, Pairs, lineage_positions

Numbers = npt.NDArray[np.intp]

CONCEPT: Final = "concept"
"""Used in place of a rank: the names as they are."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """Truth against prediction at one rank.

    Attributes:
        rank: one of ``RANKS``, or ``CONCEPT``.
        names: the K names that occur at the rank in a counted pair, in tree order; names that the
            tree does not know come last, in alphabetical order.
        counts: (K, K + 1) boxes; a row is a true name, a column a predicted one. The last column
            counts predictions that have no name at the rank: missing, unknown or too coarse.
        rows: (N,) the row of each pair; -1 if the truth does not reach the rank and the pair is
            not counted.
        columns: (N,) the column of each pair.
    """

    rank: str
    names: tuple[str, ...]
    counts: npt.NDArray[np.int64]
    rows: Numbers
    columns: Numbers

    def cell(self, row: int, column: int) -> Numbers:
        """Which pairs a cell counts."""
        return np.flatnonzero((self.rows == row) & (self.columns == column))

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """(N,) whether a pair is counted and its two names are equal."""
        same: npt.NDArray[np.bool_] = (self.rows >= 0) & (self.rows == self.columns)
        return same

    @property
    def wrong(self) -> npt.NDArray[np.bool_]:
        """(N,) whether a pair is counted and its names differ, or the predicted one is missing."""
        differ: npt.NDArray[np.bool_] = (self.rows >= 0) & (self.rows != self.columns)
        return differ

    @property
    def macro_f1(self) -> float | None:
        """The mean F1 of the names; None without any."""
        # F1 is 2 TP / (2 TP + FP + FN), whose lower part is the truths and predictions of a name.
        mentions = self.counts.sum(axis=1) + self.counts[:, :-1].sum(axis=0)
        return float((2 * self.counts.diagonal() / mentions).mean()) if len(self.names) else None


@dataclass(frozen=True, slots=True)
class Confused:
    """A true name, the name it was taken for, how often, and the distance between the two."""

    true: str
    predicted: str
    boxes: int
    distance: int


def confusion_at(rank: str, pairs: Pairs, taxonomy: Taxonomy) -> Confusion:
    """The confusion matrix at a rank.

    Args:
        rank: one of ``RANKS``, or ``CONCEPT`` for the names themselves.
        pairs: what is counted.
        taxonomy: the tree of concepts.

    Raises:
        ValueError: the rank is none of these.

    Examples:
        >>> from fathomnet_voxel51.evaluation.scoring.columns import pair_up
        >>> from fathomnet_voxel51.taxonomy import load_taxonomy
        >>> pairs = pair_up(["Pandalus", "Elpidia"], ["Heterocarpus", None], load_taxonomy())
        >>> families = confusion_at("family", pairs, load_taxonomy())
        >>> families.names, families.counts.tolist()
        (('Pandalidae', 'Elpidiidae'), [[1, 0, 0], [0, 0, 1]])
    """
    true, predicted = _names_at(rank, pairs, taxonomy)
    counted_pairs = (pair for pair in zip(true, predicted, strict=True) if pair[0])
    occurring = {name for pair in counted_pairs for name in pair if name is not None}
    place = {name: number for number, name in enumerate(taxonomy.names)}
    names = sorted(occurring, key=lambda name: (place.get(name, len(place)), name))
    number = {name: position for position, name in enumerate(names)}
    rows = np.array([number.get(name, -1) if name else -1 for name in true], np.intp)
    columns = np.array([number.get(name, len(names)) if name else len(names) for name in predicted])
    columns = columns.astype(np.intp)
    counts = np.zeros((len(names), len(names) + 1), np.int64)
    counted = rows >= 0
    np.add.at(counts, (rows[counted], columns[counted]), 1)
    return Confusion(rank, tuple(names), counts, rows, columns)


def most_confused(
    pairs: Pairs, taxonomy: Taxonomy, rank: str = CONCEPT, limit: int = 20
) -> tuple[Confused, ...]:
    """The pairs of names that are confused most often; among equals, the farthest apart first.

    Args:
        pairs: what is counted.
        taxonomy: the tree of concepts.
        rank: one of ``RANKS``, or ``CONCEPT``.
        limit: the number of pairs to return.

    Examples:
        >>> from fathomnet_voxel51.evaluation.scoring.columns import pair_up
        >>> from fathomnet_voxel51.taxonomy import load_taxonomy
        >>> pairs = pair_up(["Elpidia", "Elpidia"], ["Peniagone", "Peniagone"], load_taxonomy())
        >>> most_confused(pairs, load_taxonomy())
        (Confused(true='Elpidia', predicted='Peniagone', boxes=2, distance=2),)
    """
    true, predicted = _names_at(rank, pairs, taxonomy)
    counts = Counter((a, b) for a, b in zip(true, predicted, strict=True) if a and b and a != b)
    found = [
        Confused(a, b, boxes, taxonomy.distance(taxonomy.stated(a), taxonomy.stated(b)))
        for (a, b), boxes in counts.items()
    ]
    found.sort(key=lambda one: (-one.boxes, -one.distance, one.true, one.predicted))
    return tuple(found[:limit])


def _names_at(rank: str, pairs: Pairs, taxonomy: Taxonomy) -> tuple[Sequence[Name], Sequence[Name]]:
    if rank == CONCEPT:
        return pairs.true, pairs.predicted
    if rank not in RANKS:
        raise ValueError(f"{rank!r} is neither {CONCEPT} nor one of {', '.join(RANKS)}")
    column = lineage_positions(taxonomy)[:, RANKS.index(rank)]
    names: list[Name] = [*taxonomy.names, None]
    true = [names[position] for position in column[pairs.true_positions].tolist()]
    return true, [names[position] for position in column[pairs.predicted_positions].tolist()]
