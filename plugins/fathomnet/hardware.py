"""What the machine offers to a model: processors, a device, a precision, and memory that ends."""

import os
import sys
from pathlib import Path
from typing import Any, Final, Literal, get_args

from .errors import Fault, InputError, SetupError
from .names import Precision

AMPERE: Final = (8, 0)
"""The first compute capability with units for bfloat16."""
VOLTA: Final = (7, 0)
"""The first with fast units for float16; Turing, which follows it, is 7.5."""
BF16_UNIT: Final = "amx_bf16"
"""The x86 feature flag of the unit that computes faster in bfloat16 than in float32.

The ``avx512_bf16`` instructions alone are not enough: on an Intel processor with these but without
that unit, CLIP's ViT-B/32 took 1.8 times as long in bfloat16 (``benchmarks.embeddings``).
"""

_NO_MEMORY: Final = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "failed to allocate",
    "alloc_failed",
    "could not create a memory object",
)
"""Phrases in the messages of PyTorch's allocators and of the libraries beneath it."""


def usable_processors() -> int:
    """The processors that this process may use; a SLURM job gets a part of its node."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def choose_device(device: str) -> str:
    """The device on which to run.

    Args:
        device: ``auto`` for the best available, or ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises:
        InputError: torch knows no such device.
        SetupError: this machine has no such device.
    """
    # So that a model's threads on a CPU sleep while they wait for one another. Otherwise they would
    # spin and keep the processors from the threads that decode the next images. OpenMP reads it
    # once, when torch is imported; if that has already happened, nothing changes.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        named = torch.device(device)
    except RuntimeError as error:
        problem = f"{device!r} is no device: write auto, cpu, cuda, cuda:1 or mps"
        raise InputError("device", [Fault("device", problem)]) from error
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    there = {
        "cpu": True,
        "cuda": (named.index or 0) < gpus,
        "mps": torch.backends.mps.is_available(),
    }
    if not there.get(named.type, False):
        raise SetupError(f"this machine has no device {device!r}; write auto, or cpu")
    return device


def choose_precision(precision: str, device: str) -> str:
    """The precision: ``fp32``, ``bf16`` or ``fp16``.

    ``auto`` chooses the half precision in which the device is faster than in float32, or float32
    if there is none.

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
        import torch

        return fast_precision(torch.cuda.get_device_capability(device))
    return "bf16" if device == "cpu" and _has_bf16_unit() else "fp32"


def torch_dtype(precision: str) -> Any:
    """The torch type of a precision."""
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def _has_bf16_unit() -> bool:
    """Whether torch may use the unit of this processor; Linux is asked where torch does not say."""
    import torch

    if not torch.backends.mkldnn.is_available():
        return False
    if hasattr(torch.cpu, "get_capabilities"):
        return bool(torch.cpu.get_capabilities().get(BF16_UNIT))
    try:
        return BF16_UNIT in Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return False


def fast_precision(capability: tuple[int, int]) -> Literal["fp32", "fp16", "bf16"]:
    """The precision in which a GPU is fastest.

    Args:
        capability: its CUDA compute capability.

    Examples:
        >>> fast_precision((7, 5)), fast_precision((9, 0)), fast_precision((6, 1))
        ('fp16', 'bf16', 'fp32')
    """
    if capability >= AMPERE:
        return "bf16"
    return "fp16" if capability >= VOLTA else "fp32"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out, so that a smaller batch may still work.

    Examples:
        >>> is_out_of_memory(RuntimeError("cuBLAS error: CUBLAS_STATUS_ALLOC_FAILED"))
        True
        >>> is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
        False
    """
    torch = sys.modules.get("torch")  # who gets an error from it has imported it
    if isinstance(error, MemoryError) or (torch and isinstance(error, torch.OutOfMemoryError)):
        return True
    # The processor's allocator, pinned memory and cuBLAS say it in words only.
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _NO_MEMORY)
