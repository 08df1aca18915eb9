"""Datasets and models of the tests of embeddings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51 import embeddings

from .tiny import TinyEmbedder


@pytest.fixture
def make_dataset() -> Iterator[Callable[[Sequence[fo.Sample]], Any]]:
    """Makes a dataset of samples."""
    made: list[Any] = []

    def make(samples: Sequence[fo.Sample]) -> Any:
        dataset = fo.Dataset(persistent=True)
        made.append(dataset)
        dataset.add_samples(samples)
        return dataset

    yield make
    for dataset in made:
        dataset.delete()


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[TinyEmbedder], TinyEmbedder]:
    """Makes ``clip`` the name of a tiny model, whose weights need not be fetched."""

    def use(embedder: TinyEmbedder) -> TinyEmbedder:
        monkeypatch.setattr(embeddings, "load_embedder", lambda name, device, precision: embedder)
        return embedder

    return use
