"""Workers of the queue in processes of their own, one of which dies at a write that is foretold.

A worker is what ``fiftyone delegated launch`` runs, in a process that has imported FiftyOne before.
It counts its own writes: the commands that change the database, and the files of a folder that are
opened for writing or renamed. Just before the foretold one it kills itself with signal 9, so that
the middle of the writing is met whatever the machine is busy with.
"""

from __future__ import annotations

import importlib
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import fiftyone.core.cli as fiftyone_cli
from bson import ObjectId
from fathomnet_voxel51.dataset.door import DELETES_NOTHING
from fiftyone.operators.delegated import DelegatedOperationService
from fiftyone.operators.executor import ExecutionRunState
from pymongo import monitoring

from tests.support.forking import forking

WRITING: Final = frozenset({"insert", "update", "delete", "findAndModify", "create", "drop"})
"""Not ``createIndexes``, which FiftyOne sends whenever it connects."""
QUEUE: Final = "delegated_ops"
"""The collection of the queue, whose documents tell of the work and are none of it."""
PLUGIN: Final = ".fathomnet."
BATCH: Final = 5
"""Small batches make a middle in a small dataset."""
NEVER: Final = 0
IN_MEMORY: Final = ".in-memory"
SECONDS: Final = 120
_DRAWN: Final = re.compile(r"\.[0-9a-f]{16}(?=\.part)")
"""What the name of a file that is being written has by chance."""


class Writes(monitoring.CommandListener):  # type: ignore[misc]
    """Counts this process's writes, and ends it before one of them.

    Args:
        log: takes a line a write, for whoever watches.
        folder: whose files count.
        fatal: the number of the write that is not to happen, from 1; ``NEVER`` for all to happen.
    """

    def __init__(self, log: Path, folder: Path, fatal: int) -> None:
        self._log = log.open("a", buffering=1)
        self._in_memory = log.with_suffix(IN_MEMORY)
        self._folder = str(folder)
        self._fatal = fatal
        self._count = 0
        self._one_by_one = threading.Lock()

    def started(self, event: Any) -> None:
        name, collection = event.command_name, event.command.get(event.command_name)
        merging = name == "aggregate" and {"$merge", "$out"} & {*event.command["pipeline"][-1:][0]}
        waiting = event.command.get("comment") == DELETES_NOTHING
        if (name in WRITING or merging) and not waiting and collection != QUEUE:
            # The samples of each dataset have a collection of their own.
            written = f"{name} {str(collection).split('.')[0]}"
            self._note(written)
            with self._in_memory.open("a") as lines:
                lines.write(f"{written}\n")
        if event.command.get("writeConcern", {}).get("j"):
            # What was written before is in the journal with it, whatever it was.
            self._in_memory.write_text("")

    def succeeded(self, event: Any) -> None:
        pass

    def failed(self, event: Any) -> None:
        pass

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """What Python tells of every call to the system that concerns a file."""
        if event == "os.rename" or (event == "open" and _for_writing(arguments[2])):
            path = str(arguments[0])
            if path.startswith(self._folder):
                self._note(f"{event} {_DRAWN.sub('', Path(path).name)}")

    def _note(self, what: str) -> None:
        with self._one_by_one:
            self._count += 1
            if self._count == self._fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            self._log.write(f"{what}\n")


def _for_writing(flags: int) -> bool:
    return bool(flags & (os.O_WRONLY | os.O_RDWR))


def work(log: Path, folder: Path, fatal: int, environment: Mapping[str, str]) -> None:
    """The worker, in a process of its own."""
    importlib.import_module("tests.support.preloaded")  # mostly there already
    os.environ.update(environment)
    writes = Writes(log, folder, fatal)
    for name, module in sys.modules.items():
        if PLUGIN in name and hasattr(module, "BATCH"):
            module.BATCH = BATCH
    monitoring.register(writes)
    sys.addaudithook(writes.audit)
    sys.argv = ["fiftyone", "delegated", "launch"]
    with log.with_suffix(".said").open("a") as said:
        for stream in (1, 2):
            os.dup2(said.fileno(), stream)
    fiftyone_cli.main()


@dataclass(frozen=True)
class Worker:
    """A worker that runs, and where it tells of its writes."""

    process: Any
    log: Path

    def alive(self) -> bool:
        return bool(self.process.is_alive())

    @property
    def in_memory(self) -> list[str]:
        """The last writes, if nothing has waited until they would outlive the database."""
        return self.log.with_suffix(IN_MEMORY).read_text().splitlines()

    @property
    def writes(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@contextmanager
def worker(
    log: Path, folder: Path, fatal: int = NEVER, environment: Mapping[str, str] | None = None
) -> Iterator[Worker]:
    """Runs a worker until the block ends, at the latest.

    Args:
        log: as ``Writes`` has it; begun anew.
        folder: as ``Writes`` has it.
        fatal: as ``Writes`` has it.
        environment: variables beside those of the first worker.
    """
    log.unlink(missing_ok=True)
    log.with_suffix(IN_MEMORY).write_text("")
    process = forking.Process(target=work, args=(log, folder, fatal, environment or {}))
    process.start()
    try:
        yield Worker(process, log)
    finally:
        process.kill()
        process.join()


def wait_for(operation: str, alive: Callable[[], bool]) -> str:
    """Waits until an operation has ended, or its worker.

    Args:
        operation: its id.
        alive: whether the worker is.

    Returns:
        the state that the operation is in.
    """
    service = DelegatedOperationService()
    ended = (ExecutionRunState.COMPLETED, ExecutionRunState.FAILED)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        living = alive()
        found = service.get(ObjectId(operation))
        if found.run_state == ExecutionRunState.FAILED:
            raise AssertionError(found.result.error)
        if found.run_state in ended or not living:
            return str(found.run_state)
        time.sleep(0.02)
    raise AssertionError(f"the operation is {found.run_state} after {SECONDS} seconds")


def fail_and_rerun(operation: str) -> str:
    """What ``fiftyone delegated fail`` and ``rerun`` do.

    Returns:
        the id of the operation that takes its place.
    """
    service = DelegatedOperationService()
    service.set_failed(ObjectId(operation))
    return str(service.rerun_operation(ObjectId(operation)).id)
