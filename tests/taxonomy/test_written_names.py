"""Names as people and models write them: what they say, what is certain, what hints they get."""

from __future__ import annotations

import pytest
from fathomnet_voxel51.taxonomy import load_taxonomy

TREE = load_taxonomy()


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Abyssocucumis_abyssorum", "Abyssocucumis abyssorum"),
        ("sebastes_DIPLOPROA ", "Sebastes diploproa"),
        ("Psolus squamatus (O.F. Müller, 1776)", "Psolus squamatus"),
        ("Sebastes Cuvier, 1829", "Sebastes"),
        ("Scotoplanes globosa (Théel)", "Scotoplanes globosa"),
        ("Heterochone calyx von Lendenfeld, 1910", "Heterochone calyx"),
        ("Sebastes (Sebastichthys) diploproa", "Sebastes diploproa"),
        ("Animalia Arthropoda Malacostraca Decapoda Munidopsidae Munidopsis", "Munidopsis"),
        ("Animalia Chordata Teleostei Perciformes Sebastidae Sebastes diploproa",
         "Sebastes diploproa"),
        ("animalia;cnidaria;hexacorallia;actiniaria;;;sea anemone", "Actiniaria"),
        ("Animalia | Porifera", "Porifera"),
        # An epithet alone, as SpeciesNet and tables of GBIF have it.
        ("u;actinopteri;scorpaeniformes;sebastidae;sebastes;diploproa;splitnose rockfish",
         "Sebastes diploproa"),
        ("animalia;chordata;actinopteri;perciformes;sebastidae;sebastes;diploproa",
         "Sebastes diploproa"),
        ("Animalia > Echinodermata > Asteroidea", "Asteroidea"),
    ],
)  # fmt: skip
def test_a_name_that_says_just_the_same_is_the_trees(written: str, name: str) -> None:
    assert TREE.canonical(written) == name
    taxon = TREE.certain(written)
    assert taxon is not None and taxon.name == name


@pytest.mark.parametrize(
    ("written", "stated"),
    [
        ("Munidopsis sp.", "Munidopsis"),
        ("Porifera sp. 1", "Porifera"),
        ("Paralomis cf. multispina", "Paralomis"),
        ("Farrea truncata complex", "Farrea"),
        ("unidentified Actiniaria", "Actiniaria"),
        ("Psolus squamatus (O.F. Müller, 1776)", "Psolus squamatus"),
        ("Sebastes/Sebastolobus", "Sebastidae"),
        ("Munidopsis", "Munidopsis"),
        ("Munidopsis sp1", "Munidopsis"),
        ("munidopsis sp.", "Munidopsis"),
        ("Munidopsis ?bairdii", "Munidopsis"),
        ("Sebastes diploproa?", "Sebastes"),
        ("Porifera morphotype 3", "Porifera"),
        # Perhaps misspelt, of a genus or not: unknown, as the score has it.
        ("Munidopsis kensmithi", None),
        ("Paralomis multispinna", None),
        ("Psolus squamatus x", None),
        ("Sea star", None),
        ("", None),
        (None, None),
    ],
)
def test_a_name_is_scored_as_the_taxon_that_it_states(
    written: str | None, stated: str | None
) -> None:
    assert TREE.stated(written) == stated


@pytest.mark.parametrize(
    ("written", "above"),
    [
        ("Munidopsis sp.", "Munidopsis"),
        ("Munidopsis sp. 3", "Munidopsis"),
        ("Munidopsis spp", "Munidopsis"),
        ("Munidopsis sp.1", "Munidopsis"),
        ("Munidopsis sp2b", "Munidopsis"),
        ("Munidopsis sp.A", "Munidopsis"),
        ("Munidopsis cf.bairdii", "Munidopsis"),
        ("Demospongiae msp 12", "Demospongiae"),
        ("Demospongiae msp12", "Demospongiae"),
        ("munidopsis_sp_3", "Munidopsis"),
        ("Porifera sp. 1", "Porifera"),
        ("Caridea indet.", "Caridea"),
        ("Actiniaria unid.", "Actiniaria"),
        ("unidentified Actiniaria", "Actiniaria"),
        ("Paralomis cf. multispina", "Paralomis"),
        ("Munidopsis aff. albatrossae", "Munidopsis"),
        ("Munidopsis kensmithi", "Munidopsis"),
        ("Farrea truncata complex", "Farrea"),
        ("Sebastes diploproa juv.", "Sebastes diploproa"),
        ("Sebastes/Sebastolobus", "Sebastidae"),
        ("Animalia;Cnidaria;Foo;Bar", "Cnidaria"),
    ],
)
def test_what_is_open_or_doubted_leaves_the_taxon_above(written: str, above: str) -> None:
    assert TREE.canonical(written) is None, "it says more than the taxon, or less"
    taxon = TREE.certain(written)
    assert taxon is not None and taxon.name == above


@pytest.mark.parametrize(
    "written",
    [
        "Sea star", "Unknown", "nan", "yellow ruffled sponge", "Anthozoa", "Scorpaeniformes",
        "cf. Sebastes", "?Sebastes", "Funiculina-Halipteris complex", "sea anemones order",
        "Pennatulacea", "Animalia Cnidaria Sebastes", "", " ", ";;", "_", "sp.", "?", "Life;;",
        "(1999)",
    ],
)  # fmt: skip
def test_a_name_of_which_nothing_is_certain_gets_neither_a_place_nor_a_hint(written: str) -> None:
    assert (TREE.canonical(written), TREE.certain(written), TREE.suggest(written)) == (None,) * 3


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Pandalus ampla", "Pandalus amplus"),
        ("Benthocodon pedunculatus", "Benthocodon pedunculata"),
        ("Actinaria", "Actiniaria"),
        ("Hormathidae", "Hormathiidae"),
        ("Scotoplanes globossa", "Scotoplanes globosa"),
    ],
)
def test_an_old_or_wrong_spelling_gets_the_hint_that_is_right(written: str, meant: str) -> None:
    assert TREE.canonical(written) is None
    assert TREE.suggest(written) == meant


def test_every_name_of_the_tree_is_itself_and_no_name_of_it_hints_at_another() -> None:
    for name in TREE.names:
        taxon = TREE.certain(name)
        assert (TREE.canonical(name), TREE.suggest(name)) == (name, name)
        assert taxon is not None and taxon.name == name
        assert TREE.canonical(name.replace(" ", "_").lower()) == name
