"""The model computes what the original program did: its pixels in, its logits out."""

from __future__ import annotations

import csv
from collections.abc import Callable

import numpy as np
import pytest
import torch
from fathomnet_inference.attention import AttentionLayer, FoldedLayer
from fathomnet_inference.checkpoint import load_model
from fathomnet_inference.layout import empty_model
from fathomnet_inference.model import BRANCHES, ModelSize, WholeImages, WinnerModel
from fathomnet_inference.pickled import read_lightning

from .winner import (
    DESIGN,
    FIXTURE,
    SMALL,
    Crops,
    fixture_crops,
    needs_fixture,
    random_crops,
    random_model,
)

LAYOUT = DESIGN / "winner-state-dict.tsv"
ON_PATH_PARAMETERS = 1_337_258_063
WITHIN = {torch.float64: 1e-9, torch.float32: 5e-4}


def literal(dtype: torch.dtype) -> WinnerModel:
    """The fixture's model as the specification has it, nothing folded or dropped."""
    size = ModelSize(width=64, layers=2, heads=4)
    model = empty_model(size)
    model.load_state_dict(read_lightning(FIXTURE / "last.ckpt").tensors, strict=True, assign=True)
    return model.to(dtype)


def prepared(dtype: torch.dtype) -> WinnerModel:
    return load_model(FIXTURE / "last.ckpt", dtype=dtype)[0]


def expected(dtype: torch.dtype) -> torch.Tensor:
    if dtype == torch.float64:
        return torch.from_numpy(np.load(FIXTURE / "logits_f64.npy"))
    return torch.from_numpy(np.load(FIXTURE / "logits.npz")["logits"])


def one_of_each_image(crops: Crops) -> tuple[torch.Tensor, torch.Tensor]:
    """The distinct whole images, and which of them each box has: those of equal pixels."""
    unique, index = torch.unique(crops.whole, dim=0, return_inverse=True)
    return unique, index


@needs_fixture
@pytest.mark.parametrize("dtype", WITHIN)
@pytest.mark.parametrize(
    "build, batch", [(literal, 22), (prepared, 1), (prepared, 2), (prepared, 5), (prepared, 22)]
)
def test_logits_are_those_of_the_original_program(
    build: Callable[[torch.dtype], WinnerModel], dtype: torch.dtype, batch: int
) -> None:
    logits = fixture_crops(dtype).logits(build(dtype), batch)
    assert logits.shape == (22, 79) and logits.dtype == dtype
    torch.testing.assert_close(logits, expected(dtype), rtol=0, atol=WITHIN[dtype])


@needs_fixture
@pytest.mark.parametrize("dtype", WITHIN)
def test_a_whole_image_is_encoded_once_for_all_its_boxes(dtype: torch.dtype) -> None:
    crops, model = fixture_crops(dtype), prepared(dtype)
    images, index = one_of_each_image(crops)
    assert len(images) < len(crops)
    with torch.inference_mode():
        whole = model.encode_whole(images)
        logits = model(crops.objects, crops.context_3, crops.context_5, whole, index)
    torch.testing.assert_close(logits, expected(dtype), rtol=0, atol=WITHIN[dtype])


@needs_fixture
@pytest.mark.parametrize("dtype", [*WITHIN, torch.float16])
def test_names_are_those_of_the_original_program(dtype: torch.dtype) -> None:
    model, checkpoint = load_model(FIXTURE / "last.ckpt", dtype=dtype)
    best = fixture_crops(dtype).logits(model).argmax(dim=1).tolist()
    names = np.load(FIXTURE / "logits.npz")["pred_name"].tolist()
    assert [checkpoint.concepts[index] for index in best] == names


@needs_fixture
def test_each_branch_sees_what_it_saw_in_the_original_program() -> None:
    seen, model, crops = np.load(FIXTURE / "logits.npz"), literal(torch.float32), None
    crops = fixture_crops(torch.float32)
    pixels = dict(zip(BRANCHES, (crops.context_3, crops.context_5, crops.whole), strict=True))
    with torch.inference_mode():
        summary = model.obj_vit_region_encoder.summary(crops.objects)
        np.testing.assert_allclose(summary, seen["obj_cls"], rtol=0, atol=2e-4)
        for name in BRANCHES:
            tokens = model.img_vit_region_encoders[name].patches(pixels[name])
            attended = model.intra_env_attn_module[name](summary, tokens)
            mean = seen[f"patches_{name}_mean"]
            np.testing.assert_allclose(tokens.mean(dim=1), mean, rtol=0, atol=2e-4)
            np.testing.assert_allclose(attended, seen[f"attn_{name}"], rtol=0, atol=2e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_in_half_precision_only_the_products_of_the_encoders_are_half(dtype: torch.dtype) -> None:
    exact, crops = random_model(SMALL).for_inference(dtype=torch.float64), random_crops(2)
    model = random_model(SMALL).for_inference(dtype=dtype)
    halves = {name for name, each in model.named_parameters() if each.dtype == dtype}
    rest = {name for name, each in model.named_parameters() if each.dtype == torch.float32}
    assert halves | rest == {name for name, _ in model.named_parameters()}
    assert all("encoder" in name for name in halves)
    assert not any(word in name for name in halves for word in ("norm", "lambda", "position"))
    logits = crops.logits(model)
    assert logits.dtype == torch.float32
    reference = random_crops(2, torch.float64).logits(exact)
    torch.testing.assert_close(logits.double(), reference, rtol=0, atol=0.1)


def test_a_prepared_model_can_be_moved_to_another_precision() -> None:
    crops = random_crops(1)
    once = random_model(SMALL).for_inference(dtype=torch.float16)
    moved = random_model(SMALL).for_inference().for_inference(dtype=torch.float16)
    assert torch.equal(crops.logits(moved), crops.logits(once))


def test_the_attention_layer_is_torchs_multihead_attention() -> None:
    """The steps of winner-model.md, 4.2, with torch's own module instead of its weights alone."""
    layer = AttentionLayer(width=32, heads=8).double().requires_grad_(False)
    made = torch.Generator().manual_seed(5)
    for parameter in layer.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=made))
    state = torch.randn(3, 32, generator=made).double()
    tokens = torch.randn(3, 11, 32, generator=made).double()
    theirs = torch.nn.MultiheadAttention(32, 8, dropout=0.3, batch_first=True).double().eval()
    theirs.load_state_dict(layer.attn.state_dict(), strict=True)

    query = layer.query_proj(state).unsqueeze(1)
    attended, _ = theirs(query, layer.key_proj(tokens), layer.value_proj(tokens))
    inner = layer.norm1(attended + query)
    expected = layer.norm2(layer.mlp(inner) + inner).squeeze(1)
    for each in (layer, FoldedLayer(layer)):
        torch.testing.assert_close(each(state, tokens), expected, rtol=0, atol=1e-11)


def test_whole_images_are_taken_and_joined() -> None:
    whole = WholeImages(torch.arange(4.0).view(4, 1, 1))
    joined = WholeImages.join([whole.take([3]), whole.take(torch.tensor([0, 1]))])
    assert len(joined) == 3
    assert joined.tokens.flatten().tolist() == [3.0, 0.0, 1.0]


@pytest.mark.skipif(not LAYOUT.is_file(), reason=f"no list of the published weights at {LAYOUT}")
def test_the_full_model_has_the_published_names_and_shapes() -> None:
    with LAYOUT.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    published = {row["key"]: tuple(map(int, row["shape"].split("x"))) for row in rows}
    model = empty_model(ModelSize())
    state = model.state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == published
    assert len(state) == 2_040
    assert sum(tensor.numel() for tensor in state.values()) == 1_350_163_816
    on_path = model.drop_unused().state_dict()
    assert set(on_path) == {row["key"] for row in rows if row["on_inference_path"] == "1"}
    assert sum(tensor.numel() for tensor in on_path.values()) == ON_PATH_PARAMETERS


def test_a_prepared_model_holds_nothing_that_no_prediction_uses() -> None:
    model = random_model(SMALL).for_inference()
    crops = random_crops(1)
    parameters = dict(model.named_parameters())
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    whole = model.encode_whole(crops.whole)
    logits = model(
        crops.objects, crops.context_3, crops.context_5, whole, torch.zeros(1, dtype=torch.int64)
    )
    logits.square().sum().backward()
    assert [name for name, each in parameters.items() if each.grad is None] == []
