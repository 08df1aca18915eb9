"""The main job beside its baseline and its limit, in one run: ``make bench``.

Every measurement is a process of its own against a MongoDB server of this run. The ways take
turns (plain, bulk, ours, bare, plain, ...), so that a busy machine is busy for all of them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks.database import private_run
from benchmarks.measure import STAGES, WAYS
from benchmarks.report import Measurement, table

RESULTS: Final = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Plan:
    """What is measured how often.

    Attributes:
        scales: multiples of the real dataset's size.
        stages: names in ``measure.STAGES``.
        ways: names in ``measure.WAYS``.
        repeats: measurements of each way.
        plain_repeats: measurements of the plain way at scales above 1, where it takes minutes.
    """

    scales: tuple[int, ...]
    stages: tuple[str, ...]
    ways: tuple[str, ...]
    repeats: int
    plain_repeats: int

    def rounds(self, stage: str, scale: int) -> Iterator[str]:
        """The ways that there are to do a stage, in the order in which they are measured."""
        for round_ in range(self.repeats):
            for way in self.ways:
                if not hasattr(WAYS[way], stage):
                    continue
                if way != "plain" or scale == 1 or round_ < self.plain_repeats:
                    yield way


def main() -> None:
    plan = _plan()
    measurements: list[Measurement] = []
    RESULTS.mkdir(exist_ok=True)
    with private_run() as (scratch, environment):
        for measurement in _measurements(plan, scratch, environment):
            measurements.append(measurement)
            _write(measurements)
    print(table(measurements))


def _plan() -> Plan:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scales", default="1,10", help="multiples of 9,306 images")
    parser.add_argument("--stages", default=",".join(STAGES))
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--plain-repeats", type=int, help="of the plain way above scale 1; as --repeats if absent"
    )
    arguments = parser.parse_args()
    stages = tuple(arguments.stages.split(","))
    ways = tuple(arguments.ways.split(","))
    unknown = {*stages, *ways} - {*STAGES, *WAYS}
    if unknown:
        parser.error(f"no such stage or way: {', '.join(sorted(unknown))}")
    return Plan(
        scales=tuple(int(scale) for scale in arguments.scales.split(",")),
        stages=stages,
        ways=ways,
        repeats=arguments.repeats,
        plain_repeats=arguments.plain_repeats or arguments.repeats,
    )


def _measurements(plan: Plan, scratch: Path, environment: dict[str, str]) -> Iterator[Measurement]:
    for scale in plan.scales:
        size = ["--scale", str(scale), "--folder", str(scratch)]
        print(_run(["prepare", *size], environment), flush=True)
        for stage in plan.stages:
            for way in plan.rounds(stage, scale):
                values = json.loads(_run([way, stage, *size], environment))
                measurement = Measurement(stage=stage, way=way, scale=scale, **values)
                print(
                    f"{scale}x {stage} {way}: {measurement.seconds:.2f} s, "
                    f"{measurement.memory_mb:.0f} MB, {measurement.made:,} made",
                    flush=True,
                )
                yield measurement


def _run(arguments: list[str], environment: dict[str, str]) -> str:
    """Runs one process of ``benchmarks.measure`` and gives the last line that it prints."""
    command = [sys.executable, "-m", "benchmarks.measure", *arguments]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]


def _write(measurements: list[Measurement]) -> None:
    """Written after each measurement, so that a run that is cut short leaves what it has."""
    values = [asdict(measurement) for measurement in measurements]
    (RESULTS / "main_job.json").write_text(json.dumps(values, indent=1))
    (RESULTS / "main_job.md").write_text(table(measurements))


if __name__ == "__main__":
    main()
