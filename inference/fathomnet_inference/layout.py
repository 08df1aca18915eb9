"""The names and shapes that a state dict must have, and how one differs from them."""

from collections.abc import Mapping
from typing import Final

import torch
from fathomnet_voxel51.errors import Fault, InputError

from .model import WinnerModel
from .size import ModelSize, Shapes

_NEWER_NAMES: Final = ".attention.q_proj."
_ADVICE: Final = (
    "The weights are not those of the winning model (experiment-final14); use its last.ckpt, or a "
    "conversion of it."
)
_ADVICE_NAMES: Final = (
    "The encoders have the names of transformers 5: the file was saved again by another program. "
    "Use the original last.ckpt."
)


def empty_model(size: ModelSize) -> WinnerModel:
    """A model of that size whose weights have shapes but no memory."""
    with torch.device("meta"):
        return WinnerModel(size)


def shapes_of(tensors: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor."""
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def check_layout(subject: str, found: Shapes, model: WinnerModel) -> None:
    """Compares names and shapes with those of a model.

    Raises:
        InputError: names are missing or unknown, or shapes differ; the error lists each.
    """
    expected = shapes_of(model.state_dict())
    faults = []
    for name in [*expected, *(name for name in found if name not in expected)]:
        if name not in found:
            problem = "is missing"
        elif name not in expected:
            problem = "is no weight of this model"
        elif expected[name] != found[name]:
            problem = f"has the shape {found[name]}, expected {expected[name]}"
        else:
            continue
        faults.append(Fault(f"state_dict[{name!r}]", problem))
    if faults:
        newer = any(_NEWER_NAMES in name for name in found)
        raise InputError(subject, faults, _ADVICE_NAMES if newer else _ADVICE)
