"""Relabelling in bulk and its undo: exact, and never at the cost of somebody else's edit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset.door import PUBLIC_API
from fathomnet_voxel51.errors import DatasetError, InputError
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.relabelling import relabel as relabelling
from fathomnet_voxel51.relabelling import relabel_boxes, undo_relabel
from fathomnet_voxel51.relabelling.journal import journals_of
from fathomnet_voxel51.relabelling.relabel import Difference
from fiftyone import ViewField as F

from demo.synthetic import write_catalog
from tests.support.stored import DICE_AND_TIMES, documents, without_none

NEW = "Scotoplanes globosa"


@pytest.fixture(params=["collection", "public"])
def door(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "public":
        monkeypatch.setenv(PUBLIC_API, "1")
    return str(request.param)


@pytest.fixture
def dataset(dataset_name: str, tmp_path: Path, door: str) -> Iterator[Any]:
    catalog = write_catalog(tmp_path / "train.json", 40, 120, seed=3)
    ingest_dataset(dataset_name, train_annotations=catalog, media_root=str(tmp_path))
    dataset = fo.load_dataset(dataset_name)
    add_taxonomy_ranks(dataset)
    yield dataset


def labels(dataset: Any) -> list[str]:
    return [label for some in dataset.values("ground_truth.detections.label") for label in some]


def most_frequent(dataset: Any) -> str:
    counts: dict[str, int] = dataset.count_values("ground_truth.detections.label")
    counts.pop(NEW, None)
    return max(counts, key=lambda name: (counts[name], name))


def test_boxes_get_the_label_with_its_ranks_and_undo_gives_all_back(dataset: Any) -> None:
    before = documents(dataset, DICE_AND_TIMES)
    old = most_frequent(dataset)
    wanted = dataset.filter_labels("ground_truth", F("label") == old)
    count = wanted.count("ground_truth.detections")
    result = relabel_boxes(wanted, NEW, note="seen twice")
    assert (result.changed, result.conflicts) == (count, 0)
    assert result.differences == (Difference(old, NEW, count),)
    assert old not in labels(dataset)
    genus = dataset.filter_labels("ground_truth", F("label") == NEW)
    assert set(genus.distinct("ground_truth.detections.genus")) == {"Scotoplanes"}
    (journal,) = journals_of(dataset)
    assert (journal.key, journal.note, journal.stage) == (result.journal, "seen twice", "done")
    assert journal.boxes == count
    assert undo_relabel(dataset, result.journal).restored == count
    assert without_none(documents(dataset, DICE_AND_TIMES)) == without_none(before)


def test_a_relabelling_that_was_done_either_way_is_undone_by_the_other(
    dataset: Any, door: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = documents(dataset, DICE_AND_TIMES)
    changed = relabel_boxes(dataset.limit(30), NEW).changed
    monkeypatch.setenv(PUBLIC_API, "0" if door == "public" else "1")
    result = undo_relabel(dataset)
    assert (result.restored, result.conflicts) == (changed, 0)
    assert without_none(documents(dataset, DICE_AND_TIMES)) == without_none(before)


def test_a_dry_run_tells_the_difference_and_writes_nothing(dataset: Any) -> None:
    before = documents(dataset, frozenset())
    told = relabel_boxes(dataset.limit(10), NEW, dry_run=True)
    assert documents(dataset, frozenset()) == before
    assert not journals_of(dataset)
    done = relabel_boxes(dataset.limit(10), NEW)
    assert (told.changed, told.differences) == (done.changed, done.differences)


def test_selected_labels_and_patches_are_changed_alone(dataset: Any) -> None:
    chosen = dataset.values("ground_truth.detections.id", unwind=True)[:7]
    relabel_boxes(dataset.select_labels(ids=chosen[:3]), NEW)
    patches = dataset.to_patches("ground_truth")
    relabel_boxes(patches.match(F("ground_truth._id").is_in(list(map(_object, chosen[3:])))), NEW)
    ids = dataset.values("ground_truth.detections.id", unwind=True)
    others = [
        (one, label) for one, label in zip(ids, labels(dataset), strict=True) if one in chosen
    ]
    assert [label for _, label in others] == [NEW] * 7
    assert len(journals_of(dataset)) == 2


def _object(text: str) -> Any:
    from bson import ObjectId

    return ObjectId(text)


def test_relabelling_twice_changes_nothing_more(dataset: Any) -> None:
    relabel_boxes(dataset.view(), NEW)
    once = documents(dataset, frozenset())
    again = relabel_boxes(dataset.view(), NEW)
    assert (again.changed, again.journal) == (0, "")
    assert again.unchanged == 120
    assert documents(dataset, frozenset()) == once


def test_undo_leaves_what_was_edited_since(dataset: Any) -> None:
    result = relabel_boxes(dataset.limit(5), NEW)
    edited = dataset.first()
    edited.ground_truth.detections[0].label = "Sebastes"
    edited.save()
    undone = undo_relabel(dataset)
    assert (undone.restored, undone.conflicts) == (result.changed - 1, 1)
    assert labels(dataset)[0] == "Sebastes"


def test_undo_reports_boxes_that_were_deleted_since(dataset: Any) -> None:
    result = relabel_boxes(dataset.limit(5), NEW)
    gone = dataset.first()
    deleted = len(gone.ground_truth.detections)
    dataset.delete_samples([gone.id])
    undone = undo_relabel(dataset, result.journal)
    assert (undone.restored, undone.conflicts) == (result.changed - deleted, deleted)


def test_undo_of_several_begins_with_the_last(dataset: Any) -> None:
    before = labels(dataset)
    relabel_boxes(dataset.limit(5), NEW)
    between = labels(dataset)
    relabel_boxes(dataset.limit(5), "Sebastes")
    undo_relabel(dataset)
    assert labels(dataset) == between
    undo_relabel(dataset)
    assert labels(dataset) == before
    with pytest.raises(DatasetError, match="no relabelling that could be undone"):
        undo_relabel(dataset)


def test_another_users_edit_between_reading_and_writing_wins(
    dataset: Any, door: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = relabelling.begin_journal

    def slow_begin(*arguments: Any) -> Any:
        other = fo.load_dataset(dataset.name).first()
        other.ground_truth.detections[0].label = "Sebastes"
        other.save()
        return begin(*arguments)

    monkeypatch.setattr(relabelling, "begin_journal", slow_begin)
    result = relabel_boxes(dataset.view(), NEW)
    assert result.conflicts == 1
    assert labels(dataset)[0] == "Sebastes"
    undo_relabel(dataset)
    assert labels(dataset)[0] == "Sebastes"


@pytest.mark.parametrize(
    ("label", "advice"),
    [
        ("Scotoplanes globossa", "did you mean Scotoplanes globosa"),
        ("", "neither in the taxonomy"),
        ("xyzzy", "say below which taxon it belongs"),
        ("Psolus squamatos", "did you mean Psolus squamatus"),
    ],
)
def test_a_label_that_nobody_knows_is_refused(dataset: Any, label: str, advice: str) -> None:
    with pytest.raises(InputError, match=advice):
        relabel_boxes(dataset.view(), label)


def test_a_category_that_no_box_has_yet_is_taken_in_the_files_spelling(
    dataset_name: str, tmp_path: Path, door: str
) -> None:
    path = tmp_path / "debris.json"
    coco = {
        "images": [{"id": 1, "file_name": "a.png", "width": 9, "height": 9}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 0, "bbox": [1, 1, 5, 5]}],
        "categories": [{"id": 0, "name": "plastic"}, {"id": 1, "name": "Metal can"}],
    }
    path.write_text(json.dumps(coco))
    ingest_dataset(dataset_name, train_annotations=str(path))
    dataset = fo.load_dataset(dataset_name)
    assert relabel_boxes(dataset.view(), " metal  CAN").changed == 1
    assert labels(dataset) == ["Metal can"]
    with pytest.raises(InputError, match="did you mean Metal can"):
        relabel_boxes(dataset.view(), "Metal cann")


def test_a_new_name_is_taken_with_the_ranks_of_the_taxon_that_it_is_said_to_belong_to(
    dataset: Any,
) -> None:
    few = dataset.limit(3)
    count = few.count("ground_truth.detections")
    told = relabel_boxes(few, "Xyzzya nova", dry_run=True, below="munnopsidae")
    assert (told.changed, told.differences[0].after) == (count, "Xyzzya nova")
    assert not dataset.has_run("new_names")
    assert relabel_boxes(few, "Xyzzya nova", below="munnopsidae").changed == count

    def ranks() -> set[tuple[str, ...]]:
        boxes = dataset.filter_labels("ground_truth", F("label") == "Xyzzya nova")
        names = ("kingdom", "order", "family", "genus")
        columns = boxes.values([f"ground_truth.detections.{name}" for name in names], unwind=True)
        return set(zip(*columns, strict=True))

    assert ranks() == {("Animalia", "Isopoda", "Munnopsidae", None)}
    assert "Xyzzya nova" not in add_taxonomy_ranks(dataset).unknown_concepts
    assert ranks() == {("Animalia", "Isopoda", "Munnopsidae", None)}
    undo_relabel(dataset)
    assert "Xyzzya nova" not in labels(dataset)


@pytest.mark.parametrize(
    ("label", "below", "words"),
    [
        ("Xyzzya nova", "Munnopsida", "did you mean Munnopsidae"),
        ("Xyzzya nova", "Sea star", "'Sea star' is not in the taxonomy"),
        ("Sebastes", "Sebastidae", "is known: leave below empty"),
        ("sebastes_diploproa", "Sebastes", "is Sebastes diploproa, which is known"),
        ("", "Sebastes", "neither in the taxonomy"),
        ("x" * 300, "Sebastes", "the most"),
    ],
)
def test_a_new_name_that_is_none_or_has_no_place_is_refused(
    dataset: Any, label: str, below: str, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        relabel_boxes(dataset.view(), label, below=below)


def test_a_name_of_any_rank_will_do(dataset: Any) -> None:
    relabel_boxes(dataset.limit(3), "Cnidaria")
    assert "Cnidaria" in labels(dataset)


def test_a_whole_dataset_is_not_relabelled_by_mistake(dataset: Any) -> None:
    with pytest.raises(InputError, match="name the boxes"):
        relabel_boxes(dataset, NEW)


def test_what_cannot_be_relabelled_or_undone_is_said(dataset: Any) -> None:
    with pytest.raises(DatasetError, match="holds no box"):
        relabel_boxes(dataset.match(F("split") == "none"), NEW)
    with pytest.raises(DatasetError, match="no relabelling 'relabel_x'; the last: none"):
        undo_relabel(dataset, "relabel_x")
