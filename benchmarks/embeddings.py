"""Patch embeddings from files to vectors in a dataset: ours, FiftyOne's own, and the limit.

    python -m benchmarks.embeddings                                # a quarter of an hour
    python -m benchmarks.embeddings --images 20 --repeats 1        # small

The limit is what cannot be saved: decoding every image once and the model's forward of ready
tensors in full batches, each alone with all processors. Every measurement is a process of its own
against a MongoDB server of this run; models are loaded before the clock starts, and vectors are
written in both of the others. The ways take turns, so that a busy machine is busy for all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
from fathomnet_voxel51.dataset.vectors import read_vectors
from fathomnet_voxel51.embeddings import compute as embeddings
from fathomnet_voxel51.embeddings.patches import default_batch_size
from fathomnet_voxel51.models import Embedder, load_embedder
from fathomnet_voxel51.pictures.decoding import cut_patch, open_picture, window_of

from benchmarks.database import private_run, run_step
from benchmarks.embeddings_inputs import BOXES_AN_IMAGE, write_inputs

MODULE: Final = "benchmarks.embeddings"
RESULTS: Final = Path(__file__).parent / "results" / "embeddings.md"
DATASET: Final = "embedded"
FIELD: Final = "measured_embedding"

SHAPES: Final = {"ViT-B/32, fp32": "clip", "ViT-B/32, auto": "clip", "small, fp32": "small"}
"""What is measured, and the folder of its model."""
TARGETS: Final = {
    "ViT-B/32, fp32": "at least 0.9 of the limit",
    "ViT-B/32, auto": "at least 1.8 times FiftyOne's where the processor has bf16",
    "small, fp32": "at least 2 times FiftyOne's",
}

Measured = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("way", nargs="?", choices=["prepare", *WAYS])
    parser.add_argument("--shape", choices=SHAPES)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--images", type=int, default=80)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=SHAPES)
    parser.add_argument("--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if arguments.way == "prepare":
        write_inputs(arguments.folder, arguments.images, DATASET)
        print("prepared")
    elif arguments.way:
        print(json.dumps(_measure(arguments.way, arguments.shape, arguments.folder)))
    else:
        _run_all(arguments)


def _run_all(arguments: argparse.Namespace) -> None:
    with private_run() as (scratch, environment):
        environment["FIFTYONE_SHOW_PROGRESS_BARS"] = "false"
        shared = ["--folder", str(scratch)]
        run_step(MODULE, ["prepare", *shared, "--images", str(arguments.images)], environment)
        found: dict[str, dict[str, list[Measured]]] = {
            shape: {way: [] for way in WAYS} for shape in arguments.shapes
        }
        for _ in range(arguments.repeats):
            for shape, of_ways in found.items():
                for way, runs in of_ways.items():
                    words = [way, *shared, "--shape", shape]
                    runs.append(json.loads(run_step(MODULE, words, environment)))
                    print(f"{shape}, {way}: {runs[-1]['seconds']:.2f} s", flush=True)
        text = _report(found, arguments.images, scratch)
    arguments.output.parent.mkdir(exist_ok=True)
    arguments.output.write_text(text)
    print(text)


def _report(found: dict[str, dict[str, list[Measured]]], images: int, folder: Path) -> str:
    boxes = images * BOXES_AN_IMAGE
    lines = [
        f"{boxes:,} boxes on {images:,} full-HD PNG images, medians, {os.cpu_count()} processors.",
        "Seconds; the limit is decoding and forward, each alone.",
        "",
        "| shape | precision | FiftyOne | ours | limit (decode + forward) | FiftyOne / ours "
        "| limit / ours | target | least cosine to FiftyOne |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for shape, of_ways in found.items():
        seconds = {way: median(run["seconds"] for run in runs) for way, runs in of_ways.items()}
        parts = [median(run[part] for run in of_ways["limit"]) for part in ("decode", "forward")]
        cells = (
            shape,
            of_ways["ours"][0]["precision"],
            f"{seconds['fiftyone']:.2f}",
            f"{seconds['ours']:.2f}",
            f"{seconds['limit']:.2f} ({parts[0]:.2f} + {parts[1]:.2f})",
            f"**{seconds['fiftyone'] / seconds['ours']:.2f}**",
            f"**{seconds['limit'] / seconds['ours']:.2f}**",
            TARGETS[shape],
            f"{_least_cosine(folder, shape):.6f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _least_cosine(folder: Path, shape: str) -> float:
    """Of any box's vector in our way with FiftyOne's, which is in float32."""
    ours, theirs = (np.load(_vectors_file(folder, shape, way)) for way in ("ours", "fiftyone"))
    if ours.shape != theirs.shape:
        raise ValueError(f"the ways made {ours.shape} and {theirs.shape} vectors")
    lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    return float(((ours * theirs).sum(axis=1) / lengths).min())


def _vectors_file(folder: Path, shape: str, way: str) -> Path:
    return folder / f"{list(SHAPES).index(shape)}-{way}.npy"


def _measure(way: str, shape: str, folder: Path) -> Measured:
    import fiftyone as fo

    dataset = fo.load_dataset(DATASET)
    model = folder / SHAPES[shape]
    precision = "auto" if shape.endswith("auto") else "fp32"
    found, field = WAYS[way](dataset, model, precision)
    if field:
        vectors = read_vectors(dataset, "ground_truth", field)
        np.save(_vectors_file(folder, shape, way), vectors.matrix)
        dataset.delete_sample_field(f"ground_truth.detections.{field}")
    return found


@contextmanager
def _clock(found: Measured, name: str = "seconds") -> Iterator[None]:
    started = time.perf_counter()
    yield
    found[name] = time.perf_counter() - started


def _ours(dataset: Any, model: Path, precision: str) -> tuple[Measured, str]:
    embedder = load_embedder(str(model), precision=precision)
    embeddings.load_embedder = lambda *_, **__: embedder  # loaded before the clock starts
    found: Measured = {"precision": embedder.precision}
    with _clock(found):
        result = embeddings.compute_embeddings(dataset, str(model), method="none")
    if result.embedded != dataset.count("ground_truth.detections"):
        raise ValueError(f"not every box was embedded: {result}")
    field = embeddings.embedding_field(str(model))
    dataset.delete_sample_field(f"ground_truth.detections.{field}_source")
    return found, field


def _fiftyone(dataset: Any, model: Path, precision: str) -> tuple[Measured, str]:
    """FiftyOne's own model and loop, with its default number of workers and batch size."""
    from fiftyone.utils.open_clip import TorchOpenClipModel, TorchOpenClipModelConfig

    weights = {"clip_model": f"local-dir:{model}", "pretrained": None}
    loaded = TorchOpenClipModel(TorchOpenClipModelConfig({**ZOO, **weights}))
    found: Measured = {}
    with _clock(found):
        dataset.compute_patch_embeddings(loaded, "ground_truth", embeddings_field=FIELD)
    return found, FIELD


ZOO: Final = {
    "entrypoint_fcn": "",
    "labels_path": "{{eta-resources}}/voc-labels.txt",
    "output_processor_cls": "fiftyone.utils.torch.ClassifierOutputProcessor",
    "image_size": [224, 224],
    "embeddings_layer": "visual",
    "text_prompt": "A photo of",
}
"""What FiftyOne's zoo says of its open-clip model."""


def _limit(dataset: Any, model: Path, precision: str) -> tuple[Measured, str]:
    embedder = load_embedder(str(model), precision=precision)
    paths, boxes = dataset.values(["filepath", "ground_truth.detections.bounding_box"])
    tensors = _ready(embedder, paths[0], boxes[0])
    found: Measured = {}
    with _clock(found, "decode"), ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(_decode, paths):
            pass
    count = sum(map(len, boxes))
    with _clock(found, "forward"):
        for first in range(0, count, len(tensors)):
            embedder.embed(tensors[: count - first])
    return {**found, "seconds": found["decode"] + found["forward"]}, ""


def _decode(path: str) -> None:
    open_picture(Path(path))


def _ready(embedder: Embedder, path: str, boxes: list[list[float]]) -> Any:
    """A full batch of prepared patches."""
    import torch

    picture = open_picture(Path(path))
    height, width = picture.shape[:2]
    patches = [embedder.prepare(cut_patch(picture, window_of(box, width, height))) for box in boxes]
    size = default_batch_size(embedder.device)
    return torch.stack((patches * size)[:size])


Way = Callable[[Any, Path, str], tuple[Measured, str]]
WAYS: Final[dict[str, Way]] = {"fiftyone": _fiftyone, "ours": _ours, "limit": _limit}


if __name__ == "__main__":
    main()
