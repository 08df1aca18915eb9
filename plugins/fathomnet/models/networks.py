"""The networks behind the models: CLIP-like ones run by open_clip, image models by transformers."""

import json
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..errors import Fault, InputError
from ..hardware import torch_dtype
from .weights import OPEN_CLIP_CONFIG, Weights


class LevelTable:
    """Looks up what a library's preprocessing makes of each of a channel's 256 levels.

    Scaling to 0..1 and normalising treat each value separately, so asking the library once for all
    256 levels gives the same floats as computing them for every pixel.

    Args:
        of_levels: the library's function that scales and normalises a (height, width, 3) uint8
            picture to (3, height, width) float32.
    """

    def __init__(self, of_levels: Callable[[npt.NDArray[np.uint8]], Any]) -> None:
        levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
        values = np.asarray(of_levels(levels), np.float32)
        self._tables = np.ascontiguousarray(values.reshape(3, 256))

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Levels (height, width, 3) uint8 -> values (3, height, width) float32."""
        height, width = pixels.shape[:2]
        values = np.empty((3, height, width), np.float32)
        for channel, table in enumerate(self._tables):
            # No bounds to check: a byte is always within the 256 entries.
            np.take(table, pixels[..., channel], out=values[channel], mode="clip")
        return values


Floats = npt.NDArray[np.float32]

WITH_CLASS_TOKEN: Final = ("dinov2", "dinov2_with_registers", "dinov3_vit", "vit")
"""Model types whose first token, after the last norm, represents the whole picture."""


class OpenClipModel:
    """A loaded model; ``models.Embedder`` describes its methods."""

    library = "open-clip-torch"
    image_processor = ""
    """It has but one."""

    def __init__(self, weights: Weights, device: str, precision: str) -> None:
        import open_clip
        import torch

        name = weights.architecture or f"local-dir:{weights.folder}"
        file = str(weights.file) if weights.architecture else None
        model = open_clip.create_model(name, file, require_pretrained=True, weights_only=True)
        self.version = metadata.version("open_clip_torch")
        millions = sum(parameter.numel() for parameter in model.parameters()) / 1e6
        self.architecture = f"{type(model.visual).__name__}, {millions:.1f} M parameters"
        size = model.visual.image_size
        self.input_size = (size, size) if isinstance(size, int) else (size[0], size[1])
        self._device = device
        self._dtype = torch_dtype(precision)
        self._prepare = _preparation(model.visual.preprocess_cfg)
        # A model's folder may name a tokenizer of transformers, whose settings there could make a
        # program of that folder run: this one overrides them. open_clip's own tokenizer refuses it.
        safely: dict[str, bool] = {}
        if weights.folder is not None:
            settings = json.loads((weights.folder / OPEN_CLIP_CONFIG).read_text(encoding="utf-8"))
            if settings["model_cfg"]["text_cfg"].get("hf_tokenizer_name"):
                safely["trust_remote_code"] = False
        self._tokenizer = open_clip.get_tokenizer(name, **safely)
        model = model.eval().requires_grad_(False)
        self._model = model.to(device=device, dtype=self._dtype, memory_format=torch.channels_last)

    def prepare(self, patch: Image.Image) -> Any:
        return self._prepare(patch)

    def embed(self, batch: Any) -> Floats:
        import torch

        with torch.inference_mode():
            pixels = batch.to(self._device, self._dtype, memory_format=torch.channels_last)
            vectors = self._model.encode_image(pixels)
            return np.ascontiguousarray(vectors.float().cpu().numpy())

    def embed_prompts(self, prompts: Sequence[str]) -> Floats:
        import torch

        with torch.inference_mode():
            tokens = self._tokenizer(list(prompts)).to(self._device)
            return np.ascontiguousarray(self._model.encode_text(tokens).float().cpu().numpy())


def _preparation(settings: dict[str, Any]) -> Callable[[Image.Image], Any]:
    """The preprocessing of open_clip, with its last two steps looked up in a table."""
    import torch
    from open_clip.transform import PreprocessCfg, image_transform_v2
    from torchvision.transforms import Compose, Normalize, ToTensor

    whole = image_transform_v2(PreprocessCfg(**settings), is_train=False)
    *shaping, scaling, normalising = whole.transforms
    if not (isinstance(scaling, ToTensor) and isinstance(normalising, Normalize)):
        return whole  # type: ignore[no-any-return]  # torchvision is untyped
    table = LevelTable(lambda levels: normalising(scaling(Image.fromarray(levels))))
    shape = Compose(shaping)
    return lambda patch: torch.from_numpy(table(np.asarray(shape(patch))))


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
