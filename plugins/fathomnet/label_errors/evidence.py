"""What labels are judged on: the names that boxes may have, and how well probabilities foresee."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ..taxonomy import Taxonomy
from ..taxonomy.tree import MAX_DISTANCE

ROWS: Final = 4_096


def row_blocks(rows: int) -> Iterator[slice]:
    """Slices of consecutive rows, at least one.

    Examples:
        >>> list(row_blocks(5_000))
        [slice(0, 4096, None), slice(4096, 8192, None)]
    """
    for start in range(0, max(rows, 1), ROWS):
        yield slice(start, start + ROWS)


SHARE_WRONG: Final = 0.033
"""The share of wrong labels that is assumed at first: what Northcutt, Athalye and Mueller found on
average in the test sets of ten benchmarks ("Pervasive Label Errors in Test Sets", 2021)."""

LEAST: Final = float(np.finfo(np.float32).eps)
"""The lowest probability: those that models give are rounded to single precision."""


def mixed_log_likelihood(of_given: npt.NDArray[np.floating], names: int) -> float:
    """The mean log-likelihood of labels, a share of which is assumed to be random.

    One wrong label must not discredit all other answers of a model that was sure about it, as it
    would if the likelihood counted alone.

    Args:
        of_given: (N,) the probability that was predicted for the label that each box has.
        names: the number of names.

    Examples:
        To be sure and right costs almost nothing; to be sure and wrong has a limit:

        >>> round(mixed_log_likelihood(np.array([1.0]), names=79), 2)
        -0.03
        >>> round(mixed_log_likelihood(np.array([0.0]), names=79), 2)
        -7.78
    """
    mixed = (1 - SHARE_WRONG) * of_given + SHARE_WRONG / names
    return float(np.log(np.maximum(mixed, LEAST)).mean())


Positions = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

NO_NAME = -1


@dataclass(frozen=True, slots=True)
class Names:
    """K names, sorted.

    Attributes:
        names: every name that a label or a prediction uses.
        distances: (K, K) taxonomic distance, 0 on the diagonal; a name that the tree does not
            know has the largest distance to all others.
    """

    names: tuple[str, ...]
    distances: npt.NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def of(cls, used: Iterable[str], taxonomy: Taxonomy) -> Names:
        """The distinct names among those that are used.

        Examples:
            >>> from fathomnet_voxel51.taxonomy import load_taxonomy
            >>> names = Names.of(["Peniagone", "Elpidia", "Peniagone"], load_taxonomy())
            >>> names.names, names.distances.tolist()
            (('Elpidia', 'Peniagone'), [[0, 2], [2, 0]])
        """
        names = sorted(set(used))
        places = taxonomy.positions(names)
        known = np.flatnonzero(places >= 0)
        distances = np.full((len(names), len(names)), MAX_DISTANCE, np.intp)
        own = places[known]
        distances[np.ix_(known, known)] = taxonomy.distance_matrix[np.ix_(own, own)]
        np.fill_diagonal(distances, 0)
        return cls(tuple(names), distances)

    def positions(self, labels: Sequence[str | None]) -> Positions:
        """(N,) the position of each label in ``names``; -1 for no label.

        Examples:
            >>> names = Names(("Elpidia", "Peniagone"), np.array([[0, 2], [2, 0]]))
            >>> names.positions(["Peniagone", None])
            array([ 1, -1])
        """
        place = {name: number for number, name in enumerate(self.names)}
        found = [NO_NAME if label is None else place[label] for label in labels]
        return np.array(found, np.intp)

    def by_distance(self, weights: Floats) -> Floats:
        """How likely each other name is, if a distance is as likely as its weight says.

        Args:
            weights: (13,) of the distances 0 to 12; the weight of distance 0 is ignored.

        Returns:
            (K, K): a row sums to 1, its diagonal is 0; names at one distance share its weight.

        Examples:
            >>> names = Names(("Elpidia", "Peniagone"), np.array([[0, 2], [2, 0]]))
            >>> names.by_distance(np.ones(13))
            array([[0., 1.],
                   [1., 0.]])
        """
        counts = np.stack([np.bincount(row, minlength=MAX_DISTANCE + 1) for row in self.distances])
        each = weights / np.maximum(counts.mean(axis=0), 1.0 / max(len(self), 1))
        shares = each[self.distances]
        np.fill_diagonal(shares, 0.0)
        sums = shares.sum(axis=1, keepdims=True)
        even: Floats = np.divide(shares, sums, out=np.zeros_like(shares), where=sums > 0)
        return even


@dataclass(frozen=True, slots=True)
class Known:
    """What people have said of N labels, as long as these have not changed since.

    Attributes:
        right: (N,) those that they confirmed, or gave.
        wrong: (N,) those that they rejected.
    """

    right: Mask
    wrong: Mask

    @classmethod
    def nothing(cls, boxes: int) -> Known:
        """Nobody has said anything."""
        return cls(np.zeros(boxes, bool), np.zeros(boxes, bool))

    def __getitem__(self, rows: slice | Mask) -> Known:
        return Known(self.right[rows], self.wrong[rows])


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one signal says about N boxes.

    Attributes:
        logs: (N, K) the logarithm of how much more likely it makes each name; 0 where it says
            nothing.
        told: (N,) whether it says anything about a box.
    """

    logs: Floats
    told: Mask

    @classmethod
    def nothing(cls, boxes: int, names: int) -> Evidence:
        """The evidence of a signal that says nothing."""
        return cls(np.zeros((boxes, names)), np.zeros(boxes, bool))


def shares_of(given: Positions, names: int) -> Floats:
    """(K,) the share of each name among labels; every name counts once more than it is seen.

    Examples:
        >>> (6 * shares_of(np.array([0, 0, 1]), names=3)).tolist()
        [3.0, 2.0, 1.0]
    """
    counts = np.bincount(given, minlength=names) + 1.0
    shares: Floats = counts / counts.sum()
    return shares
