"""Label maps of one's own: what each form of file says, and what is wrong with it and where."""

from __future__ import annotations

from pathlib import Path

import pytest
from fathomnet_voxel51.errors import InputError
from fathomnet_voxel51.names import RANKS
from fathomnet_voxel51.resources import data_file
from fathomnet_voxel51.taxonomy import LabelMap, load_taxonomy, read_label_map

PARENTS = """name,parent
living,
Crustacea,living
Copepoda,Crustacea
Calanoida,Copepoda
Oithona,Copepoda
Chaetognatha,living
"""
TREE = "((\n(Calanoida,Oithona)Copepoda)Crustacea,Chaetognatha)living;"


def written(folder: Path, text: str, encoding: str = "utf-8") -> str:
    path = folder / "map.txt"
    path.write_bytes(text.encode(encoding))
    return str(path)


def read(folder: Path, text: str) -> LabelMap:
    return read_label_map(written(folder, text)).label_map


def test_the_pinned_table_gives_the_pinned_tree() -> None:
    told = read_label_map(data_file("taxonomy.csv"))
    pinned = load_taxonomy()
    assert (told.form, told.source, told.ignored) == ("ranks", "taxonomy.csv", ())
    assert told.label_map.taxonomy.taxa == pinned.taxa
    distances = told.label_map.taxonomy.distance_matrix
    assert (distances == pinned.distance_matrix).all()


def test_levels_stand_in_the_slots_where_no_rank_is_stated(tmp_path: Path) -> None:
    tree = read(tmp_path, PARENTS).taxonomy
    assert tree.taxon("Oithona").lineage[:4] == ("living", "Crustacea", "Copepoda", "Oithona")
    assert [tree.taxon(name).rank for name in ("living", "Oithona")] == ["level 1", "level 4"]
    assert tree.distance("Oithona", "Calanoida") == 2
    assert tree.distance("Oithona", "Chaetognatha") == 4
    assert tree.rollup("Oithona", "phylum") == "Crustacea"
    assert tree.within("Copepoda") == ("Copepoda", "Calanoida", "Oithona")


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("parents", PARENTS),
        ("parents", PARENTS.replace(",", "\t")),
        ("parents", PARENTS.replace("name,parent", "Label ; Parent").replace(",", " ; ")),
        ("newick", TREE),
        ("newick", TREE.replace("Oithona", "'Oithona':0.25[&a comment]")),
        ("newick", TREE.replace("((\n(", "((\n((").replace("Oithona)", "Oithona))")),
    ],
)
def test_what_says_the_same_is_the_same_map(tmp_path: Path, form: str, text: str) -> None:
    told = read_label_map(written(tmp_path, text))
    assert told.form == form
    assert told.label_map == read(tmp_path, PARENTS)
    assert told.label_map.sha256 == read(tmp_path, PARENTS).sha256
    assert read(tmp_path, PARENTS.replace("Oithona", "Oncaea")).sha256 != told.label_map.sha256


def test_ranks_beside_the_seven_are_nodes(tmp_path: Path) -> None:
    text = """name,parent,rank
Animalia,,kingdom
Arthropoda,Animalia,phylum
Crustacea,Arthropoda,subphylum
Copepoda,Crustacea,class
Neocopepoda,Copepoda,infraclass
Calanoida,Neocopepoda,order
nauplius,Copepoda,
"""
    tree = read(tmp_path, text).taxonomy
    assert tree.taxon("Calanoida").parent == "Neocopepoda"
    assert tree.taxon("Calanoida").lineage[:4] == (
        "Animalia",
        "Arthropoda",
        "Copepoda",
        "Calanoida",
    )
    assert tree.within("Crustacea") == (
        "Crustacea",
        "Copepoda",
        "Neocopepoda",
        "Calanoida",
        "nauplius",
    )
    assert tree.children("Neocopepoda") == ("Calanoida",)
    assert tree.lowest_common_ancestor("Calanoida", "Neocopepoda") == "Neocopepoda"
    # Only the seven ranks are steps: the infraclass sits at its class, as Caridea at its order.
    assert tree.distance("Calanoida", "Neocopepoda") == 1
    assert tree.taxon("nauplius").rank == "no rank"


WORMS = "urn:lsid:marinespecies.org:taxname:"
ROWS = (
    "taxonID parentNameUsageID acceptedNameUsageID scientificName scientificNameAuthorship "
    "taxonRank taxonomicStatus scientificNameID",
    f"1 - 1 Animalia - Kingdom accepted {WORMS}2",
    f"2 1 2 Arthropoda - Phylum accepted {WORMS}1065",
    f"3 2 3 Copepoda - Class accepted {WORMS}1080",
    f"4 3 4 Calanus_finmarchicus_(Gunnerus,_1770) (Gunnerus,_1770) Species accepted {WORMS}104464",
    f"5 3 4 Monoculus_finmarchicus - Species superseded_combination {WORMS}353523",
)
DARWIN_CORE = "\n".join(ROWS).replace(" ", "\t").replace("_", " ").replace("-\t", "\t")


def test_a_darwin_core_table_gives_names_ranks_synonyms_and_numbers(tmp_path: Path) -> None:
    told = read_label_map(written(tmp_path, DARWIN_CORE))
    assert told.form == "darwin core"
    names = {one.name: one for one in told.label_map.names}
    assert names["Calanus finmarchicus"].aphia_id == 104464
    assert names["Monoculus finmarchicus"].maps_to == ("Calanus finmarchicus",)
    tree = told.label_map.taxonomy
    # Order, family and genus are not in the table: two steps up to the class and kingdom below.
    assert tree.taxon("Calanus finmarchicus").depth == 4
    assert tree.distance("Calanus finmarchicus", "Copepoda") == 1
    assert tree.stated("Monoculus finmarchicus") == "Calanus finmarchicus"
    assert tree.rollup(tree.stated("Monoculus finmarchicus"), "class") == "Copepoda"
    assert "Monoculus finmarchicus" not in tree.names


STATUSES = """name,parent,supercategory,status,maps_to,aphia_id
Copepoda,,zooplankton,,,1080
Calanoida,Copepoda,zooplankton,active,,
Cyclopoida,Copepoda,zooplankton,active,,
calanoid,Copepoda,,deprecated,Calanoida,
small copepod,Copepoda,,deprecated,Calanoida; Cyclopoida,
detritus,,,special,,
fibre,detritus,,special,,
bad,,,deprecated,detritus,
lost,,,deprecated,,
"""


def test_what_a_name_has_become_decides_what_it_counts_as(tmp_path: Path) -> None:
    label_map = read(tmp_path, STATUSES)
    tree = label_map.taxonomy
    assert label_map.special == {"detritus", "fibre", "bad"}
    assert not label_map.special & set(tree.names)
    assert tree.stated("calanoid") == tree.canonical("Calanoid") == "Calanoida"
    # Of two names it may be either: it has its own place, and is not offered.
    assert tree.taxon("small copepod").parent == "Copepoda"
    assert tree.offered == ("Copepoda", "Calanoida", "Cyclopoida")
    assert "lost" not in tree
    assert label_map.replaced["small copepod"] == ("Calanoida", "Cyclopoida")
    assert LabelMap.from_text(label_map.as_text()) == label_map


def test_columns_that_say_nothing_here_are_told(tmp_path: Path) -> None:
    told = read_label_map(written(tmp_path, "name,parent,colour\nCopepoda,,blue\n"))
    assert told.ignored == ("colour",)


def test_a_table_of_ranks_may_hold_statuses(tmp_path: Path) -> None:
    header = f"name,{','.join(RANKS)},status,maps_to\n"
    rows = "Porifera,Animalia,Porifera,,,,,,,\nsponge,,,,,,,,deprecated,Porifera\n"
    label_map = read(tmp_path, f"{header}{rows}debris,,,,,,,,special,\n")
    assert label_map.taxonomy.names == ("Animalia", "Porifera")
    assert label_map.taxonomy.taxon("Porifera").rank == "phylum"
    assert label_map.taxonomy.stated("sponge") == "Porifera"
    assert label_map.special == {"debris"}


HEAD = "name,parent,rank,status,maps_to,aphia_id\n"
MALFORMED = {
    "empty file": ("", "file: is empty"),
    "blank lines": ("\n \n", "file: holds nothing but blank lines"),
    "header alone": ("name,parent\n", "file: holds no name"),
    "another header": ("species,count\nCopepoda,3\n", "line 1: the header is 'species,count'"),
    "column twice": ("name,parent,parent\nA,,\n", "line 1: the column 'parent' is there twice"),
    "too many cells": (f"{HEAD}A,,,,,,7\n", "line 2: has 7 columns instead of 6"),
    "open quote": ('name,parent\n"A,\n', "is no table"),
    "no name": (f"{HEAD},A\n", "line 2: the name is empty"),
    "cycle": (
        f"{HEAD}A,C\nB,A\nC,B\nD,\n",
        "line 2: stands below itself: 'A' under 'C' under 'B' under 'A'",
    ),
    "its own parent": (f"{HEAD}A,A\n", "line 2: stands below itself: 'A' under 'A'"),
    "two parents": (
        f"{HEAD}A,\nB,\nC,A\nC,B\n",
        "line 5: 'C' stands under 'B' here, under 'A' on line 4",
    ),
    "orphan": (f"{HEAD}A,\nB,Z\n", "line 3: its parent 'Z' is not in the file"),
    "orphan by case": (f"{HEAD}Aa,\nB,aa\n", "line 3: its parent 'aa' is not in the file; did you"),
    "twice": (f"{HEAD}A,\nA,\n", "line 3: 'A' is already on line 2"),
    "twice by case": (f"{HEAD}Aa,\nAA,\n", "line 3: 'AA' differs from 'Aa' on line 2 by case"),
    "twice by accents": ("name,parent\né,\ne\u0301,\n", "line 3: 'é' is already on line 2"),
    "NUL": ("name,parent\nA,\nB\0,\n", "line 3: holds a NUL character"),
    "Darwin Core cycle": (
        "taxonID,parentNameUsageID,scientificName\n1,2,A\n2,1,B\n",
        "line 2: stands below itself: 'A' under 'B' under 'A'",
    ),
    "Newick under itself": ("((A)A);", "'A' stands under 'A' here"),
    "Newick open comment": ("(A[of sponges,B)C;", "line 1, character 3: '[' begins what does not"),
    "Newick without a name": ("();", "line 1, character 2: a name is missing before ')'"),
    "two ranks": (
        f"{HEAD}A,,genus\nA,,family\n",
        "line 3: 'A' has the rank 'family' here, 'genus' on line 2",
    ),
    "upside down": (
        f"{HEAD}A,,genus\nB,A,family\n",
        "line 3: the family 'B' cannot stand under the genus 'A'",
    ),
    "unknown status": (f"{HEAD}A,,,old\n", "line 2: status 'old' is none of active, deprecated"),
    "no AphiaID": (f"{HEAD}A,,,,,-3\n", "line 2: aphia_id '-3' is no AphiaID"),
    "maps to nothing": (f"{HEAD}A,\nB,,,deprecated,Z\n", "line 3: maps to 'Z', which is not in"),
    "maps to deprecated": (
        f"{HEAD}A,\nB,,,deprecated,A\nC,,,deprecated,B\n",
        "line 4: maps to 'B', which is deprecated itself: map it to A",
    ),
    "maps to itself": (f"{HEAD}A,,,deprecated,A\n", "line 2: maps to itself"),
    "active and mapped": (f"{HEAD}A,\nB,,,active,A\n", "line 3: is active and maps to 'A'"),
    "under a deprecated name": (
        f"{HEAD}A,\nB,,,deprecated,A\nC,B\n",
        "line 4: stands under 'B', which is deprecated: put it under A",
    ),
    "under a special name": (f"{HEAD}A,,,special\nB,A\n", "line 3: stands under 'A', which is"),
    "Newick unbalanced": ("((A,B)C,D;", "line 1, character 10: a parenthesis is not closed"),
    "Newick closed twice": ("(A,B)C),D;", "line 1, character 7: ')' stands outside"),
    "Newick without end": ("(A,\nB)C", "line 2, character 4: the tree ends without ';'"),
    "Newick two trees": ("(A,B)C;\n(D,E)F;", "line 2, character 1: follows the end"),
    "Newick without a comma": ("('A''s' 'B')C;", 'line 1, character 9: follows the name "A\'s"'),
    "Newick nameless leaf": ("(A,,B)C;", "line 1, character 4: a name is missing before ','"),
    "Newick open quote": ("(A,'B)C;", 'line 1, character 4: "\'" begins what does not end'),
    "Newick twice": ("(A,A)B;", "line 1, character 4: 'A' is already on line 1, character 2"),
    "ranks with a gap": (
        f"name,{','.join(RANKS)}\nX,Animalia,,,,,,X\n",
        "line 2: phylum is empty above a filled rank",
    ),
    "Darwin Core orphan": (
        DARWIN_CORE.replace("4\t3\t4", "4\t33\t4"),
        "parentNameUsageID '33' is no",
    ),
    "Darwin Core same id": (
        DARWIN_CORE.replace("5\t3\t4", "4\t3\t4"),
        "line 6: taxonID '4' is already",
    ),
    "Darwin Core accepted": (
        DARWIN_CORE.replace("5\t3\t4", "5\t3\t9"),
        "acceptedNameUsageID '9' is no",
    ),
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_malformed_map_is_refused_with_its_place(tmp_path: Path, kind: str) -> None:
    text, problem = MALFORMED[kind]
    with pytest.raises(InputError) as refused:
        read(tmp_path, text)
    assert any(problem in str(fault) for fault in refused.value.faults), refused.value.faults


def test_another_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line 3, byte \d+: 0xe8 is not valid UTF-8"):
        read_label_map(written(tmp_path, "name,parent\nA,\nètre,A\n", "latin-1"))


def test_more_names_than_distances_are_kept_of_are_refused(tmp_path: Path) -> None:
    rows = "".join(f"n{number},\n" for number in range(10_001))
    with pytest.raises(InputError, match="holds 10,001 names, and 10,000 are the most"):
        read(tmp_path, f"name,parent\n{rows}")


def test_every_fault_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    text = f"{HEAD}A,Z\nB,,,old\nC,,,deprecated,Y\n"
    with pytest.raises(InputError) as refused:
        read(tmp_path, text)
    assert {fault.place for fault in refused.value.faults} == {"line 2", "line 3", "line 4"}
