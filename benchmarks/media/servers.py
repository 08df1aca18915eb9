"""The origin and the sink as processes of their own, for as long as they are needed."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from benchmarks.media.connection import Link


@contextlib.contextmanager
def running_origin(pack: Path, link: Link, port: int = 0) -> Iterator[str]:
    """Serves the images of a pack; yields the URL that their names are appended to."""
    options = (*_options(link), "--port", str(port))
    with _running("benchmarks.media.origin", str(pack), *options) as url:
        yield url


@contextlib.contextmanager
def running_sink(link: Link) -> Iterator[str]:
    """An empty sink; yields its URL for ``STORAGE_EMULATOR_HOST``."""
    with _running("benchmarks.media.sink", *_options(link)) as url:
        yield url


@dataclass(frozen=True, slots=True)
class Reading:
    """What a server has counted.

    Attributes:
        requests: images that were asked for, or uploads.
        first: ``time.monotonic`` of the first of them.
        made: objects that the sink has.
    """

    requests: int
    first: float | None
    made: int = 0


def read_meter(url: str) -> Reading:
    return Reading(**get_json(f"{url}/meter"))


def get_json(url: str) -> Any:
    with urlopen(url, timeout=60) as response:
        return json.load(response)


def _options(link: Link) -> list[str]:
    return ["--latency", str(link.latency), "--rate", str(link.rate)]


@contextlib.contextmanager
def _running(module: str, *arguments: str) -> Iterator[str]:
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            if not url:
                raise RuntimeError(f"{module} did not start")
            yield url
        finally:
            process.terminate()
