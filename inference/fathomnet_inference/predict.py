"""Computes logits for the boxes of images; every box gets numbers or a reason why not."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from fathomnet_voxel51.progress import Progress

from .annotations import ImageBoxes
from .device import Device, Precision, choose_device, choose_precision, choose_workers
from .model import WinnerModel
from .pipeline import BoxCrops, Note, Part, Prepared, Unpredicted, read_ahead
from .runner import Pending, Runner

__all__ = ["BoxLogits", "PredictSettings", "Predicted", "Unpredicted", "predict"]

_NOT_FINITE: Final = "the model gave numbers that are not finite; fp32 or bf16 may help"


@dataclass(frozen=True, slots=True, eq=False)
class BoxLogits:
    """What the model says about a box.

    Attributes:
        annotation_id: of the box.
        image_id: of its image.
        logits: (concepts) float32, finite.
    """

    annotation_id: int
    image_id: int
    logits: npt.NDArray[np.float32]


Predicted = BoxLogits | Unpredicted


@dataclass(frozen=True)
class PredictSettings:
    """How to run; none of these changes a float32 result by more than rounding.

    Attributes:
        batch_size: boxes at a time; None: found by trial on a GPU, a fixed number on a CPU.
        precision: of the matrix products; ``auto`` is what suits the device.
        device: ``auto`` is the GPU if there is one.
        workers: threads that decode and crop; 0: only the caller's; None: by the processors.
    """

    batch_size: int | None = None
    precision: Precision = "auto"
    device: Device = "auto"
    workers: int | None = None

    def __post_init__(self) -> None:
        if self.batch_size is not None and self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}; at least 1 is needed")
        if self.workers is not None and self.workers < 0:
            raise ValueError(f"workers is {self.workers}; 0 or more are possible")

    @property
    def chosen_device(self) -> torch.device:
        """The device that ``predict`` will use on this machine.

        Raises:
            SetupError: there is no such device.
        """
        return choose_device(self.device)

    @property
    def chosen_dtype(self) -> torch.dtype:
        """The type of the matrix products that ``predict`` will use on this machine.

        Raises:
            SetupError: there is no such device.
        """
        return choose_precision(self.precision, self.chosen_device)


def predict(
    model: WinnerModel,
    images: Sequence[ImageBoxes],
    folder: Path,
    settings: PredictSettings,
    progress: Progress,
    noted: Note = str,
) -> Iterator[list[Predicted]]:
    """Runs the model on the boxes of images.

    Args:
        model: with its weights; it is changed for inference, see ``Runner``.
        images: the images.
        folder: where their files are.
        settings: how to run.
        progress: called with the share done and a label.
        noted: called with what is to be known of an image.

    Returns:
        Groups of whole images as they are finished, in the order of the images and of the boxes in
        them. An image that cannot be read affects only its own boxes. You may stop after any
        group: it and those before it are complete.

    Raises:
        SetupError: the device does not exist, or lacks the memory for a single box.
    """
    boxes = sum(len(image.boxes) for image in images)
    if not boxes:
        return iter(())
    device = settings.chosen_device
    runner = Runner(model, device, settings.chosen_dtype, settings.batch_size, boxes)
    workers = choose_workers(settings.workers, device)
    # One batch is being filled and one is ready; and no worker waits for another's image.
    parts = read_ahead(images, folder, workers, 2 * runner.batch_size + 4 * workers, noted)
    on_the_way = 1 if device.type == "cuda" else 0
    return _groups(runner, parts, _Finished(images, progress), on_the_way)


def _groups(
    runner: Runner, parts: Generator[Part], finished: _Finished, on_the_way: int
) -> Iterator[list[Predicted]]:
    """Keeps a GPU busy by starting the next batch before waiting for the last one's logits."""
    started: deque[_Batch] = deque()
    with closing(parts):  # ends its threads even if the reader stops early
        for prepared in _batches(parts, lambda: runner.batch_size):
            started.append(_Batch.start(runner, prepared))
            if len(started) > on_the_way and (group := finished.add(started.popleft().wait())):
                yield group
        for batch in started:
            if group := finished.add(batch.wait()):
                yield group


def _batches(parts: Iterator[Part], size: Callable[[], int]) -> Iterator[list[Prepared]]:
    """Fills batches across images.

    Args:
        parts: prepared boxes in order.
        size: how many crops the next batch may have. Boxes without crops do not count; they stay
            in their place to keep the order.
    """
    batch: list[Prepared] = []
    crops = 0
    for part in parts:
        for one in part:
            batch.append(one)
            crops += isinstance(one, BoxCrops)
            if crops >= size():
                yield batch
                batch, crops = [], 0
        if batch and not crops:
            yield batch
            batch = []
    if batch:
        yield batch


@dataclass(frozen=True)
class _Batch:
    """Boxes whose logits are being computed."""

    prepared: list[Predicted | None]
    ids: list[tuple[int, int]]
    pending: Pending | None

    @classmethod
    def start(cls, runner: Runner, prepared: list[Prepared]) -> _Batch:
        boxes = [one for one in prepared if isinstance(one, BoxCrops)]
        # The crops are not kept: on a GPU they would wait here for their logits.
        return cls(
            [None if isinstance(one, BoxCrops) else one for one in prepared],
            [(box.annotation_id, box.image_id) for box in boxes],
            runner.start(boxes) if boxes else None,
        )

    def wait(self) -> list[Predicted]:
        """Waits for the outcomes of the boxes, in order."""
        rows = () if self.pending is None else self.pending.wait()
        found = (
            BoxLogits(*ids, row) if np.isfinite(row).all() else Unpredicted(*ids, _NOT_FINITE)
            for ids, row in zip(self.ids, rows, strict=True)
        )
        return [next(found) if one is None else one for one in self.prepared]


class _Finished:
    """Holds finished boxes until their images are complete."""

    def __init__(self, images: Sequence[ImageBoxes], progress: Progress) -> None:
        self._sizes = deque(len(image.boxes) for image in images if image.boxes)
        self._total = sum(self._sizes)
        self._done = self._failed = 0
        self._waiting: list[Predicted] = []
        self._progress = progress

    def add(self, outcomes: list[Predicted]) -> list[Predicted]:
        """Adds the outcomes of the next boxes; returns those of images that are now complete."""
        self._waiting += outcomes
        self._done += len(outcomes)
        self._failed += sum(isinstance(one, Unpredicted) for one in outcomes)
        label = f"predicting {self._done:,}/{self._total:,} boxes"
        if self._failed:
            label += f", {self._failed:,} not possible"
        self._progress(self._done / self._total, label)
        whole = 0
        while self._sizes and whole + self._sizes[0] <= len(self._waiting):
            whole += self._sizes.popleft()
        group, self._waiting = self._waiting[:whole], self._waiting[whole:]
        return group
