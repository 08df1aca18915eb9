"""What FiftyOne's model zoo sees of the models: entries in it, and a model as FiftyOne calls one.

The entries are kept in FiftyOne's folder of models for every later process. torch is imported when
a model is called: whoever only registers models does without it.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import fiftyone as fo
import fiftyone.core.models as fom
import fiftyone.zoo.models as fozm
import numpy as np
import numpy.typing as npt

from ..errors import SetupError
from ..files.writing import write_whole

HOME: Final = "fathomnet-voxel51"
"""Subfolder of FiftyOne's folder of models."""
ENTRY: Final = "model.json"
_TAGS: Final = ("image", "embeddings", "torch")
_TAGS_OF_PROMPTS: Final = ("clip", "zero-shot")
_CODE: Final = Path(__file__).resolve().parents[1]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ZooEntry:
    """What the zoo holds of a model: its name there, our name for it, and words for a person."""

    zoo_name: str
    model: str
    title: str
    license: str
    supports_prompts: bool


def register(entries: Iterable[ZooEntry]) -> None:
    """Writes the entries that are not there yet, each into a folder of its own.

    Each model has its own manifest, so that processes that register different models at the same
    time do not undo each other's work.

    Raises:
        SetupError: FiftyOne's folder of models cannot be written.
    """
    home = Path(fo.config.model_zoo_dir) / HOME
    loader = (_CODE / "models" / "zoo_loader.py").read_text(encoding="utf-8")
    changed = False
    try:
        for entry in entries:
            folder = home / entry.zoo_name
            # The manifest last: it is what makes FiftyOne see the folder.
            changed |= _write(folder / "__init__.py", loader)
            changed |= _write(folder / ENTRY, _json(model=entry.model, code=str(_CODE)))
            about = {
                "base_name": entry.zoo_name,
                "base_filename": ENTRY,
                "description": entry.title,
                "license": entry.license,
                "tags": [*_TAGS, *(_TAGS_OF_PROMPTS if entry.supports_prompts else ())],
            }
            manifest = _json(name=f"{HOME}/{entry.zoo_name}", models=[about])
            changed |= _write(folder / fozm.MODELS_MANIEST_FILENAME, manifest)
    except OSError as error:
        raise SetupError(
            f"cannot write {home}: {error}; set FIFTYONE_MODEL_ZOO_DIR to a folder that can be "
            f"written, the same for the App, its workers and every session"
        ) from error
    # Releases that keep the manifests in memory have to be told; the others read them each time.
    forget = getattr(fozm, "_invalidate_zoo_models_manifest", None)
    if changed and forget is not None:
        forget()


def _json(**content: object) -> str:
    return json.dumps(content, indent=4) + "\n"


def _write(path: Path, text: str) -> bool:
    """Writes a file whole if it holds something else; says whether it did."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode())
    return True


class FiftyOneModel(
    fom.Model,  # type: ignore[misc]  # FiftyOne is untyped
    fom.EmbeddingsMixin,  # type: ignore[misc]
    fom.PromptMixin,  # type: ignore[misc]
    fom.TorchModelMixin,  # type: ignore[misc]
):
    """Embeds pictures, and prompts where the model does; vectors are float32, not normalised.

    Args:
        embedder: a ``models.Embedder``.
    """

    def __init__(self, embedder: Any) -> None:
        self.embedder = embedder
        self._preprocess = True

    @property
    def media_type(self) -> str:
        return "image"

    @property
    def has_embeddings(self) -> bool:
        return True

    @property
    def can_embed_prompts(self) -> bool:
        return bool(self.embedder.spec.supports_prompts)

    @property
    def ragged_batches(self) -> bool:
        return False

    @property
    def transforms(self) -> Any:
        return self._prepare

    @property
    def preprocess(self) -> bool:
        return self._preprocess

    @preprocess.setter
    def preprocess(self, value: bool) -> None:
        self._preprocess = value

    def embed(self, arg: Any) -> Floats:
        """The vector of one picture, (D,); see ``embed_all``."""
        vectors: Floats = self.embed_all([arg])[0]
        return vectors

    def embed_all(self, args: Any) -> Floats:
        """The vectors of pictures, (N, D).

        Args:
            args: arrays (height, width, channels) uint8 as FiftyOne reads files, PIL images or
                tensors (channels, height, width); prepared ones where ``preprocess`` is False.
        """
        import torch

        batch = [self._prepare(arg) for arg in args] if self._preprocess else list(args)
        vectors: Floats = self.embedder.embed(torch.stack(batch))
        return vectors

    def embed_prompt(self, arg: str) -> Floats:
        """The vector of one text, (D,)."""
        vector: Floats = self.embed_prompts([arg])[0]
        return vector

    def embed_prompts(self, args: Iterable[str]) -> Floats:
        """The vectors of texts, (N, D); nothing is put before them."""
        prompts: Sequence[str] = list(args)
        vectors: Floats = self.embedder.embed_prompts(prompts)
        return vectors

    def _prepare(self, picture: Any) -> Any:
        import torch
        from PIL import Image

        if isinstance(picture, torch.Tensor):
            picture = picture.permute(1, 2, 0).cpu().numpy()
        if isinstance(picture, np.ndarray):
            # Grey comes with a third axis of one, which PIL does not know.
            picture = Image.fromarray(picture[..., 0] if picture.shape[2:] == (1,) else picture)
        return self.embedder.prepare(picture.convert("RGB"))
