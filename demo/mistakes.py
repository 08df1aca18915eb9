"""Plausible predictions: most right, some one step off on the tree of life, a few wild."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from demo.concepts import Lineages

NEAR_MISSES: Final = 0.8
"""Share of the mistakes that stay within the nearest rank that has another concept."""
FINEST_FIRST: Final = (6, 5, 4, 3, 2, 1, 0)
"""Positions of a lineage's slots from species to kingdom."""


def look_alikes(concept: str, lineages: Lineages) -> list[str]:
    """The other concepts at the least distance: those that share the finest filled slot."""
    line = lineages[concept]
    for slot in FINEST_FIRST:
        shared = [
            other
            for other, lineage in lineages.items()
            if other != concept and line[slot] and lineage[slot] == line[slot]
        ]
        if shared:
            return shared
    return [other for other in lineages if other != concept]


def mistaken(
    labels: Sequence[str], lineages: Lineages, accuracy: float, rng: np.random.Generator
) -> list[str]:
    """What a decent model would say of boxes whose concepts are ``labels``.

    Args:
        labels: the true concept of each box.
        lineages: every concept that can be predicted.
        accuracy: chance that a prediction is right.
        rng: decides which are wrong, and how.
    """
    near = {concept: look_alikes(concept, lineages) for concept in set(labels)}
    far = list(lineages)
    right, close, pick = rng.random((3, len(labels)))
    predicted = []
    for number, label in enumerate(labels):
        if right[number] < accuracy:
            predicted.append(label)
            continue
        choices = near[label] if close[number] < NEAR_MISSES else [c for c in far if c != label]
        predicted.append(choices[int(pick[number] * len(choices))])
    return predicted
