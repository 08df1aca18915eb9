"""Runs batches of crops through the model, on any device, in the memory that there is."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from fathomnet_voxel51.errors import SetupError
from fathomnet_voxel51.hardware import is_out_of_memory
from torch import Tensor

from .crops import SIDE, Pixels
from .device import exact_float32
from .model import WholeImages, WinnerModel
from .normalise import Normaliser
from .pipeline import BoxCrops, WholeCrop

CPU_BATCH: Final = 8
"""Larger batches are no faster on a CPU, as they do not fit in its caches."""
LARGEST_TRIAL: Final = 64
"""Boxes. 64 fill any GPU (20,736 tokens per product); trying more takes longer than it saves."""

_NO_MEMORY: Final = (
    "The device has not enough free memory for a batch of one box: the model needs about 6 GB in "
    "fp32 and 3 GB in half precision. Check with nvidia-smi who else uses it, or ask for a larger "
    "one."
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pending:
    """Logits under way from the device.

    Attributes:
        host: (B, concepts) float32; its values are valid once ``arrived`` has happened.
        arrived: a CUDA event; None if the values are already valid.
    """

    host: Tensor
    arrived: Any

    def wait(self) -> npt.NDArray[np.float32]:
        """The logits, (B, concepts)."""
        if self.arrived is not None:
            self.arrived.synchronize()
        return np.asarray(self.host.numpy())


class Runner:
    """Runs the model on boxes, as many at a time as fit in memory.

    Args:
        model: is changed: moved to the device, its products cast, and what no prediction needs
            dropped (a copy would take 5 GB).
        device: where to run.
        dtype: of the matrix products. Half precision is as in training: weights and inputs of the
            encoders' products are cast, the sums between them stay float32.
        batch_size: boxes; None finds it by trial on a GPU, and is CPU_BATCH elsewhere.
        boxes: the number of boxes in all; larger batches are not tried.

    Attributes:
        batch_size: boxes that fit; it shrinks when memory runs out.

    Raises:
        SetupError: not even one box fits, or the weights were rounded to another precision before.
    """

    def __init__(
        self,
        model: WinnerModel,
        device: torch.device,
        dtype: torch.dtype,
        batch_size: int | None,
        boxes: int,
    ) -> None:
        rounded = {weights.dtype for weights in model.parameters()} - {torch.float32, dtype}
        if rounded & {torch.float16, torch.bfloat16}:
            raise SetupError(
                f"The model's weights were rounded to {rounded.pop()} by an earlier run; load it "
                f"again to run it in {dtype}."
            )
        self._device = device
        self._model = model.for_inference(device, dtype)
        self._normalise = Normaliser(device)
        self._carried: tuple[WholeCrop, WholeImages] | None = None
        self.batch_size = batch_size or CPU_BATCH
        if batch_size is None and device.type == "cuda":
            self.batch_size = largest_batch(self._try, min(boxes, LARGEST_TRIAL))

    def start(self, boxes: Sequence[BoxCrops]) -> Pending:
        """Starts a batch; on a GPU, returns before the logits have arrived.

        Args:
            boxes: one or more, of any images. Boxes of one image must follow one another, even in
                different batches, because a whole image is not kept any longer.

        Raises:
            SetupError: not even one box fits in memory.
        """
        with torch.inference_mode(), exact_float32():
            found: list[Tensor] = []
            first = 0
            while first < len(boxes):
                some = boxes[first : first + self.batch_size]
                logits = _unless_out_of_memory(partial(self._logits, some))
                if logits is not None:
                    found.append(logits)
                    first += len(some)
                    continue
                if len(some) == 1:
                    raise SetupError(_NO_MEMORY)
                self.batch_size = len(some) // 2
                words = "out of memory with %d boxes at a time; going on with %d"
                _log.warning(words, len(some), self.batch_size)
                self._free()
            return self._send(torch.cat(found))

    def _logits(self, boxes: Sequence[BoxCrops]) -> Tensor:
        """The logits of boxes, (B, concepts), on the device."""
        known, wholes = self._known(boxes)
        new = wholes[len(known) :]
        crops = (
            *(box.object for box in boxes),
            *(box.context_3 for box in boxes),
            *(box.context_5 for box in boxes),
            *(whole.pixels for whole in new),
        )
        numbers = self._normalise(self._upload(crops))
        *views, images = numbers.split([len(boxes)] * 3 + [len(new)])
        encoded = WholeImages.join([*known, self._model.encode_whole(images)] if new else known)
        places = {whole: place for place, whole in enumerate(wholes)}
        # Pinned too: an ordinary copy would wait for all that the GPU has still to do.
        index = torch.tensor([places[box.whole] for box in boxes], pin_memory=self._on_gpu)
        index = index.to(self._device, non_blocking=True)
        logits: Tensor = self._model(*views, encoded, index)
        self._carry(boxes, encoded, index)
        return logits

    def _known(self, boxes: Sequence[BoxCrops]) -> tuple[list[WholeImages], list[WholeCrop]]:
        """Encoded images that are reused, and the crops of all images needed, those first."""
        wholes = dict.fromkeys(box.whole for box in boxes)
        if self._carried is None or self._carried[0] not in wholes:
            return [], list(wholes)
        crop, encoded = self._carried
        del wholes[crop]
        return [encoded], [crop, *wholes]

    def _carry(self, boxes: Sequence[BoxCrops], encoded: WholeImages, index: Tensor) -> None:
        """Keeps the only whole image that the next batch may need."""
        shared = [place for place, box in enumerate(boxes) if box.whole.shared]
        if shared:
            last = shared[-1]
            self._carried = boxes[last].whole, encoded.take(index[last : last + 1])

    def _upload(self, crops: Sequence[Pixels]) -> Tensor:
        """8-bit pixels on the device, (N, 3, 256, 256); a quarter of the bytes of float32."""
        shape = (len(crops), 3, SIDE, SIDE)
        # PyTorch keeps pinned memory for the next batch, and does not reuse it before it was read.
        staged = torch.empty(shape, dtype=torch.uint8, pin_memory=self._on_gpu)
        np.stack(crops, out=staged.numpy())
        return staged.to(self._device, non_blocking=True)

    def _send(self, logits: Tensor) -> Pending:
        logits = logits.float()
        if not self._on_gpu:
            return Pending(logits, None)
        host = torch.empty(logits.shape, pin_memory=True)
        host.copy_(logits, non_blocking=True)
        arrived = torch.cuda.Event()
        arrived.record()
        return Pending(host, arrived)

    def _free(self) -> None:
        if self._on_gpu:
            torch.cuda.empty_cache()

    def _try(self, size: int) -> bool:
        """Whether a batch fits in which every box has a different whole image."""
        black = np.zeros((3, SIDE, SIDE), np.uint8)
        boxes = [
            BoxCrops(0, 0, black, black, black, WholeCrop(black, shared=False)) for _ in range(size)
        ]
        with torch.inference_mode(), exact_float32():
            fits = _unless_out_of_memory(lambda: self._logits(boxes).cpu())
        if fits is None:
            self._free()
        return fits is not None

    @property
    def _on_gpu(self) -> bool:
        return bool(self._device.type == "cuda")


def largest_batch(fits: Callable[[int], bool], limit: int) -> int:
    """Doubles a batch until it does not fit, then returns the last that did.

    Args:
        fits: whether a number of boxes fits.
        limit: the most boxes to try.

    Raises:
        SetupError: not even one fits.
    """
    if not fits(1):
        raise SetupError(_NO_MEMORY)
    size = 1
    while size < limit and fits(min(2 * size, limit)):
        size = min(2 * size, limit)
    return size


def _unless_out_of_memory(compute: Callable[[], Tensor]) -> Tensor | None:
    """The result of a computation; None if memory ran out.

    The error is dropped before the caller continues, as its traceback would keep the batch in
    memory.
    """
    try:
        return compute()
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return None
