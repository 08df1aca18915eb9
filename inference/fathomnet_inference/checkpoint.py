"""Checkpoints of the winning model: inspects, loads and converts them.

A checkpoint is the published Lightning file (winner-model.md, section 2) or the folder to which
:func:`convert` converts it.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from fathomnet_voxel51.errors import Fault, InputError
from fathomnet_voxel51.progress import Progress, portion, silent
from torch import Tensor

from .converted import is_complete, is_converted, read_converted, read_description, write_converted
from .description import Checkpoint
from .hyper_parameters import concept_names, plain_settings
from .integrity import checked_sha256
from .layout import check_layout, empty_model, shapes_of
from .model import WinnerModel
from .pickled import read_lightning
from .size import size_of

__all__ = ["Checkpoint", "convert", "inspect", "load_model"]

_HASHING = 0.6
"""Share of a conversion's time that goes into reading; the rest is writing."""


def inspect(path: str | Path, progress: Progress = silent) -> Checkpoint:
    """Describes a checkpoint without loading its weights.

    A Lightning file is read once from end to end, to hash it and to compare its bytes with their
    checksums; for a converted folder, only the description is read.

    Args:
        path: a Lightning file, or a converted folder.
        progress: called with the share done and a label.

    Raises:
        InputError: it is not a checkpoint of the winning model, or is damaged.
    """
    file = _existing(path)
    if is_converted(file):
        return read_description(file).checkpoint
    return _read_lightning(file, progress)[0]


def load_model(
    path: str | Path,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    progress: Progress = silent,
) -> tuple[WinnerModel, Checkpoint]:
    """Loads the model of a checkpoint, ready to predict.

    On the CPU in float32 its weights are the mapped file itself, which takes no memory of its own
    and must not be changed in place while the model is used; elsewhere the system may reclaim the
    mapped pages as soon as they are copied. The optimizer's state in a Lightning file is hashed
    with the rest of it, but never kept in memory.

    Args:
        path: a Lightning file, or a converted folder.
        device: where the weights go.
        dtype: see :meth:`WinnerModel.for_inference`.
        progress: called with the share done and a label.

    Raises:
        InputError: it is not a checkpoint of the winning model, or is damaged.
    """
    file = _existing(path)
    read = read_converted if is_converted(file) else _read_lightning
    checkpoint, tensors = read(file, progress)
    model = empty_model(checkpoint.size).drop_unused()
    model.load_state_dict(_on_path(model, tensors), strict=True, assign=True)
    del tensors
    return model.for_inference(device, dtype), checkpoint


def convert(path: str | Path, output: str | Path, progress: Progress = silent) -> Checkpoint:
    """Converts a Lightning file to a folder with what predictions need, a third of its size.

    The weights that only training used are left out. A conversion that was killed is started again;
    one that is complete is left as it is.

    Args:
        path: the Lightning file.
        output: the folder; created if it does not exist.
        progress: called with the share done and a label.

    Raises:
        InputError: ``path`` is damaged or not a Lightning checkpoint of the winning model, or
            ``output`` holds another conversion.
        SetupError: ``output`` cannot be written.
    """
    file, folder = _existing(path), Path(output)
    if is_converted(file):
        problem = "is a converted checkpoint already"
        raise InputError(str(file), [Fault("file", problem)], "Use it as it is.")
    checkpoint, tensors = _read_lightning(file, portion(progress, 0.0, _HASHING))
    if is_complete(folder):
        found = read_description(folder).checkpoint
        if found.sha256 != checkpoint.sha256:
            problem = f"holds a conversion of another file: {found.name} (sha256 {found.sha256})"
            raise InputError(str(folder), [Fault("folder", problem)], "Name another folder.")
        return found
    kept = _on_path(empty_model(checkpoint.size).drop_unused(), tensors)
    write_converted(folder, checkpoint, kept, portion(progress, _HASHING, 1.0))
    return checkpoint


def _read_lightning(path: Path, progress: Progress) -> tuple[Checkpoint, dict[str, Tensor]]:
    """Checks a Lightning file: first what can be told quickly, then every byte of it."""
    subject = str(path)
    content = read_lightning(path)
    settings = plain_settings(subject, content.hyper_parameters)
    shapes = shapes_of(content.tensors)
    size = size_of(subject, shapes, settings)
    check_layout(subject, shapes, empty_model(size))
    concepts = concept_names(subject, settings, size.concepts)
    sha256, damaged = checked_sha256(path, progress)
    if damaged:
        raise InputError(subject, damaged, "Download the file again: these bytes are not its own.")
    return Checkpoint(path.name, sha256, concepts, size, settings), content.tensors


def _on_path(model: WinnerModel, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensors[name] for name in model.state_dict()}


def _existing(path: str | Path) -> Path:
    file = Path(path)
    if not str(path) or not file.exists():
        problem = "there is no such file or folder"
        raise InputError(str(path) or "(no path)", [Fault("path", problem)], "Check the path.")
    return file
