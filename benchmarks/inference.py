"""Inference side by side: crops beside the plain way, a whole run beside bare encoders.

    python -m benchmarks.inference                   # minutes on a CPU; on a GPU its table as well
    python -m benchmarks.inference --parts host toy  # a minute

Run with OMP_WAIT_POLICY=passive, as the command line sets it for itself: see `cli.py`.
Ways take turns, so that a busy machine is busy for all of them; figures are medians.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Final

import torch
from fathomnet_inference.annotations import Box, ImageBoxes
from fathomnet_inference.crops import SIDE
from fathomnet_inference.device import Precision
from fathomnet_inference.model import WholeImages, WinnerModel
from fathomnet_inference.pipeline import BoxCrops, prepare_image
from fathomnet_inference.predict import PredictSettings, predict
from fathomnet_inference.runner import CPU_BATCH, Runner
from fathomnet_inference.size import ModelSize
from fathomnet_voxel51.progress import silent

from benchmarks.inference_crops import BOXES, FRAMES, Ways, each, host, medians, write_images

RESULTS: Final = Path(__file__).parent / "results" / "inference.md"
REPOSITORY: Final = Path(__file__).parents[1]
SHARED_DATA: Final = Path(os.environ.get("FATHOMNET_SHARED_DATA", REPOSITORY / "../shared/data"))
SIZES: Final = {
    "toy": ModelSize(width=64, layers=2, heads=4),
    "small": ModelSize(width=384, layers=12, heads=6),
}
ROUNDS: Final = {"toy": 5, "small": 1}
"""How often the frames are gone through in a run: beginning and end should not count much."""
BATCHES: Final = (2, 16, 32, 64, 128)
PRECISIONS: Final[tuple[Precision, ...]] = ("fp32", "fp16", "bf16")
DEVICE_TIMES: Final = (0.02, 0.05, 0.1)
"""Seconds a box."""

ImageSet = tuple[Path, Sequence[ImageBoxes]]
"""A folder, and what is looked at in it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", default=["host", "overlap", *SIZES, "gpu"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    sizes = [size for size in SIZES if size in arguments.parts]
    with tempfile.TemporaryDirectory() as folder:
        frames = {name: write_images(Path(folder) / name, *size) for name, size in FRAMES.items()}
        report = _machine()
        if "host" in arguments.parts:
            report += host(frames, Path(folder), arguments.repeats)
        if "overlap" in arguments.parts:
            report += overlap(frames, Path(folder), arguments.repeats)
        if sizes:
            sets = {name: (Path(folder) / name, images) for name, images in frames.items()}
            threads = sorted({1, torch.get_num_threads()})
            report += end_to_end(sizes, sets | fixture(), threads, arguments.repeats)
        if "gpu" in arguments.parts and torch.cuda.is_available():
            report += on_gpu(frames["1920x1080"], Path(folder) / "1920x1080", arguments.repeats)
    arguments.output.write_text(report)
    print(report)


def _machine() -> str:
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    threads = torch.get_num_threads()
    return f"# Inference\n\nPyTorch {torch.__version__}, {threads} threads, {device}.\n"


class SleepingModel(WinnerModel):
    """Takes as long as a GPU of some speed would, and no processor."""

    def __init__(self, seconds: float) -> None:
        torch.nn.Module.__init__(self)
        self._seconds = seconds

    def for_inference(self, *_: object) -> SleepingModel:
        return self

    def encode_whole(self, pixels: torch.Tensor) -> WholeImages:
        return WholeImages(torch.zeros(len(pixels), 1, 1))

    def __call__(self, objects: torch.Tensor, *_: object) -> torch.Tensor:
        time.sleep(self._seconds * len(objects))
        return torch.zeros(len(objects), 79)


def overlap(frames: Mapping[str, Sequence[ImageBoxes]], folder: Path, repeats: int) -> str:
    """Whether files are prepared while the device is at work: it sleeps here, as if it were one."""
    report = (
        "\n## Overlap\n\nTime a box with a stand-in for a GPU that only sleeps; one worker. The "
        "slower of device and host is the limit.\n\n"
        "| device | frames | host alone | files to logits | limit / ours |\n|---|---|---|---|---|\n"
    )
    for device in DEVICE_TIMES:
        for name, images in frames.items():
            many = [*images] * ROUNDS["toy"]
            ways: Ways = {
                "host": partial(_host_alone, many, folder / name),
                "ours": partial(_ours, SleepingModel(device), many, folder / name),
            }
            runs = medians(ways, repeats, time.perf_counter)
            alone, ours = (seconds / ROUNDS["toy"] for seconds in runs.values())
            limit = max(device * BOXES, alone)
            cells = (each(device * BOXES), name, each(alone), each(ours))
            report += f"| {' | '.join(cells)} | **{limit / ours:.2f}** |\n"
    return report


def end_to_end(
    sizes: Sequence[str], sets: Mapping[str, ImageSet], threads: Sequence[int], repeats: int
) -> str:
    """Whole runs from files to logits beside four encoders that get random numbers.

    Args:
        sizes: of the model.
        sets: images by name.
        threads: for the model, in both ways; one more prepares images in ours.
        repeats: of each way.
    """
    report = (
        "\n## End to end on the CPU\n\nTime a box. Target: at least 0.9 of the bare encoders. With "
        "one thread for the model a processor is left for decoding and cropping, as on a GPU "
        "node, and the slower of the two is the limit; with all of them the model shares its "
        "processors.\n\n"
        "| model | images | threads | bare encoders | host alone | files to logits | bare / ours "
        "| limit / ours |\n|---|---|---|---|---|---|---|---|\n"
    )
    for size in sizes:
        model = WinnerModel(SIZES[size]).for_inference()
        for count in threads:
            torch.set_num_threads(count)
            for name, (folder, images) in sets.items():
                many, boxes = [*images] * ROUNDS[size], ROUNDS[size] * _boxes(images)
                ways: Ways = {
                    "bare": partial(_bare, model, boxes),
                    "host": partial(_host_alone, many, folder),
                    "ours": partial(_ours, model, many, folder),
                }
                bare, alone, ours = medians(ways, repeats, time.perf_counter).values()
                cells = (f"{1_000 * seconds / boxes:.1f} ms" for seconds in (bare, alone, ours))
                limit = f"{max(bare, alone) / ours:.2f}" if count == 1 else ""
                row = f"{size} | {name} | {count} | {' | '.join(cells)} | **{bare / ours:.2f}**"
                report += f"| {row} | {limit} |\n"
    return report


def fixture() -> dict[str, ImageSet]:
    """The images that came with the toy checkpoint, where they are: small ones, and one in HD."""
    folder = SHARED_DATA / "winner-fixture"
    if not folder.is_dir():
        return {}
    content = json.loads((folder / "dataset_test.json").read_text())
    boxes: dict[int, list[Box]] = {}
    for one in content["annotations"]:
        boxes.setdefault(one["image_id"], []).append(Box(one["id"], *map(float, one["bbox"])))
    images = [
        ImageBoxes(one["id"], one["file_name"], tuple(boxes.get(one["id"], ())))
        for one in content["images"]
    ]
    return {"the fixture's": (folder / "images", images)}


def _boxes(images: Sequence[ImageBoxes]) -> int:
    return sum(len(image.boxes) for image in images)


def _bare(model: WinnerModel, boxes: int) -> None:
    encoders = (model.obj_vit_region_encoder, *model.img_vit_region_encoders.values())
    pixels = torch.randn(CPU_BATCH, 3, SIDE, SIDE)
    with torch.inference_mode():
        for first in range(0, boxes, CPU_BATCH):
            for encoder in encoders:
                encoder(pixels[: boxes - first])


def _host_alone(images: Sequence[ImageBoxes], folder: Path) -> None:
    for image in images:
        list(prepare_image(folder, image))


def _ours(model: WinnerModel, images: Sequence[ImageBoxes], folder: Path) -> None:
    groups = predict(model, images, folder, PredictSettings(device="cpu"), silent)
    if sum(map(len, groups)) != _boxes(images):
        raise ValueError("a box did not come out")


def on_gpu(images: Sequence[ImageBoxes], folder: Path, repeats: int) -> str:
    """Boxes a second at full size: crops in memory to logits, and files to logits."""
    report = (
        "\n## On the GPU, full size\n\nFor comparison: the published run made 8.8 boxes/s (RTX "
        "6000, fp32, batch 2).\n\n"
        "| precision | batch | crops to logits | files to logits |\n|---|---|---|---|\n"
    )
    for precision in PRECISIONS:
        with torch.device("cuda"):
            model = WinnerModel(ModelSize())
        for batch in BATCHES:
            settings = PredictSettings(batch, precision, "cuda")
            cells = (
                f"{rate:.1f} boxes/s" for rate in rates(model, settings, images, folder, repeats)
            )
            report += f"| {precision} | {batch} | {' | '.join(cells)} |\n"
    return report


def rates(
    model: WinnerModel,
    settings: PredictSettings,
    images: Sequence[ImageBoxes],
    folder: Path,
    repeats: int,
) -> tuple[float, float]:
    """Boxes a second, in batches of ``settings.batch_size``: from crops, and from files."""
    batch = settings.batch_size or CPU_BATCH
    runner = Runner(model, settings.chosen_device, settings.chosen_dtype, batch, batch)
    many = [*images] * (1 + 4 * batch // BOXES)
    parts = chain.from_iterable(prepare_image(folder, image) for image in many)
    prepared = [one for one in islice(chain(*parts), batch) if isinstance(one, BoxCrops)]

    def crops() -> None:
        started = [runner.start(prepared) for _ in range(4)]
        started[-1].wait()

    ways: Ways = {
        "crops": crops,
        "files": lambda: list(predict(model, many, folder, settings, silent)),
    }
    medians(ways, 1, time.perf_counter)  # kernels are chosen, and memory is taken
    seconds = medians(ways, repeats, time.perf_counter)
    files = BOXES * (len(many) // len(images))
    return 4 * batch / seconds["crops"], files / seconds["files"]


if __name__ == "__main__":
    main()
