"""A MongoDB server and a home folder that belong to one run of a benchmark, and its steps."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.private_database import private_database


@contextmanager
def private_run() -> Iterator[tuple[Path, dict[str, str]]]:
    """Starts the server, and stops it when the run is over.

    Yields:
        A scratch folder, and the environment in which FiftyOne uses this server and nothing of
        the user's.
    """
    with tempfile.TemporaryDirectory(prefix="fathomnet-bench-") as folder:
        scratch = Path(folder)
        with running_in(scratch) as environment:
            yield scratch, environment


@contextmanager
def running_in(folder: Path, kept: bool = False) -> Iterator[dict[str, str]]:
    """Starts the server in a folder.

    Args:
        folder: takes database and home, or has those of an earlier run.
        kept: whether they are wanted afterwards.

    Yields:
        The environment.
    """
    for name in ("database", "home"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    with private_database(folder / "database", kept) as uri:
        yield os.environ | {
            "HOME": str(folder / "home"),
            "FIFTYONE_DATABASE_URI": uri,
            "FIFTYONE_DATABASE_VALIDATION": "false",
            "FIFTYONE_DO_NOT_TRACK": "true",
        }


def run_step(module: str, arguments: list[str], environment: dict[str, str]) -> str:
    """Runs one step of a benchmark in a process of its own and gives the last line it prints.

    Args:
        module: that is run.
        arguments: its command line.
        environment: of ``private_run``.
    """
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]


def processor_seconds() -> float:
    """Of this process, of those it started and that have ended, and of the database server."""
    import fiftyone.core.odm as foo

    own = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    server = foo.get_db_conn().command("serverStatus")["extra_info"]
    of_server: int = server["user_time_us"] + server["system_time_us"]
    return sum(one.ru_utime + one.ru_stime for one in own) + of_server / 1e6
