"""The dimensions of a model, given or read from the shapes in a checkpoint."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from fathomnet_voxel51.errors import Fault, InputError

Shapes = Mapping[str, tuple[int, ...]]

_HEAD_SIZE: Final = 64
_PUBLISHED_WIDTHS: Final = frozenset({384, 768, 1024, 1536})
"""The widths of DINOv2 small, base, large and giant, all with heads of size 64."""
_TOY_HEADS: Final = 4
"""Heads of the toy encoders in test checkpoints, whose name contains ``tiny`` (winner-model.md)."""
_ENCODER_NAME: Final = "obj_vit_encoder_path"
_NOT_THE_MODEL: Final = (
    "This program runs the FathomNet 2025 winner (experiment-final14) and nothing else: fetch "
    "its published last.ckpt, or convert it with 'fathomnet-infer convert'."
)


@dataclass(frozen=True, slots=True)
class ModelSize:
    """The dimensions of a model; the defaults are those of the published checkpoint.

    Attributes:
        width: values per token.
        layers: transformer layers of each of the four encoders.
        heads: attention heads of an encoder layer.
        patch: side of a patch in pixels.
        grid: side of the grid of learned positions, in patches: the size of DINOv2's training
            images over ``patch``, not that of the 256-pixel crops.
        concepts: names that the model distinguishes.
        attention_layers: layers of each of the three attention modules.
        attention_heads: heads of an attention module.
        auxiliary: rows of the heads that only training used, from the highest rank down.

    Raises:
        ValueError: no model can have these dimensions.

    Examples:
        >>> ModelSize().concepts
        79
        >>> ModelSize(width=1000)
        Traceback (most recent call last):
        ValueError: 1000 cannot be divided among 16 attention heads
    """

    width: int = 1024
    layers: int = 24
    heads: int = 16
    patch: int = 14
    grid: int = 37
    concepts: int = 79
    attention_layers: int = 4
    attention_heads: int = 8
    auxiliary: tuple[int, ...] = (7, 19, 40, 64, 73, 78)

    def __post_init__(self) -> None:
        dimensions = {name: getattr(self, name) for name in self.__slots__}
        rows = dimensions.pop("auxiliary")
        if min(*dimensions.values(), *rows) < 1:
            raise ValueError(f"every dimension must be positive: {self}")
        for heads in (self.heads, self.attention_heads):
            if self.width % heads:
                raise ValueError(f"{self.width} cannot be divided among {heads} attention heads")


def size_of(subject: str, shapes: Shapes, hyper_parameters: Mapping[str, Any]) -> ModelSize:
    """Reads the dimensions from the shapes of a state dict.

    What the shapes do not tell comes from the specification: 8 heads in an attention module, and
    heads of size 64 in an encoder (winner-model.md, 4.1 and 4.2).

    Args:
        subject: the file, for messages.
        shapes: shape of every weight by its name.
        hyper_parameters: those of the training; they name the encoder.

    Raises:
        InputError: a weight that tells a dimension is missing or has another shape.
    """
    faults: list[Fault] = []

    def dimension(name: str, axis: int) -> int:
        shape = shapes.get(name)
        if shape is None or len(shape) <= axis or shape[axis] < 1:
            problem = "is missing" if shape is None else f"has the shape {shape}"
            faults.append(Fault(f"state_dict[{name!r}]", problem))
            return 1
        return shape[axis]

    encoder, attention = "obj_vit_region_encoder", "intra_env_attn_module.256_3"
    auxiliary = "hierarchical_classifier.h_modules"
    width = dimension(f"{encoder}.embeddings.cls_token", 2)
    heads = _encoder_heads(width, hyper_parameters)
    if heads is None and not faults:
        known = ", ".join(str(each) for each in sorted(_PUBLISHED_WIDTHS))
        name = hyper_parameters.get(_ENCODER_NAME)
        problem = f"{width} (encoder {name!r}) is none of DINOv2's ({known})"
        fault = f"{problem}, so its number of attention heads is not known"
        faults.append(Fault("width", fault))
    found: dict[str, Any] = {
        "width": width,
        "layers": _count(shapes, encoder + ".encoder.layer.{}.norm1.weight"),
        "heads": heads,
        "patch": dimension(f"{encoder}.embeddings.patch_embeddings.projection.weight", 2),
        "grid": math.isqrt(dimension(f"{encoder}.embeddings.position_embeddings", 1) - 1),
        "concepts": dimension("classifier.net.4.weight", 0),
        "attention_layers": _count(shapes, attention + ".layers.{}.norm1.weight"),
        "auxiliary": tuple(
            dimension(f"{auxiliary}.{index}.net.4.weight", 0)
            for index in range(_count(shapes, auxiliary + ".{}.net.4.weight"))
        ),
    }
    if not faults:
        try:
            return ModelSize(**found)
        except ValueError as error:
            faults = [Fault("state_dict", str(error))]
    raise InputError(subject, faults, _NOT_THE_MODEL)


def _count(shapes: Shapes, pattern: str) -> int:
    index = 0
    while pattern.format(index) in shapes:
        index += 1
    return index


def _encoder_heads(width: int, hyper_parameters: Mapping[str, Any]) -> int | None:
    """The number of heads of an encoder; None if it is unknown."""
    if width in _PUBLISHED_WIDTHS:
        return width // _HEAD_SIZE
    name = PurePosixPath(str(hyper_parameters.get(_ENCODER_NAME, ""))).name
    return _TOY_HEADS if "tiny" in name else None
