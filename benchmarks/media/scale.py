"""One catalog of 100,000 URLs: ``python -m benchmarks.media.scale``; not part of ``make bench``.

How soon the first image is asked for, whether memory grows while they are moved, and how long a
run takes that finds all of them there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks.media.catalog import write_catalog
from benchmarks.media.connection import Link
from benchmarks.media.images import Pack
from benchmarks.media.job import BUCKET, GCS, PREFIX, Job
from benchmarks.media.runs import command, environment
from benchmarks.media.servers import read_meter, running_origin, running_sink
from benchmarks.media.verify import check_sink

RESULTS: Final = Path(__file__).parents[1] / "results"
SIZE: Final = 3_000
"""Bytes of each image; they are small, so that it is the number that is measured."""
EARLY: Final = 0.1
"""Share of the images after which memory is read for the first time."""
PAUSE: Final = 0.2
"""Seconds between two looks at a run."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a run of ours took.

    Attributes:
        name: which run it is.
        requested: images that it asked the origin for.
        first: seconds until it asked for the first; None if it asked for none.
        seconds: in all.
        cpu_seconds: processor time.
        early_mb: memory of the process when ``EARLY`` of its images had been moved, MiB.
        late_mb: memory of the process at the last look, MiB.
        peak_mb: peak memory of the process, MiB.
    """

    name: str
    requested: int
    first: float | None
    seconds: float
    cpu_seconds: float
    early_mb: float | None
    late_mb: float
    peak_mb: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--concurrency", type=int, default=50)
    arguments = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fathomnet-bench-") as folder:
        runs = list(_runs(arguments.images, arguments.concurrency, Path(folder)))
    (RESULTS / "media_scale.json").write_text(json.dumps([asdict(run) for run in runs], indent=1))
    (RESULTS / "media_scale.md").write_text(_table(runs))
    print(_table(runs))


def _runs(images: int, concurrency: int, scratch: Path) -> Iterator[Run]:
    """All of them moved; the same again; the same again by a machine that has no ledger."""
    pack = Pack.write(scratch / "small", [SIZE], images)
    link = Link()
    with running_origin(pack.path, link) as origin, running_sink(link) as sink:
        write_catalog(scratch / "catalog.json", pack, origin)
        job = Job(scratch / "catalog.json", f"{GCS}{BUCKET}/{PREFIX}", concurrency)
        for name, ledgers in (
            ("all to move", "ledgers"),
            ("all there, ledger and listing", "ledgers"),
            ("all there, listing only", "others"),
        ):
            yield _run(name, job, origin, sink, scratch / ledgers)
            check_sink(sink, pack)


def _run(name: str, job: Job, origin: str, sink: str, ledgers: Path) -> Run:
    before = read_meter(origin)
    enough = EARLY * sum(1 for _ in job.items())
    early, late = None, 0.0
    with subprocess.Popen(
        command("ours", job), env=environment(sink, ledgers), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        while process.poll() is None:
            late = _memory_mb(process.pid) or late
            if early is None and read_meter(origin).requests - before.requests >= enough:
                early = late
            time.sleep(PAUSE)
        output = process.stdout.read()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    values = json.loads(output.strip().splitlines()[-1])
    after = read_meter(origin)
    asked = after.requests - before.requests
    # The meter keeps the first request of all, so only the first run can be asked.
    first = after.first - values["started"] if after.first and not before.requests else None
    return Run(
        name=name,
        requested=asked,
        first=first,
        seconds=values["seconds"],
        cpu_seconds=values["cpu_seconds"],
        early_mb=early,
        late_mb=late,
        peak_mb=values["peak_mb"],
    )


def _memory_mb(pid: int) -> float | None:
    """Memory of a process; None if it has just ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        return None


def _table(runs: list[Run]) -> str:
    header = (
        "| run | asked for | first after | in all | CPU | memory at 10 % | at the end | peak |\n"
        "|---|---|---|---|---|---|---|---|\n"
    )
    rows = (
        f"| {run.name} | {run.requested:,} | {_shown(run.first, 's')} | {run.seconds:.1f} s "
        f"| {run.cpu_seconds:.1f} s | {_shown(run.early_mb, 'MB')} | {run.late_mb:.0f} MB "
        f"| {run.peak_mb:.0f} MB |\n"
        for run in runs
    )
    return header + "".join(rows)


def _shown(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:.1f} {unit}"


if __name__ == "__main__":
    main()
