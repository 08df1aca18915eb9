"""Runs full batches across images through the model, and copes when its memory runs out."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import SetupError
from ..hardware import is_out_of_memory
from .patches import Patch

_log = logging.getLogger(__name__)


class Model(Protocol):
    """What this module needs from a model; see ``models.Embedder``."""

    device: str

    def embed(self, batch: Any) -> npt.NDArray[np.float32]: ...


Vector = tuple[Patch, npt.NDArray[np.float32]]


def default_batch_size(device: str) -> int:
    """The default number of patches that go through a model at once.

    More would make no processor faster; on a GPU this many keep it busy and most of its memory
    free.
    """
    return {"cpu": 16, "mps": 32}.get(device.partition(":")[0], 128)


class Batcher:
    """Puts patches through a model, always the same number at once.

    A shorter batch is filled up with empty patches, because libraries sum in another order for
    another batch size, and a vector must depend neither on which others are missing nor on how far
    an earlier run got.

    Args:
        model: makes the vectors.
        size: patches per batch; halved permanently each time memory runs out.
    """

    def __init__(self, model: Model, size: int) -> None:
        self._model = model
        self.size = size

    def embed(self, patches: Sequence[Patch]) -> npt.NDArray[np.float32]:
        """The vectors, (N, D), of any number of patches, in their order.

        Raises:
            SetupError: there is not even memory for one patch.
        """
        import torch

        made: list[npt.NDArray[np.float32]] = []
        done = 0
        while done < len(patches):
            batch = patches[done : done + self.size]
            try:
                pixels = torch.zeros((self.size, *batch[0].pixels.shape), dtype=torch.float32)
                torch.stack([patch.pixels for patch in batch], out=pixels[: len(batch)])
                vectors = self._model.embed(pixels)
            except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError
                if not is_out_of_memory(error):
                    raise
                _log.info("memory ran out at a batch of %d: %s", self.size, error)
            else:
                made.append(np.asarray(vectors, dtype=np.float32)[: len(batch)])
                done += len(batch)
                continue
            # Not in the handler, where the error still holds what the batch took.
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            if self.size == 1:
                raise SetupError(
                    "there is not enough memory to embed a single patch; free some, or choose "
                    "another device"
                )
            self.size //= 2
        return np.concatenate(made)


def full_batches(patches: Iterator[Patch], batcher: Batcher) -> Iterator[list[Patch]]:
    """Lists of as many patches as the batcher takes at present; the last may be shorter."""
    batch: list[Patch] = []
    for patch in patches:
        batch.append(patch)
        if len(batch) >= batcher.size:
            yield batch
            batch = []
    if batch:
        yield batch
