"""Boxes, and pairs of true and predicted names, as flat columns with one entry each."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import Self

from ...names import RANKS
from ...taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class Boxes:
    """N boxes, grouped by image.

    Attributes:
        owners: (N,) number of the image that each box is on, ascending.
        ids: the boxes' own ids.
        labels: their names; None where a box has none.
        rectangles: (N, 4) left, top, width, height, relative to the image.
        annotation_ids: the catalog's number of each box; None for a box without one.
        confidences: None for a box without one.
        crowds: (N,) whether a box stands for a group.
    """

    owners: npt.NDArray[np.intp]
    ids: list[str]
    labels: list[str | None]
    rectangles: npt.NDArray[np.float64]
    annotation_ids: list[int | None]
    confidences: list[float | None]
    crowds: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def flattened(cls, columns: Sequence[Sequence[Sequence[Any]]]) -> Self:
        """Makes them from columns that hold one list per image.

        Args:
            columns: ids, labels, rectangles, annotation ids, confidences and crowd marks.

        Examples:
            >>> ids, unknown = [["a"], ["b", "c"]], [[None], [None, None]]
            >>> rectangles = [[(0, 0, 1, 1)], [(0, 0, 1, 1), (0, 0, 0.5, 0.5)]]
            >>> boxes = Boxes.flattened([ids, unknown, rectangles, unknown, unknown, unknown])
            >>> boxes.owners.tolist()
            [0, 1, 1]
        """
        ids, labels, rectangles, annotation_ids, confidences, crowds = (
            list(chain.from_iterable(column)) for column in columns
        )
        sizes = np.fromiter(map(len, columns[0]), np.intp, len(columns[0]))
        return cls(
            owners=np.repeat(np.arange(len(sizes)), sizes),
            ids=ids,
            labels=[label or None for label in labels],
            rectangles=np.array(rectangles, np.float64).reshape(-1, 4),
            annotation_ids=annotation_ids,
            confidences=confidences,
            crowds=np.array([bool(crowd) for crowd in crowds], bool),
        )


Name = str | None


@dataclass(frozen=True, slots=True)
class Pairs:
    """N boxes with a true name, and what was predicted for each.

    Attributes:
        true: the true names; any text.
        predicted: the predicted names; None where nothing was predicted.
        true_positions: (N,) positions of the names in ``taxonomy.names``; -1 for an unknown one.
        predicted_positions: (N,) likewise.
        distances: (N,) taxonomic distance, 0 to 12.
    """

    true: tuple[Name, ...]
    predicted: tuple[Name, ...]
    true_positions: npt.NDArray[np.intp]
    predicted_positions: npt.NDArray[np.intp]
    distances: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.true)

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """(N,) whether the names are equal; unknown names may be equal too."""
        equal = [a == b for a, b in zip(self.true, self.predicted, strict=True)]
        return np.array(equal, bool)

    @property
    def on_tree(self) -> npt.NDArray[np.bool_]:
        """(N,) whether the true name is in the taxonomy, so that there is a distance from it."""
        known: npt.NDArray[np.bool_] = self.true_positions >= 0
        return known

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """(N,) whether nothing was predicted."""
        return np.array([name is None for name in self.predicted], bool)


def pair_up(true: Sequence[Name], predicted: Sequence[Name], taxonomy: Taxonomy) -> Pairs:
    """Pairs the true and the predicted names of the same boxes.

    A name that states a taxon, such as ``Munidopsis sp.``, has that taxon's place on the tree.

    Args:
        true: N names.
        predicted: N names; None where nothing was predicted.
        taxonomy: the tree of concepts.

    Raises:
        ValueError: if the two differ in length.

    Examples:
        >>> from fathomnet_voxel51.taxonomy import load_taxonomy
        >>> pairs = pair_up(["Elpidia", "Elpidia"], ["Peniagone", None], load_taxonomy())
        >>> pairs.distances.tolist(), pairs.missing.tolist()
        ([2, 12], [False, True])
    """
    stated = {name: taxonomy.stated(name) for name in {*true, *predicted}}
    true_taxa, predicted_taxa = ([stated[name] for name in names] for names in (true, predicted))
    return Pairs(
        true=tuple(true),
        predicted=tuple(predicted),
        true_positions=taxonomy.positions(true_taxa),
        predicted_positions=taxonomy.positions(predicted_taxa),
        distances=taxonomy.distances(true_taxa, predicted_taxa),
    )


def pairs_of_results(results: Any, taxonomy: Taxonomy) -> tuple[Pairs, npt.NDArray[np.intp]]:
    """The pairs of a FiftyOne evaluation of classifications or detections.

    Args:
        results: what ``dataset.load_evaluation_results(eval_key)`` returns.
        taxonomy: the tree of concepts.

    Returns:
        The pairs, and the position of each in ``results.ytrue``, ``ypred_ids`` and so on. A
        prediction that matches no box has no true name and is left out.
    """
    rows = np.flatnonzero(results.ytrue != results.missing)
    predicted = [None if name == results.missing else name for name in results.ypred[rows].tolist()]
    return pair_up(results.ytrue[rows].tolist(), predicted, taxonomy), rows


def lineage_positions(taxonomy: Taxonomy) -> npt.NDArray[np.intp]:
    """The lineage of every name as positions, (names + 1, 7), kingdom to species.

    A slot that the lineage does not reach is -1. The last row, which index -1 reaches, is that of
    an unknown name.
    """
    table = np.full((len(taxonomy.names) + 1, len(RANKS)), -1, np.intp)
    for row, taxon in enumerate(taxonomy.taxa):
        table[row] = taxonomy.positions(taxon.lineage)
    return table
