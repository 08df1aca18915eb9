"""Peak memory of loading the winning model from a checkpoint of its full size.

    python -m benchmarks.inference_memory [--folder DIR] [--device cpu] [--dtype float32]

A Lightning checkpoint of the published layout is made: 2,040 weights, Adam's two moments of each
that training touched, omegaconf's settings; 16 GB, of which nearly all are zeros that a sparse
file does not store. Then processes of their own load it, convert it and load the conversion, and
each tells its peak. The limit is 1.2 times the weights that a prediction uses (5.35 GB).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import torch
from fathomnet_inference.checkpoint import convert, inspect, load_model
from fathomnet_inference.layout import empty_model
from fathomnet_inference.size import ModelSize

from benchmarks.lightning_file import save_lightning

ON_PATH_BYTES: Final = 4 * 1_337_258_063
"""winner-model.md, 3.4."""
LIMIT: Final = 1.2
_BLOCK: Final = 4096


class SparseFile:
    """A file for writing that skips blocks of zeros instead of storing them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, chunk: Any) -> int:
        """Writes bytes, or moves on where all of them are zero."""
        view = memoryview(chunk).cast("B")
        if len(view) >= _BLOCK and not np.frombuffer(view, np.uint8).any():
            self._file.seek(len(view), os.SEEK_CUR)
        else:
            self._file.write(view)
        return len(view)

    def flush(self) -> None:
        """Nothing waits to be written that the file itself would not write when closed."""


def make_checkpoint(path: Path, size: ModelSize) -> None:
    """Writes a checkpoint of that size, all of whose larger tensors are zero."""
    shapes = {name: tensor.shape for name, tensor in empty_model(size).state_dict().items()}
    weights = {name: torch.zeros(shape) for name, shape in shapes.items()}
    with path.open("wb") as file:
        save_lightning(SparseFile(file), weights, size)
        file.truncate()


def _step(name: str, path: Path, output: Path, device: str, dtype: str) -> dict[str, Any]:
    started = time.monotonic()
    if name == "convert":
        convert(path, output)
    elif name == "inspect":
        inspect(path)
    else:
        model, checkpoint = load_model(path, device, getattr(torch, dtype))
        del checkpoint
    loaded = time.monotonic() - started
    if name == "predict":
        # A mapped weight takes memory only once it is looked at, and one forward looks at all.
        _predict(model, device)
    return {"seconds": loaded, **_memory(), "device_bytes": _device_peak(device)}


def _predict(model: Any, device: str) -> None:
    crop = torch.zeros(1, 3, 256, 256, device=device)
    with torch.inference_mode():
        whole = model.encode_whole(crop)
        model(crop, crop, crop, whole, torch.zeros(1, dtype=torch.int64, device=device))


def _memory() -> dict[str, int]:
    """Peak of the process, and what of its memory is its own rather than the mapped file's."""
    status = Path("/proc/self/status").read_text()
    own = next(line for line in status.splitlines() if line.startswith("RssAnon"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"peak_bytes": peak * 1024, "own_bytes": int(own.split()[1]) * 1024}


def _device_peak(device: str) -> int:
    return torch.cuda.max_memory_allocated() if device.startswith("cuda") else 0


def _measured(arguments: argparse.Namespace, name: str, path: Path, output: Path) -> dict[str, Any]:
    # On Linux a process begins with its parent's peak, so each is started by one that is small.
    command = [sys.executable, "-m", "benchmarks.inference_memory", "--step", name]
    command += ["--path", str(path), "--output", str(output)]
    command += ["--device", arguments.device, "--dtype", arguments.dtype]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(run.stdout.splitlines()[-1]))


def _report(arguments: argparse.Namespace, folder: Path) -> bool:
    checkpoint, converted = folder / "last.ckpt", folder / "converted"
    make = [sys.executable, "-m", "benchmarks.inference_memory", "--step", "make"]
    subprocess.run([*make, "--path", str(checkpoint), "--output", str(converted)], check=True)
    status = checkpoint.stat()
    print(f"{status.st_size / 1e9:.2f} GB checkpoint, {status.st_blocks * 512 / 1e6:.0f} MB stored")
    print("| step | from | seconds | peak, GB | times the weights | own memory, GB | device, GB |")
    print("|---|---|---|---|---|---|---|")
    within = True
    plan = [("inspect", checkpoint), ("predict", checkpoint), ("convert", checkpoint)]
    for name, path in [*plan, ("predict", converted)]:
        figures = _measured(arguments, name, path, converted)
        share = figures["peak_bytes"] / ON_PATH_BYTES
        within &= share <= LIMIT
        peak, own, device = (figures[f"{each}_bytes"] / 1e9 for each in ("peak", "own", "device"))
        cells = (name, path.name, f"{figures['seconds']:.1f}", f"{peak:.2f}", f"{share:.2f}")
        print(f"| {' | '.join(cells)} | {own:.2f} | {device:.2f} |", flush=True)
    return within


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, help="where 6 GB are free")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step == "make":
        make_checkpoint(arguments.path, ModelSize())
        return
    if arguments.step:
        figures = _step(
            arguments.step, arguments.path, arguments.output, arguments.device, arguments.dtype
        )
        print(json.dumps(figures))
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        within = _report(arguments, Path(folder))
    print(f"peak memory is {'within' if within else 'above'} {LIMIT} times the weights")
    sys.exit(not within)


if __name__ == "__main__":
    main()
