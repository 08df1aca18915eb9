"""Decoding whole images by Pillow and as stages do, which have libspng decode plain PNG files.

    python -m benchmarks.pictures [--images 8] [--repeats 5]

Full-HD pictures as PNG and as JPEG, noise, which nothing compresses, and a screen of one colour,
which compresses to nothing. One thread; the ways take turns. Both must give the same pixels.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
from fathomnet_voxel51.pictures.decoding import open_picture
from PIL import Image

from benchmarks.embeddings_inputs import HEIGHT, WIDTH, survey_images

HEADER: Final = "| file | its size | Pillow | ours | Pillow / ours |\n|---|---|---|---|---|\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=8, help="of each kind")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            _row(kind, files, arguments.repeats)
            for kind, files in _files(Path(folder), arguments.images).items()
        ]
    print(HEADER + "".join(rows))


def _files(folder: Path, images: int) -> dict[str, list[Path]]:
    random = np.random.default_rng(0)
    scenes = [Image.open(io.BytesIO(data)) for data in survey_images(images)]
    noise = [Image.fromarray(random.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)) for _ in scenes]
    plain = [Image.new("RGB", (WIDTH, HEIGHT), (number, 60, 90)) for number in range(images)]
    kinds: dict[str, tuple[Sequence[Image.Image], str]] = {
        "a scene, PNG": (scenes, "PNG"),
        "a scene, JPEG": (scenes, "JPEG"),
        "noise, PNG": (noise, "PNG"),
        "one colour, PNG": (plain, "PNG"),
    }
    files: dict[str, list[Path]] = {}
    for kind, (pictures, form) in kinds.items():
        files[kind] = []
        for number, picture in enumerate(pictures):
            files[kind].append(folder / f"{kind}.{number}")
            picture.save(files[kind][-1], form)
    return files


def _row(kind: str, files: list[Path], repeats: int) -> str:
    times: dict[Callable[[Path], Any], list[float]] = {_by_pillow: [], open_picture: []}
    for file in files:
        if not np.array_equal(_by_pillow(file), open_picture(file)):
            raise ValueError(f"{file}: the two ways see different pixels")
    for _ in range(repeats):
        for file in files:
            for way, seconds in times.items():
                start = time.perf_counter()
                way(file)
                seconds.append(time.perf_counter() - start)
    pillow, ours = (1000 * median(seconds) for seconds in times.values())
    size = sum(file.stat().st_size for file in files) / len(files) / 1e6
    cells = (kind, f"{size:.1f} MB", f"{pillow:.1f} ms", f"{ours:.1f} ms", f"{pillow / ours:.2f}")
    return f"| {' | '.join(cells)} |\n"


def _by_pillow(path: Path) -> Any:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


if __name__ == "__main__":
    main()
