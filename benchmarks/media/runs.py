"""One way, once: a process of its own beside a fresh sink, and a look at what arrived there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.media.catalog import write_catalog
from benchmarks.media.images import Pack
from benchmarks.media.job import BUCKET, GCS, PREFIX, Job
from benchmarks.media.report import Measurement
from benchmarks.media.servers import running_origin, running_sink
from benchmarks.media.shapes import Shape
from benchmarks.media.verify import check_folder, check_sink


@dataclass(frozen=True, slots=True)
class Bench:
    """Where a shape is measured.

    Attributes:
        name: of the shape.
        shape: what is measured.
        pack: its images.
        scratch: an empty folder for catalogs, ledgers and destinations.
    """

    name: str
    shape: Shape
    pack: Pack
    scratch: Path

    def measurements(self, ways: tuple[str, ...], repeats: int) -> Iterator[Measurement]:
        """Measures the ways in turns, so that a busy machine is busy for all of them.

        Raises:
            MisplacedError: a way did not move all the images.
        """
        with running_origin(self.pack.path, self.shape.link) as origin:
            catalog = self.scratch / "catalog.json"
            write_catalog(catalog, self.pack, origin)
            for _ in range(repeats):
                for way in ways:
                    yield self._measure(way, catalog)

    def _measure(self, way: str, catalog: Path) -> Measurement:
        folder, ledgers = self.scratch / "folder", self.scratch / "ledgers"
        for old in (folder, ledgers):
            shutil.rmtree(old, ignore_errors=True)
        root = str(folder) if self.shape.folder else f"{GCS}{BUCKET}/{PREFIX}"
        job = Job(catalog, root, self.shape.concurrency)
        with running_sink(self.shape.link) as sink:
            done = subprocess.run(
                command(way, job),
                env=environment(sink, ledgers),
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            if self.shape.folder:
                check_folder(folder, self.pack)
            else:
                check_sink(sink, self.pack)
        values = json.loads(done.stdout.strip().splitlines()[-1])
        del values["started"]
        return Measurement(shape=self.name, way=way, images=len(self.pack.images), **values)


def command(way: str, job: Job) -> list[str]:
    """Starts ``benchmarks.media.measure``."""
    options = ["--concurrency", str(job.concurrency)]
    module = "benchmarks.media.measure"
    return [sys.executable, "-m", module, way, str(job.catalog), job.root, *options]


def environment(sink: str, ledgers: Path) -> dict[str, str]:
    """What a measured process needs to find the sink, and to find nothing noted before."""
    return os.environ | {"STORAGE_EMULATOR_HOST": sink, "FATHOMNET_LEDGERS": str(ledgers)}
