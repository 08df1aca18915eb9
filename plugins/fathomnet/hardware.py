"""What the machine offers to a model: processors, a GPU's half precision, and memory that ends."""

import os
import sys
from typing import Final, Literal

AMPERE: Final = (8, 0)
"""The first compute capability with units for bfloat16."""
VOLTA: Final = (7, 0)
"""The first with fast units for float16; Turing, which follows it, is 7.5."""

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
