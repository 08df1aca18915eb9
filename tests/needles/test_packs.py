"""Needle packs: those that come with the project, one's own, and every fault of a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from fathomnet_voxel51.errors import InputError
from fathomnet_voxel51.needles.packs import BACKGROUND, pack_names, read_pack, with_prompts

SOUND = """\
name: wrecks
version: 3
title: Wrecks
description: What ships leave behind
negatives: [bare rock, a fish, bare rock]
needles:
  - name: anchor
    prompts: [an anchor, an iron anchor]
    negatives: [a branching coral]
    k: 5
  - name: cannon
    prompts: [a cannon]
"""


def written(folder: Path, text: str) -> str:
    path = folder / "pack.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def faults_of(path: str) -> dict[str, str]:
    with pytest.raises(InputError) as raised:
        read_pack(path)
    assert raised.value.subject == path
    return {fault.place: fault.problem for fault in raised.value.faults}


def test_the_project_s_packs_are_sound_and_look_for_something() -> None:
    assert set(pack_names()) == {"debris", "rov", "species"}
    for name in pack_names():
        pack = read_pack(name)
        assert pack.name == name
        assert pack.needles
        assert all(needle.prompts and needle.negatives for needle in pack.needles)


def test_the_two_octopuses_are_told_apart() -> None:
    needles = {needle.name: needle for needle in read_pack("species").needles}
    assert "Octopus cyanea" in needles["Octopus rubescens"].negatives


def test_a_user_s_own_pack_is_read_by_its_path(tmp_path: Path) -> None:
    pack = read_pack(written(tmp_path, SOUND))
    assert (pack.name, pack.version, pack.title) == ("wrecks", 3, "Wrecks")
    anchor, cannon = pack.needles
    assert anchor.prompts == ("an anchor", "an iron anchor")
    assert anchor.negatives == ("bare rock", "a fish", "a branching coral")
    assert (anchor.k, cannon.k) == (5, None)
    assert cannon.negatives == ("bare rock", "a fish")


def test_an_unknown_pack_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(InputError, match=r"no pack 'debri'.*debris, rov, species"):
        read_pack("debri")


def test_every_fault_of_a_file_comes_at_once_with_its_place_and_line(tmp_path: Path) -> None:
    text = """\
name: my pack
version: 1.0
title: Mine
needles:
  - name: rope
    prompts: [yes, a rope]
    nagatives: [a sea pen]
  - prompts: []
    k: 0
"""
    places = faults_of(written(tmp_path, text))
    assert places.keys() == {
        "name (line 1)",
        "version (line 2)",
        "description (line 1)",
        "needles[0].prompts[0] (line 6)",
        "needles[0].nagatives (line 7)",
        "needles[1].name (line 8)",
        "needles[1].prompts (line 8)",
        "needles[1].k (line 9)",
    }
    assert "not true" in places["needles[0].prompts[0] (line 6)"]
    assert "known here: name, prompts, negatives, k" in places["needles[0].nagatives (line 7)"]


@pytest.mark.parametrize(
    ("old", "new", "place", "problem"),
    [
        ("name: cannon", "name: Anchor", "needles[1].name (line 11)", "name of needles[0]"),
        ("[a cannon]", "[a fish]", "needles[1].prompts (line 12)", "'a fish' is a negative"),
        ("version: 3", "version: 3\nversion: 4", "version (line 3)", "there twice"),
        ("[bare rock, a fish, bare rock]", "[]", "needles[1] (line 11)", "has no negatives"),
        ("[bare rock, a fish, bare rock]", "rock", "negatives (line 5)", "not the text 'rock'"),
        ("version: 3", "version: 3: 4", "line 2, column 11", "is no YAML"),
    ],
)
def test_a_fault_is_named_where_it_is(
    old: str, new: str, place: str, problem: str, tmp_path: Path
) -> None:
    assert old in SOUND
    faults = faults_of(written(tmp_path, SOUND.replace(old, new)))
    assert problem in faults[place]


@pytest.mark.parametrize(
    "text",
    [
        "# nothing but this line\n",
        "- a list\n",
        "[" * 5_000,
        "&a [*a]",
        "a: !!python/object/apply:os.system [ls]",
        "\x00",
        "name: \x07",
    ],
)
def test_garbage_is_refused_in_words(text: str, tmp_path: Path) -> None:
    assert faults_of(written(tmp_path, text))


def test_a_pack_without_needles_is_refused(tmp_path: Path) -> None:
    text = SOUND[: SOUND.index("needles:")]
    assert "is empty" in faults_of(written(tmp_path, text))["needles (line 1)"]
    assert read_pack(BACKGROUND).needles == ()


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    assert "empty" in faults_of(written(tmp_path, ""))["file"]


def test_prompts_alone_are_contrasted_with_what_every_picture_shows() -> None:
    pack = with_prompts(None, ["an octopus", " an octopus ", "", "a squid"])
    assert pack.name == "prompts"
    assert [needle.prompts for needle in pack.needles] == [("an octopus",), ("a squid",)]
    assert pack.needles[0].negatives == read_pack(BACKGROUND).negatives


def test_prompts_beside_a_pack_are_contrasted_with_its_negatives() -> None:
    debris = read_pack("debris")
    pack = with_prompts(debris, ["a wreck", "rope"])
    assert pack.needles[:-1] == debris.needles
    assert pack.needles[-1].name == "a wreck"
    assert pack.needles[-1].negatives == debris.negatives
