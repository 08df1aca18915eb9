# mypy: disallow-subclassing-any=False
# (torch is not followed by the type checker: seconds a run)
"""The attention modules, in which an object queries its surroundings four times.

:class:`ContextAttention` computes this as winner-model.md specifies in section 4.2;
:class:`FoldedLayer` computes the same with a hundredth of the arithmetic.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class JointProjections(nn.Module):
    """The weights of torch's MultiheadAttention, under its names; rows in the order q, k, v."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.zeros(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)


class AttentionLayer(nn.Module):
    """One post-norm layer; its query attends to tokens that are the same in every layer."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_proj = nn.Linear(width, width)
        self.key_proj = nn.Linear(width, width)
        self.value_proj = nn.Linear(width, width)
        self.attn = JointProjections(width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, state: Tensor, tokens: Tensor) -> Tensor:
        """The next state, (B, D), from a state, (B, D), and the tokens, (B, P, D)."""
        query = self.query_proj(state)
        weights = self.attn.in_proj_weight.chunk(3)
        biases = self.attn.in_proj_bias.chunk(3)
        projected = (query.unsqueeze(1), self.key_proj(tokens), self.value_proj(tokens))
        heads = (
            functional.linear(*each).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for each in zip(projected, weights, biases, strict=True)
        )
        gathered = functional.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(1)
        # The residual is the projected query, not the state that came in.
        state = self.norm1(self.attn.out_proj(gathered) + query)
        return self.norm2(self.mlp(state) + state)


class FoldedLayer(nn.Module):
    r"""The same layer for a single query, without projecting every token twice.

    For one head, let K be the product of both maps from token to key, and V of those to value:
    ``score_j = q (K t_j + c) = (K^T q) t_j + q c``, where ``q c`` is the same for every token and
    drops out of the softmax; and ``sum_j p_j (V t_j + d) = V (sum_j p_j t_j) + d``, as the p_j add
    up to one. So only the query and the gathered token are projected, two vectors per head, instead
    of 324 tokens four times. Results change only by rounding; the products are made in float64.
    """

    def __init__(self, layer: AttentionLayer) -> None:
        super().__init__()
        self.heads = layer.heads
        self.query_proj, self.out_proj = layer.query_proj, layer.attn.out_proj
        self.norm1, self.norm2, self.mlp = layer.norm1, layer.norm2, layer.mlp
        query, key, value = layer.attn.in_proj_weight.detach().chunk(3)
        query_bias, _, value_bias = layer.attn.in_proj_bias.detach().chunk(3)
        inner_bias = layer.value_proj.bias.detach()
        self.query = _frozen(query)
        self.query_bias = _frozen(query_bias)
        self.key = _frozen(_by_head(_product(key, layer.key_proj.weight), self.heads))
        folded = _by_head(_product(value, layer.value_proj.weight), self.heads)
        self.value = _frozen(folded.transpose(1, 2).contiguous())
        self.value_bias = _frozen(value_bias + _product(value, inner_bias))

    def forward(self, state: Tensor, tokens: Tensor) -> Tensor:
        """The next state, (B, D), from a state, (B, D), and the tokens, (B, P, D)."""
        query = self.query_proj(state)
        heads = _by_head(
            functional.linear(query, self.query, self.query_bias).T, self.heads
        ).transpose(1, 2)
        asked = torch.bmm(heads, self.key).transpose(0, 1)
        scale = 1 / math.sqrt(heads.shape[2])
        gathered = functional.scaled_dot_product_attention(asked, tokens, tokens, scale=scale)
        values = torch.bmm(gathered.transpose(0, 1), self.value).transpose(0, 1).flatten(1)
        state = self.norm1(self.out_proj(values + self.value_bias) + query)
        return self.norm2(self.mlp(state) + state)


class ContextAttention(nn.Module):
    """The attention module of one context."""

    def __init__(self, width: int, heads: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(AttentionLayer(width, heads) for _ in range(layers))

    def forward(self, state: Tensor, tokens: Tensor) -> Tensor:
        """The result, (B, D), of objects, (B, D), querying their contexts' tokens, (B, P, D)."""
        for layer in self.layers:
            state = layer(state, tokens)
        return state

    def fold(self) -> None:
        """Replaces the layers by equivalent faster ones, without the checkpoint's names."""
        self.layers = nn.ModuleList(FoldedLayer(layer) for layer in self.layers)


def _product(outer: Tensor, inner: Tensor) -> Tensor:
    return (outer.double() @ inner.detach().double()).to(inner.dtype)


def _by_head(rows: Tensor, heads: int) -> Tensor:
    """(D, X) to (heads, D / heads, X)."""
    return rows.unflatten(0, (heads, -1))


def _frozen(tensor: Tensor) -> nn.Parameter:
    return nn.Parameter(tensor, requires_grad=False)
