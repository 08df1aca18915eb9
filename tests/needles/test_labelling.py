"""Hits become boxes: joined, once, taken back, told to others, and counted nowhere as animals."""

from __future__ import annotations

import csv
import json
import random
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset import writes
from fathomnet_voxel51.dataset.label_map import special_names
from fathomnet_voxel51.dataset.records import write_values
from fathomnet_voxel51.errors import InputError
from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.labels import add_primary_label, add_taxonomy_ranks
from fathomnet_voxel51.names import FIRST_OWN_NUMBER
from fathomnet_voxel51.needles import label_hits, labelling
from fathomnet_voxel51.needles.labelling import Rectangle, _joined
from fathomnet_voxel51.predictions import import_predictions
from fathomnet_voxel51.relabelling import (
    export_corrections,
    export_dataset,
    relabel,
    relabel_boxes,
    undo_relabel,
)
from fathomnet_voxel51.relabelling.journal import acting_as, journals_of
from fathomnet_voxel51.report import report_dataset
from fathomnet_voxel51.tiles import add_tiles
from fiftyone import ViewField as F

from demo.synthetic import write_catalog, write_predictions_csv
from tests.support.forking import run_apart
from tests.support.stored import DICE_AND_TIMES, documents, without_none

BOXES, TILES = "ground_truth.detections", "tiles.detections"
COLUMNS, ROWS = 5, 3
SLOW = 0.02


@pytest.fixture
def dataset(dataset_name: str, tmp_path: Path, either_way: str) -> Iterator[Any]:
    catalog = write_catalog(tmp_path / "train.json", 20, 60, seed=3)
    ingest_dataset(dataset_name, train_annotations=catalog, media_root=str(tmp_path))
    dataset = fo.load_dataset(dataset_name)
    add_taxonomy_ranks(dataset)
    add_tiles(dataset, columns=COLUMNS, rows=ROWS)
    yield dataset


def tiles(dataset: Any, *places: tuple[int, int]) -> Any:
    """A view of tiles: image and place in it, row by row, of each."""
    every = dataset.values(f"{TILES}.id")
    return dataset.select_labels(ids=[every[image][place] for image, place in places])


def stored(dataset: Any) -> list[dict[str, Any]]:
    """Every box, read from the database itself."""
    images = dataset._sample_collection.find().sort("_id")
    return [box for image in images for box in image["ground_truth"]["detections"]]


def added(dataset: Any) -> list[dict[str, Any]]:
    return [box for box in stored(dataset) if box["annotation_id"] >= FIRST_OWN_NUMBER]


def content(dataset: Any) -> Any:
    return without_none(documents(dataset, DICE_AND_TIMES))


def test_tiles_that_overlap_are_one_box_and_undo_takes_it_away(dataset: Any) -> None:
    before, count = content(dataset), len(stored(dataset))
    # In a grid of 5 by 3, tile 0 overlaps 1 and 5; 4 is in the far corner and touches neither.
    view = tiles(dataset, (2, 0), (2, 1), (2, 5), (2, 4), (7, 14))
    with acting_as("ana"):
        told = label_hits(view, "drink can", dry_run=True)
        assert content(dataset) == before and not special_names(dataset)
        result = label_hits(view, "drink can", note="seen twice")
    assert (told.labelled, told.hits) == (result.labelled, result.hits) == (3, 5)
    assert len(stored(dataset)) == count + 3
    around, corner, other = added(dataset)
    # By hand: a tile is a third wide and half high; the second column begins at a sixth.
    assert around["bounding_box"] == pytest.approx([0, 0, 1 / 2, 3 / 4])
    assert corner["bounding_box"] == pytest.approx([2 / 3, 0, 1 / 3, 1 / 2])
    assert other["bounding_box"] == pytest.approx([2 / 3, 1 / 2, 1 / 3, 1 / 2])
    image = dataset.skip(2).first()
    pixels = image.metadata.width * image.metadata.height
    assert around["area"] == pytest.approx(pixels * 3 / 8)
    for box in (around, corner, other):
        assert (box["label"], box["reviewed_by"], box["verified"]) == ("drink can", "ana", True)
        assert FIRST_OWN_NUMBER <= box["annotation_id"] < 2**53
    assert len({box["annotation_id"] for box in stored(dataset)}) == count + 3
    assert undo_relabel(dataset, result.journal).restored == 3
    assert [len(one) for one in dataset.values(BOXES)] == [len(one) for one in before_boxes(before)]
    assert not added(dataset)


def before_boxes(before: Any) -> list[list[Any]]:
    return [one["ground_truth"]["detections"] for one in before]


def test_a_hit_is_labelled_once_and_under_one_name(dataset: Any) -> None:
    view = tiles(dataset, (2, 0), (2, 1), (3, 3))
    first = label_hits(view, "rope")
    again = label_hits(view, "rope")
    assert (first.labelled, again.labelled, again.unchanged, again.journal) == (2, 0, 3, "")
    part = label_hits(tiles(dataset, (2, 1)), "rope")
    assert (part.labelled, part.unchanged) == (0, 1)
    otherwise = label_hits(tiles(dataset, (2, 1), (9, 9)), "fishing line")
    assert (otherwise.labelled, otherwise.conflicts) == (1, 1)
    assert special_names(dataset) == {"rope", "fishing line"}
    # Undone, it can be labelled again.
    undo_relabel(dataset, first.journal)
    assert label_hits(view, "rope").labelled == 2


def test_hits_take_the_names_of_their_needles(dataset: Any) -> None:
    with pytest.raises(InputError, match="found by no needle"):
        label_hits(tiles(dataset, (0, 0)))
    for pack, key in (("debris", "first"), ("rov", "second")):
        write_values(
            dataset, f"needles_{pack}_{key}", "find_needles", {"pack": pack, "brain_key": key}
        )
        for name, kind in ((f"{pack}_needle_{key}", fo.StringField),
                           (f"{pack}_score_{key}", fo.FloatField)):  # fmt: skip
            dataset.add_sample_field(f"{TILES}.{name}", kind)
    sample = dataset.skip(4).first()
    one, other = sample.tiles.detections[0], sample.tiles.detections[14]
    one["debris_needle_first"], one["debris_score_first"] = "glass bottle", 3.0
    one["rov_needle_second"], one["rov_score_second"] = "push core", 4.0
    other["debris_needle_first"], other["debris_score_first"] = "glass bottle", 2.0
    sample.save()
    result = label_hits(tiles(dataset, (4, 0), (4, 14)))
    assert {one.name: one.boxes for one in result.names} == {"glass bottle": 1, "push core": 1}
    assert [box["label"] for box in added(dataset)] == ["push core", "glass bottle"]


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ("Octopus rubescens", "is an animal"),
        ("octopus", "is an animal"),
        ("Sebastes sp. 3", "is an animal"),
        ("x" * 201, "is no name"),
        ("a\tb\x00", "is no name"),
    ],
)
def test_animals_and_what_is_no_name_are_refused(dataset: Any, label: str, why: str) -> None:
    before = content(dataset)
    with pytest.raises(InputError, match=why):
        label_hits(tiles(dataset, (0, 0)), label)
    assert content(dataset) == before and not journals_of(dataset)


def test_annotated_boxes_and_the_whole_dataset_are_refused(dataset: Any) -> None:
    with pytest.raises(InputError, match="name the boxes"):
        label_hits(dataset, "rope")
    with pytest.raises(InputError, match="relabel them instead"):
        label_hits(dataset.view(), "rope", field="ground_truth")
    dataset.delete_sample_field("tiles")
    with pytest.raises(InputError, match="no tiles: add_tiles cuts images into them"):
        label_hits(dataset.view(), "rope")


def test_somebody_elses_edit_of_an_added_box_survives_the_undo(dataset: Any) -> None:
    result = label_hits(tiles(dataset, (1, 0), (1, 14)), "rope")
    mine, _ = added(dataset)
    with acting_as("bo"):
        relabel_boxes(dataset.select_labels(ids=[str(mine["_id"])]), "Octopus rubescens")
    undone = undo_relabel(dataset, result.journal)
    assert (undone.restored, undone.conflicts) == (1, 1)
    assert [box["label"] for box in added(dataset)] == ["Octopus rubescens"]


def test_two_people_who_label_one_hit_make_one_box(dataset: Any) -> None:
    view = tiles(dataset, (1, 0))
    other = fo.load_dataset(dataset.name)
    real = labelling.begin_journal

    def overtaken(*arguments: Any, **values: Any) -> Any:
        # After the plan of the one, and before her journal, the other does the same.
        with pytest.MonkeyPatch.context() as patch, acting_as("bo"):
            patch.setattr(labelling, "begin_journal", real)
            assert label_hits(tiles(other, (1, 0)), "drink can").labelled == 1
        return real(*arguments, **values)

    with pytest.MonkeyPatch.context() as patch, acting_as("ana"):
        patch.setattr(labelling, "begin_journal", overtaken)
        result = label_hits(view, "rope")
    assert (result.labelled, result.conflicts) == (0, 1)
    (box,) = added(dataset)
    assert (box["label"], box["reviewed_by"]) == ("drink can", "bo")
    assert undo_relabel(dataset, result.journal).restored == 0
    assert len(added(dataset)) == 1


def test_corrections_and_exports_tell_them_with_who_and_why(dataset: Any, tmp_path: Path) -> None:
    with acting_as("ana"):
        label_hits(tiles(dataset, (1, 0), (6, 14)), "rope", note="loose gear")
    told = export_corrections(dataset, tmp_path / "corrections")
    rows = list(csv.DictReader(Path(told.csv).read_text().splitlines()))
    told_of = ("change", "before", "after", "user", "note")
    expected = ["added", "", "rope", "ana", "loose gear"]
    assert [[one[name] for name in told_of] for one in rows] == [expected] * 2
    numbers = {box["annotation_id"] for box in added(dataset)}
    assert {int(one["annotation_id"]) for one in rows} == numbers
    corrected = json.loads(Path(told.coco).read_text())
    assert {one["id"] for one in corrected["annotations"]} == numbers
    whole = json.loads(Path(export_dataset(dataset, tmp_path / "whole").files[0]).read_text())
    assert {one["id"] for one in whole["annotations"]} >= numbers
    names = {one["id"]: one["name"] for one in whole["categories"]}
    assert [names[one["category_id"]] for one in whole["annotations"] if one["id"] in numbers] == [
        "rope",
        "rope",
    ]


def test_boxes_in_a_field_of_their_own_are_corrections_too(dataset: Any, tmp_path: Path) -> None:
    label_hits(tiles(dataset, (1, 0), (6, 14)), "rope", into="debris")
    assert dataset.count("debris.detections") == 2 and not added(dataset)
    told = export_corrections(dataset, tmp_path, field="debris")
    rows = list(csv.DictReader(Path(told.csv).read_text().splitlines()))
    assert [(one["change"], one["after"]) for one in rows] == [("added", "rope")] * 2
    undo_relabel(dataset)
    assert dataset.count("debris.detections") == 0
    assert export_corrections(dataset, tmp_path, field="debris").corrections == 0


def test_a_newer_file_of_the_split_leaves_them(dataset: Any, tmp_path: Path) -> None:
    label_hits(tiles(dataset, (1, 0)), "rope")
    ingest_dataset(
        dataset.name,
        train_annotations=str(tmp_path / "train.json"),
        media_root=str(tmp_path),
        update=True,
    )
    dataset.reload()
    assert [box["label"] for box in added(dataset)] == ["rope"]


def test_names_that_are_no_taxa_are_counted_as_no_animals(dataset: Any, tmp_path: Path) -> None:
    rows = write_predictions_csv(tmp_path / "train.csv", tmp_path / "train.json")
    import_predictions(dataset, str(rows), split="train")
    empty = dataset.skip(5).first()
    empty.ground_truth.detections = []
    empty.save()
    before = evaluate_predictions(dataset, eval_key="first")
    ranks, labels = add_taxonomy_ranks(dataset), add_primary_label(dataset)
    card = report_dataset(dataset).markdown
    label_hits(tiles(dataset, (5, 0), (6, 14), (8, 7)), "rope")
    again = evaluate_predictions(dataset, eval_key="second")
    assert (again.boxes, again.accuracy) == (before.boxes, before.accuracy)
    assert again.mean_taxonomic_distance == before.mean_taxonomic_distance
    assert add_taxonomy_ranks(dataset) == ranks
    assert add_primary_label(dataset) == labels
    renewed = report_dataset(dataset).markdown
    assert "rope (3)" in renewed
    counts = [line for line in card.splitlines() if line.startswith(("| boxes |", "| concepts |"))]
    assert counts and [line for line in renewed.splitlines() if line in counts] == counts
    # One of them can be relabelled like any other, and is an animal then.
    box = str(added(dataset)[0]["_id"])
    relabel_boxes(dataset.select_labels(ids=[box]), "Octopus rubescens")
    assert add_primary_label(dataset).labelled == labels.labelled + 1


def slow(update: Any, *arguments: Any) -> None:
    time.sleep(SLOW)
    update(*arguments)


def label_all(name: str) -> None:
    """A hit of each image, each made to last."""
    real = writes.add_boxes

    def one_by_one(dataset: Any, path: str, boxes: Any) -> None:
        for sample, some in boxes.items():
            slow(partial(real, dataset, path), {sample: some})

    writes.add_boxes = one_by_one
    dataset = fo.load_dataset(name)
    label_hits(dataset.filter_labels("tiles", F("bounding_box")[0] < 0.01).view(), "rope")


@pytest.mark.fault(
    operator="label_hits",
    happens="it is killed at three random instants",
    end="run again, every hit has its box once, and all journals are closed",
)
def test_labelling_survives_kills(dataset: Any) -> None:
    dice = random.Random(5)
    run_apart(partial(label_all, dataset.name))
    seconds = run_apart(partial(label_all, dataset.name))
    complete = sorted(str(box["_id"]) for box in added(dataset))
    assert len(complete) == len(dataset)
    half_way = 0
    for _ in range(3):
        undo_relabel(fo.load_dataset(dataset.name, reload=True))
        assert not added(dataset)
        run_apart(partial(label_all, dataset.name), kill_after=seconds + dice.uniform(0, 0.4))
        half_way += 0 < len(added(dataset)) < len(complete)
        run_apart(partial(label_all, dataset.name))
        assert sorted(str(box["_id"]) for box in added(dataset)) == complete
        stages = {one.stage for one in journals_of(fo.load_dataset(dataset.name, reload=True))}
        assert stages <= {"done", "undone"}


def test_an_open_journal_is_finished_by_whoever_comes_next(
    dataset: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:  # as if it were killed before it closes its journal
        patch.setattr(relabel, "move_to", lambda dataset, journal, stage: journal)
        result = label_hits(tiles(dataset, (1, 0), (6, 14)), "rope")
    lost = added(dataset)[0]
    dataset.delete_labels(ids=[str(lost["_id"])])
    relabel_boxes(dataset.limit(1), "Octopus rubescens")
    assert str(lost["_id"]) in {str(box["_id"]) for box in added(dataset)}
    assert {one.stage for one in journals_of(dataset)} == {"done"}
    assert undo_relabel(dataset, result.journal).restored == 2


def test_chains_of_hits_are_joined_whatever_their_order() -> None:
    chain: list[Rectangle] = [(x / 10, 0.0, 0.2, 0.2) for x in range(6)]
    for seed in range(5):
        mixed = random.Random(seed).sample(chain, len(chain))
        ((name, around),) = _joined([("net", one) for one in mixed])
        assert name == "net" and around == pytest.approx((0, 0, 0.7, 0.2))
    # What only touches is apart, and so are two names.
    assert len(_joined([("net", (0, 0, 0.2, 0.2)), ("net", (0.2, 0, 0.2, 0.2))])) == 2
    assert len(_joined([("net", (0, 0, 0.2, 0.2)), ("can", (0.1, 0, 0.2, 0.2))])) == 2
