"""An embedding model as FiftyOne calls one: on pictures of every form, and on prompts."""

from collections.abc import Iterable, Sequence
from typing import Any

import fiftyone.core.models as fom
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

Floats = npt.NDArray[np.float32]


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
        if isinstance(picture, torch.Tensor):
            picture = picture.permute(1, 2, 0).cpu().numpy()
        if isinstance(picture, np.ndarray):
            # Grey comes with a third axis of one, which PIL does not know.
            picture = Image.fromarray(picture[..., 0] if picture.shape[2:] == (1,) else picture)
        return self.embedder.prepare(picture.convert("RGB"))
