"""The limit: pymongo alone writes what the reference dataset holds, made beforehand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from pymongo import MongoClient, UpdateOne
from pymongo.collection import Collection

from benchmarks.job import Inputs, Job

BATCH = 1_000
Document = dict[str, Any]


def ingest(inputs: Inputs) -> Job:
    documents = [
        {k: v for k, v in document.items() if k not in ("primary_label", "model_predictions")}
        for document in _reference(inputs).find()
    ]
    target = _empty_collection()

    def job() -> int:
        return sum(
            len(target.insert_many(batch, ordered=False).inserted_ids)
            for batch in _batches(documents)
        )

    return job


def primary(inputs: Inputs) -> Job:
    return _set_field(inputs, "primary_label", lambda _: 1)


def predictions(inputs: Inputs) -> Job:
    return _set_field(inputs, "model_predictions", lambda value: len(value["detections"]))


def _set_field(inputs: Inputs, field: str, count: Callable[[Document], int]) -> Job:
    target = _copy_of(inputs.dataset)
    found = list(_reference(inputs).find({field: {"$exists": True}}, {field: True}))
    updates = [UpdateOne({"_id": one["_id"]}, {"$set": {field: one[field]}}) for one in found]
    made = sum(count(one[field]) for one in found)

    def job() -> int:
        for batch in _batches(updates):
            target.bulk_write(batch, ordered=False)
        return made

    return job


def _batches(items: list[Any]) -> Iterator[list[Any]]:
    remaining = iter(items)
    while batch := list(islice(remaining, BATCH)):
        yield batch


def _reference(inputs: Inputs) -> Collection[Document]:
    return _samples_of(inputs.reference)


def _samples_of(dataset: str) -> Collection[Document]:
    import fiftyone as fo

    collection: Collection[Document] = fo.load_dataset(dataset)._sample_collection
    return collection


def _empty_collection() -> Collection[Document]:
    client: MongoClient[Document] = MongoClient(os.environ["FIFTYONE_DATABASE_URI"])
    collection = client["bare"]["samples"]
    collection.drop()
    return collection


def _copy_of(dataset: str) -> Collection[Document]:
    collection = _empty_collection()
    where = {"db": "bare", "coll": "samples"}
    _samples_of(dataset).aggregate([{"$out": where}])
    return collection
