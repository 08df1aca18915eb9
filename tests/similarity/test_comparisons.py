"""Which rows are compared with which, where they are too many for all with all."""

from __future__ import annotations

import numpy as np
import pytest
from fathomnet_voxel51.similarity.neighbours import Pairs, comparisons, inverse_norms, similar_pairs


def clustered_vectors(rows: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    kinds = rng.normal(size=(40, 16))[rng.integers(0, 40, rows)]
    matrix = (kinds + 0.3 * rng.normal(size=kinds.shape)).astype(np.float32)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def scores_of_pairs(pairs: Pairs) -> dict[tuple[int, int], float]:
    columns = (column.tolist() for column in (pairs.first, pairs.second, pairs.scores))
    return {(first, second): score for first, second, score in zip(*columns, strict=True)}


def test_few_rows_are_all_compared_with_all() -> None:
    ((group, others),) = comparisons(clustered_vectors(100), 100)
    assert group.tolist() == others.tolist() == list(range(100))
    assert list(comparisons(np.zeros((0, 16), np.float32), 100)) == []


def test_many_are_each_in_one_group_that_is_compared_with_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fathomnet_voxel51.similarity.neighbours.GROUP", 60)
    groups = list(comparisons(clustered_vectors(3_000), 600))
    assert sorted(row for group, _ in groups for row in group) == list(range(3_000))
    assert all(len(group) <= 60 and len(others) <= 600 for group, others in groups)
    assert all(set(group) <= set(others) for group, others in groups)


def test_pairs_that_are_almost_equal_are_found_among_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fathomnet_voxel51.similarity.neighbours.GROUP", 60)
    matrix = clustered_vectors(3_000)
    rng = np.random.default_rng(6)
    matrix[2_000:2_400] = matrix[:400] + rng.normal(0, 1e-3, (400, 16)).astype(np.float32)
    inverse, parts = inverse_norms(matrix), list[float]()
    everything = similar_pairs(matrix, inverse, 0.999)
    found = similar_pairs(matrix, inverse, 0.999, parts.append, comparisons(matrix, compared=600))
    assert parts[-1] == pytest.approx(1)
    scores, expected = (scores_of_pairs(pairs) for pairs in (found, everything))
    assert scores.items() <= expected.items() and len(scores) == len(found.first)
    assert {(row, row + 2_000) for row in range(400)} <= scores.keys()
    assert len(scores) >= 0.99 * len(expected)
