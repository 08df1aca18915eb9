"""A GPU that was paid for is used, or the run says why not before it loads anything."""

from __future__ import annotations

import pytest
import torch
from fathomnet_inference import device as devices
from fathomnet_inference.allocated import has_code_for
from fathomnet_voxel51.errors import SetupError

LOCKED = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [("SLURM_JOB_GPUS", "0"), ("SLURM_GPUS_ON_NODE", "1"), ("SLURM_STEP_GPUS", "3")],
)
def test_a_job_with_a_gpu_that_cannot_be_used_does_not_run_on_the_cpu(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert devices.choose_device("auto").type == "cpu", "a job without a GPU"
    monkeypatch.setenv(variable, value)
    with pytest.raises(SetupError, match="device auto: PyTorch sees no GPU"):
        devices.choose_device("auto")
    assert devices.choose_device("cpu").type == "cpu", "the CPU was asked for"


@pytest.mark.parametrize(
    ("capability", "known", "right"),
    [
        ((7, 0), LOCKED, False),  # V100
        ((6, 1), LOCKED, False),  # GTX 1080
        ((7, 5), LOCKED, True),  # RTX 6000
        ((8, 9), LOCKED, True),  # L40S
        ((9, 0), ["sm_80", "sm_90a"], True),  # H200
        ((9, 0), ["sm_75", "compute_80"], True),
        ((7, 0), ["sm_75", "compute_75"], False),
    ],
)
def test_cards_without_code_in_this_pytorch_are_told(
    capability: tuple[int, int], known: list[str], right: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert has_code_for(capability, known) is right
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: known)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")
    if right:
        assert devices.choose_device("auto").type == "cuda"
    else:
        with pytest.raises(SetupError, match=r"no code for the a card.*FATHOMNET_TORCH_INDEX"):
            devices.choose_device("cuda")
