"""One measurement, in a process of its own: prints what it took as JSON.

Run by ``python -m benchmarks.media``; the libraries are imported before the clock starts.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Final

from benchmarks.media.job import Job
from benchmarks.memory import count_peak_from_here, peak_mb

WAYS: Final = ("plain", "ours", "floor", "loop")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("root", help="gs://bucket/prefix or a folder")
    parser.add_argument("--concurrency", type=int, required=True)
    arguments = parser.parse_args()
    # Only this way: the libraries of another would count as this one's memory.
    way = importlib.import_module(f"benchmarks.media.{arguments.way}")
    job = Job(arguments.catalog, arguments.root, arguments.concurrency)
    if hasattr(way, "prepare"):
        way.prepare(job)
    imports_peak = peak_mb()
    count_peak_from_here()
    before, cpu_before, start = peak_mb(), _cpu_seconds(), time.monotonic()
    way.run(job)
    measured = {
        "seconds": time.monotonic() - start,
        "cpu_seconds": _cpu_seconds() - cpu_before,
        "peak_mb": max(imports_peak, peak_mb()),
        "above_start_mb": peak_mb() - before,
        "started": start,
    }
    print(json.dumps(measured))


def _cpu_seconds() -> float:
    usage = getrusage(RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
