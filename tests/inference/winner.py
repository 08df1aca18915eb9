"""The fixture that the original program made, and small models to compare with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from fathomnet_inference.checkpoint import load_model
from fathomnet_inference.model import BRANCHES, ModelSize, WinnerModel
from fathomnet_voxel51.errors import InputError

from benchmarks.lightning_file import save_lightning
from tests.conftest import SHARED_DATA

FIXTURE = SHARED_DATA / "winner-fixture"
DESIGN = SHARED_DATA.parent / "design"
SMALL = ModelSize(
    width=32, layers=1, heads=4, grid=5, concepts=3, attention_layers=1, auxiliary=(2, 3)
)

needs_fixture = pytest.mark.skipif(
    not (FIXTURE / "last.ckpt").is_file(),
    reason=f"no fixture of the winning model at {FIXTURE}; set FATHOMNET_SHARED_DATA",
)


@dataclass(frozen=True)
class Crops:
    """What a model is given: (B, 3, 256, 256) each, and the image of each box."""

    objects: torch.Tensor
    context_3: torch.Tensor
    context_5: torch.Tensor
    whole: torch.Tensor

    def __len__(self) -> int:
        return len(self.objects)

    def logits(self, model: WinnerModel, batch: int | None = None) -> torch.Tensor:
        """The logits of all boxes, each with a whole image of its own, in batches."""
        step = batch or len(self)
        parts = [slice(start, start + step) for start in range(0, len(self), step)]
        with torch.inference_mode():
            return torch.cat([self._logits(model, part) for part in parts])

    def _logits(self, model: WinnerModel, part: slice) -> torch.Tensor:
        whole = model.encode_whole(self.whole[part])
        crops = (each[part] for each in (self.objects, self.context_3, self.context_5))
        return model(*crops, whole, torch.arange(len(whole)))


def fixture_crops(dtype: torch.dtype) -> Crops:
    """The original program's pixels of the fixture's 22 boxes."""
    pixels = np.load(FIXTURE / "pixels.npz")
    return Crops(*(torch.from_numpy(pixels[name]).to(dtype) for name in ("obj", *BRANCHES)))


def random_crops(count: int, dtype: torch.dtype = torch.float32) -> Crops:
    made = torch.Generator().manual_seed(1)
    return Crops(*(torch.randn(count, 3, 256, 256, generator=made).to(dtype) for _ in range(4)))


def random_model(size: ModelSize, seed: int = 0) -> WinnerModel:
    """A model all of whose weights are random, norms and scales included."""
    model = WinnerModel(size).requires_grad_(False)
    made = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=made) * 0.2)
    return model


def write_small(path: Path, size: ModelSize = SMALL, seed: int = 0, **changes: object) -> Path:
    """A Lightning checkpoint of a small random model; see ``save_lightning`` for the changes."""
    weights = changes.pop("weights", None) or random_model(size, seed).state_dict()
    save_lightning(path, weights, size, **changes)
    return path


def refusal(path: Path, reader: Callable[[Path], object] = load_model) -> str:
    """The message with which a file is refused; it names the file."""
    with pytest.raises(InputError) as refused:
        reader(path)
    assert str(path) in str(refused.value)
    return str(refused.value)
