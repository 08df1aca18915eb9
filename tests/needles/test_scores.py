"""Scores of needles, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from fathomnet_voxel51.needles.find import hit_threshold, needle_scores, soft_maximum

SILENT = np.full((1, 5), 0.2, dtype=np.float32)
"""A negative that fits every picture alike, and so explains nothing."""


def test_scores_and_threshold_worked_by_hand() -> None:
    prompt = np.array([0.1, 0.2, 0.3, 0.4, 0.9], dtype=np.float32)
    # Median 0.3; distances from it 0.2, 0.1, 0, 0.1, 0.6 with median 0.1, which is 0.14826
    # standard deviations of a normal distribution.
    scores = needle_scores(prompt, SILENT, k=25)
    assert scores.values == pytest.approx([-1.349, -0.6745, 0, 0.6745, 4.047], abs=1e-3)
    assert scores.threshold == pytest.approx(1.645, abs=1e-3)
    assert scores.hits().tolist() == [4]


def test_what_resembles_a_negative_as_much_is_no_hit() -> None:
    negative = np.array([[0.1, 0.1, 0.2, 0.1, 0.7]], dtype=np.float32)
    prompt = np.array([0.2, 0.3, 0.3, 0.1, 0.8], dtype=np.float32)
    assert needle_scores(prompt, SILENT, k=25).hits().tolist() == [4]
    # Contrasts: 0.1, 0.2, 0.1, 0, 0.1. The fifth has the largest similarity, but also to what it
    # must not match.
    assert 4 not in needle_scores(prompt, negative, k=25).hits()


def test_the_soft_maximum_is_the_largest_less_what_one_of_many_counts() -> None:
    cosines = np.array([[0.30, 0.20], [0.10, 0.20]], dtype=np.float32)
    # Far apart, only the largest counts, as one of two; equal ones give their value.
    assert soft_maximum(cosines) == pytest.approx([0.30 - 0.01 * np.log(2), 0.20], abs=1e-6)


def test_negatives_that_say_the_same_count_once() -> None:
    rng = np.random.default_rng(0)
    negative = rng.normal(0.2, 0.05, 300).astype(np.float32)
    prompt = (negative + rng.normal(0, 0.01, 300)).astype(np.float32)
    once = needle_scores(prompt, negative[None], k=25).values
    thrice = needle_scores(prompt, np.stack([negative] * 3), k=25).values
    assert thrice == pytest.approx(once)


@pytest.mark.parametrize(
    ("pictures", "k", "expected_score"),
    [
        (50, 25, 1.645),  # one in twenty, however few pictures there are
        (250, 25, 2.326),  # one in a hundred
        (2_500, 25, 3.090),  # one in a thousand
        (100, 1, 3.090),
    ],
)
def test_the_threshold_grows_with_the_number_of_pictures(
    pictures: int, k: int, expected_score: float
) -> None:
    assert hit_threshold(pictures, k) == pytest.approx(expected_score, abs=1e-3)


def test_chance_alone_passes_as_rarely_as_promised() -> None:
    rng = np.random.default_rng(0)
    prompt = rng.normal(0.2, 0.02, 20_000).astype(np.float32)
    negatives = rng.normal(0.25, 0.02, (5, 20_000)).astype(np.float32)
    assert 60 < len(needle_scores(prompt, negatives, k=1_000).hits()) < 140


def test_planted_needles_are_found_whatever_the_level_of_their_prompt() -> None:
    rng = np.random.default_rng(1)
    negatives = rng.normal(0.25, 0.02, (5, 2_000)).astype(np.float32)
    for level in (-0.1, 0.1, 0.3):
        prompt = rng.normal(level, 0.02, 2_000).astype(np.float32)
        prompt[[7, 1_900]] += 0.25
        assert set(needle_scores(prompt, negatives, k=25).hits()[:2].tolist()) == {7, 1_900}


def test_pictures_that_are_all_alike_have_no_hit() -> None:
    prompt, negatives = np.full(10, 0.4, np.float32), np.full((3, 10), 0.2, np.float32)
    assert needle_scores(prompt, negatives, k=25).hits().size == 0


def test_an_empty_index_has_no_hit() -> None:
    scores = needle_scores(np.empty(0, np.float32), np.empty((2, 0), np.float32), k=25)
    assert scores.hits().size == 0
