"""Writing the documents of samples into a dataset, by whichever way it allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..files.garbage import collector_paused
from .collection import (
    dataset_id,
    insert_missing,
    now,
    sample_collection,
    write_overlapped,
)
from .documents import Document, stamped


def write_samples(dataset: Any, batches: Iterator[list[Document]]) -> Iterator[int]:
    """Writes samples batch by batch; ids that are there already are left alone.

    Args:
        dataset: a FiftyOne dataset.
        batches: what ``documents.sample_document`` makes.

    Yields:
        How many samples each batch added.
    """
    collection = sample_collection(dataset)
    if collection is None:
        yield from map(_public_writer(dataset), batches)
        return
    owner = dataset_id(dataset)

    def insert(batch: list[Document]) -> int:
        moment = now()
        return insert_missing(collection, [stamped(one, owner, moment) for one in batch])

    with collector_paused():
        yield from write_overlapped(batches, insert)


def _public_writer(dataset: Any) -> Callable[[list[Document]], int]:
    """Writes documents through FiftyOne's own objects; it gives the samples ids of its own."""
    import fiftyone as fo

    def add(batch: list[Document]) -> int:
        samples = [fo.Sample.from_dict(document) for document in batch]
        return len(dataset.add_samples(samples, progress=False))

    return add
