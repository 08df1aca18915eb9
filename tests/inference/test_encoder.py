"""The encoder computes DINOv2: transformers' own, an independent program, is the oracle."""

from __future__ import annotations

import re

import pytest
import torch
from fathomnet_inference.encoder import Encoder
from fathomnet_inference.size import ModelSize
from torch import Tensor

SIZE = ModelSize(width=48, layers=3, heads=3)
NAMES_IN_5 = (
    (r"attention\.attention\.(query|key|value)\.", r"attention.\1_proj."),
    (r"attention\.query_proj\.", "attention.q_proj."),
    (r"attention\.key_proj\.", "attention.k_proj."),
    (r"attention\.value_proj\.", "attention.v_proj."),
    (r"attention\.output\.dense\.", "attention.o_proj."),
)
"""winner-model.md, 2.1."""


def _random_encoder() -> Encoder:
    encoder = Encoder(SIZE).requires_grad_(False)
    made = torch.Generator().manual_seed(3)
    for parameter in encoder.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=made) * 0.3)
    return encoder.eval()


def _pixels(side: int = 256) -> Tensor:
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(4))


def _theirs(weights: dict[str, Tensor]) -> torch.nn.Module:
    from transformers import Dinov2Config, Dinov2Model

    config = Dinov2Config(
        hidden_size=SIZE.width,
        num_hidden_layers=SIZE.layers,
        num_attention_heads=SIZE.heads,
        image_size=518,
        patch_size=SIZE.patch,
    )
    model = Dinov2Model(config).eval()
    if any(name.endswith("attention.q_proj.weight") for name in model.state_dict()):
        for old, new in NAMES_IN_5:
            weights = {re.sub(old, new, name): each for name, each in weights.items()}
    model.load_state_dict(weights, strict=True)
    return model


@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-12), (torch.float32, 2e-5)])
@pytest.mark.parametrize("side", [256, 518])
def test_tokens_are_those_of_transformers(dtype: torch.dtype, tolerance: float, side: int) -> None:
    encoder = _random_encoder()
    theirs = _theirs(encoder.state_dict()).to(dtype)
    pixels = _pixels(side).to(dtype)
    with torch.inference_mode():
        expected = theirs(pixels).last_hidden_state
        tokens = encoder.to(dtype)(pixels)
    assert tokens.shape == (2, 1 + (side // 14) ** 2, SIZE.width)
    torch.testing.assert_close(tokens, expected, rtol=0, atol=tolerance)


def test_the_summary_is_the_first_token_and_the_patches_are_the_others() -> None:
    encoder, pixels = _random_encoder().double(), _pixels().double()
    tokens = encoder(pixels)
    torch.testing.assert_close(encoder.summary(pixels), tokens[:, 0], rtol=0, atol=1e-12)
    torch.testing.assert_close(encoder.patches(pixels), tokens[:, 1:], rtol=0, atol=1e-12)


def test_the_last_four_rows_and_columns_are_not_looked_at() -> None:
    encoder, pixels = _random_encoder(), _pixels()
    changed = pixels.clone()
    changed[:, :, 252:] = 9.0
    changed[:, :, :, 252:] = 9.0
    assert torch.equal(encoder(pixels), encoder(changed))
    changed[:, :, 251] = 9.0
    assert not torch.equal(encoder(pixels), encoder(changed))


def test_positions_fixed_once_are_the_same_positions() -> None:
    encoder, pixels = _random_encoder(), _pixels()
    before = encoder(pixels)
    encoder.embeddings.fix_positions(18, 18)
    assert encoder.embeddings.position_embeddings.shape == (1, 325, SIZE.width)
    assert torch.equal(encoder(pixels), before)


def test_positions_are_computed_in_float32_whatever_the_model_computes_in() -> None:
    encoder = _random_encoder()
    in_single = encoder.embeddings.positions(18, 18)
    assert torch.equal(encoder.double().embeddings.positions(18, 18), in_single.double())
