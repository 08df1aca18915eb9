"""Brings about every fault of the table, and prints how each ended."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from .fault_cases import OPTIONS, Cases, FaultCase, files_with_cases
from .write_faults import in_order


def table(outcomes: dict[FaultCase, Counter[str]]) -> str:
    """The cases, what their tests assert, and how many of these tests passed and failed."""
    rows = ["| operator | what happens | how it must end | outcome |", "|---|---|---|---|"]
    for case in in_order(list(outcomes)):
        ended = ", ".join(f"{count} {outcome}" for outcome, count in outcomes[case].items())
        rows.append(f"| {case.operator} | {case.happens} | {case.end} | {ended or 'not run'} |")
    return "\n".join(rows)


def main() -> int:
    cases = Cases()
    status = pytest.main([*OPTIONS, "-q", *files_with_cases(), *sys.argv[1:]], [cases])
    sys.stdout.write(f"\n{table(cases.outcomes)}\n")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
