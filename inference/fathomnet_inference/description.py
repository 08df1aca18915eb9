"""What is known about a checkpoint without its weights."""

from dataclasses import dataclass
from typing import Any

from .size import ModelSize


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint of the winning model.

    Attributes:
        name: of the Lightning file, without its folder; a conversion keeps it.
        sha256: of the Lightning file, in hexadecimal; a conversion keeps it, which shows that
            predictions made with either come from the same weights.
        concepts: the names that the model distinguishes, in the order of its logits.
        size: the model's dimensions.
        hyper_parameters: the training's settings, as JSON reads them.
    """

    name: str
    sha256: str
    concepts: tuple[str, ...]
    size: ModelSize
    hyper_parameters: dict[str, Any]
