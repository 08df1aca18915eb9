"""A label map of one's own, from a file to a matrix by rank, and from old names to its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset.app_defaults import NAMES_OF_BOXES
from fathomnet_voxel51.dataset.label_map import special_names, taxonomy_of
from fathomnet_voxel51.dataset.records import label_maps
from fathomnet_voxel51.errors import DatasetError, InputError
from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.evaluation.finished import read_evaluation
from fathomnet_voxel51.evaluation.run import EvaluationDetails
from fathomnet_voxel51.evaluation.scoring.confusion import confusion_at
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.relabelling import (
    RelabelResult,
    reconcile_labels,
    relabel_boxes,
    set_label_map,
    undo_relabel,
)
from fathomnet_voxel51.relabelling.journal import journals_of
from fathomnet_voxel51.relabelling.label_map import AMBIGUOUS, Replacement
from fathomnet_voxel51.report import report_dataset
from fathomnet_voxel51.taxonomy import load_taxonomy
from fiftyone import ViewField as F

from tests.support.stored import DICE_AND_TIMES, documents, settings, without_none

TREE = {
    "living": ("Crustacea", "Gelatinous", "Protista", "Mollusca"),
    "Crustacea": ("Copepoda", "Eumalacostraca", "Cladocera", "crustacean larvae"),
    "Copepoda": (
        "Calanoida",
        "Oithona",
        "Oncaea",
        "copepod dead",
        "copepod multiple",
        "copepod part",
    ),
    "Eumalacostraca": ("Euphausiacea", "Mysida", "shrimp-like", "zoea"),
    "Cladocera": ("Podon", "Evadne", "Penilia"),
    "crustacean larvae": ("nauplius", "cirripede cypris", "cirripede nauplius"),
    "Gelatinous": ("Cnidaria", "Chaetognatha", "Tunicata", "gelatinous part"),
    "Cnidaria": ("Siphonophorae", "bract", "nectophore", "Hydrozoa", "ephyra", "actinula"),
    "Tunicata": ("Oikopleura", "Doliolida", "house"),
    "Protista": ("Rhizaria", "Dinophyceae", "diatom chain"),
    "Rhizaria": ("Acantharia", "Phaeodaria", "solitary black", "colony", "Spumellaria"),
    "Mollusca": ("Limacina", "Creseis", "veliger", "egg capsule"),
}
SPECIAL = ("detritus", "fibre", "unknown")


def table(*more: str, columns: str = "name,parent,status,maps_to") -> str:
    rows = ["living,,,"]
    rows += [f"{name},{above},," for above, names in TREE.items() for name in names]
    rows += [f"{name},,special," for name in SPECIAL]
    return "\n".join([columns, *rows, *more]) + "\n"


def written(folder: Path, text: str, name: str = "map.csv") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def leaves() -> list[str]:
    return [name for names in TREE.values() for name in names if name not in TREE]


def box(label: str, number: int, **more: Any) -> Any:
    return fo.Detection(
        label=label, bounding_box=[0.1, 0.1, 0.2, 0.2], annotation_id=number, **more
    )


@pytest.fixture
def plankton(dataset_name: str, either_way: str) -> Iterator[Any]:
    """Three images of each leaf and of what is no taxon; every third prediction is of the next."""
    dataset = fo.Dataset(dataset_name)
    names, samples, number = leaves(), [], 0
    for place, name in enumerate((*names, *SPECIAL)):
        for copy in range(3):
            number += 1
            predicted = names[(place + 1) % len(names)] if copy == 0 else name
            samples.append(
                fo.Sample(
                    f"/{number}.png",
                    ground_truth=fo.Detections(detections=[box(name, number)]),
                    predicted=fo.Detections(detections=[box(predicted, number, confidence=0.9)]),
                )
            )
    dataset.add_samples(samples)
    yield dataset


def test_fifty_names_in_four_levels_lead_from_a_file_to_a_matrix_by_rank(
    plankton: Any, tmp_path: Path
) -> None:
    names = {"living", *(name for some in TREE.values() for name in some)}
    assert len(names) == 50
    result = set_label_map(plankton, written(tmp_path, table()))
    assert (result.names, result.special, result.deprecated) == (50, 3, 0)
    assert (result.version, result.form, result.unknown_labels) == (1, "parents", ())
    levels = [("level 1", 1), ("level 2", 4), ("level 3", 15), ("level 4", 30)]
    assert [(one.rank, one.names) for one in result.ranks] == levels
    ranks = add_taxonomy_ranks(plankton)
    assert (ranks.boxes, ranks.unknown_concepts) == (3 * len(leaves()), ())
    scored = evaluate_predictions(plankton, "predicted", eval_key="own")
    details = EvaluationDetails.read(plankton, "own")
    assert details is not None and details.taxonomy_sha256 == result.hash
    # Detritus and the like are no boxes of an evaluation; of each leaf one of three is wrong.
    assert scored.boxes == 3 * len(leaves())
    assert scored.accuracy == pytest.approx(2 / 3)
    assert scored.unknown_names == ()
    above = {name: over for over, some in TREE.items() for name in some}

    def lineage(name: str) -> list[str]:
        return [*(lineage(above[name]) if name in above else []), name]

    own = leaves()
    pairs = [
        (lineage(name), lineage(own[(place + 1) % len(own)] if copy == 0 else name))
        for place, name in enumerate(own)
        for copy in range(3)
    ]
    steps = [
        len(a) + len(b) - 2 * sum(x == y for x, y in zip(a, b, strict=False)) for a, b in pairs
    ]
    assert scored.mean_taxonomic_distance == pytest.approx(sum(steps) / len(steps))
    tree = taxonomy_of(plankton)
    confusion = confusion_at("phylum", read_evaluation(plankton, "own", tree).pairs, tree)
    expected = Counter((a[1], b[1]) for a, b in pairs)
    assert set(confusion.names) == set(TREE["living"])
    for row, true in enumerate(confusion.names):
        for column, predicted in enumerate(confusion.names):
            assert confusion.counts[row, column] == expected[true, predicted]


def test_the_card_counts_no_special_name_as_a_taxon(plankton: Any, tmp_path: Path) -> None:
    set_label_map(plankton, written(tmp_path, table()))
    assert special_names(plankton) == set(SPECIAL)
    text = report_dataset(plankton).markdown
    assert "Not in the taxonomy" not in text
    assert f"{50:,}" in text


def test_versions_stay_and_an_earlier_one_can_be_set_again(plankton: Any, tmp_path: Path) -> None:
    first = set_label_map(plankton, written(tmp_path, table()))
    assert set_label_map(plankton, written(tmp_path, table())).version == 1  # the same again
    second = set_label_map(plankton, written(tmp_path, table("Salpida,Tunicata,,")))
    assert (second.version, second.names) == (2, 51)
    assert "Salpida" in taxonomy_of(plankton)
    again = set_label_map(plankton, version=1)
    assert (again.version, again.hash) == (3, first.hash)
    assert "Salpida" not in taxonomy_of(plankton)
    default = set_label_map(plankton, version=0)
    assert taxonomy_of(plankton) is load_taxonomy()
    assert default.hash == load_taxonomy().sha256
    assert [(one.version, one.source) for one in label_maps(plankton)] == [
        (1, "map.csv"),
        (2, "map.csv"),
        (3, "map.csv"),
        (4, ""),
    ]
    with pytest.raises(InputError, match=r"there is no version 9; .* 1 \(map.csv\)"):
        set_label_map(plankton, version=9)
    with pytest.raises(InputError, match="not both"):
        set_label_map(plankton, written(tmp_path, table()), version=1)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (table("Oithona,Cladocera,,"), "line 55"),
        (table("nobody,nowhere,,"), "line 55"),
        (table("old,,deprecated,nobody"), "line 55"),
        (table().replace("living,,,", "living,Oithona,,"), "line 2"),
        ("(Oithona,Oncaea)Copepoda", "line 1, character 25"),
    ],
)
def test_a_malformed_map_is_refused_with_its_place_and_nothing_is_written(
    plankton: Any, tmp_path: Path, text: str, place: str
) -> None:
    before = documents(plankton), settings(plankton)
    with pytest.raises(InputError) as refused:
        set_label_map(plankton, written(tmp_path, text))
    assert refused.value.faults[0].place == place
    plankton.reload()
    assert (documents(plankton), settings(plankton)) == before


def test_a_dry_run_writes_nothing(plankton: Any, tmp_path: Path) -> None:
    before = documents(plankton), settings(plankton)
    result = set_label_map(plankton, written(tmp_path, table()), dry_run=True)
    assert (result.names, result.version, result.dry_run) == (50, 0, True)
    plankton.reload()
    assert (documents(plankton), settings(plankton)) == before


OLD = (
    # Three renames, two merges of two names each, one split, one that is no taxon, one lost.
    "calanoid,,deprecated,Calanoida",
    "krill,,deprecated,Euphausiacea",
    "arrow worm,,deprecated,Chaetognatha",
    "Podon leuckartii,,deprecated,Podon",
    "Podon polyphemoides,,deprecated,Podon",
    "salp chain,,deprecated,Doliolida",
    "doliolid,,deprecated,Doliolida",
    "larva,,deprecated,zoea; nauplius",
    "bad image,,deprecated,unknown",
    "lost,,deprecated,",
)
COUNTS = dict(
    zip([row.partition(",")[0] for row in OLD], (5, 4, 3, 2, 6, 7, 1, 8, 9, 2), strict=True)
)


@pytest.fixture
def old(dataset_name: str, tmp_path: Path, either_way: str) -> Any:
    """Boxes with the names of an old map, some with a verdict, beside others."""
    dataset = fo.Dataset(dataset_name)
    labels = [name for name, count in COUNTS.items() for _ in range(count)]
    labels += ["Oithona", "Oithona", " oncaea"]
    samples = [
        fo.Sample(f"/{place}.png", ground_truth=fo.Detections(detections=[box(name, place)]))
        for place, name in enumerate(labels)
    ]
    dataset.add_samples(samples)
    set_label_map(dataset, written(tmp_path, table(*OLD)))
    add_taxonomy_ranks(dataset)
    return dataset


def counted_labels(dataset: Any) -> dict[str, int]:
    counts: dict[str, int] = dataset.count_values("ground_truth.detections.label")
    return counts


def test_old_names_become_those_of_the_map_in_one_run_that_is_undone(old: Any) -> None:
    before = documents(old, DICE_AND_TIMES)
    told = reconcile_labels(old, dry_run=True)
    assert documents(old, DICE_AND_TIMES) == before and not journals_of(old)
    result = reconcile_labels(old)
    for one in (told, result):
        assert (one.renamed, one.merged, one.ambiguous) == (5 + 4 + 3 + 9 + 1, 2 + 6 + 7 + 1, 8 + 2)
        assert one.without_replacement == ("lost",)
    assert result.conflicts == 0
    assert Replacement("larva", 8, ("zoea", "nauplius"), "ambiguous") in result.replacements
    assert Replacement("doliolid", 1, ("Doliolida",), "merged") in result.replacements
    assert counted_labels(old) == {
        **{"Calanoida": 5, "Euphausiacea": 4, "Chaetognatha": 3, "Podon": 8, "Doliolida": 8},
        **{"larva": 8, "unknown": 9, "lost": 2, "Oithona": 2, "Oncaea": 1},
    }
    (journal,) = journals_of(old)
    assert (journal.key, journal.stage, journal.boxes) == (result.journal, "done", 38)
    assert journal.what == "gave the names that theirs have become"
    krill = old.filter_labels("ground_truth", F("label") == "Euphausiacea")
    assert krill.distinct("ground_truth.detections.class") == ["Eumalacostraca"]
    shown = old.load_saved_view(result.view)
    assert result.view == AMBIGUOUS
    assert shown.count_values("ground_truth.label") == {"larva": 8, "lost": 2}
    again = reconcile_labels(old)
    assert (again.renamed, again.merged, again.journal) == (0, 0, "")
    assert undo_relabel(old, result.journal).restored == 38
    assert without_none(documents(old, DICE_AND_TIMES)) == without_none(before)


def test_labels_that_the_map_does_not_have_are_proposed_what_they_may_be_and_are_left(
    old: Any,
) -> None:
    some = old.limit(3)
    some.set_values("ground_truth.detections.label", [["Oithonna"], ["Oithonna"], ["my own"]])
    result = reconcile_labels(old)
    assert Replacement("Oithonna", 2, ("Oithona",), "ambiguous") in result.replacements
    assert result.without_replacement == ("lost", "my own")
    assert result.ambiguous == 8 + 2 + 3
    shown = old.load_saved_view(result.view)
    names = {"larva": 8, "lost": 2, "Oithonna": 2, "my own": 1}
    assert shown.count_values("ground_truth.label") == names
    # What states its genus is no misspelling.
    some.set_values("ground_truth.detections.label", [["Oithona sp."], ["Podon sp. 2"], ["zoea"]])
    assert reconcile_labels(old).ambiguous == 8 + 2


def test_a_verdict_on_an_old_name_stands_for_the_new_one(old: Any) -> None:
    from fathomnet_voxel51.review import review_labels

    krill = old.filter_labels("ground_truth", F("label") == "krill")
    assert review_labels(krill, "confirm").confirmed == 4
    reconcile_labels(old)
    now = old.filter_labels("ground_truth", F("label") == "Euphausiacea")
    assert now.distinct("ground_truth.detections.review_state") == ["confirmed"]
    assert now.distinct("ground_truth.detections.reviewed_label") == ["Euphausiacea"]


def test_a_table_of_old_and_new_names_does_without_a_label_map(old: Any, tmp_path: Path) -> None:
    set_label_map(old, version=0)
    with pytest.raises(InputError, match="or set a label map first"):
        reconcile_labels(old)
    text = "old;new\ncalanoid;Octopus rubescens\nlost;Sebastes\nlost;Sebastolobus\n"
    result = reconcile_labels(old, table=written(tmp_path, text, "old.csv"))
    assert (result.renamed, result.merged, result.ambiguous) == (5, 0, 2)
    assert counted_labels(old)["Octopus rubescens"] == 5


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("krill,Euphausiacia", "line 2: 'Euphausiacia' is no name of this dataset; did you mean"),
        ("krill,calanoid", "line 2: 'calanoid' is deprecated by the label map"),
        (",Oithona", "line 2: old is empty"),
        ("krill,", "line 2: new is empty"),
        ("krill,krill", "line 2: 'krill' becomes itself"),
        ("krill,larva\nlarva,zoea", "line 2: 'krill' becomes 'larva', which is an old name"),
        ("krill,zoea\nkrill,zoea", "line 3: 'krill' is already on line 2 with that name"),
        ("", "file: holds no name"),
        ("krill,zoea,larva", "line 2: has 3 columns instead of 2"),
        ('krill,"zoea', "line 2: is no table: unexpected end of data"),
    ],
)
def test_a_bad_table_is_refused_with_its_place_and_nothing_is_written(
    old: Any, tmp_path: Path, rows: str, problem: str
) -> None:
    before = documents(old), settings(old)
    with pytest.raises(InputError) as refused:
        reconcile_labels(old, table=written(tmp_path, f"old,new\n{rows}\n", "old.csv"))
    assert any(problem in str(fault) for fault in refused.value.faults), refused.value.faults
    old.reload()
    assert (documents(old), settings(old)) == before


def test_a_deprecated_name_is_given_to_no_box(old: Any) -> None:
    view = old.limit(3)
    with pytest.raises(InputError, match=r"'krill' is deprecated .* take Euphausiacea"):
        relabel_boxes(view, "krill")
    result = relabel_boxes(view, "unknown")
    assert isinstance(result, RelabelResult) and result.changed == 3


def test_other_fields_than_boxes_are_refused(old: Any) -> None:
    with pytest.raises(DatasetError, match="'filepath' holds no labels"):
        reconcile_labels(old, field="filepath")


def test_an_ingest_takes_a_label_map(dataset_name: str, tmp_path: Path, either_way: str) -> None:
    from demo.synthetic import write_catalog

    catalog = write_catalog(tmp_path / "train.json", 4, 9, seed=3)
    own = written(tmp_path, table())
    ingest_dataset(dataset_name, catalog, media_root=str(tmp_path), label_map=own)
    dataset = fo.load_dataset(dataset_name)
    assert "Oithona" in taxonomy_of(dataset)
    assert "Sebastes" not in taxonomy_of(dataset)
    if hasattr(dataset, "label_schemas"):
        schema = dataset.label_schemas["ground_truth"]
        assert {"Oithona", "detritus"} <= set(schema["classes"])
        if hasattr(fo, "Taxonomy"):
            assert fo.load_ontology(f"{NAMES_OF_BOXES}: {dataset_name}")
    again = ingest_dataset(dataset_name, catalog, media_root=str(tmp_path), label_map=own)
    assert (again.samples_added, len(label_maps(dataset))) == (0, 1)
    bad = written(tmp_path, table("nobody,nowhere,,"), "bad.csv")
    with pytest.raises(InputError, match="line 55: its parent 'nowhere' is not in the file"):
        ingest_dataset(f"{dataset_name}-2", catalog, media_root=str(tmp_path), label_map=bad)
    assert not fo.dataset_exists(f"{dataset_name}-2")


@pytest.mark.skipif(not hasattr(fo, "Taxonomy"), reason="this FiftyOne has no ontologies")
def test_the_annotate_tab_offers_the_names_of_the_map_where_nobody_chose_others(
    dataset_name: str, tmp_path: Path
) -> None:
    from demo.synthetic import write_catalog

    catalog = write_catalog(tmp_path / "train.json", 4, 9, seed=3)
    ingest_dataset(dataset_name, catalog, media_root=str(tmp_path))
    dataset = fo.load_dataset(dataset_name)
    set_label_map(dataset, written(tmp_path, table(*OLD)))
    offered = set(dataset.label_schemas["ground_truth"]["classes"])
    assert {"Oithona", "unknown"} <= offered and not {"krill", "Animalia"} & offered
    schema = {**dataset.label_schemas["ground_truth"], "classes": ["mine"]}
    schema.pop("applied_ontology", None)
    dataset.update_label_schema("ground_truth", schema)
    set_label_map(dataset, version=0)
    assert dataset.label_schemas["ground_truth"]["classes"] == ["mine"]
