"""The whole pipeline at one, ten and a hundred times the real size, stage by stage.

    python -m benchmarks.scale --sizes 1                    # some minutes
    python -m benchmarks.scale --sizes 1,10,100 --pages     # about an hour, and into the pages
    python -m benchmarks.scale --crops 10000,100000,1000000 --pages

Each stage is a process of its own, against a MongoDB server of this run. Sizes above ten have no
images: of them, only stages that need none are measured. A run that was killed goes on where it
was when it is started again.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks.database import run_step, running_in
from benchmarks.media.connection import Link
from benchmarks.media.servers import running_origin, running_sink
from benchmarks.scale.figures import Figure, Kept
from benchmarks.scale.place import Place
from benchmarks.scale.report import is_of_crops, report, shown_size, write_pages
from benchmarks.scale.stages import STAGES, Stage

RESULTS: Final = Path(__file__).parents[1] / "results"
NOTED_EVERY: Final = 5.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured.

    Attributes:
        folder: keeps everything until the run is over.
        sizes: multiples of the real dataset's size, or numbers of crops.
        operators: whose stages are measured.
        of_crops: whether crops are measured in place of images with boxes.
    """

    folder: Path
    sizes: tuple[float, ...]
    operators: tuple[str, ...]
    of_crops: bool

    def stages(self, place: Place) -> Iterator[Stage]:
        """Those of one size, in order."""
        for stage in STAGES:
            if stage.operator in self.operators and stage.is_for(place):
                yield stage


def main() -> None:
    arguments = _arguments()
    crops: tuple[float, ...] = arguments.crops
    plan = Plan(arguments.folder, crops or arguments.sizes, arguments.stages, bool(crops))
    if arguments.fresh:
        shutil.rmtree(plan.folder, ignore_errors=True)
    plan.folder.mkdir(parents=True, exist_ok=True)
    kept = Kept(plan.folder)
    for size in plan.sizes:
        place = Place.below(plan.folder, size, plan.of_crops)
        _measure_size(plan, place, kept)
        if not arguments.keep:
            shutil.rmtree(place.folder, ignore_errors=True)
    print(report(kept.figures))
    if arguments.pages:
        write_pages(kept.figures)
    if not arguments.keep:
        shutil.rmtree(plan.folder)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    operators = tuple(dict.fromkeys(stage.operator for stage in STAGES))
    parser.add_argument("--sizes", type=_numbers, default=(1.0,), help="multiples of 9,306 images")
    parser.add_argument("--crops", type=_numbers, default=(), help="numbers of crops, instead")
    parser.add_argument(
        "--stages",
        type=lambda text: tuple(text.split(",")),
        default=operators,
        help="operators, in any order; what they need must be among them",
    )
    parser.add_argument("--folder", type=Path, help="goes when the run is over")
    parser.add_argument("--keep", action="store_true", help="keep the folder")
    parser.add_argument("--fresh", action="store_true", help="forget a run that was killed")
    parser.add_argument("--pages", action="store_true", help="write the tables into the pages")
    arguments = parser.parse_args()
    what = "fathomnet-scale-of-crops" if arguments.crops else "fathomnet-scale"
    arguments.folder = arguments.folder or Path(tempfile.gettempdir()) / what
    if unknown := set(arguments.stages) - set(operators):
        parser.error(f"no such stage: {', '.join(sorted(unknown))}")
    return arguments


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(sorted(float(number) for number in text.split(",")))


def _measure_size(plan: Plan, place: Place, kept: Kept) -> None:
    stages = [one for one in plan.stages(place) if not kept.has(place.size, one.name)]
    if not stages:
        return
    with running_in(place.folder, kept=True) as environment:
        environment["FIFTYONE_SHOW_PROGRESS_BARS"] = "false"
        print(run_step("benchmarks.scale.material", _options(place), environment), flush=True)
        with _served(place) as sink:
            environment["STORAGE_EMULATOR_HOST"] = sink
            for stage in stages:
                kept.add(_measure(stage, place, kept, environment))
                print(_line(kept.figures[-1]), flush=True)
                _write(kept.figures)


def _options(place: Place) -> list[str]:
    options = ["--folder", str(place.folder.parent), "--size", str(place.size)]
    return [*options, "--crops"] if place.of_crops else options


@contextlib.contextmanager
def _served(place: Place) -> Iterator[str]:
    """The images at their URLs, and an empty bucket to take them; yields where the bucket is."""
    if not place.has_pixels:
        yield ""
        return
    port = int(place.port.read_text())
    with running_origin(place.pack, Link(), port), running_sink(Link()) as sink:
        yield sink


def _measure(stage: Stage, place: Place, kept: Kept, environment: dict[str, str]) -> Figure:
    spent = kept.spent(place.size, stage.name)
    command = [sys.executable, "-m", "benchmarks.scale.step", stage.name, *_options(place)]
    started = time.monotonic()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        while True:
            kept.spend(place.size, stage.name, spent + time.monotonic() - started)
            with contextlib.suppress(subprocess.TimeoutExpired):
                output, _ = process.communicate(timeout=NOTED_EVERY)
                break
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    values = json.loads(output.strip().splitlines()[-1])
    values["seconds"] += spent
    return Figure(size=place.size, stage=stage.name, interrupted=spent > 0, **values)


def _line(figure: Figure) -> str:
    return (
        f"{shown_size(figure)} {figure.stage}: {figure.seconds:.1f} s, "
        f"{figure.processor_seconds:.1f} s of processors, "
        f"{figure.peak_mb:,.0f} MB ({figure.above_mb:,.0f} above), "
        f"database {figure.database_mb:,.0f} MB, files {figure.files_mb:,.0f} MB, "
        f"{figure.made:,} made"
    )


def _write(figures: list[Figure]) -> None:
    """Written after each measurement, so that a run that is cut short leaves what it has."""
    RESULTS.mkdir(exist_ok=True)
    values = [asdict(figure) for figure in figures]
    name = "scale_of_crops" if is_of_crops(figures) else "scale"
    (RESULTS / f"{name}.json").write_text(json.dumps(values, indent=1))
    (RESULTS / f"{name}.md").write_text(report(figures))


if __name__ == "__main__":
    main()
