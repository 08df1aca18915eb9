"""The embedding models by name: CLIP, DINOv2, BioCLIP, the demo's own, and local folders."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import Fault, InputError, SetupError
from ..hardware import choose_device, choose_precision
from ..names import IMPORTED
from ..progress import Progress, portion, silent
from ..text import size_text
from .weights import (
    KNOWN,
    OPEN_CLIP_CONFIG,
    OPEN_CLIP_WEIGHTS,
    TRANSFORMERS_CONFIG,
    TRANSFORMERS_WEIGHTS,
    Family,
    Weights,
    find_known,
    find_local,
)

if TYPE_CHECKING:
    from PIL import Image

ZOO_PREFIX: Final = "fathomnet-"
IMAGE_PROCESSOR: Final = "image_processor"
"""Among the settings of a model whose library has several ways to prepare a picture."""
CHECKPOINT: Final = re.compile(r"(?P<architecture>[A-Za-z][\w.-]+):(?P<file>.+)")
"""``ViT-B-32:/weights/mine.safetensors``; a single letter is a drive, not an architecture."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What is known about a model before anything heavy is loaded.

    Attributes:
        name: ``clip``, ``dinov2``, ``bioclip``, ``demo-clip``, the path of a local folder, an
            architecture and a local checkpoint, ``ViT-B-32:/weights/mine.safetensors``, or
            ``imported/`` and the key of imported vectors.
        zoo_name: its name in FiftyOne's model zoo, for example ``fathomnet-clip``; empty for
            imported vectors, of which no model here makes more.
        supports_prompts: whether it embeds text too.
        title: the name that people see.
    """

    name: str
    zoo_name: str
    supports_prompts: bool
    title: str


class Embedder(Protocol):
    """A loaded model.

    Attributes:
        spec: which model it is.
        dimensions: the length of its vectors.
        device: ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        precision: the one that was chosen: ``fp32``, ``bf16`` or ``fp16``.
        settings: everything that determines its vectors, to be recorded with them: the model, its
            architecture, the weights' sha256, the input's size in pixels, the precision, the
            library and, where it has several, which of its image processors.
    """

    spec: ModelSpec
    dimensions: int
    device: str
    precision: str
    settings: Mapping[str, str | int | float]

    def prepare(self, patch: Image.Image) -> Any:
        """Does the library's own preprocessing, bit for bit; may be called from several threads.

        Args:
            patch: an RGB picture of any size.

        Returns:
            A torch tensor, (3, height, width) float32.
        """
        ...

    def embed(self, batch: Any) -> npt.NDArray[np.float32]:
        """The vectors of prepared pictures as the library returns them, not normalised.

        Args:
            batch: a torch tensor, (N, 3, height, width) float32, on the processor.

        Returns:
            (N, dimensions).
        """
        ...

    def embed_prompts(self, prompts: Sequence[str]) -> npt.NDArray[np.float32]:
        """The vectors of texts, (N, dimensions), in the same space; the texts get no prefix.

        Raises:
            InputError: the model cannot embed text.
        """
        ...


def model_names() -> tuple[str, ...]:
    """The names of the known models; the path of a local model is a name too."""
    return tuple(KNOWN)


def model_spec(name: str) -> ModelSpec:
    """What is known about a model without loading it; its weights need not exist.

    Args:
        name: a known name, the path of a local folder that open_clip or transformers wrote, an
            open_clip architecture and a checkpoint, ``ViT-B-32:/weights/mine.safetensors``, or
            ``imported/`` and the key of imported vectors.

    Raises:
        InputError: the name is neither known nor the path of such a folder or checkpoint.
    """
    if name.startswith(IMPORTED):
        key = name.removeprefix(IMPORTED)
        return ModelSpec(name, zoo_name="", supports_prompts=False, title=f"{key} (imported)")
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


def load_embedder(
    name: str, device: str = "auto", precision: str = "auto", progress: Progress = silent
) -> Embedder:
    """Loads a model from this machine; nothing is fetched.

    Args:
        name: see ``model_spec``.
        device: ``auto`` (cuda, then mps, then cpu) or torch's name of one.
        precision: ``auto`` (half precision where the device is faster with it), ``fp32``,
            ``bf16`` or ``fp16``. Vectors are float32 in any case.
        progress: called with the share done and a label before each step, which may take seconds:
            starting the libraries, reading the weights, trying the model, identifying the weights.

    Raises:
        InputError: the name, the device or the precision is wrong.
        SetupError: a package or the weights are not on this machine; the message says how to get
        them.
    """
    spec = model_spec(name)
    if not spec.zoo_name:
        problem = f"{name} are vectors from a file: no model here makes more of them"
        raise InputError("model", [Fault("model", problem)], "Import a file that has them.")
    known = KNOWN.get(name)
    family = known.family if known is not None else _local(name)[0]
    # Refused before minutes are spent on anything else.
    absent = [one for one in ("torch", family) if importlib.util.find_spec(one) is None]
    if absent:
        raise SetupError(
            f"not installed: {', '.join(absent)}; pip install 'fathomnet-voxel51[models]'"
        )
    progress(0.0, f"loading {spec.title}: starting torch")
    device = choose_device(device)
    precision = choose_precision(precision, device)
    weights = find_weights(name)
    told = portion(progress, 0.2, 1.0, f"loading {spec.title} ({size_text(weights.size)}): ")
    return _Loaded(spec, family, weights, device, precision, told)


def find_weights(name: str) -> Weights:
    """The files of a model on this machine; loads nothing.

    Raises:
        InputError: the name is wrong.
        SetupError: they are not here; the message says how to get them.
    """
    if name in KNOWN:
        return find_known(name)
    family, _, path = _local(name)
    if path.is_file():
        return Weights(None, path, model_spec(name).name.split(":")[0])
    return find_local(path, OPEN_CLIP_WEIGHTS if family == "open_clip" else TRANSFORMERS_WEIGHTS)


def register_zoo_models(*also: str) -> None:
    """Registers the models with FiftyOne's zoo, for this process and later ones.

    Cheap and idempotent: an entry is a few small files in FiftyOne's folder of models, written if
    they are absent or differ. The weights need not exist.

    Args:
        *also: names of local models to register too, see ``model_spec``.

    Raises:
        InputError: there is no such local model.
        SetupError: FiftyOne's folder of models cannot be written.
    """
    from .zoo import ZooEntry, register

    specs = [model_spec(name) for name in (*KNOWN, *also)]
    licenses = {name: known.license for name, known in KNOWN.items()}
    register(
        ZooEntry(s.zoo_name, s.name, s.title, licenses.get(s.name, ""), s.supports_prompts)
        for s in specs
    )


@lru_cache(maxsize=1)
def load_zoo_model(name: str, device: str = "auto", precision: str = "auto") -> Any:
    """Loads a model in the form that FiftyOne uses; FiftyOne's zoo calls this.

    The last model is kept, because FiftyOne itself drops its model after every uploaded picture.

    Args:
        name: see ``model_spec``.
        device: see ``load_embedder``.
        precision: see ``load_embedder``.
    """
    from .zoo import FiftyOneModel

    return FiftyOneModel(load_embedder(name, device, precision))


class _Loaded:
    """An ``Embedder``: a model of either library, and what is known about it."""

    def __init__(
        self,
        spec: ModelSpec,
        family: Family,
        weights: Weights,
        device: str,
        precision: str,
        progress: Progress,
    ) -> None:
        import torch

        from .networks import OpenClipModel, TransformersModel

        make: Any = OpenClipModel if family == "open_clip" else TransformersModel
        progress(0.0, f"starting {family}")
        importlib.import_module(family)
        progress(0.3, "reading its weights")
        try:
            model = make(weights, device, precision)
        except InputError:
            raise
        except Exception as error:  # the libraries raise anything for a damaged or foreign file
            problem = str(error).strip().split("\n")[0]
            raise SetupError(f"{weights.file} cannot be loaded by {family}: {problem}") from error
        progress(0.7, "trying it")
        self._model = model
        self.spec = spec
        self.device = device
        self.precision = precision
        self.prepare = model.prepare
        self.embed = model.embed
        self.dimensions = model.embed(torch.zeros(1, 3, *model.input_size)).shape[1]
        self.settings: Mapping[str, str | int | float] = {
            "model": spec.name,
            "architecture": model.architecture,
            "weights": weights.file.name,
            "weights_sha256": weights.sha256(portion(progress, 0.75, 1.0)),
            "input_size": "x".join(map(str, model.input_size)),
            "dimensions": self.dimensions,
            "precision": precision,
            "library": f"{model.library} {model.version}",
            **({IMAGE_PROCESSOR: model.image_processor} if model.image_processor else {}),
        }

    def embed_prompts(self, prompts: Sequence[str]) -> npt.NDArray[np.float32]:
        if not self.spec.supports_prompts:
            others = (name for name, known in KNOWN.items() if known.family == "open_clip")
            problem = f"embeds no text; models that do: {', '.join(others)}"
            raise InputError(f"model {self.spec.name}", [Fault("model", problem)])
        vectors: npt.NDArray[np.float32] = self._model.embed_prompts(prompts)
        return vectors


def _local(name: str) -> tuple[Family, str, Path]:
    """The family of a local model, its name with the whole path, and the folder or file."""
    path = Path(name).expanduser().absolute()
    if path.is_dir():
        # open_clip's first: what its authors publish often holds both, and only it embeds text.
        if (path / OPEN_CLIP_CONFIG).is_file():
            return "open_clip", str(path), path
        if (path / TRANSFORMERS_CONFIG).is_file():
            return "transformers", str(path), path
        problem = f"holds neither {OPEN_CLIP_CONFIG} nor {TRANSFORMERS_CONFIG}"
        raise _unusable(str(path), problem)
    checkpoint = CHECKPOINT.fullmatch(name)
    if checkpoint is not None:
        file = Path(checkpoint["file"]).expanduser().absolute()
        if file.is_file():
            return "open_clip", f"{checkpoint['architecture']}:{file}", file
        raise _unusable(name, f"there is no file {file}")
    if path.is_file():
        raise _unusable(name, f"write its architecture before it, for example ViT-B-32:{path}")
    raise _unusable(name, f"is no known model and no folder; known: {', '.join(KNOWN)}")


def _unusable(name: str, problem: str) -> InputError:
    return InputError(f"model {name}", [Fault("model", problem)])
