# mypy: disallow-subclassing-any=False
# (torch is not followed by the type checker: seconds a run)
"""The winning model: four views of a box, four encoders, three attention modules, one head.

Follows winner-model.md, sections 1, 3 and 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import torch
from torch import Tensor, nn

from .attention import ContextAttention
from .encoder import Encoder
from .size import ModelSize

__all__ = ["BRANCHES", "PIXELS", "ModelSize", "WholeImages", "WinnerModel"]

BRANCHES: Final = ("256_3", "256_5", "256_-1")
"""The contexts: size and scale of the crop; -1 is the whole image. Their order matters."""
CONTEXT_3, CONTEXT_5, WHOLE = BRANCHES
PIXELS: Final = 256
"""Side of every crop."""


@dataclass(frozen=True, slots=True)
class WholeImages:
    """Encoded whole images, so that the encoder need not run again for further boxes in them.

    It holds tokens, not the attention module's keys and values: once those are folded
    (:class:`~fathomnet_inference.attention.FoldedLayer`), a query attends to tokens alone, which
    are an eighth of the size.

    Attributes:
        tokens: (N, P, D), the patch tokens of each image; 1.3 MB per image in float32.
    """

    tokens: Tensor

    def __len__(self) -> int:
        return len(self.tokens)

    def take(self, indices: Sequence[int] | Tensor) -> WholeImages:
        """The images at these indices, in this order."""
        return WholeImages(self.tokens[torch.as_tensor(indices, device=self.tokens.device)])

    @staticmethod
    def join(parts: Sequence[WholeImages]) -> WholeImages:
        """Concatenates several groups of images."""
        return WholeImages(torch.cat([part.tokens for part in parts]))


class Head(nn.Module):
    """Layers in the checkpoint's numbered slots; dropout has no effect in a prediction."""

    def __init__(self, *slots: nn.Module) -> None:
        super().__init__()
        self.net = nn.Sequential(*slots)

    def forward(self, values: Tensor) -> Tensor:
        return self.net(values)


class WinnerModel(nn.Module):
    """The model with exactly the names and shapes of the checkpoint.

    As built, it computes literally what the specification says; :meth:`for_inference` turns it into
    one that computes the same faster and with less memory.

    Args:
        size: its dimensions. Under ``torch.device("meta")`` it needs no memory.
    """

    def __init__(self, size: ModelSize) -> None:
        super().__init__()
        self.size = size
        width = size.width
        self.img_vit_region_encoders = nn.ModuleDict({name: Encoder(size) for name in BRANCHES})
        self.obj_vit_region_encoder = Encoder(size)
        self.classifier = _classifier(width, size.concepts)
        self.intra_env_attn_module = nn.ModuleDict(
            {
                name: ContextAttention(width, size.attention_heads, size.attention_layers)
                for name in BRANCHES
            }
        )
        self.obj_proj_module = nn.ModuleDict({name: _unused_projection(width) for name in BRANCHES})
        auxiliary = nn.ModuleList(_classifier(width, rows) for rows in size.auxiliary)
        self.hierarchical_classifier = nn.ModuleDict({"h_modules": auxiliary})
        first, second = nn.Linear((1 + len(BRANCHES)) * width, width), nn.Linear(width, width)
        self.concat_proj = Head(
            *(first, nn.GELU(), nn.LayerNorm(width), nn.Identity()),
            *(second, nn.GELU(), nn.LayerNorm(width), nn.Identity()),
        )
        self._prepared = False
        self.eval()

    def encode_whole(self, pixels: Tensor) -> WholeImages:
        """Encodes whole images.

        Args:
            pixels: (N, 3, 256, 256), normalised; each image once, however many boxes it has.
        """
        return WholeImages(self._context_tokens(WHOLE, pixels))

    def forward(
        self,
        objects: Tensor,
        context_3: Tensor,
        context_5: Tensor,
        whole: WholeImages,
        whole_index: Tensor,
    ) -> Tensor:
        """The logits of boxes, (B, concepts); float32 even in half precision.

        Args:
            objects: (B, 3, 256, 256), normalised crops of the boxes.
            context_3: (B, 3, 256, 256), their surroundings, three times as wide.
            context_5: (B, 3, 256, 256), their surroundings, five times as wide.
            whole: the images of the boxes, from :meth:`encode_whole`.
            whole_index: (B), int64: the image of each box.
        """
        summary = self.obj_vit_region_encoder.summary(objects)
        tokens = {
            CONTEXT_3: self._context_tokens(CONTEXT_3, context_3),
            CONTEXT_5: self._context_tokens(CONTEXT_5, context_5),
            WHOLE: whole.tokens[whole_index],
        }
        views = [self.intra_env_attn_module[name](summary, tokens[name]) for name in BRANCHES]
        return self.classifier(self.concat_proj(torch.cat([summary, *views], dim=1)))

    def for_inference(
        self, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
    ) -> Self:
        """Drops what no prediction needs, folds what can be folded, and moves the rest.

        Afterwards the model no longer has the names of the checkpoint, so load the weights first.
        It may be called again to move the model.

        Args:
            device: where to move it.
            dtype: the precision. float16 and bfloat16 apply only to the encoders' matrix products,
                98 % of the work; the rest stays float32, as under the autocast of the training.
        """
        half = dtype in (torch.float16, torch.bfloat16)
        if not self._prepared:
            if not half:
                self.to(dtype)
            self.drop_unused()
            side = PIXELS // self.size.patch
            for encoder in self._encoders:
                encoder.embeddings.fix_positions(side, side)
            for attention in self.intra_env_attn_module.values():
                attention.fold()
            self._prepared = True
        products = self._products() if half else frozenset()
        for parameter in self.requires_grad_(False).parameters():
            of_rest = torch.float32 if half else dtype
            parameter.data = parameter.to(device, dtype if parameter in products else of_rest)
        return self

    def drop_unused(self) -> Self:
        """Removes the weights that no prediction uses (winner-model.md, 3.4)."""
        for name in ("hierarchical_classifier", "obj_proj_module"):
            if hasattr(self, name):
                delattr(self, name)
        for encoder in self._encoders:
            encoder.embeddings.mask_token = None
        return self

    @property
    def _encoders(self) -> tuple[Encoder, ...]:
        return (self.obj_vit_region_encoder, *self.img_vit_region_encoders.values())

    def _products(self) -> frozenset[nn.Parameter]:
        """The weights of the encoders' matrix products."""
        modules = (module for encoder in self._encoders for module in encoder.modules())
        linear = (module for module in modules if isinstance(module, nn.Linear | nn.Conv2d))
        return frozenset(parameter for module in linear for parameter in module.parameters())

    def _context_tokens(self, branch: str, pixels: Tensor) -> Tensor:
        return self.img_vit_region_encoders[branch].patches(pixels)


def _classifier(width: int, rows: int) -> Head:
    return Head(
        nn.Linear(width, width),
        nn.GELU(),
        nn.Identity(),
        nn.LayerNorm(width),
        nn.Linear(width, rows),
    )


def _unused_projection(width: int) -> Head:
    first, second = nn.Linear(width, width), nn.Linear(width, width)
    return Head(nn.LayerNorm(width), first, nn.GELU(), nn.Identity(), second)
