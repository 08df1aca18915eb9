"""An index outlives the modules that its classes were defined in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from bson import ObjectId, json_util
from fathomnet_voxel51 import stored_classes
from fathomnet_voxel51.dataset.records import (
    bring_up_to_date,
    outdated_runs,
    read_values,
    reload_known,
    use_lasting_paths,
    write_schema_number,
)
from fathomnet_voxel51.errors import DatasetError
from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.names import SCHEMA_RUN_KEY, SCHEMA_VERSION, STORED_CLASSES
from fathomnet_voxel51.similarity import build_similarity_index
from fathomnet_voxel51.similarity.index import open_index
from fathomnet_voxel51.similarity.mapped import Members, to_text
from fathomnet_voxel51.similarity.rows import StoredByOneName
from fiftyone.core.odm import get_db_conn

from tests.similarity.embedded import boxes_dataset, brute_force, offset_vectors
from tests.support.forking import forking

STORED = json_util.loads((Path(__file__).with_name("runs_of_schema_2.json")).read_text())
"""What version 0.1.0 kept in the database while its classes were named by their modules."""

KEY = "clip_similarity"
MATRIX = offset_vectors(6, dimensions=4)


def as_stored_by_schema_2(dataset: Any) -> None:
    """Gives a dataset of six boxes the ids and the runs of one that the older version wrote."""
    members = Members.unpacked(STORED["results"][KEY]["members"])
    boxes = iter(STORED["ids"])
    samples = iter(dict.fromkeys(to_text(members.sample_ids).tolist()))
    documents = list(dataset._sample_collection.find().sort("filepath"))
    dataset._sample_collection.delete_many({})
    for document in documents:
        document["_id"] = ObjectId(next(samples))
        for box in document["ground_truth"]["detections"]:
            box["_id"] = ObjectId(next(boxes))
    dataset._sample_collection.insert_many(documents)
    database = get_db_conn()
    for run in STORED["runs"]:
        content = json_util.dumps(STORED["results"][run["key"]]).encode()
        results = _grid(dataset).put(content, content_type="application/json")
        document = {**run, "_id": ObjectId(), "_dataset_id": dataset._doc.id, "results": results}
        database.runs.insert_one(document)
        change = {f"brain_methods.{run['key']}": document["_id"]}
        database.datasets.update_one({"_id": dataset._doc.id}, {"$set": change})
    dataset.reload()


def _grid(dataset: Any) -> Any:
    from gridfs import GridFS

    return GridFS(get_db_conn())


def raw(dataset: Any, key: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A run's document and its results, as the database holds them."""
    run = get_db_conn().runs.find_one({"_dataset_id": dataset._doc.id, "key": key})
    return run, json.loads(_grid(dataset).get(run["results"]).read())


@pytest.fixture
def dataset(dataset_name: str) -> Any:
    dataset, _ = boxes_dataset(dataset_name, MATRIX)
    as_stored_by_schema_2(dataset)
    return dataset


def _nearest(dataset: Any, key: str) -> list[str]:
    view = fo.load_dataset(dataset.name).to_patches("ground_truth")
    found = view.sort_by_similarity(STORED["ids"][2], k=3, brain_key=key).values("id")
    return list(map(str, found))


@pytest.mark.parametrize("record", [True, False], ids=["schema 2", "no record of ours"])
def test_an_index_of_an_earlier_version_is_searched_as_before(dataset: Any, record: bool) -> None:
    if record:
        write_schema_number(dataset, 2)
    runs = {key: raw(dataset, key) for key in (KEY, "lance")}
    assert reload_known(dataset) < SCHEMA_VERSION
    bring_up_to_date(dataset)
    assert (read_values(dataset, SCHEMA_RUN_KEY) or {})["number"] == SCHEMA_VERSION
    for key, (run, results) in runs.items():
        run["config"]["cls"] = f"{STORED_CLASSES}.{run['config']['cls'].rpartition('.')[2]}"
        if results["cls"].startswith("fathomnet_voxel51."):
            results["cls"] = f"{STORED_CLASSES}.{results['cls'].rpartition('.')[2]}"
        now, results_now = raw(dataset, key)
        assert {**now, "results": None} == {**run, "results": None}, "nothing else has changed"
        assert results_now == results
    expected = [STORED["ids"][row] for row in brute_force(MATRIX, MATRIX[2])[:3]]
    assert _nearest(dataset, KEY) == expected
    assert open_index(fo.load_dataset(dataset.name), KEY).model == "clip"
    lance = fo.load_dataset(dataset.name).get_brain_info("lance").config
    assert isinstance(lance, stored_classes.RememberedLanceDBSimilarityConfig)
    assert lance.uri == runs["lance"][0]["config"]["uri"]


def test_another_s_run_and_a_second_time_change_nothing(dataset: Any) -> None:
    other = {**STORED["runs"][0], "key": "theirs"}
    other["config"] = {**other["config"], "cls": "somebody.search.exact.ExactSimilarityConfig"}
    document = {**other, "_id": ObjectId(), "_dataset_id": dataset._doc.id, "results": None}
    get_db_conn().runs.insert_one(document)
    change = {"brain_methods.theirs": document["_id"]}
    get_db_conn().datasets.update_one({"_id": dataset._doc.id}, {"$set": change})
    dataset.reload()
    use_lasting_paths(dataset)
    assert get_db_conn().runs.find_one({"_id": document["_id"]}) == document
    once = [raw(dataset, key) for key in (KEY, "lance")]
    use_lasting_paths(dataset)
    assert [raw(dataset, key) for key in (KEY, "lance")] == once


def _migrate(name: str) -> None:
    use_lasting_paths(fo.load_dataset(name))


@pytest.mark.fault(
    operator="migration of a dataset",
    happens="two processes give an index the lasting paths of its classes at once",
    end="the index is searched as before, and nothing is left over in the database",
)
def test_two_at_once_leave_one_set_of_results(dataset: Any) -> None:
    files = get_db_conn()["fs.files"].count_documents({})
    both = [forking.Process(target=_migrate, args=(dataset.name,)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert get_db_conn()["fs.files"].count_documents({}) == files
    _, results = raw(dataset, KEY)
    assert results["cls"] == f"{STORED_CLASSES}.ExactSimilarityIndex"
    assert results["members"] == STORED["results"][KEY]["members"]


def test_results_that_another_process_has_replaced_meanwhile_are_left_to_it(dataset: Any) -> None:
    stale = fo.load_dataset(dataset.name)
    (run,) = [one for one in outdated_runs(stale) if one.key == KEY]
    assert run.results, "this process knows where the old results are"
    forked = forking.Process(target=_migrate, args=(dataset.name,))
    forked.start()
    forked.join()
    assert forked.exitcode == 0
    done = raw(dataset, KEY)
    use_lasting_paths(stale)
    assert raw(dataset, KEY) == done


def test_every_class_that_a_database_holds_has_a_lasting_path(dataset_name: str) -> None:
    dataset, _ = boxes_dataset(dataset_name, MATRIX)
    for sample in dataset:
        boxes = [box.copy() for box in sample["ground_truth"].detections]
        sample["model_predictions"] = fo.Detections(detections=boxes)
        sample.save()
    build_similarity_index(dataset)
    with pytest.raises(DatasetError):
        open_index(dataset, "no such index")
    evaluate_predictions(dataset, "model_predictions")
    runs = list(get_db_conn().runs.find({"_dataset_id": dataset._doc.id}))
    paths = {run["config"].get("cls") for run in runs}
    paths |= {raw(dataset, run["key"])[1].get("cls") for run in runs if run.get("results")}
    ours = {path for path in paths if path and not path.startswith("fiftyone.")}
    assert ours, "an index is among them"
    names = {path.removeprefix(f"{STORED_CLASSES}.") for path in ours}
    assert names <= set(stored_classes.__all__)


def test_every_class_that_names_itself_is_found_under_that_name() -> None:
    def below(cls: type) -> set[type]:
        return {cls}.union(*(below(one) for one in cls.__subclasses__()))

    derived = {one.__name__ for one in below(StoredByOneName)}
    named = {name for name in derived if hasattr(stored_classes, name)}
    assert named >= {"ExactSimilarityConfig", "ExactSimilarityIndex"}
    assert derived - named == {"StoredByOneName", "RunOfOurs"}, "these two are never stored"
    for name in stored_classes.__all__:
        assert getattr(stored_classes, name).__name__ == name
