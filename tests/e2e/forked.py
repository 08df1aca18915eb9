"""A program that has imported what an App server takes seconds to import, and forks servers.

Run by :mod:`tests.e2e.servers`. Each line that it reads is a server to start, as JSON; it answers
with the number of the server's process, which leads a process group of its own. From there on the
server is what ``python -m fiftyone.server.main`` is.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
from pathlib import Path

import fiftyone.server.main as fiftyone_server
from fiftyone.plugins.context import build_plugin_contexts

from demo.processes import end_with_parent

# The plugin too, as FiftyOne loads it. None of this connects to a database.
assert build_plugin_contexts()


def main() -> None:
    end_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # servers that ended need nobody to wait for them
    for line in sys.stdin:
        if number := os.fork():
            print(number, flush=True)
        else:
            _serve(**json.loads(line))
            return


def _serve(port: int, log: str, environment: dict[str, str]) -> None:
    os.setsid()
    end_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.update(environment)
    with Path(os.devnull).open("rb") as nothing, Path(log).open("wb") as output:
        for stream, file in ((0, nothing), (1, output), (2, output)):
            os.dup2(file.fileno(), stream)
    sys.argv = [fiftyone_server.__name__, "--port", str(port), "--address", "127.0.0.1"]
    # Not by a function of the module's: FiftyOne 1.11 has none.
    runpy.run_path(fiftyone_server.__file__, run_name="__main__")


if __name__ == "__main__":
    main()
