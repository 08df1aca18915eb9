"""One stage at one size, in a process of its own: prints what it took as JSON.

Run by ``python -m benchmarks.scale``; libraries are imported, and FiftyOne is connected, before
the clock starts.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from pathlib import Path
from typing import Any

from fathomnet_voxel51.parameters import OPERATORS, RunWorkflow
from fathomnet_voxel51.progress import silent
from fathomnet_voxel51.workflow import run_workflow

from benchmarks.database import processor_seconds
from benchmarks.memory import count_peak_from_here, peak_mb
from benchmarks.scale.place import DATASET, Place
from benchmarks.scale.stages import STAGE_OF, Stage
from demo.processes import end_with_parent

Measured = dict[str, float]
_MB = 2**20


def main() -> None:
    end_with_parent()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=STAGE_OF)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--size", type=float, required=True)
    parser.add_argument("--crops", action="store_true")
    arguments = parser.parse_args()
    place = Place.below(arguments.folder, arguments.size, arguments.crops)
    print(json.dumps(_measure(STAGE_OF[arguments.stage], place)))


def _measure(stage: Stage, place: Place) -> Measured:
    import fiftyone as fo

    name = stage.operator
    values = stage.parameters(place)
    for library in stage.libraries:
        importlib.import_module(library)
    dataset = fo.load_dataset(DATASET) if fo.dataset_exists(DATASET) else None
    count_peak_from_here()
    before, worked = peak_mb(), processor_seconds()
    start = time.perf_counter()
    result: Any
    if stage.of_crops:
        params = OPERATORS[name].parse(values)
        result = params.call_stage(dataset if params.takes_dataset else None, silent)
    else:
        workflow = RunWorkflow.model_validate({"stages": [name], name: values})
        result = run_workflow(workflow, dataset)[name]
    seconds = time.perf_counter() - start
    worked = processor_seconds() - worked
    peak = peak_mb()
    made = stage.made(result)
    if stage.all_of and made != getattr(place, stage.all_of):
        wanted = getattr(place, stage.all_of)
        raise ValueError(f"{stage.name} made {made:,} of {wanted:,} {stage.all_of}: {result}")
    return {
        "seconds": seconds,
        "processor_seconds": worked,
        "peak_mb": peak,
        "above_mb": peak - before,
        "made": made,
        **_of_the_database(),
        "files_mb": sum(_size(path) for path in place.made_of_stages) / _MB,
    }


def _of_the_database() -> Measured:
    """Its size as documents, and on the disk with its indexes; the peak of the server's memory."""
    import fiftyone.core.odm as foo

    connection: Any = foo.get_db_conn()
    connection.client.admin.command("fsync")  # sizes on the disk are those of the last checkpoint
    stats = connection.command("dbStats")
    return {
        "documents_mb": stats["dataSize"] / _MB,
        "database_mb": stats["totalSize"] / _MB,
        "server_mb": peak_mb(connection.command("serverStatus")["pid"]),
    }


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
