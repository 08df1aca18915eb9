"""Runs the model on the parts of a run, and settles what the request leaves open."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from fathomnet_voxel51.progress import Progress

from .annotations import ImageBoxes
from .checkpoint import load_model
from .device import DTYPES
from .manifest import Manifest
from .model import WinnerModel
from .parts import Part, cut_into_parts
from .pipeline import Unpredicted
from .predict import BoxLogits, PredictSettings, predict
from .request import Work
from .runner import CPU_BATCH, Runner

BATCHES_A_PART: Final = {"cuda": 16, "cpu": 2}
"""A signal comes two minutes before the end of a job, and a part must be finished by then: 1,024
boxes take 80 s on a Turing card in fp32, 16 boxes 4 minutes on two CPU cores. Between two parts the
GPU waits about 0.1 s for the first images of the next."""


class Engine:
    """The model, which is loaded when it is first needed, and its settings."""

    def __init__(self, work: Work) -> None:
        request = work.request
        self._work = work
        self._model = work.model
        self._boxes_a_part = 0
        self.settings = PredictSettings(
            request.batch_size, request.precision, request.device, request.workers
        )

    def settle(self, there: Manifest | None) -> None:
        """Decides what the request leaves open; an interrupted run keeps its earlier decisions."""
        before = there["settings"] if there else {}
        settings = self.settings
        if settings.precision == "auto" and before:
            settings = replace(settings, precision=before["precision"])
        device, dtype = settings.chosen_device, settings.chosen_dtype
        precision: Any = next(name for name, kind in DTYPES.items() if kind is dtype)
        batch_size = settings.batch_size or before.get("batch_size")
        if not batch_size and self._work.boxes and device.type != "cpu":
            batch_size = Runner(self._loaded(), device, dtype, None, self._work.boxes).batch_size
        batch_size = batch_size or CPU_BATCH
        self.settings = replace(settings, precision=precision, batch_size=batch_size)
        self._boxes_a_part = before.get("boxes_a_part", batch_size * BATCHES_A_PART[device.type])

    def identity(self) -> Manifest:
        """What identifies the run."""
        settings = self.settings
        assert settings.batch_size is not None
        return self._work.identity(settings.precision, settings.batch_size, self._boxes_a_part)

    def parts(self) -> list[tuple[ImageBoxes, ...]]:
        """The images, cut into the parts that are kept together."""
        return cut_into_parts(self._work.images, self._boxes_a_part)

    def predict(self, images: Sequence[ImageBoxes], progress: Progress) -> Part:
        """Predicts one part."""
        folder = Path(self._work.request.images)
        notes: list[str] = []
        groups = predict(self._loaded(), images, folder, self.settings, progress, notes.append)
        boxes = [box for group in groups for box in group]
        found = [box for box in boxes if isinstance(box, BoxLogits)]
        width = len(self._work.checkpoint.concepts)
        return Part(
            annotation_id=np.array([box.annotation_id for box in found], np.int64),
            image_id=np.array([box.image_id for box in found], np.int64),
            logits=np.array([box.logits for box in found], np.float32).reshape(-1, width),
            unpredicted=tuple(box for box in boxes if isinstance(box, Unpredicted)),
            notes=tuple(sorted(notes)),
        )

    def device_name(self) -> str:
        """The device, in words."""
        device = self.settings.chosen_device
        return str(torch.cuda.get_device_name(device)) if device.type == "cuda" else device.type

    def _loaded(self) -> WinnerModel:
        if self._model is None:
            # On the CPU it is the mapped file itself; the runner moves it from there.
            self._model, _ = load_model(self._work.request.checkpoint)
        return self._model
