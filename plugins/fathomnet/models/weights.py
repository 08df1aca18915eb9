"""The models that have a name, and where a model's weights are."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ..errors import SetupError
from ..files.reading import blocks, sha256_of
from ..progress import Progress, silent
from ..resources import data_file

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


MODELS_FOLDER: Final = "FATHOMNET_MODELS"
"""Environment variable: a folder with a subfolder for each model, named after the model."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A model's files on this machine.

    Attributes:
        folder: the folder with its settings; None if there is only a checkpoint.
        file: the file of the weights.
        architecture: that of a checkpoint without settings; otherwise empty.
    """

    folder: Path | None
    file: Path
    architecture: str = ""

    @property
    def size(self) -> int:
        """Of the weights, in bytes."""
        return self.file.stat().st_size

    def sha256(self, progress: Progress = silent) -> str:
        """The hash of the weights; reads the whole file.

        Args:
            progress: called with the share done and a label.
        """
        return sha256_of(_told(blocks(self.file), self.size, progress))


def _told(pieces: Iterable[memoryview], size: int, progress: Progress) -> Iterator[memoryview]:
    """Pieces of the weights, and how many of their bytes were read."""
    done = 0
    for piece in pieces:
        done += len(piece)
        share = min(done / max(size, 1), 1.0)
        progress(share, f"identifying its weights, {share:.0%}")
        yield piece


def find_known(name: str) -> Weights:
    """The files of a known model.

    Raises:
        SetupError: they are not on this machine; the message says how to fetch them.
    """
    model = KNOWN[name]
    looked = []
    for folder in _folders(name, model):
        looked.append(str(folder))
        found = first_existing(folder, model.weights)
        if found is None:
            continue
        if all((folder / settings).is_file() for settings in model.settings):
            return Weights(folder, found)
        if model.architecture:
            return Weights(None, found, model.architecture)
    places = ", ".join(looked) or "the Hugging Face cache"
    raise SetupError(
        f"the weights of {name} ({model.title}) are not on this machine: "
        f"{' or '.join(model.weights)}, beside {' and '.join(model.settings)}, "
        f"of https://huggingface.co/{model.repository} (license {model.license}); "
        f"looked in {places}. {fetch_advice(name)}"
    )


def find_local(folder: Path, names: Sequence[str]) -> Weights:
    """The files of a local folder that open_clip or transformers wrote.

    Raises:
        SetupError: it holds no weights.
    """
    found = first_existing(folder, names)
    if found is None:
        raise SetupError(f"the model in {folder} has no weights: put {' or '.join(names)} there")
    return Weights(folder, found)


def fetch_advice(name: str) -> str:
    """Explains how to bring the weights of a known model to this machine."""
    model = KNOWN[name]
    files = (*model.settings, model.weights[0])
    command = f"hf download {model.repository} {' '.join(files)}"
    return (
        f"Fetch them: {command} - or, for a machine without internet, fetch them elsewhere with "
        f"--local-dir {name}, copy that folder into another, and set {MODELS_FOLDER} to that one."
    )


def first_existing(folder: Path, names: Sequence[str]) -> Path | None:
    """The first of several files that exists in a folder."""
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _folders(name: str, model: KnownModel) -> list[Path]:
    """The folders where a model may be, the user's own first."""
    places = []
    if os.environ.get(MODELS_FOLDER):
        places.append(Path(os.environ[MODELS_FOLDER]).expanduser() / name)
    if not model.repository:
        return [*places, data_file(f"models/{name}/{OPEN_CLIP_CONFIG}").parent]
    # Snapshots in the hub's cache that hold the weights; nothing is fetched.
    from huggingface_hub import try_to_load_from_cache

    found = (try_to_load_from_cache(model.repository, file) for file in model.weights)
    # A file that the hub is known not to have is an object that stands for that.
    return [*places, *(Path(file).parent for file in found if isinstance(file, str))]
