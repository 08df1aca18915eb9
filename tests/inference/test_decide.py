"""The decided name has the least expected distance of all names, found by trying every one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from time import process_time

import numpy as np
import pytest
from fathomnet_inference.decide import (
    ARGMAX,
    EXPECTED_DISTANCE,
    Decider,
    Decisions,
    Floats,
    probabilities,
)
from fathomnet_voxel51.errors import InputError
from fathomnet_voxel51.taxonomy import Taxonomy, load_taxonomy
from hypothesis import given, settings
from hypothesis import strategies as st

TAXONOMY = load_taxonomy()
CONCEPTS = TAXONOMY.concepts


def decide(shares: Floats, rule: str = EXPECTED_DISTANCE, concepts: Sequence[str] = CONCEPTS):
    return Decider(rule, concepts, TAXONOMY).decide(shares)


def one(by_concept: dict[str, float], rule: str = EXPECTED_DISTANCE) -> Decisions:
    shares = np.zeros((1, len(CONCEPTS)))
    for name, share in by_concept.items():
        shares[0, CONCEPTS.index(name)] = share
    return decide(shares, rule)


def brute_force(weights: Sequence[int], taxonomy: Taxonomy = TAXONOMY) -> tuple[str, Fraction]:
    """The documented choice and its expected distance, exactly, by a walk over every name."""
    total = sum(weights)
    likeliest = CONCEPTS[max(range(len(weights)), key=lambda at: (weights[at], -at))]

    def merit(at: int) -> tuple[object, ...]:
        name = taxonomy.names[at]
        cost = sum(w * taxonomy.distance(name, c) for w, c in zip(weights, CONCEPTS, strict=True))
        below = sum(
            weight
            for weight, concept in zip(weights, CONCEPTS, strict=True)
            if name == concept or name in taxonomy.taxon(concept).lineage
        )
        return (cost, name != likeliest, -taxonomy.taxon(name).depth, -below, at)

    cost, *_, at = min(merit(at) for at in range(len(taxonomy.names)))
    return taxonomy.names[at], Fraction(cost, total)


def normalised(rows: Sequence[Sequence[int]]) -> Floats:
    counts = np.array(rows, dtype=np.float64)
    return counts / counts.sum(axis=1, keepdims=True)


def test_the_choice_is_that_of_brute_force_over_every_name() -> None:
    random = np.random.default_rng(5)
    spread = [random.integers(0, 1_000, len(CONCEPTS)).tolist() for _ in range(10)]
    peaked = [(random.pareto(0.5, len(CONCEPTS)) * 10).astype(int).tolist() for _ in range(40)]
    decided = decide(normalised([*spread, *peaked]))
    expected = [brute_force(weights)[0] for weights in (*spread, *peaked)]
    assert list(decided.concept_name) == expected
    ranks = {TAXONOMY.taxon(name).rank for name in expected}
    assert len(ranks) >= 4, "the draws should be decided at many ranks"


FEW = st.dictionaries(st.sampled_from(range(len(CONCEPTS))), st.integers(1, 6), min_size=1)


@given(FEW)
@settings(max_examples=150, deadline=None)
def test_ties_are_broken_as_documented(few: dict[int, int]) -> None:
    # Small whole weights on few concepts make ties of every kind.
    weights = [few.get(at, 0) for at in range(len(CONCEPTS))]
    decided = decide(normalised([weights]))
    name, cost = brute_force(weights)
    assert decided.concept_name[0] == name
    if decided.reason[0] != ARGMAX:
        stated = re.search(r"expected distance ([0-9.]+) instead of", decided.reason[0])
        # Two digits of a sum in floating point.
        assert stated and abs(float(stated[1]) - float(cost)) < 0.006


def test_a_sure_answer_is_left_alone() -> None:
    for concept in CONCEPTS:
        decided = one({concept: 1.0})
        assert (decided.concept_name[0], decided.reason[0]) == (concept, ARGMAX)
        assert decided.confidence.tolist() == [1.0]


# Worked by hand: Sebastes and Sebastolobus are genera of one family, two steps apart, each one step
# from the family. Elpidia, Peniagone and Scotoplanes are genera of another.
def test_of_two_genera_the_likelier_costs_less_than_their_family() -> None:
    decided = one({"Sebastes": 0.6, "Sebastolobus": 0.4})  # 0.4 * 2 against 1
    assert (decided.concept_name[0], decided.reason[0]) == ("Sebastes", ARGMAX)
    assert decided.confidence.tolist() == [np.float32(0.6)]


def test_at_a_tie_the_argmax_stays() -> None:
    decided = one({"Sebastes": 0.5, "Sebastolobus": 0.5})  # 0.5 * 2 against 1
    assert (decided.concept_name[0], decided.reason[0]) == ("Sebastes", ARGMAX)


def test_three_genera_in_doubt_roll_up_to_their_family_and_say_so() -> None:
    decided = one({"Elpidia": 0.3, "Peniagone": 0.3, "Scotoplanes": 0.4})  # 0.6 * 2 against 1
    assert (decided.concept_name[0], decided.rank[0]) == ("Elpidiidae", "family")
    assert decided.reason[0] == "rolled up to family: expected distance 1.00 instead of 1.20"
    assert decided.confidence[0] == pytest.approx(1.0)
    assert decided.argmax[0] == "Scotoplanes"


def test_a_name_below_the_argmax_or_beside_it_may_cost_least() -> None:
    narrowed = one({"Holothuroidea": 0.34, "Scotoplanes globosa": 0.33, "Scotoplanes": 0.33})
    # Scotoplanes: 0.34 * 3 + 0.33 = 1.35; Holothuroidea: 0.33 * 4 + 0.33 * 3 = 2.31.
    assert narrowed.concept_name[0] == "Scotoplanes"
    assert narrowed.reason[0] == "narrowed to genus: expected distance 1.35 instead of 2.31"
    # Beside it: 0.4 on a sea star, 0.3 on each of two rockfish.
    moved = one({"Hippasteria": 0.4, "Sebastes": 0.3, "Sebastes diploproa": 0.3})
    # Sebastes: 0.4 * 10 + 0.3 = 4.3; Hippasteria: 0.3 * 10 + 0.3 * 11 = 6.3.
    assert moved.concept_name[0] == "Sebastes"
    assert moved.reason[0] == "moved to another genus: expected distance 4.30 instead of 6.30"


def test_argmax_names_any_concept_and_gives_its_own_probability() -> None:
    shares = normalised([[1, 3, 4], [5, 2, 1]])
    decided = decide(shares, ARGMAX, ["Taxon 01", "Sebastes", "Acanthascinae"])
    assert list(decided.concept_name) == ["Acanthascinae", "Taxon 01"]
    assert list(decided.rank) == ["subfamily", None]
    assert list(decided.reason) == [ARGMAX, ARGMAX]
    assert decided.confidence.tolist() == [0.5, 0.625]
    assert decided.confidence.dtype == np.float32


def test_the_spelling_of_concepts_does_not_matter_to_the_tree() -> None:
    shouted = [name.upper() for name in CONCEPTS]
    shares = normalised([range(len(CONCEPTS))])
    assert decide(shares, concepts=shouted).concept_name == decide(shares).concept_name


def test_concepts_outside_the_tree_are_refused_with_their_names() -> None:
    with pytest.raises(InputError, match="argmax") as refusal:
        Decider(EXPECTED_DISTANCE, ["Taxon 01", "Sebastes", "Taxon 03"], TAXONOMY)
    assert [fault.place for fault in refusal.value.faults] == ["concepts[0]", "concepts[2]"]
    assert "Taxon 03" in str(refusal.value)


def test_probabilities_are_the_softmax_of_the_tempered_logits() -> None:
    logits = np.array([[0.0, np.log(3.0)], [1e4, -1e4]], dtype=np.float32)
    assert probabilities(logits) == pytest.approx(np.array([[0.25, 0.75], [1, 0]]))
    tempered = probabilities(logits, 0.5)[0]
    assert tempered == pytest.approx([0.1, 0.9])


def test_thousands_of_boxes_a_second() -> None:
    random = np.random.default_rng(1)
    shares = probabilities(random.normal(0, 4, (10_000, len(CONCEPTS))))
    decider = Decider(EXPECTED_DISTANCE, CONCEPTS, TAXONOMY)
    start = process_time()
    decider.decide(shares)
    assert process_time() - start < 4
