"""The table of concepts: sound ones survive a round trip, every fault is told with its line."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from fathomnet_voxel51.errors import InputError
from fathomnet_voxel51.resources import data_file
from fathomnet_voxel51.taxonomy import load_taxonomy
from fathomnet_voxel51.taxonomy.table import ALL_RANKS, read_table, render_table, write_table

HEADER = "concept,rank,kingdom,phylum,class,order,family,genus,species"
ACTINIARIA = "Actiniaria,order,Animalia,Cnidaria,Hexacorallia,Actiniaria,,,"
SOUND = f"{HEADER}\n{ACTINIARIA}\n"


def _faults(path: Path, text: str) -> list[str]:
    path.write_text(text, encoding="utf-8", newline="")
    with pytest.raises(InputError) as caught:
        read_table(path)
    assert str(path) in str(caught.value)
    return [str(fault) for fault in caught.value.faults]


def test_the_pinned_table_survives_a_round_trip_byte_for_byte(tmp_path: Path) -> None:
    pinned = data_file("taxonomy.csv")
    table = read_table(pinned)
    assert render_table(table.concepts).encode() == pinned.read_bytes()
    assert table.sha256 == hashlib.sha256(pinned.read_bytes()).hexdigest()
    write_table(tmp_path / "copy.csv", table.concepts)
    assert (tmp_path / "copy.csv").read_bytes() == pinned.read_bytes()


def test_each_taxon_is_followed_by_its_descendants() -> None:
    taxa = read_table(data_file("taxonomy.csv")).taxa
    for start, taxon in enumerate(taxa):
        below = [i for i, other in enumerate(taxa) if taxon.name in other.lineage and i != start]
        assert below == list(range(start + 1, start + 1 + len(below))), taxon.name


def test_ranks_stand_in_the_order_of_the_tree() -> None:
    descending = "kingdom phylum subphylum gigaclass class subclass order infraorder family "
    descending += "subfamily tribe genus species subspecies"
    positions = [ALL_RANKS.index(rank) for rank in descending.split()]
    assert positions == sorted(positions)


@pytest.mark.parametrize(
    "text", ["\ufeff" + SOUND, SOUND.replace("\n", "\r\n"), SOUND.rstrip("\n"), SOUND + "\n\n"]
)
def test_a_byte_order_mark_other_line_ends_and_blank_lines_do_no_harm(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8", newline="")
    (concept,) = read_table(path).concepts
    assert concept.lineage == ("Animalia", "Cnidaria", "Hexacorallia", "Actiniaria", *[None] * 3)
    assert (concept.name, concept.rank, concept.depth) == ("Actiniaria", "order", 4)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("Zoantharia,order,Animalia,Cnidaria,Hexacorallia,Zoantharia,,", "has 8 columns"),
        ("Zoantharia,order,Animalia,Cnidaria,Hexacorallia,Zoantharia,,,,", "has 10 columns"),
        (",order,Animalia,Cnidaria,Hexacorallia,Zoantharia,,,", "concept is empty"),
        ("Zoantharia,ordre,Animalia,Cnidaria,Hexacorallia,Zoantharia,,,", "'ordre' is unknown"),
        ("Zoantharia,,Animalia,Cnidaria,Hexacorallia,Zoantharia,,,", "'' is unknown"),
        ("Zoantharia,order,Animalia,,Hexacorallia,Zoantharia,,,", "phylum is empty above"),
        ("Zoantharia,order,,,,,,,", "kingdom is empty"),
        ("Zoantharia,order,Animalia,Cnidaria,Hexacorallia,,,,", "ends at class 'Hexacorallia'"),
        ("Zoantharia,class,Animalia,Cnidaria,Hexacorallia,Zoantharia,,,", "ends at order"),
        ("Zoantharia,order,Animalia,Cnidaria,Hexacorallia,Zoanthidea,,,", "ends at order"),
        ("Ceriantharia,subclass,Animalia,Cnidaria,Ceriantharia,,,,", "fills the slot of a class"),
        ("Tunicata,subphylum,Animalia,Chordata,Thaliacea,,,,", "cannot sit below class"),
        ("Zoantharia ,order,Animalia,Cnidaria,Hexacorallia,Zoantharia,,,", "stray whitespace"),
        ("Porifera,phylum,Animalia,Porifera,,,,, ", "species ' ' has stray whitespace"),
        (ACTINIARIA, "concept 'Actiniaria' is already on line 2"),
        (
            "Zoantharia,order,Animalia,Mollusca,Hexacorallia,Zoantharia,,,",
            "'Hexacorallia' stands under 'Mollusca' here, under 'Cnidaria' on line 2",
        ),
        (
            "Hexacorallia,subclass,Animalia,Cnidaria,Anthozoa,,,,",
            "'Hexacorallia' is a subclass here, a class on line 2",
        ),
        (
            "cnidaria,phylum,Animalia,cnidaria,,,,,",
            "'cnidaria' is spelled 'Cnidaria' on line 2",
        ),
    ],
)
def test_a_faulty_row_is_refused_with_its_line(tmp_path: Path, row: str, problem: str) -> None:
    faults = _faults(tmp_path / "table.csv", f"{SOUND}{row}\n")
    assert any(fault.startswith("line 3: ") and problem in fault for fault in faults), faults


def test_all_faults_of_a_file_are_told_together_in_the_order_of_its_lines(tmp_path: Path) -> None:
    rows = [
        "Zoantharia,order,Animalia,Cnidaria",
        "Porifera,phylum,Animalia,Porifera,,,,,",
        "Tunicata,subfylum,Animalia,Chordata,,,,,",
        ACTINIARIA,
    ]
    faults = _faults(tmp_path / "table.csv", SOUND + "\n".join(rows))
    assert [fault.partition(":")[0] for fault in faults] == ["line 3", "line 5", "line 6"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("\n\n", "line 1: the header is ''"),
        (f"{HEADER}\n", "line 1: no concept follows the header"),
        (SOUND.replace("kingdom,phylum", "phylum,kingdom"), "line 1: the header is"),
        (f"{ACTINIARIA}\n", "line 1: the header is"),
        (f'{SOUND}"never closed', "line 3: is not csv"),
    ],
)
def test_a_file_that_is_not_such_a_table_is_refused(
    tmp_path: Path, text: str, problem: str
) -> None:
    (fault,) = _faults(tmp_path / "table.csv", text)
    assert problem in fault


def test_a_table_in_latin_1_is_refused_with_the_place(tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes(SOUND.replace("Actiniaria", "Actini\u00e4ria").encode("latin-1"))
    with pytest.raises(InputError, match="line 2"):
        read_table(path)


def test_an_unsound_table_is_not_written_and_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")
    concepts = read_table(data_file("taxonomy.csv")).concepts
    with pytest.raises(InputError, match="already on line 2"):
        write_table(path, [concepts[0], concepts[0]])
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


OWN = (
    "Munidopsis kensmithi,species,Animalia,Arthropoda,Malacostraca,Decapoda,Munidopsidae,"
    "Munidopsis,Munidopsis kensmithi"
)


def test_a_table_of_one_s_own_stands_beside_the_pinned_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned = load_taxonomy()
    table = tmp_path / "own.csv"
    table.write_text(f"{SOUND}{OWN}\n")
    monkeypatch.setenv("FATHOMNET_NAMES", str(table))
    tree = load_taxonomy()
    assert tree.concepts == (*pinned.concepts, "Munidopsis kensmithi"), "Actiniaria is pinned"
    assert tree.sha256 != pinned.sha256
    assert tree.distance("Munidopsis kensmithi", "Munidopsis") == 1
    assert tree.canonical("munidopsis KENSMITHI") == "Munidopsis kensmithi"
    assert load_taxonomy() is tree
    pairs = [(a, b) for a in pinned.names[::7] for b in pinned.names[::5]]
    assert [tree.distance(*pair) for pair in pairs] == [pinned.distance(*pair) for pair in pairs]
    assert set(pinned.names) < set(tree.names)
    # A change counts at once, in a process that lives on.
    table.write_text(f"{SOUND}{OWN}\n{OWN.replace('kensmithi', 'albatrossae')}\n")
    assert load_taxonomy().distance("Munidopsis kensmithi", "Munidopsis albatrossae") == 2
    monkeypatch.delenv("FATHOMNET_NAMES")
    assert load_taxonomy() is pinned


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        pytest.param(
            OWN.replace("Munidopsidae", "Galatheidae"),
            "'Munidopsis' stands under 'Galatheidae' here, under 'Munidopsidae' in the pinned",
            id="another place",
        ),
        pytest.param(
            "caridea,order,Animalia,Arthropoda,Malacostraca,caridea,,,",
            "'caridea' is spelled 'Caridea' in the pinned table",
            id="another spelling",
        ),
        pytest.param(f"{OWN}\n{OWN}", "is already on line 3", id="twice"),
        pytest.param("one,two", "has 2 columns instead of 9", id="no row"),
    ],
)
def test_a_table_of_one_s_own_that_contradicts_is_refused_with_its_line(
    row: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "own.csv"
    table.write_text(f"{SOUND}{row}\n")
    monkeypatch.setenv("FATHOMNET_NAMES", str(table))
    with pytest.raises(InputError) as refusal:
        load_taxonomy()
    assert any(problem in str(fault) for fault in refusal.value.faults), refusal.value
    table.unlink()
    with pytest.raises(InputError, match=r"own\.csv"):
        load_taxonomy()
