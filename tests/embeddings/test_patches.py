"""Batches are full, always of one size, and smaller once memory ran out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fathomnet_voxel51.embeddings.patches import Batcher, Patch, full_batches
from fathomnet_voxel51.embeddings.work import Item
from fathomnet_voxel51.errors import SetupError

from .tiny import TinyEmbedder, picture


def patches(embedder: TinyEmbedder, count: int) -> list[Patch]:
    return [
        Patch("", "", Item(str(number), None, {}), embedder.prepare(picture(number)))
        for number in range(count)
    ]


def alone(embedder: TinyEmbedder, patch: Patch) -> np.ndarray:
    return embedder.embed(patch.pixels[None])[0]


@pytest.mark.parametrize("size", [1, 4, 7, 64])
def test_vectors_do_not_depend_on_the_batch(size: int) -> None:
    embedder = TinyEmbedder()
    some = patches(embedder, 23)
    expected = np.stack([alone(embedder, patch) for patch in some])
    embedder.batches.clear()
    np.testing.assert_allclose(Batcher(embedder, size).embed(some), expected, atol=1e-5)
    assert set(embedder.batches) == {size}


def test_a_vector_is_the_same_to_the_bit_whoever_is_beside_it() -> None:
    embedder = TinyEmbedder()
    some = patches(embedder, 16)
    batcher = Batcher(embedder, 16)
    whole = batcher.embed(some)
    np.testing.assert_array_equal(batcher.embed(some[5:8]), whole[5:8])
    np.testing.assert_array_equal(batcher.embed(some[::-1]), whole[::-1])


def test_a_batch_that_does_not_fit_is_halved_for_good() -> None:
    embedder = TinyEmbedder(memory=5)
    some = patches(embedder, 20)
    expected = np.stack([alone(embedder, patch) for patch in some])
    embedder.batches.clear()
    batcher = Batcher(embedder, 16)
    np.testing.assert_allclose(batcher.embed(some), expected, atol=1e-5)
    assert embedder.batches == [16, 8, 4, 4, 4, 4, 4]
    assert batcher.size == 4


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to"),
        RuntimeError("could not create a memory object"),
        MemoryError(),
    ],
)
def test_every_allocator_is_understood(error: Exception) -> None:
    class Short(TinyEmbedder):
        def embed(self, batch: torch.Tensor) -> np.ndarray:
            if len(batch) > 2:
                raise error
            return super().embed(batch)

    embedder = Short()
    assert Batcher(embedder, 8).embed(patches(embedder, 3)).shape == (3, 24)


def test_a_real_allocation_that_is_too_large_is_understood() -> None:
    class Greedy(TinyEmbedder):
        def embed(self, batch: torch.Tensor) -> np.ndarray:
            if len(batch) > 2:
                torch.empty(1 << 60)
            return super().embed(batch)

    embedder = Greedy()
    assert Batcher(embedder, 4).embed(patches(embedder, 3)).shape == (3, 24)


def test_no_memory_for_a_single_patch_is_an_error_and_other_errors_are_their_own() -> None:
    embedder = TinyEmbedder(memory=0)
    with pytest.raises(SetupError, match="not enough memory to embed a single patch"):
        Batcher(embedder, 4).embed(patches(embedder, 1))

    class Broken(TinyEmbedder):
        def embed(self, batch: torch.Tensor) -> np.ndarray:
            raise RuntimeError("shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        Batcher(Broken(), 4).embed(patches(embedder, 1))


def test_batches_are_full_but_the_last() -> None:
    embedder = TinyEmbedder()
    batches = list(full_batches(iter(patches(embedder, 11)), Batcher(embedder, 4)))
    assert [len(batch) for batch in batches] == [4, 4, 3]
