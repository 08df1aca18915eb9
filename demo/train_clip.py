"""Trains the demo's own CLIP: ``python -m demo.train_clip``."""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Final

from fathomnet_voxel51.progress import throttled

IMAGES: Final = 1500
SEED: Final = 7001
"""Of the pictures that it is trained on; the demo set's is 0, the tests' are others again."""
THREADS: Final = 2
"""Sums are taken in an order that depends on it, and so the weights' last bits do."""
OUTPUT: Final = Path(__file__).parents[1] / "data" / "models" / "demo-clip"


def main(arguments: list[str] | None = None) -> int:
    """Draws the pictures, trains and writes the model; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m demo.train_clip", description=__doc__)
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the model's folder")
    parser.add_argument("--images", type=int, default=IMAGES, help="number of images to draw")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    import torch

    from demo.clip.pictures import draw_pictures
    from demo.clip.training import SIDE, train

    torch.set_num_threads(THREADS)
    started = time.monotonic()
    print(f"drawing {options.images} images", file=sys.stderr)
    pictures = draw_pictures(options.images, SEED, SIDE, options.workers)
    train(pictures, options.output, progress=throttled(_tell))
    seconds = time.monotonic() - started
    print(f"trained on {len(pictures.shown):,} pictures in {seconds:.0f} s: {options.output}")
    return 0


def _tell(share: float, label: str) -> None:
    print(f"{share:4.0%} {label}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
