"""Bootstrap intervals."""

from __future__ import annotations

import numpy as np
import pytest
from fathomnet_voxel51.evaluation.scoring.scores import bootstrap_intervals
from scipy.stats import bootstrap

RNG = np.random.default_rng(8)


def test_with_a_group_a_box_the_interval_is_scipy_s() -> None:
    values = RNG.exponential(2.0, 400)
    ((low, high),) = bootstrap_intervals(values[:, None], np.arange(400), draws=4_000) or ()
    theirs = bootstrap(
        (values,), np.mean, n_resamples=4_000, method="percentile", random_state=1
    ).confidence_interval
    assert low == pytest.approx(theirs.low, rel=0.02)
    assert high == pytest.approx(theirs.high, rel=0.02)


def test_whole_groups_are_drawn_as_in_a_loop() -> None:
    sizes = RNG.integers(1, 12, 60)
    groups = np.repeat(np.arange(60), sizes)
    values = np.stack([RNG.random(60)[groups], RNG.random(len(groups)) < 0.3], axis=1) * 1.0
    found = bootstrap_intervals(values, groups, draws=3_000) or ()
    means = []
    for _ in range(3_000):
        drawn = RNG.integers(0, 60, 60)
        rows = np.concatenate([np.flatnonzero(groups == group) for group in drawn])
        means.append(values[rows].mean(axis=0))
    expected = np.quantile(means, (0.025, 0.975), axis=0).T
    assert np.array(found) == pytest.approx(expected, rel=0.04)


def test_boxes_that_resemble_each_other_make_the_interval_wider() -> None:
    groups = np.repeat(np.arange(50), 20)
    values = RNG.random(50)[groups][:, None]
    (by_group,) = bootstrap_intervals(values, groups) or ()
    (by_box,) = bootstrap_intervals(values, np.arange(1_000)) or ()
    assert by_group[1] - by_group[0] > 3 * (by_box[1] - by_box[0])


def test_the_seed_decides() -> None:
    values, groups = RNG.random((300, 2)), np.repeat(np.arange(30), 10)
    assert bootstrap_intervals(values, groups, seed=1) == bootstrap_intervals(
        values, groups, seed=1
    )
    assert bootstrap_intervals(values, groups, seed=1) != bootstrap_intervals(
        values, groups, seed=2
    )


def test_of_many_groups_a_share_of_the_draws_is_made_at_a_time() -> None:
    values = RNG.random((300_000, 1))
    ((low, high),) = bootstrap_intervals(values, np.arange(300_000), draws=60) or ()
    assert low < values.mean() < high


def test_one_group_says_nothing_of_the_spread() -> None:
    assert bootstrap_intervals(np.ones((5, 1)), np.zeros(5, int)) is None
    assert bootstrap_intervals(np.ones((0, 1)), np.zeros(0, int)) is None
