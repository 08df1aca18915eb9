"""Makes a predictions folder from annotations, images and a checkpoint; resumes a killed run."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fathomnet_voxel51.progress import Progress, silent
from fathomnet_voxel51.text import counted

from .annotations import ImageBoxes
from .engine import Engine
from .manifest import Counts, Manifest, finished_manifest
from .parts import Part, PartStore, kept_identity, open_parts, refuse_other
from .request import RunRequest, Work, check_request
from .results import decided_results, read_manifest, write_results
from .stop import Stop

NOTES_TOLD: Final = 5

LAST: Final = 0.999
"""The share done before the files are written, as 1.0 is reported only at the very end."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """The outcome of a run with all its interruptions.

    Attributes:
        images: those with boxes.
        boxes: their boxes.
        predicted: boxes with a prediction.
        not_predicted: boxes without one; the manifest lists them with reasons.
        decisions: boxes by how their name was chosen.
        output: the predictions folder.
        seconds: the time that this process took.
        notes: what is to be known of images whose boxes were predicted: the number of notes, and
            the first ``NOTES_TOLD``; the manifest lists all.
    """

    images: int
    boxes: int
    predicted: int
    not_predicted: int
    decisions: Mapping[str, int]
    output: str
    seconds: float
    notes: tuple[str, ...] = ()


def run(request: RunRequest, progress: Progress = silent, stop: Stop | None = None) -> RunResult:
    """Predicts boxes and writes the predictions folder.

    Predictions are kept part by part. A run that was killed continues with the first part that is
    not kept; one that had finished without some boxes tries their parts again; one that is
    complete does nothing.

    Args:
        request: what to do.
        progress: called with the share done and a label.
        stop: tells when to stop early.

    Raises:
        InputError: a file or parameter is wrong, or the output folder holds another run; nothing
            was written.
        StoppedError: it was asked to stop; what has been predicted is kept.
        SetupError: the device or the output folder cannot be used.
    """
    began = time.monotonic()
    stop = stop or Stop()
    progress(0.0, "reading annotations and checkpoint")
    work = check_request(request)
    engine = Engine(work)
    there = kept_identity(work.output)
    manifest = read_manifest(work.output) if there is None else None
    engine.settle(there or manifest)
    if there or manifest:
        refuse_other(work.output, engine.identity(), there or manifest or {})
    if manifest is None:
        manifest = _finish(work, engine, progress, stop)
    counts = {name: manifest["counts"][name] for name in Counts.__slots__}
    del counts["boxes_of_all_shards"]
    progress(1.0, f"{counts['predicted']:,} of {counts['boxes']:,} boxes predicted")
    noted = manifest.get("notes", [])
    told = [f"{counted(len(noted), 'image is', 'images are')} noted in the manifest"]
    return RunResult(
        **counts,
        output=str(work.output),
        seconds=round(time.monotonic() - began, 3),
        notes=(*told, *noted[:NOTES_TOLD]) if noted else (),
    )


def _finish(work: Work, engine: Engine, progress: Progress, stop: Stop) -> Manifest:
    """Predicts what is not kept yet, then writes the predictions folder."""
    with open_parts(work.output, engine.identity()) as store:
        before = read_manifest(work.output)
        tally = _Tally(work.boxes, progress)
        parts = _predict(engine, store, tally, stop, retry=before is not None)
        unpredicted = sorted(
            (box for part in parts for box in part.unpredicted), key=lambda box: box.annotation_id
        )
        manifest = before
        if manifest is None or len(manifest["not_predicted"]) != len(unpredicted):
            progress(LAST, "deciding and writing")
            concepts = len(work.checkpoint.concepts)
            results = decided_results(parts, work.decider, work.temperature, concepts)
            counts = Counts(
                images=len(work.images),
                boxes=work.boxes,
                predicted=len(results.rows),
                not_predicted=len(unpredicted),
                boxes_of_all_shards=work.boxes_of_all_shards,
                decisions=results.tally(),
            )
            manifest = finished_manifest(
                engine.identity(),
                counts,
                unpredicted,
                engine.device_name(),
                store.started,
                [note for part in parts for note in part.notes],
            )
            write_results(work.output, results, manifest)
        if not unpredicted:
            store.remove()
        return manifest


def _predict(
    engine: Engine, store: PartStore, tally: _Tally, stop: Stop, retry: bool
) -> list[Part]:
    """Returns all parts; predicts those that are not kept.

    Args:
        engine: predicts parts.
        store: keeps parts.
        tally: counts and reports.
        stop: ends this between two parts.
        retry: predict parts again in which some boxes could not be predicted.

    Raises:
        StoppedError: it was asked to stop.
    """
    plan = engine.parts()
    kept = {}
    for index, images in enumerate(plan):
        part = store.load(index, images)
        if part is not None and not (retry and part.unpredicted):
            kept[index] = part
            tally.add(part)
    for index, images in enumerate(plan):
        if index not in kept:
            stop.check(f"{tally.done:,} of {tally.total:,} boxes are kept")
            kept[index] = engine.predict(images, tally.within(images))
            store.save(index, kept[index])
            tally.add(kept[index])
    return [kept[index] for index in range(len(plan))]


class _Tally:
    """Counts the boxes of a run and reports progress."""

    def __init__(self, total: int, progress: Progress) -> None:
        self.total = total
        self.done = self._failed = 0
        self._progress = progress

    def add(self, part: Part) -> None:
        """Counts a kept part."""
        self.done += len(part)
        self._failed += len(part.unpredicted)

    def within(self, images: Sequence[ImageBoxes]) -> Progress:
        """A callback for the progress of one part, as a share of the whole."""
        boxes = sum(len(image.boxes) for image in images)

        def report(share: float, label: str) -> None:
            done = self.done + round(share * boxes)
            text = f"predicting {done:,}/{self.total:,} boxes"
            if self._failed:
                text += f", {self._failed:,} not possible"
            self._progress(min(done / self.total, LAST), text)

        return report
