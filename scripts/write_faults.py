"""Writes docs/faults.md from the marks of the tests: what goes wrong, and how it ends."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from fathomnet_voxel51.parameters import OPERATORS

from .fault_cases import REPOSITORY, FaultCase, collected

FAULTS: Final[Path] = REPOSITORY / "docs" / "faults.md"
OTHERS: Final = (
    "migration of a dataset",
    "fathomnet-infer run",
    "fathomnet-infer merge",
    "fathomnet-infer convert",
    "python -m demo make",
)
"""Who is hit beside the operators."""

HEAD: Final = """\
# Faults, and how they end

*Made from the marks of the tests by `make docs`; mark a test, do not change this page.*

Each line is a fault that a test brings about, with the end that it asserts: {cases} cases.
`make faults` brings them all about again and prints how each ended, after a campaign in which 2,500
images are moved while source and store misbehave.

| operator | what happens | how it ends | test |
|---|---|---|---|
"""


def page(some: Iterable[FaultCase]) -> str:
    """The text of the page about these cases."""
    cases = in_order(list(some))
    lines = [
        f"| {_operator(case) if first else ''} | {case.happens} | {case.end} | {_test(case)} |"
        for _, group in groupby(cases, lambda case: case.operator)
        for first, case in zip([True, *[False] * len(cases)], group, strict=False)
    ]
    return HEAD.format(cases=len(cases)) + "\n".join(lines) + "\n"


def in_order(cases: Sequence[FaultCase]) -> list[FaultCase]:
    """The cases operator by operator, in the order of the reference; others come last.

    Raises:
        ValueError: a test is marked with an operator that there is not.
    """
    known = [*OPERATORS, *OTHERS]
    return sorted(cases, key=lambda case: (known.index(case.operator), case))


def _operator(case: FaultCase) -> str:
    if case.operator not in OPERATORS:
        return case.operator
    return f"[{case.operator}](operators/{case.operator}.md)"


def _test(case: FaultCase) -> str:
    words = case.test.removeprefix("test_").replace("_", " ")
    return f"[{words}](../{case.file})"


def main() -> None:
    FAULTS.write_text(page(collected()), encoding="utf-8")
    sys.stdout.write(f"{FAULTS}\n")


if __name__ == "__main__":
    main()
