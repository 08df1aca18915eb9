# mypy: disallow-subclassing-any=False
# (torch is not followed by the type checker: seconds a run)
"""DINOv2, the vision transformer behind each of the four views, with the checkpoint's names.

The names are those of transformers 4.x; the mathematics is that of winner-model.md, section 4.1.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from .size import ModelSize

EPSILON: Final = 1e-6
_MLP_RATIO: Final = 4


class LayerScale(nn.Module):
    """A learned factor for each channel of what a layer adds."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lambda1 = nn.Parameter(torch.ones(width))

    def add(self, stream: Tensor, change: Tensor) -> Tensor:
        """``stream + lambda1 * change`` in the stream's type, in one pass over memory."""
        return torch.addcmul(stream, self.lambda1, change)


class SelfAttention(nn.Module):
    """Self-attention of the tokens of one image."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        names = ("query", "key", "value")
        self.attention = nn.ModuleDict({name: nn.Linear(width, width) for name in names})
        self.output = nn.ModuleDict({"dense": nn.Linear(width, width)})

    def forward(self, tokens: Tensor, queries: Tensor) -> Tensor:
        """What the queries, (N, Q, D), gather from the tokens, (N, T, D)."""
        query = self._split(self.attention["query"](queries))
        key, value = (self._split(self.attention[name](tokens)) for name in ("key", "value"))
        gathered = functional.scaled_dot_product_attention(query, key, value)
        return self.output["dense"](gathered.transpose(1, 2).flatten(2))

    def _split(self, projected: Tensor) -> Tensor:
        return projected.unflatten(2, (self.heads, -1)).transpose(1, 2)


class Mlp(nn.Module):
    """Two linear maps with an exact GELU between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, _MLP_RATIO * width)
        self.fc2 = nn.Linear(_MLP_RATIO * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.fc2(functional.gelu(self.fc1(tokens)))


class Layer(nn.Module):
    """One pre-norm transformer layer with layer scale."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=EPSILON)
        self.attention = SelfAttention(width, heads)
        self.layer_scale1 = LayerScale(width)
        self.norm2 = nn.LayerNorm(width, eps=EPSILON)
        self.mlp = Mlp(width)
        self.layer_scale2 = LayerScale(width)

    def forward(self, stream: Tensor, kept: int | None = None) -> Tensor:
        """Applies the layer to tokens.

        Args:
            stream: (N, T, D); in half precision the stream and the norms are float32, and only
                the matrix products are half.
            kept: how many of the first tokens to return; the others are only attended to.

        Returns:
            (N, kept, D).
        """
        product_type = self.mlp.fc1.weight.dtype
        tokens = self.norm1(stream).to(product_type)
        gathered = self.attention(tokens, tokens[:, :kept])
        stream = self.layer_scale1.add(stream[:, :kept], gathered)
        return self.layer_scale2.add(stream, self.mlp(self.norm2(stream).to(product_type)))


class Embeddings(nn.Module):
    """Turns pixels into tokens: patches after a class token, each with its position."""

    def __init__(self, width: int, patch: int, grid: int) -> None:
        super().__init__()
        self.patch = patch
        self.grid = grid
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.mask_token = nn.Parameter(torch.zeros(1, width))
        self.position_embeddings = nn.Parameter(torch.zeros(1, grid * grid + 1, width))
        projection = nn.Conv2d(3, width, kernel_size=patch, stride=patch)
        self.patch_embeddings = nn.ModuleDict({"projection": projection})
        self._fixed: tuple[int, int] | None = None

    def forward(self, pixels: Tensor) -> Tensor:
        """The tokens, (N, 1 + rows * columns, D), of pixels, (N, 3, H, W)."""
        rows, columns = (side // self.patch for side in pixels.shape[2:])
        patches = self._patches(pixels, rows, columns)
        first = self.cls_token.expand(len(patches), -1, -1)
        tokens = torch.cat([first, patches.to(first.dtype)], dim=1)
        return tokens + self.positions(rows, columns)

    def positions(self, rows: int, columns: int) -> Tensor:
        """The learned positions, (1, 1 + rows * columns, D), resized to a grid of patches.

        Bicubic, without antialiasing, to an explicit size, and in float32 whatever the model's
        precision (winner-model.md, 4.1, step 3).
        """
        learned = self.position_embeddings
        if self._fixed == (rows, columns):
            return learned
        square = learned[:, 1:].float().unflatten(1, (self.grid, self.grid)).permute(0, 3, 1, 2)
        resized = functional.interpolate(
            square, size=(rows, columns), mode="bicubic", align_corners=False
        )
        resized = resized.flatten(2).transpose(1, 2).to(learned.dtype)
        return torch.cat([learned[:, :1], resized], dim=1)

    def fix_positions(self, rows: int, columns: int) -> None:
        """Resizes the positions once, to the only grid that is used from then on."""
        self.position_embeddings = nn.Parameter(
            self.positions(rows, columns).detach(), requires_grad=False
        )
        self._fixed = (rows, columns)

    def _patches(self, pixels: Tensor, rows: int, columns: int) -> Tensor:
        # A convolution whose stride is its size is one matrix product. Written as such it follows
        # the switch for TF32 in matrix products, which is off by default; the one for cuDNN's
        # convolutions is on, and would change logits on Ampere and newer (winner-model.md, 10.8).
        projection = self.patch_embeddings["projection"]
        covered = pixels[:, :, : rows * self.patch, : columns * self.patch]
        cut = covered.unflatten(3, (columns, self.patch)).unflatten(2, (rows, self.patch))
        flat = cut.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
        return functional.linear(
            flat.to(projection.weight.dtype), projection.weight.flatten(1), projection.bias
        )


class Encoder(nn.Module):
    """One DINOv2 encoder, with the checkpoint's 18 keys per layer and 7 more."""

    def __init__(self, size: ModelSize) -> None:
        super().__init__()
        self.embeddings = Embeddings(size.width, size.patch, size.grid)
        layers = nn.ModuleList(Layer(size.width, size.heads) for _ in range(size.layers))
        self.encoder = nn.ModuleDict({"layer": layers})
        self.layernorm = nn.LayerNorm(size.width, eps=EPSILON)

    def forward(self, pixels: Tensor) -> Tensor:
        """All tokens, (N, 1 + P, D), of pixels, (N, 3, H, W): the class token, then the patches.

        Rows and columns of pixels that do not fill a patch are ignored: the last 4 of 256.
        """
        return self.layernorm(self._run(pixels, None))

    def patches(self, pixels: Tensor) -> Tensor:
        """The patch tokens, (N, P, D), row by row."""
        return self.layernorm(self._run(pixels, None)[:, 1:])

    def summary(self, pixels: Tensor) -> Tensor:
        """The class token, (N, D); the last layer is computed only for it."""
        return self.layernorm(self._run(pixels, 1)[:, 0])

    def _run(self, pixels: Tensor, kept: int | None) -> Tensor:
        stream = self.embeddings(pixels)
        *most, last = self.encoder["layer"]
        for layer in most:
            stream = layer(stream)
        return last(stream, kept)
