"""The fault cases that the tests carry: what is marked ``fault``, as pytest itself finds it."""

from __future__ import annotations

import contextlib
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

REPOSITORY: Final = Path(__file__).resolve().parents[1]
OPTIONS: Final = ("-m", "fault", "-o", "addopts=--strict-markers", "-p", "no:cacheprovider")
"""One process, whatever else the settings say, so that marks and outcomes meet in it."""


@dataclass(frozen=True, order=True)
class FaultCase:
    """A line of the fault table.

    Attributes:
        operator: who is hit, an operator or another program.
        happens: the fault.
        end: the end that the test asserts.
        file: the test's file, from the repository.
        test: the test's name, without parameters.
    """

    operator: str
    happens: str
    end: str
    file: str
    test: str


class Cases:
    """A plugin of pytest that keeps the cases of what is collected, and their outcomes.

    Attributes:
        of_test: the cases of each test, by its id; tests that differ in parameters alone may share
            theirs.
        outcomes: how often the tests of a case passed, failed or were skipped.
    """

    def __init__(self) -> None:
        self.of_test: dict[str, list[FaultCase]] = {}
        self.outcomes: dict[FaultCase, Counter[str]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.of_test = {item.nodeid: list(cases_of(item)) for item in session.items}
        self.outcomes = {case: Counter() for cases in self.of_test.values() for case in cases}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            for case in self.of_test[report.nodeid]:
                self.outcomes[case][report.outcome] += 1


def cases_of(item: pytest.Item) -> Iterator[FaultCase]:
    """What a test is marked with."""
    file = item.path.relative_to(REPOSITORY).as_posix()
    name = item.originalname if isinstance(item, pytest.Function) else item.name
    for mark in item.iter_markers("fault"):
        yield FaultCase(**mark.kwargs, file=file, test=name)


def files_with_cases() -> list[str]:
    """The files of tests in which anything is marked; the others need not be imported."""
    found = sorted((REPOSITORY / "tests").rglob("test_*.py"))
    return [str(path) for path in found if "mark.fault(" in path.read_text(encoding="utf-8")]


def collected() -> Sequence[FaultCase]:
    """The cases of all tests, none of which is run.

    Raises:
        RuntimeError: the tests cannot be collected; the message is pytest's.
    """
    cases = Cases()
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = pytest.main([*OPTIONS, "--collect-only", "-qqq", *files_with_cases()], [cases])
    if status != pytest.ExitCode.OK:
        raise RuntimeError(f"the tests cannot be collected:\n{said.getvalue()}")
    return list(cases.outcomes)
