"""The boxes of many images as flat columns with one entry per box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import Self


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
