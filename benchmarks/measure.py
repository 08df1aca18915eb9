"""One measurement, in a process of its own: prints its seconds and its memory as JSON.

Run by ``benchmarks.main_job``; FiftyOne is imported and connected before the clock starts.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path
from typing import Final

from benchmarks import bare, ours, plain
from benchmarks.job import MEDIA_ROOT, SPLIT, Inputs

STAGES: Final = ("ingest", "primary", "predictions")
WAYS: Final = {"plain": plain, "ours": ours, "bare": bare}
FIELD_OF: Final = {"primary": "primary_label", "predictions": "model_predictions"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=[*WAYS, "prepare"])
    parser.add_argument("stage", choices=STAGES, nargs="?")
    parser.add_argument("--catalog", type=Path, required=True)
    parser.add_argument("--predictions", type=Path, required=True)
    arguments = parser.parse_args()
    size = arguments.catalog.stem
    inputs = Inputs(
        arguments.catalog, arguments.predictions, f"reference-{size}", f"measured-{size}"
    )
    if arguments.way == "prepare":
        _prepare(inputs)
    else:
        print(json.dumps(_measure(arguments.way, arguments.stage, inputs)))


def _prepare(inputs: Inputs) -> None:
    """Makes the dataset that has everything, from which pymongo takes its documents."""
    import fiftyone as fo

    _delete(inputs.reference)
    one = Inputs(inputs.catalog, inputs.predictions, inputs.reference, inputs.reference)
    ours.ingest(one)()
    ours.primary(one)()
    ours.predictions(one)()
    print(f"{len(fo.load_dataset(inputs.reference)):,} samples in {inputs.reference}")


def _measure(way: str, stage: str, inputs: Inputs) -> dict[str, float]:
    _reset(stage, inputs)
    job = getattr(WAYS[way], stage)(inputs)
    memory_before = _peak_mb()
    start = time.perf_counter()
    made = job()
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "memory_mb": _peak_mb() - memory_before, "made": made}


def _reset(stage: str, inputs: Inputs) -> None:
    """Brings the measured dataset to where the stage begins."""
    import fiftyone as fo
    from fathomnet_voxel51.samples import ingest_dataset

    if stage == "ingest":
        _delete(inputs.dataset)
        return
    if not fo.dataset_exists(inputs.dataset):
        catalog = str(inputs.catalog)
        ingest_dataset(inputs.dataset, train_annotations=catalog, media_root=MEDIA_ROOT)
    dataset = fo.load_dataset(inputs.dataset)
    field = FIELD_OF[stage]
    if dataset.has_field(field):
        dataset.delete_sample_field(field)
    run = f"import_{field}_{SPLIT}"
    if dataset.has_run(run):
        dataset.delete_run(run)


def _delete(name: str) -> None:
    import fiftyone as fo

    if fo.dataset_exists(name):
        fo.delete_dataset(name)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
