"""Names are asked for where WoRMS says, and the map of them can be set as it is written."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset.label_map import taxonomy_of
from fathomnet_voxel51.errors import DatasetError, InputError, SetupError
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.relabelling import reconcile_labels, resolve_names, set_label_map
from fathomnet_voxel51.relabelling.resolving import ANSWERS, DOUBTFUL, LABEL_MAP
from fathomnet_voxel51.taxonomy import read_label_map, worms

from tests.support.aphia import (
    AphiaServer,
    Fault,
    answers,
    aphia,
    breaks_off,
    hangs,
    record,
    sends,
    trickles,
)
from tests.support.forking import forking

ANIMALS = "2:Animalia:Kingdom"
ARTHROPODS = f"{ANIMALS} / 1065:Arthropoda:Phylum / 1066:Crustacea:Subphylum"
COPEPODS = f"{ARTHROPODS} / 845959:Multicrustacea:Superclass / 1080:Copepoda:Class"
CYCLOPOIDS = f"{COPEPODS} / 1101:Cyclopoida:Order"
MALACOSTRACA = f"{ARTHROPODS} / 1071:Malacostraca:Class / 1086:Eumalacostraca:Subclass"
CLADOCERANS = f"{ARTHROPODS} / 889925:Branchiopoda:Class / 1076:Onychopoda:Order"
PODONIDS = f"{CLADOCERANS} / 106268:Podonidae:Family"
CNIDARIANS = f"{ANIMALS} / 1267:Cnidaria:Phylum / 1337:Hydrozoa:Class"
TUNICATES = f"{ANIMALS} / 1821:Chordata:Phylum / 146420:Tunicata:Subphylum"
SNAILS = f"{ANIMALS} / 51:Mollusca:Phylum / 101:Gastropoda:Class / 325342:Pteropoda:Order"
RHIZARIA = "7:Chromista:Kingdom / 582420:Rhizaria:Infrakingdom"
WAYS = (
    ARTHROPODS,
    COPEPODS,
    f"{COPEPODS} / 1100:Calanoida:Order",
    f"{CYCLOPOIDS} / 106428:Oithonidae:Family / 106485:Oithona:Genus",
    f"{CYCLOPOIDS} / 128586:Oncaeidae:Family / 128690:Oncaea:Genus",
    f"{MALACOSTRACA} / 1128:Euphausiacea:Order",
    f"{MALACOSTRACA} / 149668:Mysida:Order",
    f"{PODONIDS} / 106274:Podon:Genus",
    f"{PODONIDS} / 106273:Evadne:Genus",
    f"{ANIMALS} / 1267:Cnidaria:Phylum",
    CNIDARIANS,
    f"{CNIDARIANS} / 1371:Siphonophorae:Order",
    f"{ANIMALS} / 2081:Chaetognatha:Phylum",
    TUNICATES,
    f"{TUNICATES} / 17446:Appendicularia:Class / 103358:Oikopleura:Genus",
    f"{TUNICATES} / 17439:Doliolida:Order",
    f"{ANIMALS} / 51:Mollusca:Phylum",
    f"{SNAILS} / 137839:Limacina:Genus",
    f"{SNAILS} / 137791:Creseis:Genus",
    RHIZARIA,
    f"{RHIZARIA} / 586732:Radiozoa:Phylum (Division) / 588641:Acantharia:Class",
    f"{RHIZARIA} / 582421:Cercozoa:Phylum (Division) / 582452:Phaeodaria:Class",
)
OUTSIDE = (
    *("copepod dead", "copepod multiple", "copepod part", "shrimp-like", "zoea", "nauplius"),
    *("cirripede cypris", "cirripede nauplius", "gelatinous part", "bract", "nectophore"),
    *("ephyra", "actinula", "house", "diatom chain", "solitary black", "colony", "veliger"),
    *("egg capsule", "egg", "feather", "fibre & thread", "detritus", "unknown", "bubble 100%"),
)


def fill(server: AphiaServer) -> None:
    """The taxa above, and names that are doubtful in all ways."""
    for way in WAYS:
        server.add(way)
    clione = server.add(f"{SNAILS} / 137821:Clione:Genus")
    # A synonym, which WoRMS answers with the number of the name that is accepted.
    old = {"status": "unaccepted", "valid_AphiaID": 137791, "valid_name": "Creseis"}
    server.matches["Styliola vitrea"] = [record(140655, "Styliola vitrea", "Species", **old)]
    server.matches["Clyone"] = [{**clione, "match_type": "near_1"}]
    server.matches["oncaea"] = server.matches["Oncaea"]
    # A genus of diatoms and a phylum of animals.
    comb = server.add(f"{ANIMALS} / 1248:Ctenophora:Phylum")
    diatom = server.add(
        "7:Chromista:Kingdom / 149001:Ctenophora:Genus", kingdom="Chromista", isMarine=0
    )
    server.matches["Ctenophora"] = [diatom, comb]
    both = [record(number, "Beroe", "Genus") for number in (1434, 4321)]
    for one in both:
        server.taxa[one["AphiaID"]] = ("Beroe", "Genus")
        server.ways[one["AphiaID"]] = [1, 2, 1248, one["AphiaID"]]
    server.matches["Beroe"] = both


LABELS = (
    *(way.rpartition(" / ")[2].split(":")[1] for way in WAYS),
    *OUTSIDE,
    *("Styliola vitrea", "Clyone", "oncaea", "Ctenophora", "Beroe"),
)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[AphiaServer]:
    with aphia(monkeypatch) as server:
        fill(server)
        yield server


def box(label: str | None) -> Any:
    return fo.Detection(label=label, bounding_box=[0.1, 0.1, 0.2, 0.2])


@pytest.fixture
def plankton(dataset_name: str) -> fo.Dataset:
    """A box of each label, two of detritus, and one without."""
    dataset = fo.Dataset(dataset_name)
    labels = (*LABELS, "detritus", None)
    boxes = [fo.Detections(detections=[box(one)]) for one in labels]
    dataset.add_samples(
        [fo.Sample(f"/{number}.png", ground_truth=one) for number, one in enumerate(boxes)]
    )
    return dataset


def rows_of(file: str | Path) -> list[dict[str, str]]:
    with Path(file).open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


def map_of(folder: Path) -> dict[str, dict[str, str]]:
    return {row["name"]: row for row in rows_of(folder / LABEL_MAP)}


def written(folder: Path, text: str, name: str = "names.csv") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def listed(folder: Path, *names: str) -> str:
    """A file of names."""
    return written(folder, "\n".join(("name", *names)), "names.txt")


def test_labels_become_a_map_that_is_set_and_brings_old_names_to_new_ones(
    plankton: fo.Dataset, server: AphiaServer, tmp_path: Path, either_way: str
) -> None:
    assert len(LABELS) == 52 and len(OUTSIDE) == 25
    done = resolve_names(plankton, folder=str(tmp_path))
    # The two spellings of Oncaea are one name.
    assert (done.names, done.accepted, done.synonyms, done.not_placed) == (51, 23, 1, 27)
    assert done.decided == 0
    placed = map_of(tmp_path)
    assert placed["Oithona"] == {
        **{"name": "Oithona", "parent": "Oithonidae", "rank": "genus", "supercategory": ""},
        **{"status": "active", "maps_to": "", "aphia_id": "106485"},
    }
    assert placed["Acantharia"]["parent"] == "Radiozoa"
    assert placed["Radiozoa"]["rank"] == "phylum"  # WoRMS says "Phylum (Division)"
    assert placed["Animalia"]["parent"] == ""
    assert "Biota" not in placed
    old = placed["Styliola vitrea"]
    assert (old["status"], old["maps_to"], old["aphia_id"]) == ("deprecated", "Creseis", "140655")
    assert (placed["bubble 100%"]["parent"], placed["bubble 100%"]["status"]) == ("", "active")

    set_to = set_label_map(plankton, done.label_map)
    assert (set_to.hash, set_to.form) == (done.hash, "parents")
    assert set_to.unknown_labels == ()
    assert set_to.deprecated_labels == ("Styliola vitrea",)
    assert add_taxonomy_ranks(plankton).unknown_concepts == ()
    tree = taxonomy_of(plankton)
    # Up to the order and down again: genus, family, order, family, genus.
    assert tree.distance("Oithona", "Oncaea") == 4
    # By their kingdoms only: class, phylum, kingdom on one side, kingdom to genus on the other.
    assert tree.distance("Calanoida", "Oithona") == 4  # order, class, order, family, genus
    renamed = reconcile_labels(plankton)
    assert (renamed.renamed + renamed.merged, renamed.ambiguous) == (2, 0)
    labels = Counter(plankton.values("ground_truth.detections.label", unwind=True))
    assert (labels["Creseis"], labels["Oncaea"], labels["Styliola vitrea"]) == (2, 2, 0)


def test_what_is_doubtful_is_listed_with_what_to_do(
    plankton: fo.Dataset, server: AphiaServer, tmp_path: Path
) -> None:
    done = resolve_names(plankton, folder=str(tmp_path))
    doubts = {row["name"]: row for row in rows_of(done.doubtful_names)}
    kinds = Counter(row["doubt"] for row in doubts.values())
    assert kinds == {
        **{"not found": 25, "near spelling": 1, "several taxa": 1, "homonym": 1},
    }
    assert done.doubtful == 28
    assert doubts["detritus"]["labels"] == "2"
    assert "special" in doubts["detritus"]["advice"]
    told = "Clione Author, 1840 (AphiaID 137821, genus, Animalia, accepted, near_1)"
    assert doubts["Clyone"]["told"] == told
    assert "Clione as maps_to, if that is meant" in doubts["Clyone"]["advice"]
    assert "1434" in doubts["Beroe"]["told"] and "4321" in doubts["Beroe"]["told"]
    # Of the two the one that lives in the sea.
    assert "AphiaID 1248" in doubts["Ctenophora"]["advice"]
    assert map_of(tmp_path)["Ctenophora"]["parent"] == "Animalia"
    assert [vars_of(one) for one in done.doubts] == [
        {**row, "labels": int(row["labels"])} for row in rows_of(done.doubtful_names)
    ]


def vars_of(doubt: Any) -> dict[str, Any]:
    return {name: getattr(doubt, name) for name in ("name", "labels", "doubt", "told", "advice")}


OLD_AUS = record(7, "Aus", "Genus", status="unaccepted", valid_AphiaID=8)


@pytest.mark.parametrize(
    ("records", "taken", "doubt"),
    [
        ([record(7, "Aus", "Genus", isMarine=0)], 7, "not marine"),
        ([record(7, "Aus", "Genus", isMarine=0, isBrackish=1)], 7, None),
        ([record(7, "Aus", "Genus", isMarine=None)], 7, None),
        ([record(7, "Aus", "Genus", status="nomen dubium")], 7, "not accepted"),
        (
            [record(7, "Aus", "Genus", status="unaccepted", valid_AphiaID=None)],
            7,
            "not accepted",
        ),
        ([record(7, "Aus", "Genus"), record(8, "Aus", "Genus")], None, "several taxa"),
        (
            [OLD_AUS, record(9, "Aus", "Genus")],
            9,
            "homonym",
        ),
        (
            [{**OLD_AUS, "valid_AphiaID": 9}, record(9, "Aus", "Genus")],
            9,
            None,
        ),
        ([record(7, "Bus", "Genus", match_type="phonetic")], None, "near spelling"),
        ([record(7, "Bus", "Genus", match_type="exact_subgenus")], 7, "other spelling"),
        ([record(7, "Aus", "Genus", scientificname=None)], None, "not found"),
        ([record(-7, "Aus", "Genus")], None, "not found"),
        ([], None, "not found"),
    ],
)
def test_which_record_a_name_stands_for(
    records: list[dict[str, Any]],
    taken: int | None,
    doubt: str | None,
    dataset_name: str,
    server: AphiaServer,
    tmp_path: Path,
) -> None:
    server.matches["Aus"] = records
    server.ways[7], server.ways[8], server.ways[9] = [1, 2, 7], [1, 2, 8], [1, 2, 9]
    name = (records or [{}])[0].get("scientificname") or "Aus"
    server.taxa.update({7: (name, "Genus"), 8: ("Cus", "Genus"), 9: ("Aus", "Genus")})
    names = listed(tmp_path, "Aus")
    done = resolve_names(fo.Dataset(dataset_name), file=names, folder=str(tmp_path))
    assert [one.doubt for one in done.doubts] == ([doubt] if doubt else [])
    row = map_of(tmp_path)["Aus"]
    assert row["aphia_id"] == (str(taken) if taken else "")
    if doubt == "other spelling":
        assert (row["status"], row["maps_to"]) == ("deprecated", "Bus")
    else:
        assert row["parent"] == ("Animalia" if taken else "")


HAND = """name,parent,status,maps_to,supercategory
Copepoda,,,,crustaceans
copepod dead,Copepoda,,,crustaceans
copepod part,Copepoda,,,
Kopepoda,,deprecated,Copepoda,
Old copepod,,deprecated,Oithona;Oncaea,
zoea,larvae,,,
larvae,Malacostraca,,,
detritus,,special,,
"""


def test_what_the_map_at_hand_says_of_names_that_worms_does_not_know_stays(
    dataset_name: str, server: AphiaServer, tmp_path: Path
) -> None:
    server.add(MALACOSTRACA.rpartition(" / ")[0])
    names = written(tmp_path, HAND)
    done = resolve_names(fo.Dataset(dataset_name), file=names, folder=str(tmp_path / "out"))
    # Also of the names that others need, and that have no line of their own.
    assert (done.accepted, done.not_placed, done.decided) == (4, 4, 3)
    there = map_of(tmp_path / "out")
    assert there["Copepoda"]["parent"] == "Multicrustacea"
    assert there["Copepoda"]["supercategory"] == "crustaceans"
    assert there["copepod dead"]["parent"] == there["copepod part"]["parent"] == "Copepoda"
    assert (there["zoea"]["parent"], there["larvae"]["parent"]) == ("larvae", "Malacostraca")
    assert there["detritus"]["status"] == "special"
    assert there["Old copepod"]["maps_to"] == "Oithona;Oncaea"
    assert there["Oithona"]["aphia_id"] == "106485"
    # Nobody asked about what somebody has decided.
    assert not any("detritus" in one or "Kopepoda" in one for one in server.asked)


def test_a_map_that_is_resolved_again_stays_as_it_is_and_nobody_is_asked(
    plankton: fo.Dataset, server: AphiaServer, tmp_path: Path
) -> None:
    shares: list[float] = []
    first = resolve_names(
        plankton, folder=str(tmp_path), progress=lambda share, _: shares.append(share)
    )
    assert shares == sorted(shares) and shares[-1] == 1
    files = {name: (tmp_path / name).read_bytes() for name in (LABEL_MAP, DOUBTFUL, ANSWERS)}
    asked = list(server.asked)
    assert first.questions == len(asked) > 10
    assert resolve_names(plankton, folder=str(tmp_path)).questions == 0
    assert {name: (tmp_path / name).read_bytes() for name in files} == files
    # Its own map, with all those above, as the file: the same map.
    again = resolve_names(plankton, file=first.label_map, folder=str(tmp_path))
    assert (tmp_path / LABEL_MAP).read_bytes() == files[LABEL_MAP]
    assert again.hash == first.hash
    assert {one.name for one in again.doubts} <= {one.name for one in first.doubts}
    assert server.asked == asked


def test_what_somebody_decides_in_the_map_counts_when_it_is_resolved_again(
    plankton: fo.Dataset, server: AphiaServer, tmp_path: Path
) -> None:
    done = resolve_names(plankton, folder=str(tmp_path))
    text = Path(done.label_map).read_text()
    for before, after in (
        ("Clyone,,,,active,,\n", "Clyone,,,,deprecated,Clione,\n"),
        ("Beroe,,,,active,,\n", "Beroe,,,,active,,1434\n"),
        ("detritus,,,,active,,\n", "detritus,,,,special,,\n"),
        ("zoea,,,,active,,\n", "zoea,Malacostraca,,,active,,\n"),
        ("egg,,,,active,,\n", "egg,,,,active,,77\n"),
    ):
        assert before in text
        text = text.replace(before, after)
    Path(done.label_map).write_text(text)
    # It is not overwritten by the way.
    with pytest.raises(InputError, match="is not as it was written"):
        resolve_names(plankton, folder=str(tmp_path))
    assert Path(done.label_map).read_text() == text
    again = resolve_names(plankton, file=done.label_map, folder=str(tmp_path))
    there = map_of(tmp_path)
    assert (there["Clyone"]["maps_to"], there["Clione"]["aphia_id"]) == ("Clione", "137821")
    assert (there["Beroe"]["parent"], there["Beroe"]["aphia_id"]) == ("Ctenophora", "1434")
    assert there["detritus"]["status"] == "special"
    assert there["zoea"]["parent"] == "Malacostraca"
    told = {one.name: one.told for one in again.doubts}
    assert {one.name: one.labels for one in again.doubts}["egg"] == 1
    assert told["egg"] == "there is no AphiaID 77"
    assert not {"Clyone", "Beroe", "detritus"} & set(told)
    assert set_label_map(plankton, again.label_map).hash == again.hash


def test_labels_are_resolved_by_the_label_map_of_their_dataset(
    plankton: fo.Dataset, server: AphiaServer, tmp_path: Path
) -> None:
    hand = "name,parent,status,maps_to\nCopepoda,,,\ncopepod dead,Copepoda,,\n"
    hand += "Clyone,,deprecated,Clione\nClione,,,\ndetritus,,special,\n"
    hand += "Euphausia,my own group,,\nmy own group,,,\n"
    set_label_map(plankton, written(tmp_path, hand))
    done = resolve_names(plankton, folder=str(tmp_path))
    there = map_of(tmp_path)
    assert done.decided == 2
    assert there["copepod dead"]["parent"] == "Copepoda"
    assert there["detritus"]["status"] == "special"
    assert there["Clyone"]["maps_to"] == "Clione"
    assert there["Clione"]["parent"] == "Pteropoda"
    # Nothing of the map that was there is lost, also where no label has it.
    assert there.keys() >= {"Euphausia", "my own group"}


def test_a_field_of_one_label_an_image_and_lists_of_names_are_resolved_alike(
    dataset_name: str, server: AphiaServer, tmp_path: Path
) -> None:
    crops = fo.Dataset(dataset_name)
    for number, label in enumerate(("Oithona", "Podon", None)):
        one = fo.Classification(label=label) if label else None
        crops.add_sample(fo.Sample(f"/{number}.png", ground_truth=one))
    maps = []
    for name, text in (
        ("a.txt", "Taxon\nOithona\n\n  Podon\nOithona\n"),
        ("b.csv", "count;label\n3;Oithona\n4;Podon\n"),
        ("c.nwk", "(Oithona,Podon);"),
        ("d.csv", "name,parent\nPodon,\nOithona,\n"),
    ):
        folder = tmp_path / name.replace(".", "_")
        file = written(tmp_path, text, name)
        maps.append(resolve_names(crops, file=file, folder=str(folder)).hash)
    maps.append(resolve_names(crops, folder=str(tmp_path / "field")).hash)
    assert len(set(maps)) == 1
    assert resolve_names(crops, folder=str(tmp_path / "field")).accepted == 2


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(sends(429, Retry_After="0"), id="429"),
        pytest.param(sends(500), id="500"),
        pytest.param(sends(503, "<html>"), id="503"),
        pytest.param(sends(200, "<html>a login page</html>"), id="HTML"),
        pytest.param(sends(200, "[[{]"), id="no JSON"),
        pytest.param(sends(200, "[" * 5_000), id="nested"),
        pytest.param(sends(200, '{"AphiaID": 7}'), id="no list"),
        pytest.param(sends(200, '[[{"AphiaID": "many"}]]'), id="no number"),
        pytest.param(sends(200, "[[]]" + " " * 70_000), id="too few"),
        pytest.param(breaks_off, id="cut off"),
        pytest.param(hangs(0.6), id="slow"),
        pytest.param(trickles, id="trickling"),
    ],
)
def test_an_answer_that_cannot_be_used_is_asked_for_again_and_then_told(
    fault: Fault,
    dataset_name: str,
    server: AphiaServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worms, "ANSWER_SECONDS", 0.3)
    dataset = fo.Dataset(dataset_name)
    names = listed(tmp_path, "Oithona", "Podon", "detritus")
    undisturbed = resolve_names(dataset, file=names, folder=str(tmp_path / "calm"))
    # Once, at each question: it goes by.
    server.asked.clear()
    server.faults = [fault]
    done = resolve_names(dataset, file=names, folder=str(tmp_path / "once"))
    assert done.hash == undisturbed.hash
    assert len(server.asked) == undisturbed.questions + 1
    # Always, from the second question on: what was answered before is kept, and it is said.
    out = tmp_path / "out"
    server.faults = [answers, *[fault] * 100]
    with pytest.raises(SetupError, match=f"WoRMS at {server.url} gave no usable answer") as raised:
        resolve_names(dataset, file=names, folder=str(out))
    message = str(raised.value)
    assert "what WoRMS has said of 3 names is kept" in message and len(message) < 600
    assert [path.name for path in out.iterdir()] == [ANSWERS]
    server.faults = []
    server.asked.clear()
    assert resolve_names(dataset, file=names, folder=str(out)).hash == undisturbed.hash
    assert not any("MatchNames" in one for one in server.asked)


@pytest.mark.parametrize(
    ("status", "questions"), [(301, 1), (401, 1), (400, 2), (403, 2), (404, 2)]
)
def test_a_refusal_is_told_at_once(
    status: int, questions: int, dataset_name: str, server: AphiaServer, tmp_path: Path
) -> None:
    server.faults = [sends(status, Location="http://127.0.0.1:1/")] * 9
    names = listed(tmp_path, "Oithona")
    with pytest.raises(SetupError, match=f"HTTP {status}"):
        resolve_names(fo.Dataset(dataset_name), file=names, folder=str(tmp_path))
    # It may be this name's fault: another is asked about, once.
    assert len(server.asked) == questions


@pytest.mark.fault(
    operator="resolve_names",
    happens="WoRMS refuses one name or number of many, by a status, a web page or silence",
    end="the others are placed; what it refused is among the doubtful, and asked about again later",
)
@pytest.mark.parametrize(
    ("fault", "told"),
    [
        pytest.param(sends(400), "it says HTTP 400", id="400"),
        pytest.param(sends(403, "<html>blocked</html>"), "it says HTTP 403", id="403"),
        pytest.param(sends(404), "it says HTTP 404", id="404"),
        pytest.param(sends(414), "it says HTTP 414", id="414"),
        pytest.param(sends(500), "it says HTTP 500", id="500"),
        pytest.param(sends(200, "<html>sorry</html>"), "is no answer of WoRMS", id="HTML"),
        pytest.param(sends(200, '[[{"AphiaID": null}]]'), "is no answer of WoRMS", id="null"),
        pytest.param(hangs(0.4), "did not answer within", id="silence"),
    ],
)
def test_what_is_refused_of_one_name_costs_no_other_its_place(
    fault: Fault,
    told: str,
    plankton: fo.Dataset,
    server: AphiaServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worms, "ANSWER_SECONDS", 0.2)
    undisturbed = resolve_names(plankton, folder=str(tmp_path / "calm"))
    calm = map_of(tmp_path / "calm")
    # Of two the names, of one the place, of one the record by its number.
    server.refuses = {
        "fibre & thread": fault, "zoea": fault, "ByAphiaID/106485": fault,
        "RecordByAphiaID/77": fault,
    }  # fmt: skip
    done = resolve_names(plankton, folder=str(tmp_path / "out"))
    doubts = {row["name"]: row for row in rows_of(done.doubtful_names)}
    refused = {name for name, row in doubts.items() if row["doubt"] == "refused"}
    assert refused == {"fibre & thread", "zoea", "Oithona"}
    assert all(told in doubts[name]["told"] for name in refused)
    assert "run it again later" in doubts["Oithona"]["advice"]
    there = map_of(tmp_path / "out")
    assert there["Oithona"]["parent"] == there["Oithona"]["aphia_id"] == ""
    gone = {"Oithona", "Oithonidae"}
    assert {name: row for name, row in there.items() if name not in gone} == {
        name: row for name, row in calm.items() if name not in gone
    }
    names = written(tmp_path, "name,aphia_id\nPodon,\nmine,77\n")
    (doubt,) = resolve_names(plankton, file=names, folder=str(tmp_path / "by_number")).doubts
    assert (doubt.name, doubt.doubt) == ("mine", "refused") and told in doubt.told
    # Later it answers: nobody asks for what is known, and the map is the undisturbed one.
    server.refuses = {}
    server.asked.clear()
    again = resolve_names(plankton, folder=str(tmp_path / "out"))
    assert (again.hash, again.questions) == (undisturbed.hash, 2)
    assert map_of(tmp_path / "out") == calm


def test_without_a_network_one_sentence_says_so_at_once(
    dataset_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/rest"
    monkeypatch.setenv(worms.SERVICE_VARIABLE, url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    names = listed(tmp_path, "Oithona")
    started = time.monotonic()
    with pytest.raises(SetupError) as raised:
        resolve_names(fo.Dataset(dataset_name), file=names, folder=str(tmp_path / "out"))
    assert time.monotonic() - started < 0.9 * worms.FIRST_WAIT_SECONDS
    assert str(raised.value).splitlines() == [
        f"WoRMS at {url} gave no usable answer: there is no connection to it",
        f"Check the network and {worms.SERVICE_VARIABLE}, then run it again.",
    ]
    assert list((tmp_path / "out").iterdir()) == []


def test_a_server_without_an_address_is_told_before_anybody_is_asked(
    dataset_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, dataset = listed(tmp_path, "Oithona"), fo.Dataset(dataset_name)
    for address in ("nonsense", "ftp://worms.example", "https://", "http://u:secret@worms/rest"):
        monkeypatch.setenv(worms.SERVICE_VARIABLE, address)
        with pytest.raises(SetupError, match="names no address") as raised:
            resolve_names(dataset, file=names, folder=str(tmp_path / "out"))
        assert "secret" not in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_what_nobody_knows_is_answered_by_nothing_at_all(
    dataset_name: str, server: AphiaServer, tmp_path: Path
) -> None:
    dataset = fo.Dataset(dataset_name)
    names = listed(tmp_path, "detritus", "bubbles")
    done = resolve_names(dataset, file=names, folder=str(tmp_path))  # HTTP 204
    assert (done.accepted, done.not_placed, done.questions) == (0, 2, 1)
    server.faults = [sends(200)]
    assert resolve_names(dataset, file=names, folder=str(tmp_path / "b")).not_placed == 2
    # A name without a classification keeps its record, at the top.
    server.matches["Aus"] = [record(7, "Aus", "Genus")]
    names = listed(tmp_path, "Aus")
    resolve_names(dataset, file=names, folder=str(tmp_path / "c"))
    assert map_of(tmp_path / "c")["Aus"]["aphia_id"] == "7"


def test_fifty_names_are_asked_about_at_once_and_a_pause_is_made_between(
    dataset_name: str, server: AphiaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worms, "PAUSE_SECONDS", 0.1)
    dataset = fo.Dataset(dataset_name)
    names = written(
        tmp_path, "\n".join(["name", *(f"thing {number}" for number in range(120))]), "n.txt"
    )
    started = time.monotonic()
    assert resolve_names(dataset, file=names, folder=str(tmp_path)).questions == 3
    assert time.monotonic() - started > 0.2
    # Long names make shorter questions: addresses have an end.
    long = written(
        tmp_path, "\n".join(["name", *(f"{number:0200}" for number in range(60))]), "l.txt"
    )
    resolve_names(dataset, file=long, folder=str(tmp_path / "long"))
    assert all(len(one) < 8_000 for one in server.asked)
    assert len(server.asked) == 3 + 3


def test_names_of_any_signs_are_asked_about_as_they_are(
    dataset_name: str, server: AphiaServer, tmp_path: Path
) -> None:
    odd = [
        "a/b",
        "a#b?c=d",
        "50 µm",
        "100%",
        "x+y",
        'say "ah"',
        "<b>",
        "名前",
        "détritus",
        "..",
        "\\",
    ]
    file = tmp_path / "odd.csv"
    with file.open("w", newline="") as table:
        csv.writer(table).writerows([["name"], *([name] for name in odd)])
    done = resolve_names(fo.Dataset(dataset_name), file=str(file), folder=str(tmp_path))
    (question,) = server.asked
    assert parse_qs(urlsplit(question).query)["scientificnames[]"] == sorted(odd)
    assert (done.not_placed, sorted(map_of(tmp_path))) == (len(odd), sorted(odd))
    assert read_label_map(done.label_map).label_map.sha256 == done.hash


def test_neighbours_say_where_a_name_stands_so_that_fewer_are_asked_about(
    dataset_name: str, server: AphiaServer, tmp_path: Path
) -> None:
    names = listed(tmp_path, "Podon", "Evadne", "Oithona")
    dataset = fo.Dataset(dataset_name)
    assert resolve_names(dataset, file=names, folder=str(tmp_path)).questions == 3
    assert map_of(tmp_path)["Podon"]["parent"] == map_of(tmp_path)["Evadne"]["parent"]


def test_a_proxy_and_a_login_are_used_as_everywhere(
    dataset_name: str, server: AphiaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = server.url.removesuffix("/rest")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.setenv(worms.SERVICE_VARIABLE, "http://worms.example/rest/")
    logins = {"http://worms.example": {"Authorization": "Bearer secret"}}
    monkeypatch.setenv("FATHOMNET_LOGINS", json.dumps(logins))
    seen: list[str | None] = []

    def answered(handler: Any) -> None:
        seen.append(handler.headers["Authorization"])
        handler.send(204, "")

    server.faults = [answered]
    names = listed(tmp_path, "detritus")
    resolve_names(fo.Dataset(dataset_name), file=names, folder=str(tmp_path))
    assert seen == ["Bearer secret"]
    assert server.asked[0].startswith("http://worms.example/rest/AphiaRecordsByMatchNames?")


def resolve_apart(url: str, dataset_name: str, file: str, folder: str) -> None:
    """In a process of its own, which has not the settings of the test."""
    os.environ[worms.SERVICE_VARIABLE], os.environ["NO_PROXY"] = url, "127.0.0.1"
    worms.PAUSE_SECONDS = 0.0  # type: ignore[misc]
    resolve_names(fo.load_dataset(dataset_name), file=file, folder=folder)


@pytest.mark.fault(
    operator="resolve_names",
    happens="it is killed while it asks WoRMS, and run again",
    end="the files of an undisturbed run; nothing that was answered is asked again",
)
@pytest.mark.parametrize("fatal", [1, 2, 6])
def test_what_was_killed_while_it_asked_goes_on_where_it_was(
    fatal: int, plankton: fo.Dataset, server: AphiaServer, tmp_path: Path
) -> None:
    undisturbed = resolve_names(plankton, folder=str(tmp_path / "calm"))
    names = listed(tmp_path, *LABELS)
    questions = undisturbed.questions
    server.asked.clear()
    victim: list[int] = []

    def kills(handler: Any) -> None:
        while not victim:
            time.sleep(0.01)
        os.kill(victim[0], signal.SIGKILL)

    server.faults = [*[answers] * (fatal - 1), kills]
    out = str(tmp_path / "out")
    work = partial(resolve_apart, server.url, plankton.name, names, out)
    process = forking.Process(target=work)
    process.start()
    assert process.pid is not None
    victim.append(process.pid)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert len(server.asked) == fatal
    done = resolve_names(plankton, file=names, folder=out)
    assert done.hash == undisturbed.hash
    assert done.questions == questions - (fatal - 1)
    assert sorted(path.name for path in Path(out).iterdir()) == sorted(
        (LABEL_MAP, DOUBTFUL, ANSWERS)
    )


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"folder": ""}, "name a folder"),
        ({"folder": "@names.txt/below"}, "is not a folder"),
        ({"file": "@no.csv"}, "there is no such file"),
        ({"file": "@empty.csv"}, "holds nothing but blank lines"),
        ({"file": "@species.csv"}, "line 1: no column is name or concept or label or taxon"),
        ({"file": "@twice.csv"}, "stands under 'Podon' here"),
        ({"file": "@comma.csv"}, "line 2: has 2 columns instead of 1"),
        ({"folder": "@foreign"}, "holds no answers of WoRMS"),
        ({"folder": "@other"}, "holds the answers of https://reef.example/rest"),
    ],
)
def test_what_cannot_be_resolved_is_refused_before_anybody_is_asked(
    given: dict[str, str], problem: str, dataset_name: str, server: AphiaServer, tmp_path: Path
) -> None:
    for name, text in (
        ("names.txt", "name\nOithona\n"),
        ("empty.csv", "\n \n"),
        ("species.csv", "species,count\nOithona,3\n"),
        ("twice.csv", "name,parent\nOithona,\nOithona,Podon\n"),
        ("comma.csv", "name\nfibre, thread\n"),
    ):
        written(tmp_path, text, name)
    for name, text in (("foreign", "{}"), ("other", '{"service": "https://reef.example/rest"}')):
        (tmp_path / name).mkdir()
        written(tmp_path / name, text, ANSWERS)
    params = {"file": "@names.txt", "folder": "@out", **given}
    params = {key: value.replace("@", f"{tmp_path}/") for key, value in params.items()}
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=problem):
        resolve_names(fo.Dataset(dataset_name), **params)
    assert server.asked == []
    assert sorted(tmp_path.rglob("*")) == before


def test_a_field_without_labels_or_with_nothing_that_could_be_a_name_is_refused(
    dataset_name: str, server: AphiaServer, tmp_path: Path
) -> None:
    dataset = fo.Dataset(dataset_name)
    with pytest.raises(DatasetError, match="'ground_truth' is no field"):
        resolve_names(dataset, folder=str(tmp_path))
    boxes = fo.Detections(detections=[box("x" * 201), box(None)])
    dataset.add_sample(fo.Sample("/a.png", ground_truth=boxes))
    with pytest.raises(InputError, match="holds no label that could be a name"):
        resolve_names(dataset, folder=str(tmp_path))
    dataset.add_sample(fo.Sample("/b.png", ground_truth=fo.Detections(detections=[box("Oithona")])))
    (doubt,) = resolve_names(dataset, folder=str(tmp_path)).doubts
    assert (doubt.doubt, doubt.labels, len(doubt.name)) == ("no name", 1, 200)


def test_ranks_that_contradict_each_other_are_left_out(
    dataset_name: str, server: AphiaServer, tmp_path: Path
) -> None:
    # Of algae a section stands below a genus; among crabs it stands above a family.
    server.add(
        "3:Plantae:Kingdom / 801:Alga:Genus / 802:Alga sectio:Section / 803:Alga alba:Species"
    )
    names = listed(tmp_path, "Alga alba")
    resolve_names(fo.Dataset(dataset_name), file=names, folder=str(tmp_path))
    ranks = {name: row["rank"] for name, row in map_of(tmp_path).items()}
    assert ranks == {
        "Plantae": "kingdom",
        "Alga": "genus",
        "Alga sectio": "",
        "Alga alba": "species",
    }
    (taxon,) = (
        one
        for one in read_label_map(tmp_path / LABEL_MAP).label_map.taxonomy.taxa
        if one.name == "Alga alba"
    )
    assert taxon.parent == "Alga sectio"


def test_two_taxa_of_one_name_on_one_tree_are_told_apart(
    dataset_name: str, server: AphiaServer, tmp_path: Path
) -> None:
    server.add("2:Animalia:Kingdom / 901:Aus:Phylum / 902:Bus:Class")
    server.add("7:Chromista:Kingdom / 903:Aus:Genus")
    server.matches["Aus"] = [one for one in server.matches["Aus"] if one["AphiaID"] == 903]
    names = listed(tmp_path, "Aus", "Bus")
    resolve_names(fo.Dataset(dataset_name), file=names, folder=str(tmp_path))
    there = map_of(tmp_path)
    assert (there["Aus"]["parent"], there["Bus"]["parent"]) == ("Chromista", "Aus (901)")
    before = (tmp_path / LABEL_MAP).read_bytes()
    own = str(tmp_path / LABEL_MAP)
    resolve_names(fo.load_dataset(dataset_name), file=own, folder=str(tmp_path))
    assert (tmp_path / LABEL_MAP).read_bytes() == before
