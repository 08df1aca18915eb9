"""The door opens where it is proved that we write what FiftyOne writes, and nowhere else."""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import bson
import fiftyone as fo
import fiftyone.core.odm as odm
import fiftyone.operators as foo
import pytest
from bson import ObjectId
from fathomnet_voxel51.dataset import door
from fathomnet_voxel51.dataset.collection import sample_collection
from fathomnet_voxel51.dataset.documents import id_prefix, lasting_id
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.labels import add_primary_label, add_taxonomy_ranks
from fathomnet_voxel51.names import PLUGIN_NAME
from fathomnet_voxel51.setup_check import check_setup
from fiftyone.core.dataset import _list_datasets
from pymongo.collection import Collection
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError

from demo.synthetic import write_catalog
from tests.support.forking import forking
from tests.support.stored import documents

Document = dict[str, Any]
Alteration = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture(autouse=True)
def proved_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(door.PUBLIC_API, raising=False)
    door.forget()
    yield
    door.forget()


def all_datasets() -> list[str]:
    """Those too that no list of datasets shows."""
    return list(_list_datasets(include_private=True))


class Proxy:
    """A collection over some other connection: the same methods, and no collection of pymongo's.

    Args:
        collection: what stands behind it.
        changed: methods that do something else.
    """

    def __init__(self, collection: Any, **changed: Callable[..., Any]) -> None:
        self._collection = collection
        self._changed = changed

    def __getattr__(self, name: str) -> Any:
        if name in self._changed:
            changed = self._changed[name]
            return lambda *arguments, **options: changed(self._collection, *arguments, **options)
        return getattr(self._collection, name)

    def with_options(self, **options: Any) -> Proxy:
        return Proxy(self._collection.with_options(**options), **self._changed)


def proxied(monkeypatch: pytest.MonkeyPatch, kind: type = Proxy, **changed: Any) -> None:
    direct = fo.Dataset._sample_collection.fget
    behind = property(lambda dataset: kind(direct(dataset), **changed))
    monkeypatch.setattr(fo.Dataset, "_sample_collection", behind)


def stored_otherwise(change: Callable[[Document], Any]) -> Alteration:
    """A FiftyOne that stores something else of its own samples."""

    def insert(collection: Any, some: list[Document], **options: Any) -> Any:
        if "ordered" in options:  # it is we who insert
            return collection.insert_many(some, **options)
        for one in some:
            one.setdefault("_id", ObjectId())
        altered = [bson.decode(bson.encode(one)) for one in some]
        return collection.insert_many([change(one) or one for one in altered], **options)

    return lambda monkeypatch: proxied(monkeypatch, insert_many=insert)


def box_otherwise(change: Callable[[Document], Any]) -> Alteration:
    def with_box(document: Document) -> None:
        boxes = document["ground_truth"]["detections"]
        boxes[0] = change(boxes[0]) or boxes[0]

    return stored_otherwise(with_box)


def connection_otherwise(**changed: Callable[..., Any]) -> Alteration:
    return lambda monkeypatch: proxied(monkeypatch, **changed)


def reversed_(document: Document) -> Document:
    return dict(reversed(document.items()))


def renamed(kind: type, name: str) -> Alteration:
    owner = next(one for one in kind.__mro__ if name in vars(one))
    return lambda monkeypatch: monkeypatch.delattr(owner, name)


class Acknowledged:
    """What a connection answers that drops a write."""

    inserted_ids: tuple[ObjectId, ...] = ()
    matched_count = 3


def drops(collection: Any, *arguments: Any, **options: Any) -> Acknowledged:
    return Acknowledged()


def inserts_from_fiftyone_only(collection: Any, some: list[Document], **options: Any) -> Any:
    return drops(collection) if "ordered" in options else collection.insert_many(some, **options)


def refused(collection: Any, *arguments: Any, **options: Any) -> None:
    raise OperationFailure("not authorized on fiftyone to execute command")


def merges_nothing(collection: Any, pipeline: list[Document], **options: Any) -> Any:
    kept = [stage for stage in pipeline if "$merge" not in stage]
    return collection.aggregate(kept, **options)


def updates_fields_only(collection: Any, which: Document, update: Any, **options: Any) -> Any:
    if isinstance(update, list):
        raise OperationFailure("an update by a pipeline is not supported")
    return collection.update_many(which, update, **options)


def updates_the_first(collection: Any, which: Document, update: Any, **options: Any) -> Any:
    return collection.update_one(which, update, **options)


def no_datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Any, *arguments: Any, **options: Any) -> None:
        raise PermissionError("you may not create datasets")

    monkeypatch.setattr(fo.Dataset, "__init__", refuse)


def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(collection: Any, *arguments: Any, **options: Any) -> Any:
        time.sleep(0.3)
        return collection.insert_many(*arguments, **options)

    monkeypatch.setattr(door, "SLOWEST", 0.25)
    proxied(monkeypatch, insert_many=late)


class Wanting(Proxy):
    """A connection that cannot be told to wait until a write is durable."""

    with_options = None  # type: ignore[assignment]


def read_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """A FiftyOne that makes something else of our document than of its own."""
    ours = str(lasting_id(id_prefix("sample", "train"), 3))
    to_dict = fo.Sample.to_dict

    def other(self: Any, *arguments: Any, **options: Any) -> Document:
        found = dict(to_dict(self, *arguments, **options))
        return {**found, "split": "?"} if self.id == ours else found

    monkeypatch.setattr(fo.Sample, "to_dict", other)


ALTERED: dict[str, tuple[Alteration, str]] = {
    "metadata in another order": (
        stored_otherwise(lambda one: one.update(metadata=reversed_(one["metadata"]))),
        "metadata as it is stored has another order of fields",
    ),
    "boxes in another order": (box_otherwise(reversed_), "has another order of fields"),
    "an area without fraction is an integer": (
        box_otherwise(lambda box: box.update(area=1234)),
        r"detections\[0\].area is stored as int and not float",
    ),
    "iscrowd is a truth": (
        box_otherwise(lambda box: box.update(iscrowd=True)),
        "iscrowd is stored as bool and not int",
    ),
    "rectangles are named": (
        box_otherwise(lambda box: box.update(bounding_box={"x": 0.1})),
        "bounding_box is stored as dict and not list",
    ),
    "rectangles are rounded": (
        box_otherwise(lambda box: box.update(bounding_box=[0.13, 0.25, 0.5, 0.38])),
        r"bounding_box\[0\] is stored as 0.13",
    ),
    "vectors are lists": (
        box_otherwise(lambda box: box.update(vector=[0.5, 0.25, 0.125])),
        "vector is stored as list and not bytes",
    ),
    "vectors are packed otherwise": (
        box_otherwise(lambda box: box.update(vector=b"npy" + box["vector"])),
        "vector is stored as",
    ),
    "labels have a version": (
        box_otherwise(lambda box: box.update(_version=2)),
        "has or lacks _version",
    ),
    "labels have no attributes": (
        box_otherwise(lambda box: box.pop("attributes") and None),
        "has or lacks attributes",
    ),
    "classes have other names": (
        stored_otherwise(lambda one: one["primary_label"].update(_cls="Label")),
        "primary_label._cls is stored as 'Label'",
    ),
    "samples have no dice": (
        stored_otherwise(lambda one: one.pop("_rand") and None),
        "has or lacks _rand",
    ),
    "samples name their dataset by a text": (
        stored_otherwise(lambda one: one.update(_dataset_id=str(one["_dataset_id"]))),
        "_dataset_id is stored as str and not ObjectId",
    ),
    "samples have one field more": (
        stored_otherwise(lambda one: one.update(_media_reference=None)),
        "has or lacks _media_reference",
    ),
    "times are numbers": (
        stored_otherwise(lambda one: one.update(date_captured=1.5e9)),
        "date_captured is stored as float and not datetime",
    ),
    "tags are a text": (
        stored_otherwise(lambda one: one.update(tags="train")),
        "tags is stored as str and not list",
    ),
    "FiftyOne reads something else": (read_otherwise, "split is read by FiftyOne as"),
    "_reload_docs was renamed": (renamed(type(fo.Sample), "_reload_docs"), "_reload_docs"),
    "_aggregate was renamed": (renamed(fo.DatasetView, "_aggregate"), "_aggregate"),
    "_root_dataset was renamed": (renamed(fo.DatasetView, "_root_dataset"), "_root_dataset"),
    "datasets may not be made": (no_datasets, "no dataset may be made .*you may not create"),
    "an insert is dropped": (
        connection_otherwise(insert_many=inserts_from_fiftyone_only),
        "the connection says otherwise|dropped a document",
    ),
    "an update changes the first document alone": (
        connection_otherwise(update_many=updates_the_first),
        "changed one document where it was to change all",
    ),
    "updates are dropped": (
        connection_otherwise(update_many=drops),
        "has or lacks .*primary_label|has or lacks kingdom",
    ),
    "writes of many kinds are dropped": (
        connection_otherwise(bulk_write=drops),
        "has or lacks .*model_predictions|distance, vector",
    ),
    "writes of many kinds are refused": (
        connection_otherwise(bulk_write=refused),
        "OperationFailure: not authorized",
    ),
    "updates by a pipeline are not known": (
        connection_otherwise(update_many=updates_fields_only),
        "an update by a pipeline is not supported",
    ),
    "merging is dropped": (connection_otherwise(aggregate=merges_nothing), "dropped a write"),
    "no write waits until it is durable": (
        lambda monkeypatch: proxied(monkeypatch, Wanting),
        "the connection to the database cannot with_options",
    ),
    "deletions are refused": (
        connection_otherwise(delete_one=refused),
        "the database refused what the stages ask",
    ),
    "the connection is slow": (slow, "the connection is slow"),
}


def test_fiftyone_as_it_is_opens_the_door_and_nothing_is_left_of_the_proof(
    caplog: pytest.LogCaptureFixture,
) -> None:
    before, collections = all_datasets(), set(odm.get_db_conn().list_collection_names())
    with caplog.at_level(logging.INFO, logger=door.__name__):
        found = door.way()
    assert found.is_open, found.reason
    assert "same documents" in found.reason
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert "straight into the collection" in caplog.text
    assert all_datasets() == before
    new = set(odm.get_db_conn().list_collection_names()) - collections
    assert not [name for name in new if name.startswith("patches.")]


@pytest.mark.parametrize(("alter", "reason"), ALTERED.values(), ids=ALTERED)
def test_an_altered_fiftyone_leaves_it_shut_and_the_reason_is_told(
    alter: Alteration, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = all_datasets()
    with pytest.MonkeyPatch.context() as monkeypatch:
        alter(monkeypatch)
        found = door.way()
        assert not found.is_open
        assert sample_collection(None) is None, "nothing is asked of a dataset"
    assert re.search(reason, found.reason), found.reason
    assert "through FiftyOne's public API" in caplog.text
    assert found.reason in caplog.text
    (check,) = [one for one in check_setup().checks if one.name == "writing"]
    assert check.status == "warn"
    assert found.reason in check.detail
    assert all_datasets() == before


def test_no_document_is_wrong_where_fiftyone_stores_something_else(
    tmp_path: Path, dataset_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the public way writes is what that FiftyOne makes of it."""
    catalog = write_catalog(tmp_path / "train.json", images=20, boxes=50, seed=2)
    ALTERED["labels have a version"][0](monkeypatch)
    ingest_dataset(dataset_name, train_annotations=str(catalog))
    assert not door.way().is_open
    boxes = fo.load_dataset(dataset_name).values("ground_truth.detections.annotation_id")
    assert sorted(one for some in boxes for one in some) == list(range(1, 51))
    told = foo.get_operator(f"{PLUGIN_NAME}/add_primary_label")(dataset_name)
    assert told["labelled"] == 20
    assert told["written_slower"] == f"through FiftyOne's public API: {door.way().reason}"


def test_a_connection_that_offers_the_same_methods_is_as_good_as_pymongos(
    tmp_path: Path, dataset_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = str(write_catalog(tmp_path / "train.json", images=20, boxes=50, seed=2))

    def made() -> list[Any]:
        ingest_dataset(dataset_name, train_annotations=catalog, recreate=True)
        dataset = fo.load_dataset(dataset_name)
        add_primary_label(dataset)
        add_taxonomy_ranks(dataset)
        return documents(dataset, frozenset({"_dataset_id", "created_at", "last_modified_at"}))

    expected = made()
    door.forget()
    proxied(monkeypatch)
    monkeypatch.setenv("FIFTYONE_API_URI", "https://api.example.org")
    assert door.way().is_open, door.way().reason
    collection = sample_collection(fo.load_dataset(dataset_name))
    assert not isinstance(collection, Collection)
    assert made() == expected


@pytest.mark.parametrize(("value", "is_open"), [("0", True), ("1", False)])
def test_the_variable_forces_either_way_and_nothing_is_proved(
    value: str, is_open: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_datasets(monkeypatch)
    monkeypatch.setenv(door.PUBLIC_API, value)
    found = door.way()
    assert (found.is_open, found.is_forced) == (is_open, True)
    assert found.reason == f"{door.PUBLIC_API}={value}"
    monkeypatch.delenv(door.PUBLIC_API)
    assert "no dataset may be made" in door.way().reason


def test_it_is_proved_once_a_process_however_many_threads_ask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[str] = []
    original = fo.Dataset.__init__

    def counting(self: Any, name: Any = None, **options: Any) -> None:
        made.append(name)
        original(self, name, **options)

    monkeypatch.setattr(fo.Dataset, "__init__", counting)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: door.way(), range(64)))
    assert len(set(found)) == 1 and found[0].is_open
    assert len(made) == 1
    started = time.perf_counter()
    for _ in range(1_000):
        door.way()
    assert time.perf_counter() - started < 0.5, "half a millisecond is long, in a hot path"


def proving(connection: Any) -> None:
    door.forget()
    connection.send(door.way())


def test_processes_prove_it_at_the_same_time() -> None:
    pairs = []
    for _ in range(3):
        ours, theirs = forking.Pipe()
        process = forking.Process(target=proving, args=(theirs,))
        process.start()
        pairs.append((ours, process))
    for ours, process in pairs:
        assert ours.poll(60)
        found = ours.recv()
        assert found.is_open, found.reason
        process.join()
    assert not [name for name in all_datasets() if "proof" in name]


def test_a_process_that_is_forked_while_another_thread_proves_does_not_wait_for_it() -> None:
    door.way()
    door._one_by_one.acquire()
    try:
        child = os.fork()
        if not child:  # nothing of the test may run on here
            free = door._one_by_one.acquire(timeout=5)
            os._exit(0 if free else 1)
    finally:
        door._one_by_one.release()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_somebody_who_clears_datasets_meanwhile_does_not_shut_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = door._write
    cleared = threading.Event()

    def clearing(*arguments: Any) -> None:
        if not cleared.is_set():
            cleared.set()
            fo.delete_non_persistent_datasets()
        original(*arguments)

    monkeypatch.setattr(door, "_write", clearing)
    assert door.way().is_open, door.way().reason
    assert cleared.is_set()


def test_a_database_that_does_not_answer_is_asked_again_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unreachable(self: Any, *arguments: Any, **options: Any) -> None:
        raise ServerSelectionTimeoutError("no server")

    with monkeypatch.context() as gone:
        gone.setattr(fo.Dataset, "__init__", unreachable)
        assert door.way() == door.Way(False, "the database cannot be reached")
    assert door.way().is_open
