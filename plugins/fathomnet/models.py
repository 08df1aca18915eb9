"""The embedding models by name: CLIP, DINOv2, BioCLIP, the demo's own, and local folders."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .errors import Fault, InputError
from .model_parts.known import KNOWN, OPEN_CLIP_CONFIG, TRANSFORMERS_CONFIG, Family

ZOO_PREFIX: Final = "fathomnet-"
CHECKPOINT: Final = re.compile(r"(?P<architecture>[A-Za-z][\w.-]+):(?P<file>.+)")
"""``ViT-B-32:/weights/mine.safetensors``; a drive's single letter is no architecture."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What is known of a model before anything heavy is loaded.

    Attributes:
        name: ``clip``, ``dinov2``, ``bioclip``, ``demo-clip``, the path of a local folder, or an
            architecture and a local checkpoint, ``ViT-B-32:/weights/mine.safetensors``.
        zoo_name: its name in FiftyOne's model zoo, for example ``fathomnet-clip``.
        supports_prompts: whether it embeds text too.
        title: what a person sees.
    """

    name: str
    zoo_name: str
    supports_prompts: bool
    title: str


def model_names() -> tuple[str, ...]:
    """The names of the known models; any local folder is a model's name too."""
    return tuple(KNOWN)


def model_spec(name: str) -> ModelSpec:
    """What is known of a model without loading it; its weights need not be there.

    Args:
        name: a known name, the path of a local folder that open_clip or transformers wrote, or
            an open_clip architecture and a checkpoint, ``ViT-B-32:/weights/mine.safetensors``.

    Raises:
        InputError: the name is neither known nor the path of such a folder or checkpoint.
    """
    known = KNOWN.get(name)
    if known is not None:
        prompts = known.family == "open_clip"
        return ModelSpec(name, f"{ZOO_PREFIX}{name}", prompts, known.title)
    family, place, path = _local(name)
    word = re.sub(r"\W+", "-", path.stem if path.suffix else path.name).strip("-").lower()
    digest = hashlib.sha256(place.encode()).hexdigest()[:8]
    return ModelSpec(
        name=place,
        zoo_name=f"{ZOO_PREFIX}{word}-{digest}",
        supports_prompts=family == "open_clip",
        title=f"{path.name} ({family}, local)",
    )


def _local(name: str) -> tuple[Family, str, Path]:
    """The family of a local model, its name with the whole path, and the folder or file."""
    path = Path(name).expanduser().absolute()
    if path.is_dir():
        return _family(path), str(path), path
    checkpoint = CHECKPOINT.fullmatch(name)
    if checkpoint is not None:
        file = Path(checkpoint["file"]).expanduser().absolute()
        if file.is_file():
            return "open_clip", f"{checkpoint['architecture']}:{file}", file
        raise _unusable(name, f"there is no file {file}")
    if path.is_file():
        raise _unusable(name, f"write its architecture before it, for example ViT-B-32:{path}")
    raise _unusable(name, f"is no known model and no folder; known: {', '.join(KNOWN)}")


def _family(folder: Path) -> Family:
    # open_clip's first: what its authors publish often holds both, and only it embeds text.
    if (folder / OPEN_CLIP_CONFIG).is_file():
        return "open_clip"
    if (folder / TRANSFORMERS_CONFIG).is_file():
        return "transformers"
    raise _unusable(str(folder), f"holds neither {OPEN_CLIP_CONFIG} nor {TRANSFORMERS_CONFIG}")


def _unusable(name: str, problem: str) -> InputError:
    return InputError(f"model {name}", [Fault("model", problem)])
