"""What a machine offers to a model, and the refusal of what it does not have."""

from __future__ import annotations

import pytest
import torch
from fathomnet_voxel51.errors import InputError, SetupError
from fathomnet_voxel51.hardware import choose_device, choose_precision


def test_a_device_or_precision_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="is no device"):
        choose_device("gpu")
    with pytest.raises(InputError, match="is none of auto, fp32, bf16, fp16"):
        choose_precision("half", "cpu")
    if not torch.cuda.is_available():
        with pytest.raises(SetupError, match="no device 'cuda'"):
            choose_device("cuda")


@pytest.mark.parametrize(
    ("capabilities", "precision"),
    [
        ({"avx2": True}, "fp32"),
        ({"avx512": True, "avx512_bf16": True}, "fp32"),
        ({"amx_bf16": True}, "bf16"),
        ({"avx512_bf16": False}, "fp32"),
    ],
)
def test_a_processor_s_own_bfloat16_decides(
    capabilities: dict[str, bool], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Earlier releases of torch do not tell what a processor can do.
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert choose_precision("auto", "cpu") == precision
    assert choose_precision("fp32", "cpu") == "fp32"


@pytest.mark.parametrize(
    ("capability", "precision"),
    [((9, 0), "bf16"), ((8, 0), "bf16"), ((7, 5), "fp16"), ((7, 0), "fp16"), ((6, 1), "fp32")],
)
def test_a_gpu_s_generation_decides(
    capability: tuple[int, int], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert choose_precision("auto", "cuda") == precision
