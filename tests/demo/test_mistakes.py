from __future__ import annotations

import numpy as np

from demo.concepts import read_lineages
from demo.mistakes import look_alikes, mistaken, probabilities

LINEAGES = read_lineages()
LABELS = sorted(LINEAGES) * 40


def test_look_alikes_share_the_finest_rank_that_has_others():
    assert look_alikes("Scotoplanes globosa", LINEAGES) == ["Scotoplanes"]
    assert set(look_alikes("Mediaster aequalis", LINEAGES)) == {"Hippasteria"}
    assert set(look_alikes("Pandalus amplus", LINEAGES)) == {"Pandalus platyceros"}


def test_accuracy_is_near_what_was_asked_for():
    predicted = mistaken(LABELS, LINEAGES, 0.8, np.random.default_rng(0))
    right = np.mean([a == b for a, b in zip(predicted, LABELS, strict=True)])
    assert abs(right - 0.8) < 0.03


def test_most_mistakes_are_look_alikes():
    predicted = mistaken(LABELS, LINEAGES, 0.5, np.random.default_rng(0))
    wrong = [(a, b) for a, b in zip(predicted, LABELS, strict=True) if a != b]
    near = np.mean([a in look_alikes(b, LINEAGES) for a, b in wrong])
    assert 0.7 < near < 0.95


def test_probabilities_sum_to_one_and_favour_the_prediction():
    rng = np.random.default_rng(1)
    predicted = mistaken(LABELS, LINEAGES, 0.7, rng)
    shares = probabilities(predicted, LABELS, LINEAGES, rng)
    assert shares.dtype == np.float32
    assert shares.shape == (len(LABELS), 79)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    concepts = list(LINEAGES)
    assert [concepts[column] for column in shares.argmax(axis=1)] == predicted


def test_mistakes_are_less_confident():
    rng = np.random.default_rng(1)
    predicted = mistaken(LABELS, LINEAGES, 0.7, rng)
    confidence = probabilities(predicted, LABELS, LINEAGES, rng).max(axis=1)
    right = np.array([a == b for a, b in zip(predicted, LABELS, strict=True)])
    assert confidence[right].mean() > confidence[~right].mean() + 0.2
