"""Writes and reads weights as a safetensors file.

The file is written here rather than by the safetensors library (0.8), which writes to a file of its
own making: one that only its owner may read, whereas groups share weights; that stays behind, as
large as it is, under a name that nobody knows where the process is killed; and without progress.
The format is a length, a JSON header and the values one after the other:
https://huggingface.co/docs/safetensors/index#format. The library reads it.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Final

import safetensors
from fathomnet_voxel51.files import PartFile
from fathomnet_voxel51.progress import Progress, throttled
from torch import Tensor

from .size import Shapes

_FLOAT32: Final = "F32"
_LENGTH: Final = 8
"""Bytes of the number at the beginning of the file: the length of the header."""
_ALIGNMENT: Final = 64
"""Bytes; the values of every tensor begin at a multiple, which suits matrix products best."""


def write_weights(
    part: PartFile, tensors: Mapping[str, Tensor], metadata: Mapping[str, str], progress: Progress
) -> str:
    """Writes float32 tensors, one at a time.

    Args:
        part: the file, created and empty.
        tensors: by name.
        metadata: goes into the header.
        progress: called with the share done and a label.

    Returns:
        The file's SHA-256.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    # A tensor that is no multiple of the alignment long would shift all that follow it.
    order = sorted(tensors, key=lambda name: tensors[name].nbytes % _ALIGNMENT != 0)
    header = _header({name: tensors[name] for name in order}, metadata)
    total = len(header) + sum(tensor.nbytes for tensor in tensors.values())
    report = throttled(progress)
    digest = hashlib.sha256()
    values = (memoryview(tensors[name].contiguous().numpy()).cast("B") for name in order)
    chunks: Iterator[bytes | memoryview] = chain([header], values)
    for chunk in chunks:
        part.write(chunk)
        digest.update(chunk)
        report(part.size / total, f"writing weights, {part.size / 1e9:.1f} GB")
    return digest.hexdigest()


def _header(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    fields: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for name, tensor in tensors.items():
        start, end = end, end + tensor.nbytes
        shape = list(tensor.shape)
        fields[name] = {"dtype": _FLOAT32, "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(fields, separators=(",", ":")).encode()
    text += b" " * (-(_LENGTH + len(text)) % _ALIGNMENT)
    return len(text).to_bytes(_LENGTH, "little") + text


def open_weights(path: Path) -> Any:
    """Opens a weights file; a context manager of the safetensors library.

    Raises:
        OSError: it cannot be read.
        safetensors.SafetensorError: it is damaged, truncated, or of another kind.
    """
    return safetensors.safe_open(path, framework="pt", device="cpu")


def float32_shapes(file: Any) -> Shapes:
    """The shapes of the float32 tensors in an open file; others count as absent."""
    slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  # no dict
    return {
        name: tuple(each.get_shape())
        for name, each in slices.items()
        if each.get_dtype() == _FLOAT32
    }
