"""The tree of concepts: every answer is checked against a naive walk over the table."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from fathomnet_voxel51.errors import InputError
from fathomnet_voxel51.names import RANKS
from fathomnet_voxel51.resources import data_file
from fathomnet_voxel51.taxonomy import Taxonomy, load_taxonomy
from fathomnet_voxel51.taxonomy.tree import MAX_DISTANCE

OUTSIDE_THE_SEVEN = {
    "Acanthascinae": "Rossellidae",
    "Actinopterygii": "Chordata",
    "Caridea": "Decapoda",
    "Ceriantharia": "Hexacorallia",
    "Tunicata": "Chordata",
}
ASTERONYX = (
    "Asteronyx loveni,species,Animalia,Echinodermata,Ophiuroidea,Euryalida,Asteronychidae,"
    "Asteronyx,Asteronyx loveni\n"
)


@pytest.fixture(scope="module")
def taxonomy() -> Taxonomy:
    return load_taxonomy()


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with data_file("taxonomy.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def walks(rows: list[dict[str, str]]) -> dict[str, list[str]]:
    """Each name's main-rank names from where it sits up to the kingdom, by following parents."""
    parents: dict[str, str | None] = {}
    for row in rows:
        above = None
        for rank in RANKS:
            if row[rank]:
                parents[row[rank]] = above
                above = row[rank]
    walks = {}
    for name in {*parents, *OUTSIDE_THE_SEVEN}:
        step: str | None = OUTSIDE_THE_SEVEN.get(name, name)
        walk = []
        while step:
            walk.append(step)
            step = parents[step]
        walks[name] = walk
    return walks


def test_the_counts_of_filled_down_names_are_those_the_winner_published(
    taxonomy: Taxonomy,
) -> None:
    columns: list[set[str]] = [set() for _ in RANKS]
    for concept in taxonomy.concepts:
        last = ""
        for column, rank in zip(columns, RANKS, strict=True):
            last = taxonomy.rollup(concept, rank) or last
            column.add(last)
    assert [len(column) for column in columns] == [1, 7, 19, 40, 64, 73, 78]


def test_concepts_are_the_tables_and_names_are_all_that_occur_in_it(
    taxonomy: Taxonomy, rows: list[dict[str, str]], walks: dict[str, list[str]]
) -> None:
    assert taxonomy.concepts == tuple(row["concept"] for row in rows)
    assert len(taxonomy.concepts) == 79
    assert len(taxonomy.names) == len(walks)
    assert set(taxonomy.names) == set(walks)


def test_every_predicted_name_of_the_winner_is_known(taxonomy: Taxonomy, shared_data: Path) -> None:
    predictions = shared_data / "submission_experiment-final014.csv"
    with predictions.open(encoding="utf-8", newline="") as file:
        predicted = [row["concept_name"] for row in csv.DictReader(file)]
    assert len(predicted) == 788
    assert all(name in taxonomy for name in predicted)


def test_distance_and_common_ancestor_equal_a_naive_walk_for_every_pair_of_names(
    taxonomy: Taxonomy, walks: dict[str, list[str]]
) -> None:
    for a, first in walks.items():
        for b, second in walks.items():
            ancestor = next(name for name in first if name in second)
            steps = first.index(ancestor) + second.index(ancestor)
            assert taxonomy.distance(a, b) == steps, (a, b)
            expected = a if a == b else ancestor
            assert taxonomy.lowest_common_ancestor(a, b) == expected, (a, b)


def test_the_contracts_known_distances(tmp_path: Path) -> None:
    table = tmp_path / "with_asteronyx.csv"
    table.write_text(data_file("taxonomy.csv").read_text(encoding="utf-8") + ASTERONYX)
    taxonomy = load_taxonomy(table)
    assert taxonomy.distance("Asteronyx", "Asteronyx loveni") == 1
    assert taxonomy.distance("Ophiacanthidae", "Asteronyx loveni") == 6
    assert taxonomy.lowest_common_ancestor("Ophiacanthidae", "Asteronyx loveni") == "Ophiuroidea"


def test_distance_is_symmetric_and_keeps_the_triangle_inequality(taxonomy: Taxonomy) -> None:
    matrix = taxonomy.distance_matrix.astype(np.int16)
    assert matrix.shape == (len(taxonomy.names),) * 2
    assert (matrix == matrix.T).all()
    assert (np.diag(matrix) == 0).all()
    assert (matrix.min(), matrix.max()) == (0, MAX_DISTANCE)
    detours = (matrix[:, :, None] + matrix[None, :, :]).min(axis=1)
    assert (matrix <= detours).all()


@pytest.mark.parametrize("unknown", [None, "", "Asteronyx lovenii", "sebastes", " Sebastes"])
def test_an_unknown_name_is_as_far_as_possible_from_all_and_from_itself(
    taxonomy: Taxonomy, unknown: str | None
) -> None:
    assert taxonomy.distance(unknown, "Sebastes") == 12
    assert taxonomy.distance("Sebastes", unknown) == 12
    assert taxonomy.distance(unknown, unknown) == 12
    assert (
        taxonomy.distances([unknown, "Sebastes", unknown], ["Sebastes", unknown, unknown]).tolist()
        == [12] * 3
    )
    assert taxonomy.lowest_common_ancestor(unknown, "Sebastes") is None
    assert taxonomy.rollup(unknown, "genus") is None
    assert taxonomy.taxon(unknown) is None
    assert unknown not in taxonomy


def test_two_kingdoms_share_nothing_and_are_twelve_apart(tmp_path: Path) -> None:
    table = tmp_path / "two_kingdoms.csv"
    header = "concept,rank," + ",".join(RANKS)
    table.write_text(
        f"{header}\nAnimalia,kingdom,Animalia{',' * 6}\nPlantae,kingdom,Plantae{',' * 6}\n"
    )
    taxonomy = load_taxonomy(table)
    assert taxonomy.distance("Animalia", "Plantae") == 12
    assert taxonomy.lowest_common_ancestor("Animalia", "Plantae") is None
    assert taxonomy.distance("Plantae", "Plantae") == 0


def test_distances_of_many_pairs_equal_the_single_ones(taxonomy: Taxonomy) -> None:
    names: list[str | None] = [*taxonomy.names, None, "", "nowhere"]
    rng = np.random.default_rng(2025)
    a = [names[i] for i in rng.integers(len(names), size=5_000)]
    b = [names[i] for i in rng.integers(len(names), size=5_000)]
    together = taxonomy.distances(a, b)
    assert together.dtype == np.int8
    assert together.tolist() == [taxonomy.distance(*pair) for pair in zip(a, b, strict=True)]
    assert taxonomy.distances([], []).shape == (0,)
    with pytest.raises(ValueError, match="3 names cannot be paired with 2"):
        taxonomy.distances(["a", "b", "c"], ["a", "b"])


def test_positions_index_the_matrix_and_mark_the_unknown(taxonomy: Taxonomy) -> None:
    positions = taxonomy.positions(["Sebastes", "nowhere", "Caridea"])
    assert positions.tolist() == [
        taxonomy.names.index("Sebastes"),
        -1,
        taxonomy.names.index("Caridea"),
    ]
    with pytest.raises(ValueError, match="read-only"):
        taxonomy.distance_matrix[0, 0] = 1


def test_a_concept_outside_the_seven_ranks_sits_at_its_nearest_ancestor(
    taxonomy: Taxonomy,
) -> None:
    for name, host in OUTSIDE_THE_SEVEN.items():
        taxon = taxonomy.taxon(name)
        assert taxon is not None
        assert taxon.rank not in RANKS
        assert taxon.parent == host
        assert taxonomy.distance(name, host) == 0
        assert name in taxonomy.children(host)
        assert taxonomy.children(name) == ()


def test_rollup_goes_up_to_a_rank_and_stops_where_the_lineage_ends(taxonomy: Taxonomy) -> None:
    assert taxonomy.rollup("Sebastes diploproa", "species") == "Sebastes diploproa"
    assert taxonomy.rollup("Sebastes diploproa", "family") == "Sebastidae"
    assert taxonomy.rollup("Sebastidae", "kingdom") == "Animalia"
    assert taxonomy.rollup("Sebastidae", "genus") is None
    assert taxonomy.rollup("Acanthascinae", "family") == "Rossellidae"
    with pytest.raises(ValueError, match="'subfamily' is not one of the ranks kingdom, phylum"):
        taxonomy.rollup("Acanthascinae", "subfamily")


def test_children_and_parents_agree_and_reach_every_name(
    taxonomy: Taxonomy, walks: dict[str, list[str]]
) -> None:
    assert taxonomy.children("Sebastidae") == ("Sebastes", "Sebastolobus")
    found = ["Animalia"]
    for name in found:
        found.extend(taxonomy.children(name))
    assert sorted(found) == sorted(walks)
    assert taxonomy.children("nowhere") == ()


def test_taxon_tells_rank_lineage_and_depth_of_a_concept_and_of_an_ancestor(
    taxonomy: Taxonomy,
) -> None:
    caridea = taxonomy.taxon("Caridea")
    lineage = ("Animalia", "Arthropoda", "Malacostraca", "Decapoda", None, None, None)
    assert caridea is not None
    assert (caridea.rank, caridea.lineage, caridea.depth) == ("infraorder", lineage, 4)
    decapoda = taxonomy.taxon("Decapoda")
    assert decapoda is not None
    assert (decapoda.rank, decapoda.lineage, decapoda.depth) == ("order", lineage, 4)
    assert decapoda.parent == "Malacostraca"


@pytest.mark.parametrize(
    "written", ["Sebastes diploproa", "sebastes DIPLOPROA", "  Sebastes\u00a0 \tdiploproa\n"]
)
def test_canonical_sees_through_case_and_whitespace(taxonomy: Taxonomy, written: str) -> None:
    assert taxonomy.canonical(written) == "Sebastes diploproa"


def test_canonical_does_not_guess_but_suggest_does(taxonomy: Taxonomy) -> None:
    assert taxonomy.canonical("Sebastes diplopra") is None
    assert taxonomy.suggest("sebastes diplopra") == "Sebastes diploproa"
    assert taxonomy.suggest("Rathbunaster californica") == "Rathbunaster californicus"
    assert taxonomy.suggest("plastic bag") is None


def test_the_pinned_taxonomy_is_read_once_and_a_given_file_anew(tmp_path: Path) -> None:
    copy = tmp_path / "copy.csv"
    copy.write_bytes(data_file("taxonomy.csv").read_bytes())
    assert load_taxonomy() is load_taxonomy()
    assert load_taxonomy(copy) == load_taxonomy()
    with pytest.raises(InputError, match=r"missing\.csv"):
        load_taxonomy(tmp_path / "missing.csv")
