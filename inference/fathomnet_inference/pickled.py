"""Reads a Lightning checkpoint without running anything in it, and without its optimizer.

See winner-model.md, section 2. The file is a ZIP archive of a pickle and the bytes of every tensor.
The pickle is read with torch's ``weights_only`` reader, which knows tensors and plain containers;
beyond these exactly the names below are allowed, and inert classes stand in for those of omegaconf,
which the training used for its settings: omegaconf itself is never imported. The tensors are views
of the mapped file, so bytes that are not used are never read.
"""

import collections
import typing
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from fathomnet_voxel51.errors import Fault, InputError
from torch import Tensor

from .hyper_parameters import AnyNode, ContainerMetadata, DictConfig, ListConfig, Metadata

_ALLOWED: Final[tuple[tuple[Any, str], ...]] = (
    (DictConfig, "omegaconf.dictconfig.DictConfig"),
    (ListConfig, "omegaconf.listconfig.ListConfig"),
    (ContainerMetadata, "omegaconf.base.ContainerMetadata"),
    (Metadata, "omegaconf.base.Metadata"),
    (AnyNode, "omegaconf.nodes.AnyNode"),
    (typing.Any, "typing.Any"),
    (collections.defaultdict, "collections.defaultdict"),
    (int, "builtins.int"),
    (list, "builtins.list"),
    (dict, "builtins.dict"),
)
_PICKLE_LIMIT: Final = 64 * 1024**2
"""Bytes; the published checkpoint's, which holds no tensor's values, takes about one MB."""
_FETCH_AGAIN: Final = "Download the file again and compare its size and hash with the source's."
_BY_BROWSER: Final = (
    "Google Drive asks for a confirmation before it gives a large file: download it in a browser, "
    "then copy it here."
)
_WHAT_IT_TAKES: Final = (
    "A checkpoint that Lightning wrote (last.ckpt, 16 GB) or a folder made from one by "
    "'fathomnet-infer convert' is needed."
)
_NOT_PLAIN: Final = (
    "Nothing in it was run. The published checkpoint needs none of these; do not load the file by "
    "other means unless you trust whoever wrote it."
)


@dataclass(frozen=True, slots=True)
class LightningFile:
    """What a prediction needs from a Lightning checkpoint.

    Attributes:
        tensors: the state dict; views of the mapped file, none of which has been read yet.
        hyper_parameters: the settings of the training as the pickle holds them, in the classes of
            :mod:`~fathomnet_inference.hyper_parameters`.
    """

    tensors: dict[str, Tensor]
    hyper_parameters: Any


def read_lightning(path: Path) -> LightningFile:
    """Opens a Lightning checkpoint.

    Raises:
        InputError: the file is something else, damaged, cut short, or asks for code.
    """
    subject = str(path)
    _check_archive(subject, path)
    content = _unpickled(subject, path)
    if not isinstance(content, dict):
        raise _refused(subject, "file", f"holds a {_kind(content)}, not a checkpoint")
    if "state_dict" not in content:
        if content and all(isinstance(value, Tensor) for value in content.values()):
            problem = "is a state dict alone: the names of the concepts are not in it"
        else:
            keys = ", ".join(map(str, list(content)[:8]))
            problem = f"has no state_dict; its keys are {keys or 'none'}"
        raise _refused(subject, "file", problem)
    if "hyper_parameters" not in content:
        problem = "is missing, and with it the names of the concepts"
        raise _refused(subject, "hyper_parameters", problem)
    return LightningFile(_tensors(subject, content["state_dict"]), content["hyper_parameters"])


def _check_archive(subject: str, path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(512)
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype", b"<html")):
        problem = "is a web page that was saved in the checkpoint's place"
        raise _refused(subject, "file", problem, _BY_BROWSER)
    if not start.startswith(b"PK"):
        start = start[:4]
        problem = "is empty" if not start else f"is no torch checkpoint (it starts with {start!r})"
        raise _refused(subject, "file", problem)
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        problem = f"is cut short or damaged: its list of contents is not there ({error})"
        raise _refused(subject, "end of the file", problem, _FETCH_AGAIN) from error
    pickles = [member for member in members if member.filename.endswith("/data.pkl")]
    if len(pickles) != 1 or pickles[0].filename.count("/") != 1:
        problem = "is a ZIP archive, but torch did not write it: no data.pkl"
        within = (one.filename for one in members if one.filename.endswith((".ckpt", ".pt")))
        if packed := next(within, ""):
            raise _refused(subject, "file", problem, f"Unpack it, and name {packed[:200]}.")
        raise _refused(subject, "file", problem)
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        problem = "is compressed; torch stores tensors as they are, so it was packed again"
        raise _refused(subject, "file", problem, "Unpack it and use the original file.")
    if pickles[0].file_size > _PICKLE_LIMIT:
        problem = f"{pickles[0].file_size:,} bytes, more than any checkpoint of this model has"
        raise _refused(subject, pickles[0].filename, problem)


def _unpickled(subject: str, path: Path) -> Any:
    with torch.serialization.safe_globals(list(_ALLOWED)):
        foreign = _guarded(
            subject, lambda: torch.serialization.get_unsafe_globals_in_checkpoint(path)
        )
        if foreign:
            faults = [Fault(name, "the pickle asks for it; refused") for name in sorted(foreign)]
            raise InputError(subject, faults, _NOT_PLAIN)
        return _guarded(
            subject,
            lambda: torch.load(path, map_location="cpu", mmap=True, weights_only=True),
        )


def _guarded(subject: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    # A pickle that is damaged or hostile makes its reader raise anything at all.
    except Exception as error:
        summary = (str(error) or type(error).__name__).splitlines()[0]
        raise _refused(subject, "data.pkl", f"cannot be read: {summary}", _FETCH_AGAIN) from error


def _tensors(subject: str, state: Any) -> dict[str, Tensor]:
    if not isinstance(state, Mapping) or not state:
        raise _refused(subject, "state_dict", f"is a {_kind(state)} without weights")
    faults = [
        Fault(f"state_dict[{name!r}]", problem)
        for name, value in state.items()
        if (problem := _problem_of(name, value))
    ]
    if faults:
        raise InputError(subject, faults, _WHAT_IT_TAKES)
    return {name: value.detach() for name, value in state.items()}


def _problem_of(name: Any, value: Any) -> str:
    if not isinstance(name, str):
        return "the name is no text"
    if type(value) not in (Tensor, torch.nn.Parameter) or value.layout != torch.strided:
        return f"is a {_kind(value)}, not a plain tensor"
    if value.device.type != "cpu":
        return "has no values (a meta tensor)"
    return "" if value.dtype == torch.float32 else f"is {value.dtype}, not torch.float32"


def _refused(subject: str, place: str, problem: str, advice: str = _WHAT_IT_TAKES) -> InputError:
    return InputError(subject, [Fault(place, problem)], advice)


def _kind(value: Any) -> str:
    return type(value).__name__
