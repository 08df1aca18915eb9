"""Keeps what a run has predicted so far on disk, so that a killed run continues from there.

A run's images are cut into parts, and a part is kept once all of it has been predicted. Parts and
the batches in them do not depend on where a run was interrupted, so an interrupted run ends with
exactly the same numbers as any other.
"""

import contextlib
import fcntl
import io
import json
import os
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from fathomnet_voxel51.errors import Fault, InputError, SetupError
from fathomnet_voxel51.files import write_whole

from .annotations import ImageBoxes
from .manifest import IDENTITY, Manifest, manifest_differences, utc_now
from .pipeline import Unpredicted

FOLDER: Final = "unfinished"
IDENTITY_NAME: Final = "run.json"
START_OVER: Final = "Name another output folder, or remove this one to start over."


@dataclass(frozen=True, slots=True)
class Part:
    """The predictions for the boxes of some images.

    Attributes:
        annotation_id: (predicted,) int64.
        image_id: (predicted,) int64.
        logits: (predicted, concepts) float32.
        unpredicted: the other boxes.
        notes: what is to be known of the images, each after its name.
    """

    annotation_id: npt.NDArray[np.int64]
    image_id: npt.NDArray[np.int64]
    logits: npt.NDArray[np.float32]
    unpredicted: tuple[Unpredicted, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.annotation_id) + len(self.unpredicted)


def cut_into_parts(images: Iterable[ImageBoxes], boxes: int) -> list[tuple[ImageBoxes, ...]]:
    """Cuts images into parts of at least so many boxes each, except for the last one."""
    parts: list[tuple[ImageBoxes, ...]] = []
    part: list[ImageBoxes] = []
    held = 0
    for image in images:
        part.append(image)
        held += len(image.boxes)
        if held >= boxes:
            parts.append(tuple(part))
            part, held = [], 0
    return [*parts, tuple(part)] if part else parts


class PartStore:
    """The parts of one run, in a folder in its output folder; see :func:`open_parts`."""

    def __init__(self, folder: Path, started: str) -> None:
        self._folder = folder
        self.started = started

    def save(self, index: int, part: Part) -> None:
        """Keeps a part, completely or, if the process dies, not at all.

        Raises:
            SetupError: it cannot be written, perhaps because the disk is full.
        """
        buffer = io.BytesIO()
        np.savez(
            buffer,
            annotation_id=part.annotation_id,
            image_id=part.image_id,
            logits=part.logits,
            unpredicted_ids=np.array(
                [(box.annotation_id, box.image_id) for box in part.unpredicted], np.int64
            ).reshape(-1, 2),
            reasons=np.array([box.reason for box in part.unpredicted], np.str_),
            notes=np.array(part.notes, np.str_),
        )
        _write(self._path(index), buffer.getvalue())

    def load(self, index: int, images: Sequence[ImageBoxes]) -> Part | None:
        """A kept part; None if there is none that is whole and about these images."""
        try:
            with np.load(self._path(index), allow_pickle=False) as arrays:
                ids, reasons = arrays["unpredicted_ids"].tolist(), arrays["reasons"].tolist()
                unpredicted = tuple(
                    Unpredicted(box_id, image_id, reason)
                    for (box_id, image_id), reason in zip(ids, reasons, strict=True)
                )
                part = Part(
                    arrays["annotation_id"],
                    arrays["image_id"],
                    arrays["logits"],
                    unpredicted,
                    # Parts of earlier versions have none.
                    tuple(arrays["notes"].tolist()) if "notes" in arrays else (),
                )
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None  # never written, or damaged since; it is predicted again
        there = {*part.annotation_id.tolist(), *(box.annotation_id for box in part.unpredicted)}
        wanted = {box.annotation_id for image in images for box in image.boxes}
        return part if there == wanted else None

    def remove(self) -> None:
        """Deletes all parts, once the predictions have been written."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, index: int) -> Path:
        return self._folder / f"part-{index:06d}.npz"


def kept_identity(output: Path) -> Manifest | None:
    """The identity of the unfinished run in an output folder; None if there is none.

    Raises:
        InputError: it cannot be read.
    """
    path = output / FOLDER / IDENTITY_NAME
    try:
        identity = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError(
            str(path), [Fault("file", f"cannot be read: {error}")], START_OVER
        ) from None
    if not isinstance(identity, dict) or not set(IDENTITY) <= set(identity):
        raise InputError(str(path), [Fault("file", "is not what a run wrote")], START_OVER)
    return identity


@contextlib.contextmanager
def open_parts(output: Path, identity: Manifest) -> Iterator[PartStore]:
    """Opens or creates the parts of a run; only one process at a time may hold them.

    Args:
        output: the run's output folder; created if it does not exist.
        identity: what identifies the run.

    Raises:
        InputError: the folder holds the parts of another run.
        SetupError: another process holds them, or the folder cannot be written.
    """
    folder = output / FOLDER
    with _writing(output):
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _hold(lock, output)
        kept = kept_identity(output)
        if kept is None:
            kept = {**identity, "started": utc_now()}
            _write(folder / IDENTITY_NAME, (json.dumps(kept, indent=2) + "\n").encode())
        refuse_other(output, identity, kept)
        yield PartStore(folder, str(kept.get("started", "")))
    finally:
        os.close(lock)


def refuse_other(output: Path, identity: Manifest, there: Manifest) -> None:
    """Refuses to mix two runs in one folder.

    Raises:
        InputError: with every difference.
    """
    faults = [
        Fault(*difference.split(": ", 1)) for difference in manifest_differences(identity, there)
    ]
    if faults:
        raise InputError(f"{output} holds another run", faults, START_OVER)


def _hold(lock: int, output: Path) -> None:
    # Some network file systems have no locks. Two processes would then do the same work and write
    # the same files, which harms nothing.
    with contextlib.suppress(OSError):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SetupError(
                f"another process is at work in {output}; wait for it, or share the work with "
                "--shard I/N, each shard in a folder of its own"
            ) from None


def _write(path: Path, content: bytes) -> None:
    with _writing(path):
        write_whole(path, content)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SetupError(f"{path} cannot be written: {error.strerror or error}") from error
