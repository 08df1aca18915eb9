"""Sets of labels: pinned by ids, found again by whoever opened them, and no part of the dataset."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from bson import ObjectId
from fathomnet_voxel51.errors import DatasetError, InputError
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.relabelling.box_states import box_ids
from fathomnet_voxel51.relabelling.journal import acting_as
from fathomnet_voxel51.review import sets

from demo.synthetic import write_catalog

BOXES = "ground_truth.detections"


@pytest.fixture
def dataset(dataset_name: str, tmp_path: Path) -> Iterator[Any]:
    catalog = write_catalog(tmp_path / "train.json", 10, 30, seed=3)
    ingest_dataset(dataset_name, train_annotations=catalog, media_root=str(tmp_path))
    yield fo.load_dataset(dataset_name)


def test_a_set_keeps_its_labels_in_their_order_each_once(dataset: Any) -> None:
    boxes = box_ids(dataset, BOXES)
    asked, views = [boxes[7], boxes[2], boxes[7], boxes[20]], dataset.list_saved_views()
    kept = sets.keep_set(dataset, asked, title="three of a kind", origin="the map", as_grid=True)
    assert kept.boxes == (boxes[7], boxes[2], boxes[20])
    assert sets.read_set(dataset, kept.key) == kept
    assert dataset.list_saved_views() == views


def test_everybody_finds_the_set_that_they_opened_last(dataset: Any) -> None:
    boxes = box_ids(dataset, BOXES)
    opened = {}
    for person, some in (("ana", boxes[:3]), ("bo", boxes[3:5]), ("ana", boxes[5:9])):
        with acting_as(person):
            opened[person] = sets.keep_set(dataset, some)
    for person, last in opened.items():
        with acting_as(person):
            assert sets.read_set(dataset) == last
    with acting_as("new here"):
        assert sets.read_set(dataset) is None
    assert sets.read_set(dataset, str(ObjectId())) is None


def test_the_oldest_sets_of_a_person_make_room_and_those_of_others_stay(dataset: Any) -> None:
    boxes = box_ids(dataset, BOXES)
    with acting_as("bo"):
        other = sets.keep_set(dataset, boxes[:1])
    with acting_as("ana"):
        kept = [sets.keep_set(dataset, boxes[:2]).key for _ in range(sets.SETS_KEPT + 2)]
    there = [key for key in kept if sets.read_set(dataset, key) is not None]
    assert there == kept[2:]
    assert sets.read_set(dataset, other.key) == other


@pytest.mark.fault(
    operator="open_review",
    happens="it is given no labels, more than fit, or a field that is not there",
    end="a refusal that says so; the set that was open stays",
)
def test_what_cannot_be_a_set_is_refused_and_the_last_one_stays(dataset: Any) -> None:
    boxes = box_ids(dataset, BOXES)
    kept = sets.keep_set(dataset, boxes[:2])
    with pytest.raises(InputError, match="no label of ground_truth"):
        sets.keep_set(dataset, [])
    with pytest.raises(DatasetError, match="no field"):
        sets.keep_set(dataset, boxes, field="nowhere")
    many = ((str(ObjectId()), str(ObjectId())) for _ in range(sets.MOST_LABELS + 1))
    with pytest.raises(InputError, match="500,001 labels are too many"):
        sets.keep_set(dataset, many)
    assert sets.read_set(dataset) == kept


def test_a_set_goes_with_its_dataset(dataset: Any) -> None:
    kept = sets.keep_set(dataset, box_ids(dataset, BOXES))
    dataset_id = dataset._doc.id
    stores = fo.core.odm.get_db_conn().execution_store
    assert stores.count_documents({"dataset_id": dataset_id}) > 0
    dataset.delete()
    assert stores.count_documents({"dataset_id": dataset_id}) == 0
    assert len(kept.boxes) == 30
