"""The arithmetic of doubt, against cases that were worked out by hand or in a plainer way."""

from __future__ import annotations

import numpy as np
import pytest
from fathomnet_voxel51.label_errors.evidence import Known, Names, shares_of
from fathomnet_voxel51.label_errors.from_neighbours import (
    Neighbours,
    evidence_of_neighbours,
    nearest_elsewhere,
)
from fathomnet_voxel51.label_errors.information import Opinions, evidence_of_predictions
from fathomnet_voxel51.label_errors.weighing import (
    Case,
    Looks,
    Slips,
    error_probabilities,
    find_look_alikes,
    fit_slips,
    name_probabilities,
    suggested_names,
    weigh_labels,
)
from fathomnet_voxel51.taxonomy import load_taxonomy
from sklearn.metrics import average_precision_score

NAMES = Names.of(["Hippasteria", "Mediaster aequalis", "Sebastes", "Hippasteria"], load_taxonomy())


def positions(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.intp)


def test_names_are_sorted_and_as_far_apart_as_the_tree_says() -> None:
    tree = load_taxonomy()
    assert NAMES.names == ("Hippasteria", "Mediaster aequalis", "Sebastes")
    expected = [[tree.distance(a, b) for b in NAMES.names] for a in NAMES.names]
    assert NAMES.distances.tolist() == expected
    assert NAMES.positions(["Sebastes", None]).tolist() == [2, -1]


def test_names_that_no_tree_knows_are_near_to_nothing_but_themselves() -> None:
    names = Names.of(["rubbish", "Sebastes"], load_taxonomy())
    assert names.distances.tolist() == [[0, 12], [12, 0]]


def test_bayes_by_hand() -> None:
    """Two names alike in number, one label in ten wrong, evidence nine to one against the label.

    P(wrong) = 0.9 x 0.1 / (0.9 x 0.1 + 0.1 x 0.9) = 0.5.
    """
    evidence = np.log([[0.1, 0.9], [0.5, 0.5]])
    slips = Slips(0.1, np.array([[0.0, 1.0], [1.0, 0.0]]))
    found = name_probabilities(evidence, positions(0, 0), np.array([0.5, 0.5]), slips)
    # Without evidence a label is as wrong as labels are.
    assert error_probabilities(found, positions(0, 0)) == pytest.approx([0.5, 0.1])
    assert suggested_names(found, positions(0, 0)).tolist() == [1, 1]


def test_a_prior_that_favours_the_other_name_makes_a_label_more_doubtful() -> None:
    """P(wrong) = 0.8 x 0.1 / (0.8 x 0.1 + 0.2 x 0.9) = 4/13."""
    slips = Slips(0.1, np.array([[0.0, 1.0], [1.0, 0.0]]))
    found = name_probabilities(np.zeros((1, 2)), positions(0), np.array([0.2, 0.8]), slips)
    assert error_probabilities(found, positions(0)) == pytest.approx([4 / 13])


def test_the_rate_of_slips_is_found_where_the_evidence_is_plain() -> None:
    given = positions(*([0] * 90), *([1] * 10))
    evidence = np.zeros((100, 3))
    evidence[:, 0] = 20.0
    prior = shares_of(given, 3)
    slips = fit_slips(evidence, given, prior, NAMES)
    # Ten are wrong; one of thirty assumed ones is added.
    assert slips.rate == pytest.approx(11 / (100 + 1 / 0.033), abs=0.002)
    # All go from the first name to the second, which are near on the tree; Sebastes is far.
    assert slips.to[0, 1] > slips.to[0, 2]
    assert slips.to.sum(axis=1) == pytest.approx([1, 1, 1])
    assert np.diag(slips.to).tolist() == [0, 0, 0]


def test_neighbours_are_those_of_a_plain_search_without_the_own_image() -> None:
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(60, 6))
    matrix = (matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype(np.float32)
    images = rng.integers(0, 12, 60).astype(np.intp)
    found = nearest_elsewhere(matrix, images, k=5)
    for row in range(60):
        others = [one for one in range(60) if images[one] != images[row]]
        others.sort(key=lambda one: -float(matrix[one] @ matrix[row]))
        assert found.rows[row].tolist() == others[:5]
        expected = [float(matrix[one] @ matrix[row]) for one in others[:5]]
        assert found.cosines[row] == pytest.approx(expected, abs=1e-6)


def test_blocks_find_what_one_product_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    matrix = rng.normal(size=(50, 4)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    images = np.arange(50, dtype=np.intp) // 3
    whole = nearest_elsewhere(matrix, images, k=4)
    monkeypatch.setattr("fathomnet_voxel51.label_errors.from_neighbours._SCORES_AT_ONCE", 350)
    parts: list[float] = []
    found = nearest_elsewhere(matrix, images, k=4, progress=parts.append)
    assert len(parts) == 8
    assert parts[-1] == 1.0
    assert found.rows.tolist() == whole.rows.tolist()


def test_images_with_fewer_neighbours_than_asked_for_have_no_votes_left_over() -> None:
    matrix = np.eye(3, dtype=np.float32)
    near = nearest_elsewhere(matrix, positions(0, 0, 1), k=20)
    assert (near.cosines > -2).sum(axis=1).tolist() == [1, 1, 2]
    alone = nearest_elsewhere(matrix, positions(0, 0, 0))
    assert not evidence_of_neighbours(alone, positions(0, 1, 2), 3).told.any()


def test_boxes_whose_neighbours_disagree_have_evidence_against_their_label() -> None:
    given = positions(0, 0, 0, 0, 1, 1, 1, 1, 1)
    rows = np.array([[1, 2], [0, 2], [0, 1], [0, 1], [5, 6], [4, 6], [4, 5], [4, 5], [0, 1]])
    near = Neighbours(rows.astype(np.intp), np.full((9, 2), 0.9, np.float32))
    evidence = evidence_of_neighbours(near, given, 2).logs
    assert evidence[8, 0] > 0 > evidence[8, 1]
    assert evidence[4, 1] > 0 > evidence[4, 0]


def test_a_nearer_neighbour_weighs_more() -> None:
    rng = np.random.default_rng(0)
    given = positions(*([0, 1] * 20))
    rows = np.array([[(row + 2) % 40, (row + 1) % 40] for row in range(40)], np.intp)
    cosines = np.tile(np.array([0.95, 0.6], np.float32), (40, 1))
    cosines += rng.normal(0, 0.001, cosines.shape).astype(np.float32)
    evidence = evidence_of_neighbours(Neighbours(rows, cosines), given, 2).logs
    own = evidence[np.arange(40), given]
    assert (own > 0).all()


def test_predictions_are_spread_out_by_what_is_known_of_them() -> None:
    given = positions(*([0] * 50), *([2] * 49), 0)
    predicted = positions(*([0] * 50), *([2] * 49), 2)
    nothing = np.full(100, np.nan)
    names = evidence_of_predictions(Opinions(predicted, nothing, None), given, NAMES).logs
    assert names[99, 2] > 0 > names[99, 0]
    confidences = np.full(100, 0.9)
    confidences[99] = 0.4
    unsure = evidence_of_predictions(Opinions(predicted, confidences, None), given, NAMES).logs
    confidences[99] = 0.9
    sure = evidence_of_predictions(Opinions(predicted, confidences, None), given, NAMES).logs
    assert sure[99, 2] - sure[99, 0] > unsure[99, 2] - unsure[99, 0]


def test_probabilities_count_more_than_the_predicted_name() -> None:
    given = positions(*([0, 1] * 50))
    shares = np.full((100, 3), 0.01, np.float32)
    shares[np.arange(100), given] = 0.98
    shares[0] = (0.45, 0.54, 0.01)
    shares[2] = (0.01, 0.98, 0.01)
    predicted = shares.argmax(axis=1).astype(np.intp)
    evidence = evidence_of_predictions(
        Opinions(predicted, shares.max(axis=1).astype(float), shares), given, NAMES
    ).logs
    against = evidence[:, 1] - evidence[:, 0]
    assert predicted[0] == predicted[2] == 1
    assert against[2] > against[0] > against[4]


def test_what_was_not_predicted_says_nothing() -> None:
    opinions = Opinions(positions(-1, 1), np.full(2, np.nan), None)
    evidence = evidence_of_predictions(opinions, positions(0, 1), NAMES)
    assert not evidence.logs[0].any()
    assert evidence.told.tolist() == [False, True]


def test_each_look_alike_stands_beside_one_suspect() -> None:
    matrix = np.array(
        [[1, 0], [0.99, 0.14], [0.98, 0.2], [0.96, 0.28], [0.8, 0.6], [0.6, 0.8], [1, 0]],
        np.float32,
    )
    images = positions(0, 1, 2, 3, 4, 5, 0)
    given = positions(0, 1, 1, 1, 1, 0, 1)
    found = find_look_alikes(matrix, images, given, positions(0, 5), positions(1, 1))
    # Number 6 is on the first suspect's image; the nearest three go to the first in turn.
    assert found == [[1, 2, 3], [4, 6]]


@pytest.mark.parametrize("seed", range(20))
def test_scores_are_probabilities_whatever_there_is(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 40))
    given = rng.integers(0, 3, size).astype(np.intp)
    shares = rng.dirichlet(np.full(3, 0.2), size).astype(np.float32)
    shares[rng.random(size) < 0.3] = np.nan
    confidences = np.where(rng.random(size) < 0.5, rng.random(size).round(), np.nan)
    predicted = rng.integers(-1, 3, size).astype(np.intp)
    opinions = Opinions(predicted, confidences, shares if rng.random() < 0.5 else None)
    doubts = weigh_labels(Case(given, NAMES, opinions, None), threshold=0.5)
    told = ~np.isnan(doubts.score)
    assert ((doubts.score[told] >= 0) & (doubts.score[told] <= 1)).all()
    assert (told == (predicted != -1)).all()
    assert (doubts.suggested != given).all()


def test_vectors_that_say_nothing_raise_no_doubt() -> None:
    """Random vectors and random labels: a label is hardly more doubtful than labels are."""
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(600, 64)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    given = rng.integers(0, 3, 600).astype(np.intp)
    looks = Looks(np.arange(600), matrix, np.arange(600) // 2)
    doubts = weigh_labels(Case(given, NAMES, None, looks), threshold=0.5)
    assert np.nanmax(doubts.score) < 0.1
    assert len(doubts.suspects) == 0


def test_of_many_boxes_each_is_compared_with_those_most_like_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(5)
    kinds = rng.normal(size=(40, 16))[rng.integers(0, 40, 3_000)]
    matrix = (kinds + 0.3 * rng.normal(size=kinds.shape)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    images = np.arange(3_000, dtype=np.intp) // 3
    whole = nearest_elsewhere(matrix, images)
    monkeypatch.setattr("fathomnet_voxel51.label_errors.from_neighbours.COMPARED", 600)
    monkeypatch.setattr("fathomnet_voxel51.similarity.neighbours.GROUP", 60)
    parts: list[float] = []
    found = nearest_elsewhere(matrix, images, progress=parts.append)
    assert parts[-1] == 1.0
    assert (images[found.rows] != images[:, None]).all()
    pairs = zip(found.rows, whole.rows, strict=True)
    assert np.mean([len(np.intersect1d(a, b)) / 20 for a, b in pairs]) > 0.9
    assert np.allclose(
        found.cosines[:, 0], (matrix * matrix[found.rows[:, 0]]).sum(axis=1), atol=1e-5
    )


def herds(seed: int) -> tuple[np.ndarray, np.ndarray, Names, Looks, Opinions]:
    """Boxes of twelve names with four looks each, some looks of which are often called wrongly.

    Returns:
        The true names, the labels, all names, vectors, and what a model says.
    """
    dice = np.random.default_rng(seed)
    names = Names.of(sorted(load_taxonomy().names)[:12], load_taxonomy())
    middles = dice.normal(0, 1, (12, 24))
    looks = middles[:, None] + dice.normal(0, 0.6, (12, 4, 24))
    true, look = dice.integers(0, 12, 900), dice.integers(0, 4, 900)
    vectors = looks[true, look] + dice.normal(0, 1.1, (900, 24))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    given = true.copy()
    for _ in range(4):
        name, other = dice.choice(12, 2, replace=False)
        herd = np.flatnonzero((true == name) & (look == dice.integers(4)))
        given[herd[dice.random(len(herd)) < 0.6]] = other
    alone = dice.random(900) < 0.03
    given[alone] = (given[alone] + dice.integers(1, 12, alone.sum())) % 12
    directions = middles / np.linalg.norm(middles, axis=1, keepdims=True)
    logits = 12 * vectors @ directions.T + dice.normal(0, 1, (900, 12))
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
    opinions = Opinions(shares.argmax(axis=1), np.full(900, np.nan), shares)
    return true, given, names, Looks(np.arange(900), vectors.astype(np.float32), true), opinions


@pytest.mark.parametrize("by", ["neighbours", "predictions", "both"])
def test_what_people_say_of_some_labels_helps_to_find_the_other_wrong_ones(by: str) -> None:
    gains: dict[tuple[float, str], list[float]] = {}
    for seed in range(6):
        true, given, names, looks, said = herds(seed)
        opinions = None if by == "neighbours" else said
        # Each box is on an image of its own.
        near = None if by == "predictions" else Looks(looks.has, looks.matrix, np.arange(900))
        wrong = given != true
        alone = weigh_labels(Case(given, names, opinions, near), 0.5).score
        for share in (0.1, 0.5):
            judged = np.random.default_rng(seed).random(900) < share
            ways = {
                "rejected": (given, Known(judged & ~wrong, judged & wrong)),
                "corrected": (np.where(judged, true, given), Known(judged, np.zeros(900, bool))),
            }
            for way, (labels, known) in ways.items():
                taught = weigh_labels(Case(labels, names, opinions, near, known), 0.5).score
                assert (taught[known.right] == 0).all() and (taught[known.wrong] == 1).all()
                left = ~judged
                before, after = (
                    average_precision_score(wrong[left], score[left]) for score in (alone, taught)
                )
                gains.setdefault((share, way), []).append(after - before)
    assert all(np.mean(gain) >= -0.002 for gain in gains.values())
    if by != "predictions":
        least = {"neighbours": 0.05, "both": 0.005}[by]
        assert all(np.mean(gains[0.5, way]) >= least for way in ("rejected", "corrected"))


def test_the_rate_of_slips_heeds_what_people_said() -> None:
    given = positions(*[0] * 20)
    nothing = np.zeros((20, 3))
    prior = shares_of(given, 3)
    none_wrong = Known(np.ones(20, bool), np.zeros(20, bool))
    half_wrong = Known(np.arange(20) < 10, np.arange(20) >= 10)
    rates = [
        fit_slips(nothing, given, prior, NAMES, known).rate
        for known in (none_wrong, None, half_wrong)
    ]
    assert rates[0] == pytest.approx(1 / (20 + 1 / 0.033))
    assert rates == sorted(rates)
    assert rates[2] == pytest.approx(11 / (20 + 1 / 0.033))
