"""Trains the demo CLIP: which texts are true of which pictures."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import torch
import torch.nn.functional as nnf
from fathomnet_voxel51.progress import Progress, silent

from demo.clip.lessons import Lessons
from demo.clip.pictures import Kind, Pictures
from demo.clip.tokenizer import CONTEXT, load_tokenizer, save_tokenizer
from demo.clip.words import vocabulary

SIDE: Final = 128
"""Of the pictures, in pixels."""
WEIGHTS: Final = "open_clip_model.safetensors"
SETTINGS: Final = "open_clip_config.json"


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the training.

    Attributes:
        steps: how many times the weights change.
        shares: of each kind among the pictures of a step.
        pasted: how often a whole image gets boxes of others pasted into it.
        pictures: in a step.
        texts: in a step.
        rate: greatest learning rate.
        decay: of the weights.
        seed: decides what is taken and how it is varied.
    """

    steps: int
    shares: Mapping[Kind, float]
    pasted: float = 0.0
    pictures: int = 96
    texts: int = 160
    rate: float = 2e-3
    decay: float = 0.05
    seed: int = 11


STAGES: Final = (
    Stage(500, {"box": 0.5, "whole": 0.28, "tile": 0.17, "bare": 0.05}),
    Stage(480, {"box": 0.2, "whole": 0.35, "tile": 0.42, "bare": 0.03}, pasted=0.6, seed=12),
)
"""First what things look like, then to find them in parts of images and in whole ones, where they
are small."""


def settings(words: int) -> dict[str, Any]:
    """The model as open_clip describes it; ``words`` is the number of tokens."""
    return {
        "model_cfg": {
            "embed_dim": 64,
            "init_logit_bias": -4,
            "vision_cfg": {
                "image_size": SIDE,
                "layers": [1, 1, 1, 1],
                "width": 12,
                "head_width": 64,
                "patch_size": None,
            },
            "text_cfg": {
                "context_length": CONTEXT,
                "vocab_size": words,
                "hf_tokenizer_name": "local",
                "width": 64,
                "heads": 2,
                "layers": 2,
            },
        },
        "preprocess_cfg": {
            "mean": [0.25, 0.35, 0.38],
            "std": [0.2, 0.2, 0.2],
            "interpolation": "bicubic",
            "resize_mode": "squash",
        },
    }


def start(folder: Path) -> tuple[Any, Any]:
    """An untrained model and its tokenizer; writes both, less the weights, into a folder."""
    import open_clip

    words = vocabulary()
    folder.mkdir(parents=True, exist_ok=True)
    save_tokenizer(folder, words)
    content = settings(len(words) + 3)
    (folder / SETTINGS).write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
    return model, load_tokenizer(folder)


def save_weights(model: Any, folder: Path) -> None:
    """Writes the weights in half precision, as one safetensors file."""
    from safetensors.torch import save_file

    weights = {
        name: value.half() if value.is_floating_point() else value
        for name, value in model.state_dict().items()
    }
    save_file({name: value.contiguous() for name, value in weights.items()}, folder / WEIGHTS)


def train(
    pictures: Pictures,
    folder: Path,
    stages: Sequence[Stage] = STAGES,
    progress: Progress = silent,
) -> None:
    """Trains a model and saves it; the same pictures and stages give the same weights.

    Each step takes some pictures and some texts, and learns for each pair whether the text is
    true of the picture (a sigmoid loss, as SigLIP has it); pairs that are neither are left out.
    """
    total = sum(stage.steps for stage in stages)
    done = 0
    for number, stage in enumerate(stages):
        torch.manual_seed(stage.seed)
        model, tokenizer = start(folder) if number == 0 else load(folder)
        lessons = Lessons(
            pictures, folder / SETTINGS, tokenizer, stage.shares, stage.pasted, Random(stage.seed)
        )
        for loss in _learn(model, lessons, stage):
            done += 1
            progress(done / total, f"step {done:,}/{total:,}, loss {loss:.2f}")
        save_weights(model, folder)


def load(folder: Path) -> tuple[Any, Any]:
    """A trained model and its tokenizer."""
    import open_clip

    model = open_clip.create_model(f"local-dir:{folder}", require_pretrained=True)
    return model, load_tokenizer(folder)


def _learn(model: Any, lessons: Lessons, stage: Stage) -> Iterator[float]:
    """Yields the loss of each step."""
    optimizer = torch.optim.AdamW(_groups(model, stage.decay), lr=stage.rate)
    planned = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, stage.rate, total_steps=stage.steps, pct_start=0.1
    )
    model.train().to(memory_format=torch.channels_last)
    for _ in range(stage.steps):
        loss = _loss(model, *lessons.draw(stage.pictures, stage.texts))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        planned.step()
        yield loss.item()
    model.eval()


def _loss(
    model: Any,
    pixels: torch.Tensor,
    tokens: torch.Tensor,
    truth: torch.Tensor,
    known: torch.Tensor,
) -> torch.Tensor:
    images = model.encode_image(pixels, normalize=True)
    texts = model.encode_text(tokens, normalize=True)
    logits = model.logit_scale.exp() * images @ texts.T + model.logit_bias
    each = nnf.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return (each * known).sum() / len(pixels)


def _groups(model: Any, decay: float) -> list[dict[str, Any]]:
    """Weights decay; gains, biases and the scale do not."""
    parameters = list(model.parameters())
    return [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
