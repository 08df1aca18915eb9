"""The known models: what they are, who made them and where their weights come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Family = Literal["open_clip", "transformers"]

OPEN_CLIP_CONFIG: Final = "open_clip_config.json"
OPEN_CLIP_WEIGHTS: Final = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
)
"""In open_clip's own order of preference."""
TRANSFORMERS_CONFIG: Final = "config.json"
TRANSFORMERS_WEIGHTS: Final = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A known model.

    Attributes:
        title: the name that people see.
        family: the library that runs it.
        architecture: its name in that library, for weights without a configuration.
        repository: on huggingface.co; empty for the project's own model.
        license: of the weights.
        settings: names of the files of settings beside the weights.
        weights: file names, of which the first that exists is used.
    """

    title: str
    family: Family
    architecture: str
    repository: str
    license: str
    settings: tuple[str, ...]
    weights: tuple[str, ...]


KNOWN: Final[dict[str, KnownModel]] = {
    "clip": KnownModel(
        title="CLIP ViT-B/32, LAION-2B",
        family="open_clip",
        architecture="ViT-B-32",
        repository="laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        license="MIT",
        settings=(OPEN_CLIP_CONFIG,),
        weights=OPEN_CLIP_WEIGHTS,
    ),
    "dinov2": KnownModel(
        title="DINOv2 ViT-B/14",
        family="transformers",
        architecture="",
        repository="facebook/dinov2-base",
        license="Apache-2.0",
        settings=(TRANSFORMERS_CONFIG, "preprocessor_config.json"),
        weights=TRANSFORMERS_WEIGHTS,
    ),
    "bioclip": KnownModel(
        title="BioCLIP ViT-B/16, trained on the tree of life",
        family="open_clip",
        architecture="ViT-B-16",
        repository="imageomics/bioclip",
        license="MIT",
        settings=(OPEN_CLIP_CONFIG,),
        weights=OPEN_CLIP_WEIGHTS,
    ),
    "demo-clip": KnownModel(
        title="Demo CLIP, a tiny model that knows only the drawn demo set",
        family="open_clip",
        architecture="",
        repository="",
        license="Apache-2.0",
        settings=(OPEN_CLIP_CONFIG,),
        weights=OPEN_CLIP_WEIGHTS,
    ),
}
"""In the order in which people see them."""
