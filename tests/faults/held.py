"""Stages in processes of their own, held in the middle of their work while something happens."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import fiftyone as fo

from tests.support.forking import forking

REACHED, DONE, FAILED = "reached", "done", "failed"
WAIT_SECONDS = 120


@dataclass(frozen=True)
class Point:
    """A place in the product's code: a function of a module, when it is called for the nth time."""

    module: str
    function: str
    calls: int = 1


class Held:
    """A function that runs in a process of its own, and stops at a point until it may go on.

    Args:
        work: what to run, a function of a module.
        arguments: its arguments; they are pickled.
        point: where it stops; None for nowhere.
        uri: of the database; None for that of the tests.
    """

    def __init__(
        self,
        work: Callable[..., Any],
        *arguments: Any,
        point: Point | None = None,
        uri: str | None = None,
    ) -> None:
        self._connection, theirs = forking.Pipe()
        # A test that fails while it is held must not wait for it: it goes with the test run.
        self.process = forking.Process(
            target=_run, args=(work, arguments, point, uri, theirs), daemon=True
        )
        self.process.start()
        theirs.close()

    def wait(self) -> None:
        """Waits until it stands at its point."""
        word, value = self._next()
        assert word == REACHED, f"it never came to its point, and {word}: {value}"

    def go_on(self) -> None:
        self._connection.send(None)

    def end(self) -> Any:
        """Waits for its end, and gives what it returned, or the error that it raised."""
        _, value = self._next()
        self.process.join()
        return value

    def result(self) -> Any:
        """The same, where it must not have failed."""
        value = self.end()
        if isinstance(value, BaseException):
            raise value
        return value

    def _next(self) -> tuple[str, Any]:
        assert self._connection.poll(WAIT_SECONDS), "it neither stops nor ends"
        word, value = self._connection.recv()
        return word, value


@contextmanager
def held(work: Callable[..., Any], *arguments: Any, point: Point) -> Iterator[Held]:
    """Runs a function as far as a point; after the block it goes on."""
    process = Held(work, *arguments, point=point)
    process.wait()
    yield process
    process.go_on()


def alone(work: Callable[..., Any], *arguments: Any, uri: str | None = None) -> Any:
    """What a function returns that runs to its end in a process of its own."""
    return Held(work, *arguments, uri=uri).result()


def _run(
    work: Callable[..., Any],
    arguments: tuple[Any, ...],
    point: Point | None,
    uri: str | None,
    connection: Connection,
) -> None:
    if uri is not None:
        os.environ["FIFTYONE_DATABASE_URI"] = fo.config.database_uri = uri
    if point is not None:
        at(point, partial(_wait, connection))
    try:
        value = work(*arguments)
    except Exception as error:
        connection.send((FAILED, error))
    else:
        connection.send((DONE, value))


def _wait(connection: Connection) -> None:
    connection.send((REACHED, None))
    connection.recv()


def at(point: Point, happening: Callable[[], object]) -> None:
    """Has something happen when this process comes to a point, before it goes on."""
    module = importlib.import_module(f"fathomnet_voxel51.{point.module}")
    function = getattr(module, point.function)
    calls = 0

    def with_it(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == point.calls:
            happening()
        return function(*arguments, **options)

    setattr(module, point.function, with_it)
