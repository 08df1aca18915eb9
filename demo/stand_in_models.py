"""Stand-ins for the models of photographs: their architectures with random weights, in folders.

They find nothing, but compute as the real ones do, so that what is around them can be tested and
measured where no weights can be had.
"""

import json
from pathlib import Path
from typing import Any, Final

OPEN_CLIP: Final = {"clip": "ViT-B-32", "bioclip": "ViT-B-16"}
SMALL_CLIP: Final[dict[str, Any]] = {
    "embed_dim": 32,
    "vision_cfg": {
        "image_size": 224,
        "layers": 2,
        "width": 64,
        "head_width": 32,
        "patch_size": 32,
    },
    "text_cfg": {"width": 32, "heads": 2, "layers": 2, "context_length": 77, "vocab_size": 49408},
}
SMALL_DINO: Final = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
DINO_PIXELS: Final = {
    "image_processor_type": "BitImageProcessor",
    "crop_size": {"height": 224, "width": 224},
    "do_center_crop": True,
    "do_convert_rgb": True,
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
    "resample": 3,
    "rescale_factor": 1 / 255,
    "size": {"shortest_edge": 256},
}
"""As facebook/dinov2-base has it."""


def write_stand_in(name: str, folder: Path, small: bool = False, seed: int = 0) -> Path:
    """Writes a folder that ``load_embedder`` takes, with random weights.

    Args:
        name: ``clip``, ``bioclip`` or ``dinov2``.
        folder: made where it is not there.
        small: a tiny model of the same kind, for tests; the same size of input.
        seed: of the weights.

    Returns:
        ``folder``.
    """
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    if name in OPEN_CLIP:
        import open_clip
        from safetensors.torch import save_file

        config = SMALL_CLIP if small else open_clip.get_model_config(OPEN_CLIP[name])
        _write(folder / "open_clip_config.json", {"model_cfg": config, "preprocess_cfg": {}})
        model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
        save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    else:
        from transformers import Dinov2Config, Dinov2Model

        # The image size of its position embedding, as published; inputs are smaller.
        settings = Dinov2Config(image_size=518, patch_size=14, **(SMALL_DINO if small else {}))
        Dinov2Model(settings).save_pretrained(folder)
        _write(folder / "preprocessor_config.json", DINO_PIXELS)
    return folder


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")
