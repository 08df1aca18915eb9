"""Chooses the device, a precision that suits it, and workers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

import torch
from fathomnet_voxel51.errors import SetupError
from fathomnet_voxel51.hardware import fast_precision, usable_processors

from .allocated import has_allocated_gpu, refuse_unsupported_gpu

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "fp32", "fp16", "bf16"]

DTYPES: Final = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
MOST_WORKERS: Final = 16


def choose_device(asked: Device) -> torch.device:
    """The device on which to compute.

    Args:
        asked: ``auto`` takes the GPU if there is one; the one that SLURM gave a job has to work.

    Raises:
        SetupError: ``cuda`` was requested, or SLURM has given a GPU, but no GPU works.
    """
    available = torch.cuda.is_available()
    if not available and (asked == "cuda" or (asked == "auto" and has_allocated_gpu())):
        raise SetupError(
            f"device {asked}: PyTorch sees no GPU that it can use. Check nvidia-smi, that the job "
            "asked for a GPU, and that PyTorch is a CUDA build; or take the CPU, "
            "--device cpu (15 s a box)."
        )
    if available and asked != "cpu":
        refuse_unsupported_gpu()
    return torch.device("cuda" if available and asked != "cpu" else "cpu")


def choose_precision(asked: Precision, device: torch.device) -> torch.dtype:
    """The type of the matrix products: half precision if the GPU has units for it.

    Args:
        asked: ``auto`` takes bf16 from Ampere on, fp16 on Volta and Turing, otherwise fp32.
        device: where the model will run.
    """
    if asked != "auto":
        return DTYPES[asked]
    if device.type != "cuda":
        return torch.float32
    return DTYPES[fast_precision(torch.cuda.get_device_capability(device))]


def choose_workers(asked: int | None, device: torch.device) -> int:
    """The number of threads that prepare crops.

    Args:
        asked: None chooses by the device: for a GPU all processors but one, which drives it; on a
            CPU one, because the model itself needs the processors.
        device: where the model will run.
    """
    if asked is not None:
        return asked
    if device.type != "cuda":
        return 1
    workers: int = max(1, min(MOST_WORKERS, usable_processors() - 1))
    return workers


@contextmanager
def exact_float32() -> Iterator[None]:
    """Turns off TF32, which on Ampere and newer rounds float32 to 10 bits (design page, 10.8)."""
    places = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [place.allow_tf32 for place in places]
    for place in places:
        place.allow_tf32 = False
    try:
        yield
    finally:
        for place, allowed in zip(places, before, strict=True):
            place.allow_tf32 = allowed
