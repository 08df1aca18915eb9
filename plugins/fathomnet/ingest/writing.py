"""Writing the documents of samples into a dataset, by whichever way it allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from ..files.garbage import collector_paused
from .collection import (
    batched,
    dataset_id,
    insert_missing,
    now,
    sample_collection,
    write_overlapped,
)
from .documents import Document, stamped
from .public_writes import SampleImport

IMPORTED_AT_ONCE: Final = 10
"""Batches that the public way takes together: each of its imports makes a dataset of its own."""


def write_samples(
    dataset: Any, documents: Iterable[Document], batch: int
) -> Iterator[tuple[int, int]]:
    """Writes samples batch by batch; ids that are there already are left alone.

    Args:
        dataset: a FiftyOne dataset.
        documents: what ``documents.sample_document`` makes.
        batch: how many are written at once.

    Yields:
        How many samples were looked at, and how many of them were added.
    """
    collection = sample_collection(dataset)
    if collection is None:
        samples = SampleImport(dataset)
        with collector_paused():
            for some in batched(documents, IMPORTED_AT_ONCE * batch):
                yield len(some), samples.add(some)
        return
    owner = dataset_id(dataset)

    def insert(some: list[Document]) -> tuple[int, int]:
        moment = now()
        return len(some), insert_missing(collection, [stamped(one, owner, moment) for one in some])

    with collector_paused():
        yield from write_overlapped(batched(documents, batch), insert)
