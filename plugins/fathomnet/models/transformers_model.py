"""Image models, run by transformers: DINOv2 and similar ones."""

from importlib import metadata
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..errors import Fault, InputError
from .devices import torch_dtype
from .weights import Weights

Floats = npt.NDArray[np.float32]

WITH_CLASS_TOKEN: Final = ("dinov2", "dinov2_with_registers", "dinov3_vit", "vit")
"""Model types whose first token, after the last norm, represents the whole picture."""


class TransformersModel:
    """A loaded model; ``models.Embedder`` describes its methods."""

    library = "transformers"
    image_processor: str
    """What scales and normalises: ``torchvision`` or, where that is absent, ``pil``."""

    def __init__(self, weights: Weights, device: str, precision: str) -> None:
        import torch
        from transformers import AutoConfig, AutoImageProcessor, AutoModel

        # False rather than nothing, which would ask whoever sits at the terminal.
        local = {"local_files_only": True, "trust_remote_code": False}
        config = AutoConfig.from_pretrained(weights.folder, **local)
        if config.model_type not in WITH_CLASS_TOKEN:
            problem = f"a {config.model_type} is none of {', '.join(WITH_CLASS_TOKEN)}"
            raise InputError(f"model {weights.folder}", [Fault("config.json", problem)])
        # In the type in which its weights are stored or, by earlier releases, in float32, which
        # holds the same numbers: what it runs in is said below.
        model = AutoModel.from_pretrained(
            weights.folder,
            **local,
            use_safetensors=weights.file.suffix == ".safetensors",
            weights_only=True,
        )
        processor = AutoImageProcessor.from_pretrained(weights.folder, **local)
        self.version = metadata.version("transformers")
        # Releases before 5 tell it by the class only.
        fast = type(processor).__name__.endswith("Fast")
        self.image_processor = getattr(processor, "backend", "torchvision" if fast else "pil")
        self.architecture = config.model_type
        self._device = device
        self._dtype = torch_dtype(precision)
        self._processor = processor
        self.input_size = tuple(self.prepare(Image.new("RGB", (64, 64))).shape[1:])
        model = model.eval().requires_grad_(False)
        self._model = model.to(device=device, dtype=self._dtype, memory_format=torch.channels_last)

    def prepare(self, patch: Image.Image) -> Any:
        # Scaling and normalising are one step here already: a table of levels would not be faster.
        # Said rather than guessed: of a patch that is one or three pixels high, earlier releases
        # take the rows for channels.
        pixels = self._processor(
            images=np.array(patch), input_data_format="channels_last", return_tensors="pt"
        )
        return pixels["pixel_values"][0]

    def embed(self, batch: Any) -> Floats:
        """The class token of the last layer, after the final norm."""
        import torch

        with torch.inference_mode():
            pixels = batch.to(self._device, self._dtype, memory_format=torch.channels_last)
            tokens = self._model(pixel_values=pixels).last_hidden_state
            return np.ascontiguousarray(tokens[:, 0].float().cpu().numpy())
