"""Distances, ranks, agreement, hierarchical scores and confusion, each computed another way."""

from __future__ import annotations

import csv
from itertools import product
from typing import Any

import networkx as nx
import numpy as np
import pytest
from fathomnet_voxel51.evaluation.scoring.columns import Pairs, pair_up
from fathomnet_voxel51.evaluation.scoring.confusion import (
    CONCEPT,
    Confused,
    confusion_at,
    most_confused,
)
from fathomnet_voxel51.evaluation.scoring.scores import (
    Agreement,
    agreement,
    hierarchical_score,
    rank_table,
)
from fathomnet_voxel51.names import RANKS
from fathomnet_voxel51.resources import data_file
from fathomnet_voxel51.taxonomy import load_taxonomy
from hiclass import metrics as hiclass_metrics
from sklearn.metrics import confusion_matrix, f1_score

TAXONOMY = load_taxonomy()


@pytest.fixture(scope="module")
def table() -> list[dict[str, str]]:
    with data_file("taxonomy.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def lineage(table: list[dict[str, str]]) -> dict[str, list[str]]:
    """Each concept's seven slots, "" where empty, read from the table itself."""
    return {row["concept"]: [row[rank] for rank in RANKS] for row in table}


@pytest.fixture(scope="module")
def draw(lineage: dict[str, list[str]]) -> Pairs:
    """5,000 random pairs, a third of them right."""
    rng = np.random.default_rng(3)
    names = np.array(list(lineage), object)
    true = names[rng.integers(len(names), size=5_000)]
    other = names[rng.integers(len(names), size=5_000)]
    predicted = np.where(rng.random(5_000) < 1 / 3, true, other)
    return pair_up(true.tolist(), predicted.tolist(), TAXONOMY)


def pairs(*named: tuple[str | None, str | None]) -> Pairs:
    return pair_up([true for true, _ in named], [predicted for _, predicted in named], TAXONOMY)


def test_all_distances_are_the_shortest_paths_of_a_graph(lineage: dict[str, list[str]]) -> None:
    graph = nx.Graph()
    for slots in lineage.values():
        path = [(rank, slot) for rank, slot in enumerate(slots) if slot]
        nx.add_path(graph, path)
    # A concept between two ranks sits at the last slot of its lineage.
    node = {
        name: max((rank, slot) for rank, slot in enumerate(slots) if slot)
        for name, slots in lineage.items()
    }
    lengths = dict(nx.all_pairs_shortest_path_length(graph))
    everything = list(product(lineage, repeat=2))
    assert len(everything) == 79 * 79
    expected = [lengths[node[a]].get(node[b], 12) for a, b in everything]
    assert pairs(*everything).distances.tolist() == expected


def test_distances_worked_by_hand_and_names_that_are_unknown_empty_or_misspelt() -> None:
    known = pairs(
        ("Mediaster aequalis", "Mediaster"),
        ("Mediaster aequalis", "Ophiacanthidae"),
        ("Mediaster aequalis", "Mediaster equalis"),
        ("Mediaster aequalis", ""),
        ("Mediaster aequalis", None),
        ("ROV basket", "ROV basket"),
    )
    assert known.distances.tolist() == [1, 8, 12, 12, 12, 12]


def test_accuracy_and_macro_f1_at_each_rank_are_scikit_learn_s(
    draw: Pairs, lineage: dict[str, list[str]]
) -> None:
    for column, score in enumerate(rank_table(draw, TAXONOMY)):
        assert score.rank == RANKS[column]
        true = [lineage[name or ""][column] for name in draw.true]
        predicted = [lineage[name or ""][column] for name in draw.predicted]
        reached = [number for number, name in enumerate(true) if name]
        true, predicted = [true[n] for n in reached], [predicted[n] for n in reached]
        names = sorted({*true, *predicted} - {""})
        assert (score.boxes, score.names) == (len(reached), len(names))
        assert score.accuracy == pytest.approx(np.mean(np.array(true) == np.array(predicted)))
        expected = f1_score(true, predicted, labels=names, average="macro", zero_division=0)
        assert score.macro_f1 == pytest.approx(expected)


def test_at_a_rank_only_boxes_count_whose_truth_reaches_it() -> None:
    scores = rank_table(
        pairs(
            ("Mediaster aequalis", "Mediaster"),
            ("Mediaster", "Mediaster aequalis"),
            ("Mediaster aequalis", None),
            ("ROV basket", "ROV basket"),
        ),
        TAXONOMY,
    )
    by_rank = {score.rank: score for score in scores}
    assert (by_rank["genus"].boxes, by_rank["genus"].accuracy) == (3, pytest.approx(2 / 3))
    assert (by_rank["species"].boxes, by_rank["species"].accuracy) == (2, 0.0)


def test_without_a_box_a_rank_has_no_score() -> None:
    species = rank_table(pairs(("Animalia", "Animalia")), TAXONOMY)[-1]
    assert (species.boxes, species.accuracy, species.macro_f1, species.names) == (0, None, None, 0)


def test_right_too_coarse_too_fine_and_elsewhere_are_told_apart() -> None:
    found = agreement(
        pairs(
            ("Mediaster aequalis", "Mediaster aequalis"),
            ("Mediaster aequalis", "Mediaster"),
            ("Mediaster aequalis", "Animalia"),
            ("Mediaster", "Mediaster aequalis"),
            ("Mediaster aequalis", "Ophiacanthidae"),
            ("Mediaster aequalis", "no such name"),
            ("Mediaster aequalis", None),
            ("ROV basket", "ROV basket"),
        ),
        TAXONOMY,
    )
    assert found == Agreement(right=2, too_coarse=2, too_fine=1, elsewhere=2, missing=1)


def test_a_concept_between_two_ranks_is_finer_than_the_name_it_sits_at() -> None:
    # Caridea is an infraorder of the order Decapoda: the distance is 0, and yet it says more.
    found = pairs(("Caridea", "Decapoda"), ("Decapoda", "Caridea"))
    assert found.distances.tolist() == [0, 0]
    counted = agreement(found, TAXONOMY)
    assert (counted.right, counted.too_coarse, counted.too_fine) == (0, 1, 1)


def test_hierarchical_precision_recall_and_f1_are_hiclass_s(
    draw: Pairs, lineage: dict[str, list[str]]
) -> None:
    true = np.array([lineage[name or ""] for name in draw.true])
    predicted = np.array([lineage[name or ""] for name in draw.predicted])
    score = hierarchical_score(draw, TAXONOMY)
    assert score.precision == pytest.approx(hiclass_metrics.precision(true, predicted))
    assert score.recall == pytest.approx(hiclass_metrics.recall(true, predicted))
    assert score.f1 == pytest.approx(hiclass_metrics.f1(true, predicted))


def test_a_missing_prediction_costs_recall_and_no_precision() -> None:
    score = hierarchical_score(
        pairs(("Mediaster", "Mediaster"), ("Mediaster", None), ("ROV basket", "x")), TAXONOMY
    )
    assert (score.precision, score.recall, score.f1) == (1.0, 0.5, pytest.approx(2 / 3))
    assert hierarchical_score(pairs(("ROV basket", None)), TAXONOMY).precision is None


@pytest.mark.parametrize("rank", [*RANKS, CONCEPT])
def test_confusion_at_a_rank_is_scikit_learn_s(
    rank: str, draw: Pairs, lineage: dict[str, list[str]]
) -> None:
    def at(name: str | None) -> str:
        return name or "" if rank == CONCEPT else lineage[name or ""][RANKS.index(rank)]

    true, predicted = [at(name) for name in draw.true], [at(name) for name in draw.predicted]
    found = confusion_at(rank, draw, TAXONOMY)
    assert set(found.names) == {*true, *predicted} - {""}
    everything = [*found.names, ""]
    expected = confusion_matrix(true, predicted, labels=everything)[:-1]
    assert found.counts.tolist() == expected.tolist()
    row, column = np.unravel_index(np.argmax(found.counts), found.counts.shape)
    cell = found.cell(int(row), int(column))
    assert len(cell) == found.counts[row, column]
    assert {(true[n], predicted[n]) for n in cell} == {(everything[row], everything[column])}


def test_confusion_follows_the_tree_and_puts_strangers_last(lineage: dict[str, list[str]]) -> None:
    names = [*lineage, "ROV basket", "a rope"]
    found = confusion_at(CONCEPT, pairs(*((name, name) for name in names)), TAXONOMY)
    assert found.names[-2:] == ("ROV basket", "a rope")
    families = [lineage[name][4] for name in found.names[:-2] if lineage[name][4]]
    neighbours = [family for n, family in enumerate(families) if families[n - 1 : n] != [family]]
    assert len(neighbours) == len(set(neighbours)), "a family's concepts stand together"


def test_the_most_confused_come_first_and_of_equals_the_farthest_apart() -> None:
    near, far = ("Mediaster", "Mediaster aequalis"), ("Mediaster", "Ophiacanthidae")
    often = ("Caridea", "Decapoda")
    found = pairs(near, far, often, often, ("Mediaster", None), ("Caridea", "Caridea"))
    assert most_confused(found, TAXONOMY) == (
        Confused("Caridea", "Decapoda", 2, 0),
        Confused("Mediaster", "Ophiacanthidae", 1, 7),
        Confused("Mediaster", "Mediaster aequalis", 1, 1),
    )
    assert [one.boxes for one in most_confused(found, TAXONOMY, limit=1)] == [2]
    family = most_confused(found, TAXONOMY, rank="family")
    assert [(one.true, one.predicted) for one in family] == [("Goniasteridae", "Ophiacanthidae")]


def test_a_rank_that_is_none_is_refused(draw: Pairs) -> None:
    for wrong in ("subfamily", "", "Class"):
        with pytest.raises(ValueError, match="neither concept nor one of kingdom"):
            confusion_at(wrong, draw, TAXONOMY)


def test_an_unknown_truth_can_be_right_but_has_no_place_on_the_tree() -> None:
    found: Any = pairs(("ROV basket", "ROV basket"), ("Mediaster", "Mediaster"))
    assert found.right.tolist() == [True, True]
    assert confusion_at("genus", found, TAXONOMY).counts.sum() == 1
