"""Plausible predictions: most right, some one step off on the tree of life, a few wild."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

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


def probabilities(
    predicted: Sequence[str], labels: Sequence[str], lineages: Lineages, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Class probabilities that agree with predictions, (N, concepts), in the lineages' order.

    The predicted concept has the greatest; what is near it on the tree of life has more than what
    is far, the true concept has more than its neighbours, and mistakes are less confident.

    Args:
        predicted: what was predicted of each of N boxes.
        labels: what each box shows.
        lineages: every concept that can be predicted.
        rng: decides the confidences.
    """
    concepts = list(lineages)
    column = {concept: number for number, concept in enumerate(concepts)}
    # The number of ranks, counted from kingdom, in which each two concepts agree.
    lines = np.array(list(lineages.values()))
    same = (lines[:, None] == lines[None]) & (lines[:, None] != "")
    kinship = np.cumprod(same, axis=2).sum(axis=2)
    chosen = np.array([column[name] for name in predicted], int)
    true = np.array([column[name] for name in labels], int)
    rows = np.arange(len(chosen))
    rest = np.exp(0.9 * kinship[chosen] + rng.normal(0, 0.5, (len(rows), len(concepts))))
    rest[rows, true] *= 6
    rest[rows, chosen] = 0
    rest /= rest.sum(axis=1, keepdims=True)
    right = chosen == true
    confidence = np.where(right, rng.beta(9, 2, len(rows)), rng.beta(5, 5, len(rows)))
    greatest = rest.max(axis=1, initial=0.0)
    confidence = np.maximum(confidence, greatest / (1 + greatest) + 0.02)
    shares = rest * (1 - confidence)[:, None]
    shares[rows, chosen] = confidence
    single: npt.NDArray[np.float32] = shares.astype(np.float32)
    return single
