"""One measurement, in a process of its own: prints its seconds and its memory as JSON.

Run by ``benchmarks.main_job``; FiftyOne is imported and connected before the clock starts.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Final

from benchmarks import bare, bulk, ours, plain
from benchmarks.job import SPLIT, Inputs
from benchmarks.memory import count_peak_from_here, peak_mb
from demo.synthetic import write_catalog, write_predictions_csv

IMAGES: Final = 9_306
BOXES: Final = 24_487
STAGES: Final = ("ingest", "primary", "predictions")
WAYS: Final = {"plain": plain, "bulk": bulk, "ours": ours, "bare": bare}
FIELD_OF: Final = {"primary": "primary_label", "predictions": "model_predictions"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=[*WAYS, "prepare"])
    parser.add_argument("stage", choices=STAGES, nargs="?")
    parser.add_argument("--scale", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="of the generated files")
    arguments = parser.parse_args()
    inputs = _inputs(arguments.scale, arguments.folder, arguments.stage)
    if arguments.way == "prepare":
        _prepare(inputs, arguments.scale)
    else:
        print(json.dumps(_measure(arguments.way, arguments.stage, inputs)))


def _inputs(scale: int, folder: Path, stage: str | None) -> Inputs:
    return Inputs(
        catalog=folder / f"{scale}x.json",
        predictions=folder / f"{scale}x.csv",
        reference=f"reference-{scale}x",
        dataset=f"ingested-{scale}x" if stage == "ingest" else f"measured-{scale}x",
    )


def _prepare(inputs: Inputs, scale: int) -> None:
    """Writes the files, a dataset to measure on, and one that has everything already.

    A process of its own does it: on Linux a process starts with its parent's peak of memory.
    """
    write_catalog(inputs.catalog, IMAGES * scale, BOXES * scale, seed=scale)
    write_predictions_csv(inputs.predictions, inputs.catalog)
    ours.ingest(inputs)()
    one = Inputs(inputs.catalog, inputs.predictions, inputs.reference, inputs.reference)
    made = [getattr(ours, stage)(one)() for stage in STAGES]
    print(f"{scale}x prepared: {dict(zip(STAGES, made, strict=True))}")


def _measure(way: str, stage: str, inputs: Inputs) -> dict[str, float]:
    _reset(stage, inputs)
    job = getattr(WAYS[way], stage)(inputs)
    count_peak_from_here()
    memory_before = peak_mb()
    start = time.perf_counter()
    made = job()
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "memory_mb": peak_mb() - memory_before, "made": made}


def _reset(stage: str, inputs: Inputs) -> None:
    """Brings the measured dataset to where the stage begins."""
    import fiftyone as fo

    if stage == "ingest":
        if fo.dataset_exists(inputs.dataset):
            fo.delete_dataset(inputs.dataset)
        return
    dataset = fo.load_dataset(inputs.dataset)
    field = FIELD_OF[stage]
    if dataset.has_field(field):
        dataset.delete_sample_field(field)
    run = f"import_{field}_{SPLIT}"
    if dataset.has_run(run):
        dataset.delete_run(run)


if __name__ == "__main__":
    main()
