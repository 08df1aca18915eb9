"""Frames as in FathomNet 2025, and the crops of their boxes made in two ways.

The plain way is what the design page (section 6) describes of the original: for every box the
image is decoded, copied four times, resized four times, and the processor runs in float64.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from fathomnet_inference.annotations import Box, ImageBoxes
from fathomnet_inference.crops import SIDE, windows_of
from fathomnet_inference.normalise import MEAN, STD, Normaliser
from fathomnet_inference.pipeline import BoxCrops, prepare_image
from PIL import Image

FRAMES: Final = {"1920x1080": (1920, 1080), "720x486": (720, 486)}
"""The sizes of nearly all images of the test split, two thirds and one third of them."""
BOXES_AN_IMAGE: Final = (1, 3, 1, 6, 2, 3)
"""2.67 on average; FathomNet 2025 has 2.73."""
BOXES: Final = sum(BOXES_AN_IMAGE)
MEDIAN_SIDE, SPREAD = 61, 0.83
"""Pixels of a box's longer side, and the deviation of its logarithm, in the test split."""

Ways = Mapping[str, Callable[[], object]]
Numbers = npt.NDArray[np.float32]


def write_images(folder: Path, width: int, height: int) -> list[ImageBoxes]:
    """Noisy frames, 4.8 MB in HD as in the page's measurement, with boxes inside them."""
    folder.mkdir()
    random = np.random.default_rng(2025)
    rows, columns = np.mgrid[:height, :width]
    scene = np.stack([np.sin(columns / 97 + rows / 53), np.cos(columns / 71), np.sin(rows / 61)], 2)
    images = []
    for number, count in enumerate(BOXES_AN_IMAGE):
        noisy = 110 + 70 * scene + random.normal(0, 12, scene.shape)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / f"{number}.png")
        boxes = []
        for place in range(count):
            longer = min(MEDIAN_SIDE * np.exp(SPREAD * random.standard_normal()), height - 1)
            sides = random.permutation([longer, longer * random.uniform(0.45, 1)])
            x, y = random.uniform(0, (width, height) - sides)
            boxes.append(Box(100 * number + place, x, y, *map(float, sides)))
        images.append(ImageBoxes(number, f"{number}.png", tuple(boxes)))
    return images


def host(frames: Mapping[str, Sequence[ImageBoxes]], folder: Path, repeats: int) -> str:
    """Decode, crop and normalise for both ways, on one processor and by its own clock."""
    report = (
        "\n## Host side: decode, crop, normalise\n\nProcessor time a box, one thread. Target: at "
        "most half.\n\n| frames | plain | ours | ours / plain |\n|---|---|---|---|\n"
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for name, images in frames.items():
        place = folder / name
        if not np.array_equal(plain_pixels(place, images), our_pixels(place, images)):
            raise ValueError("the ways did not make the same pixels")
        ways = {
            "plain": lambda place=place, images=images: plain_pixels(place, images),
            "ours": lambda place=place, images=images: our_pixels(place, images),
        }
        plain, ours = medians(ways, repeats, time.process_time).values()
        cells = (name, each(plain), each(ours), f"**{ours / plain:.2f}**")
        report += f"| {' | '.join(cells)} |\n"
    torch.set_num_threads(threads)
    return report


def our_pixels(folder: Path, images: Sequence[ImageBoxes]) -> Numbers:
    """All four views of all boxes, (boxes, 4, 3, 256, 256); a shared view is normalised once."""
    normalise = Normaliser(torch.device("cpu"))
    found = []
    for image in images:
        boxes = [one for part in prepare_image(folder, image) for one in part]
        crops = [box for box in boxes if isinstance(box, BoxCrops)]
        wholes = list(dict.fromkeys(box.whole for box in crops))
        views = chain(*((box.object, box.context_3, box.context_5) for box in crops))
        pixels = np.stack([*views, *(whole.pixels for whole in wholes)])
        numbers = normalise(torch.from_numpy(pixels)).numpy()
        for place, box in enumerate(crops):
            whole = 3 * len(crops) + wholes.index(box.whole)
            found.append(numbers[[*range(3 * place, 3 * place + 3), whole]])
    return np.stack(found)


def plain_pixels(folder: Path, images: Sequence[ImageBoxes]) -> Numbers:
    """The same, from the file anew for each box."""
    found = []
    for image in images:
        for box in image.boxes:
            picture = Image.open(folder / image.file_name)
            windows = windows_of(box, *picture.size)
            four = (windows.object, windows.context_3, windows.context_5, windows.whole)
            crops = []
            for window in four:
                part = np.array(picture)[window.top : window.bottom, window.left : window.right]
                crops.append(_processed(Image.fromarray(part).resize((SIDE, SIDE))))
            found.append(np.stack(crops))
    return np.stack(found)


def _processed(resized: Image.Image) -> Numbers:
    scaled = np.array(resized).astype(np.float64) * 0.00392156862745098
    normal = (scaled.astype(np.float32) - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    return np.asarray(normal.transpose(2, 0, 1), np.float32)


def medians(ways: Ways, repeats: int, clock: Callable[[], float]) -> dict[str, float]:
    """Seconds of each way; they take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            start = clock()
            way()
            seconds[name].append(clock() - start)
    return {name: median(found) for name, found in seconds.items()}


def each(seconds: float) -> str:
    """The time of a box where ``BOXES`` took so many seconds."""
    return f"{1000 * seconds / BOXES:.1f} ms"
