"""Converted checkpoints: folders that hold weights and their description."""

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import pydantic
import safetensors
from fathomnet_voxel51.errors import Fault, InputError, SetupError
from fathomnet_voxel51.files import (
    OtherVersionError,
    PartFile,
    Version,
    is_part,
    remove_if_abandoned,
    version_of,
)
from fathomnet_voxel51.progress import Progress
from torch import Tensor

from .description import Checkpoint
from .integrity import sha256_of
from .layout import check_layout, empty_model
from .weights import float32_shapes, open_weights, write_weights

DESCRIPTION_NAME: Final = "checkpoint.json"
WEIGHTS_NAME: Final = "weights.safetensors"
_FORMAT: Final = "fathomnet-inference checkpoint"
_SOURCE: Final = "source_sha256"
_AGAIN: Final = "Convert the Lightning checkpoint again, into another folder."


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """The weights file that belongs to a description.

    Attributes:
        bytes: its size in bytes.
        sha256: its hash, in hexadecimal.
    """

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Description:
    """The content of ``checkpoint.json``.

    Attributes:
        checkpoint: what the weights belong to.
        checkpoint_sha256: hash of ``checkpoint``, so that a damaged name or size is noticed too.
        weights: the weights file.
    """

    checkpoint: Checkpoint
    checkpoint_sha256: str
    weights: WeightsFile
    format: Literal["fathomnet-inference checkpoint"] = _FORMAT
    format_version: Literal[1] = 1


_READER: Final = pydantic.TypeAdapter(Description)


def is_converted(path: Path) -> bool:
    """Whether a path names a conversion: a folder, or one of the two files in it."""
    return path.is_dir() or path.name in (DESCRIPTION_NAME, WEIGHTS_NAME)


def is_complete(folder: Path) -> bool:
    """Whether a conversion into this folder has been completed."""
    return (folder / DESCRIPTION_NAME).is_file()


def read_description(path: Path) -> Description:
    """Reads the description in a converted folder, and compares the size of its weights.

    Args:
        path: the folder, or a file in it.

    Raises:
        InputError: the conversion is unfinished, damaged, or has another format.
    """
    folder = path if path.is_dir() else path.parent
    file, weights = folder / DESCRIPTION_NAME, folder / WEIGHTS_NAME
    if not file.is_file():
        problem = f"no {DESCRIPTION_NAME}: this is no converted checkpoint, or not a finished one"
        there = next((one for one in sorted(folder.glob("*.ckpt"))), None)
        advice = f"Name the checkpoint in it itself: {there}" if there else _AGAIN
        raise InputError(str(folder), [Fault(DESCRIPTION_NAME, problem)], advice)
    try:
        description = _READER.validate_python(json.loads(file.read_bytes()))
    except (ValueError, RecursionError) as error:
        problem = f"is no JSON: {error}"
        if isinstance(error, pydantic.ValidationError):
            first = error.errors(include_url=False)[0]
            problem = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise _refused(folder, DESCRIPTION_NAME, problem) from error
    if description.checkpoint_sha256 != _hash_of(description.checkpoint):
        raise _refused(folder, DESCRIPTION_NAME, "was changed after the conversion")
    size = weights.stat().st_size if weights.is_file() else None
    if size != description.weights.bytes:
        found = "is missing" if size is None else f"has {size:,} bytes"
        problem = f"{found}; {description.weights.bytes:,} bytes were written"
        raise _refused(folder, WEIGHTS_NAME, problem)
    return description


def read_converted(path: Path, progress: Progress) -> tuple[Checkpoint, dict[str, Tensor]]:
    """Reads a converted folder, and checks every byte of its weights against their hash.

    Args:
        path: the folder, or a file in it.
        progress: called with the share done and a label.

    Returns:
        The checkpoint, and its weights as views of the mapped file.

    Raises:
        InputError: it is unfinished, damaged, or has another format.
    """
    description = read_description(path)
    weights = (path if path.is_dir() else path.parent) / WEIGHTS_NAME
    if sha256_of(weights, progress) != description.weights.sha256:
        problem = "its bytes are not those that were written: the file is damaged"
        raise _refused(weights.parent, WEIGHTS_NAME, problem)
    try:
        with open_weights(weights) as file:
            model = empty_model(description.checkpoint.size).drop_unused()
            check_layout(str(weights), float32_shapes(file), model)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, OSError) as error:
        raise _refused(weights.parent, WEIGHTS_NAME, f"cannot be read: {error}") from error
    return description.checkpoint, tensors


def write_converted(
    folder: Path, checkpoint: Checkpoint, tensors: Mapping[str, Tensor], progress: Progress
) -> None:
    """Writes a converted folder, the description last; each file appears complete.

    Remains of a killed conversion are removed or replaced.

    Args:
        folder: created if it does not exist.
        checkpoint: describes the weights.
        tensors: the weights, float32.
        progress: called with the share done and a label.

    Raises:
        InputError: the folder holds other files of these names; they are left untouched.
        SetupError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in [each for each in folder.iterdir() if is_part(each.name)]:
            remove_if_abandoned(left)
        replaced = _leftover(folder / WEIGHTS_NAME, checkpoint)
        needed = sum(tensor.nbytes for tensor in tensors.values())
        free = shutil.disk_usage(folder).free
        if free < needed:
            figures = f"{needed / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free"
            raise SetupError(f"{folder}: {figures}. Make room, or name a folder elsewhere.")
        with _published(folder / WEIGHTS_NAME, replaced) as part:
            source = {_SOURCE: checkpoint.sha256}
            sha256 = write_weights(part, tensors, source, progress)
            weights = WeightsFile(part.size, sha256)
        content = dataclasses.asdict(Description(checkpoint, _hash_of(checkpoint), weights))
        with _published(folder / DESCRIPTION_NAME, None) as part:
            part.write((json.dumps(content, indent=2) + "\n").encode())
    except OtherVersionError as error:
        problem = f"{folder}: another program writes here"
        raise SetupError(f"{problem}. When it is done, start the conversion again.") from error
    except OSError as error:
        problem = f"{folder}: cannot be written: {error.strerror or error}"
        raise SetupError(f"{problem}. Name another folder, or make it writable.") from error


@contextmanager
def _published(target: Path, replaced: Version | None) -> Iterator[PartFile]:
    part = PartFile()
    try:
        part.create(target)
        yield part
        part.publish(target, replaced)
    finally:
        part.discard()


def _hash_of(checkpoint: Checkpoint) -> str:
    text = json.dumps(dataclasses.asdict(checkpoint), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _leftover(weights: Path, checkpoint: Checkpoint) -> Version | None:
    """The version of the weights that a killed conversion of the same file left, if any."""
    if not weights.exists():
        return None
    try:
        with open_weights(weights) as file:
            source = (file.metadata() or {}).get(_SOURCE)
    except (safetensors.SafetensorError, OSError):
        source = None
    if source != checkpoint.sha256:
        raise _refused(weights.parent, WEIGHTS_NAME, "exists already, but not from this file")
    return version_of(weights.stat())


def _refused(folder: Path, name: str, problem: str) -> InputError:
    return InputError(str(folder), [Fault(name, problem)], _AGAIN)
