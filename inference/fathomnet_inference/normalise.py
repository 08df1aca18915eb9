"""Converts 8-bit pixels to the encoders' input (winner-model.md, section 6, step 6)."""

from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

MEAN: Final = (0.485, 0.456, 0.406)
STD: Final = (0.229, 0.224, 0.225)
"""Those of DINOv2's image processor, RGB."""


def normalisation_table() -> npt.NDArray[np.float32]:
    """What each 8-bit value becomes: shape (3, 256), one row per channel.

    The order of operations is the reference's, because any other rounds differently: rescaled in
    float64, cast, then float32 mean and deviation.
    """
    scaled = (np.arange(256, dtype=np.float64) * 0.00392156862745098).astype(np.float32)
    mean = np.array(MEAN, np.float32)[:, None]
    deviation = np.array(STD, np.float32)[:, None]
    return np.asarray((scaled[None] - mean) / deviation)


class Normaliser:
    """Looks up pixels in the table, on the table's device.

    Args:
        device: of the pixels.
    """

    def __init__(self, device: torch.device) -> None:
        table = torch.from_numpy(normalisation_table()).to(device)
        self._table = table.flatten()
        rows = torch.arange(len(table), dtype=torch.int32, device=device)
        self._rows = table.shape[1] * rows[:, None, None]
        self._on_cpu = device.type == "cpu"
        self._room = torch.empty(0)

    def __call__(self, pixels: Tensor) -> Tensor:
        """Converts pixels to the encoders' input.

        Args:
            pixels: (N, 3, 256, 256) uint8, RGB.

        Returns:
            (N, 3, 256, 256) float32; on a CPU it is valid until the next call.
        """
        if not self._on_cpu:
            numbers = torch.empty(pixels.shape, device=pixels.device)
        else:
            # Reused on a CPU, where new pages cost more than the look-up.
            if self._room.shape[1:] != pixels.shape[1:] or len(self._room) < len(pixels):
                self._room = torch.empty(pixels.shape)
            numbers = self._room[: len(pixels)]
        # One picture at a time stays in a CPU's cache; a GPU wants all at once.
        step = 1 if self._on_cpu else max(1, len(pixels))
        for some, found in zip(pixels.split(step), numbers.split(step), strict=True):
            places = (some + self._rows).flatten()
            torch.index_select(self._table, 0, places, out=found.view(-1))
        return numbers
