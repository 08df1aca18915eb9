"""A module fits a reader's mind, a function a screen: what grows past that is two things."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

REPOSITORY: Final = Path(__file__).resolve().parents[1]
PRODUCT: Final = ("plugins", "inference", "demo", "scripts", "benchmarks")

MODULE_LINES: Final = 450
FUNCTION_LINES: Final = 60
"""From ``def`` to the last line, the docstring included: all of it is read on one screen."""


def modules() -> list[Path]:
    found = [path for name in PRODUCT for path in (REPOSITORY / name).rglob("*.py")]
    return sorted(path for path in found if "build" not in path.relative_to(REPOSITORY).parts)


def long_functions(source: str) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield node.name, lines


def test_no_module_is_too_long() -> None:
    lines = {
        str(path.relative_to(REPOSITORY)): path.read_text(encoding="utf-8").count("\n")
        for path in modules()
    }
    assert len(lines) > 200, "the modules were not found"
    assert {name: count for name, count in lines.items() if count > MODULE_LINES} == {}


def test_no_function_is_too_long() -> None:
    found = {
        f"{path.relative_to(REPOSITORY)}:{name}": lines
        for path in modules()
        for name, lines in long_functions(path.read_text(encoding="utf-8"))
    }
    assert found == {}


@pytest.mark.parametrize(("lines", "expected"), [(60, []), (61, [("grows", 61)])])
def test_a_function_is_as_long_as_its_docstring_and_its_body(
    lines: int, expected: list[tuple[str, int]]
) -> None:
    docstring = '    """What it does.\n\n    Why.\n    """\n'
    source = "class Holder:\n    pass\n\n\nasync def grows():\n" + docstring
    source += "    pass\n" * (lines - 5)
    assert list(long_functions(source)) == expected
