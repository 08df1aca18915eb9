"""Datasets and models of the tests of embeddings.

FiftyOne is imported only inside: this file is read before its settings are made, see
``tests/conftest.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .tiny import TinyEmbedder


@pytest.fixture
def make_dataset() -> Iterator[Callable[[Sequence[Any]], Any]]:
    """Makes a dataset of samples."""
    import fiftyone as fo

    made: list[Any] = []

    def make(samples: Sequence[Any]) -> Any:
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
    from fathomnet_voxel51.embeddings import compute as embeddings

    def use(embedder: TinyEmbedder) -> TinyEmbedder:
        monkeypatch.setattr(
            embeddings, "load_embedder", lambda name, device, precision, progress: embedder
        )
        return embedder

    return use
