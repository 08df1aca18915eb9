"""Whether a GPU that has been asked for or paid for can really be used."""

import os
import re
from collections.abc import Collection, Mapping
from typing import Final

import torch
from fathomnet_voxel51.errors import SetupError

_NONE_IS_ZERO: Final = ("SLURM_GPUS_ON_NODE", "SLURM_STEP_GPUS", "SLURM_GPUS")


def has_allocated_gpu(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this is a SLURM job to which a GPU was given.

    Examples:
        >>> has_allocated_gpu({"SLURM_JOB_ID": "7", "SLURM_GPUS_ON_NODE": "1"})
        True
        >>> has_allocated_gpu({"SLURM_JOB_ID": "7", "SLURM_GPUS_ON_NODE": "0"})
        False
    """
    if "SLURM_JOB_ID" not in environment:
        return False
    return bool(environment.get("SLURM_JOB_GPUS")) or any(
        environment.get(name, "") not in ("", "0") for name in _NONE_IS_ZERO
    )


def has_code_for(capability: tuple[int, int], architectures: Collection[str]) -> bool:
    """Whether a build of PyTorch can compute on a GPU.

    Binary code runs on the same major capability from its minor one on; PTX (``compute_``) is
    compiled for anything newer (CUDA programming guide, binary and PTX compatibility).

    Args:
        capability: major and minor compute capability of the GPU.
        architectures: as ``torch.cuda.get_arch_list`` names them.

    Examples:
        >>> has_code_for((7, 0), ["sm_75", "sm_80"])
        False
        >>> has_code_for((8, 6), ["sm_75", "sm_80"])
        True
    """
    for name in architectures:
        if not (found := re.fullmatch(r"(sm|compute)_(\d+)(\d)[af]?", name)):
            continue
        major, minor = int(found[2]), int(found[3])
        if found[1] == "compute" and capability >= (major, minor):
            return True
        if capability[0] == major and capability[1] >= minor:
            return True
    return False


def refuse_unsupported_gpu() -> None:
    """Refuses a GPU for which this PyTorch holds no code, before anything is loaded.

    Raises:
        SetupError: it does not.
    """
    capability, known = torch.cuda.get_device_capability(), torch.cuda.get_arch_list()
    if known and not has_code_for(capability, known):
        raise SetupError(
            f"this PyTorch ({torch.__version__}) has no code for the {torch.cuda.get_device_name()}"
            f" (sm_{capability[0]}{capability[1]}; it has {', '.join(known)}). Export "
            "FATHOMNET_TORCH_INDEX=https://download.pytorch.org/whl/cu126 and build the "
            "environment again, or take another GPU."
        )
