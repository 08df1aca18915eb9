"""Which device a model runs on, and in which precision."""

from __future__ import annotations

import os
from typing import Any, Final, get_args

from ..errors import Fault, InputError, SetupError
from ..fields import Precision

BF16_UNIT: Final = "amx_bf16"
"""What an x86 processor calls the unit that computes in bfloat16 faster than in float32.

The instructions called ``avx512_bf16`` alone are no reason: on an Intel processor that has these
and not that unit, CLIP's ViT-B/32 took 1.8 times as long in bfloat16 (``benchmarks.embeddings``).
"""
FIRST_WITH_BF16: Final = (8, 0)
"""CUDA capability of Ampere; Turing and Volta compute in float16 only."""
FIRST_WITH_FAST_FP16: Final = (7, 0)


def choose_device(device: str) -> str:
    """The device to run on.

    Args:
        device: ``auto`` for the best there is, or ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises:
        InputError: no such device is known to torch.
        SetupError: this machine has none.
    """
    _let_waiting_threads_sleep()
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        problem = f"{device!r} is no device: write auto, cpu, cuda, cuda:1 or mps"
        raise InputError("device", [Fault("device", problem)]) from error
    there = {"cpu": True, "cuda": _has_cuda(device), "mps": torch.backends.mps.is_available()}
    if not there.get(kind, False):
        raise SetupError(f"this machine has no device {device!r}; write auto, or cpu")
    return device


def choose_precision(precision: str, device: str) -> str:
    """``fp32``, ``bf16`` or ``fp16``.

    ``auto`` takes the half precision that the device computes in faster than in float32, and
    float32 where it has none.

    Raises:
        InputError: the precision is none of these.
    """
    known = get_args(Precision)
    if precision not in known:
        problem = f"{precision!r} is none of {', '.join(known)}"
        raise InputError("precision", [Fault("precision", problem)])
    if precision != "auto":
        return precision
    if device.startswith("cuda"):
        return _of_gpu(device)
    return "bf16" if device == "cpu" and _has_bf16_unit() else "fp32"


def torch_dtype(precision: str) -> Any:
    """The torch type of a precision."""
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def _let_waiting_threads_sleep() -> None:
    """Has the threads of a model on a processor sleep while they wait for one another.

    They would spin, and keep the threads that decode the next images from the processors. OpenMP
    reads this once, when torch is imported: where something else has done that, nothing changes.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def _has_cuda(device: str) -> bool:
    import torch

    number = torch.device(device).index or 0
    return bool(torch.cuda.is_available() and number < torch.cuda.device_count())


def _of_gpu(device: str) -> str:
    import torch

    capability = torch.cuda.get_device_capability(device)
    if capability >= FIRST_WITH_BF16:
        return "bf16"
    return "fp16" if capability >= FIRST_WITH_FAST_FP16 else "fp32"


def _has_bf16_unit() -> bool:
    import torch

    has_unit = bool(torch.cpu.get_capabilities().get(BF16_UNIT))
    return has_unit and torch.backends.mkldnn.is_available()
