"""Exact neighbours: equal to what is worked out row by row, whatever stands where."""

from __future__ import annotations

import numpy as np
import pytest
from fathomnet_voxel51.similarity.neighbours import cosines, inverse_norms, nearest, similar_pairs

from tests.similarity.embedded import brute_force, cosine, offset_vectors


@pytest.mark.parametrize("offset", [0.0, 3.0, 10.0])
@pytest.mark.parametrize("farthest", [False, True])
def test_neighbours_are_those_of_brute_force(offset: float, farthest: bool) -> None:
    rng = np.random.default_rng(5)
    matrix = (rng.normal(size=(3_000, 64)) + offset).astype(np.float32)
    inverse = inverse_norms(matrix)
    for query in (rng.normal(size=64) + offset, matrix[17]):
        expected = brute_force(matrix, query)
        expected = expected[::-1] if farthest else expected
        for k in (1, 25, 2_999, None):
            found = nearest(matrix, inverse, query, k, farthest=farthest)
            assert found.rows.tolist() == expected[:k].tolist()


def test_equal_rows_stand_in_their_order_and_the_asked_one_before_them() -> None:
    matrix = offset_vectors(1_001, dimensions=48)
    equal = [3, 500, 996, 1_000]  # also where a product's last rows are computed differently
    matrix[equal] = matrix[3] * np.array([[1], [1], [2], [0.5]], dtype=np.float32)
    inverse = inverse_norms(matrix)
    assert nearest(matrix, inverse, matrix[3], 4).rows.tolist() == equal
    assert nearest(matrix, inverse, matrix[996], 4, first=996).rows.tolist() == [996, 3, 500, 1_000]
    assert nearest(matrix, inverse, matrix[1_000], 1, first=1_000).rows.tolist() == [1_000]


def test_only_the_named_rows_are_found() -> None:
    matrix = offset_vectors(200)
    rows = np.array([150, 20, 7])
    found = nearest(matrix, inverse_norms(matrix), matrix[0], 2, rows=rows)
    order = [row for row in brute_force(matrix, matrix[0]) if row in rows]
    assert found.rows.tolist() == order[:2]


def test_a_row_of_zeros_is_like_nothing() -> None:
    matrix = np.array([[0, 0], [1, 0], [-1, 0]], dtype=np.float32)
    found = nearest(matrix, inverse_norms(matrix), np.array([2.0, 0.0]))
    assert (found.rows.tolist(), found.scores.tolist()) == ([1, 0, 2], [1, 0, -1])


def test_scores_do_not_depend_on_the_queries_beside_them() -> None:
    matrix = offset_vectors(5_000, dimensions=96)
    queries = offset_vectors(33, seed=1, dimensions=96)
    together = cosines(matrix, queries)
    for number in (0, 15, 32):
        assert (cosines(matrix, queries[number : number + 1])[0] == together[number]).all()
    assert together[4, 4_999] == np.float32(cosine(matrix[4_999], queries[4]))


def test_similar_pairs_are_those_of_all_pairs_compared() -> None:
    matrix = offset_vectors(700, dimensions=16)
    matrix[600:650] = matrix[10:60] + 1e-3
    inverse = inverse_norms(matrix)
    least = 0.97
    expected = {
        (one, other)
        for one in range(700)
        for other in range(one + 1, 700)
        if cosine(matrix[one], matrix[other]) >= least
    }
    pairs = similar_pairs(matrix, inverse, least)
    assert set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == expected
    assert len(expected) > 50
    assert pairs.scores.min() >= least
