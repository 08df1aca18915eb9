"""Finds the boxes that a suspect looks like, among those that have its suggested name."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from .names import Positions

SHOWN: Final = 3
"""Boxes that are shown beside a suspect."""


def find_look_alikes(
    matrix: npt.NDArray[np.float32],
    images: Positions,
    given: Positions,
    suspects: Positions,
    suggested: Positions,
) -> list[list[int]]:
    """For each suspect the nearest boxes with its suggested name, the nearest first.

    They lie on other images and are not suspects themselves. A box is given to one suspect only,
    the first that it is near to, so that all can be shown in one view.

    Args:
        matrix: (N, D) rows of length 1.
        images: (N,) number of the image that each box is on.
        given: (N,) position of the label that each has.
        suspects: (S,) numbers of the suspects, in the order in which they choose.
        suggested: (S,) position of the name that is suggested for each.

    Returns:
        S lists of at most ``SHOWN`` numbers.

    Examples:
        >>> vectors, images = np.array([[1, 0], [0, 1], [1, 0]], np.float32), np.array([0, 1, 2])
        >>> labels, suspects, suggested = np.array([0, 1, 1]), np.array([0]), np.array([1])
        >>> find_look_alikes(vectors, images, labels, suspects, suggested)
        [[2, 1]]
    """
    is_sound = np.ones(len(given), bool)
    is_sound[suspects] = False
    found: list[list[int]] = [[] for _ in suspects]
    for name in np.unique(suggested).tolist():
        members = np.flatnonzero((given == name) & is_sound)
        vectors = matrix[members]
        free = np.ones(len(members), bool)
        for turn in np.flatnonzero(suggested == name).tolist():
            suspect = suspects[turn]
            scores = vectors @ matrix[suspect]
            usable = np.flatnonzero(free & (images[members] != images[suspect]))
            best = usable[np.argsort(-scores[usable], kind="stable")[:SHOWN]]
            free[best] = False
            found[turn] = members[best].tolist()
    return found
