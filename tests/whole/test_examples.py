"""Every example in a docstring does what it says; and there are many of them."""

from __future__ import annotations

import doctest
import importlib
import io
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

REPOSITORY: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = {
    "fathomnet_voxel51": REPOSITORY / "plugins/fathomnet",
    "fathomnet_inference": REPOSITORY / "inference/fathomnet_inference",
}
PROMPT: Final = ">>> "
LEAST_DOCSTRINGS: Final = 100
"""Docstrings with examples; more may be written, but none lost."""


def modules_with_examples() -> dict[str, Path]:
    found = {}
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            if PROMPT in path.read_text(encoding="utf-8"):
                parts = path.relative_to(folder).with_suffix("").parts
                names = parts[:-1] if parts[-1] == "__init__" else parts
                found[".".join((package, *names))] = path
    return found


MODULES: Final = modules_with_examples()


def examples_of(module: ModuleType) -> list[doctest.DocTest]:
    tests = doctest.DocTestFinder().find(module, module.__name__)
    return [test for test in tests if test.examples]


def failures_of(test: doctest.DocTest) -> str:
    """What a reader who tried the examples would see that is not what the docstring says."""
    report = io.StringIO()
    doctest.DocTestRunner(verbose=False).run(test, out=report.write)
    return report.getvalue()


@pytest.mark.parametrize("name", MODULES)
def test_each_example_gives_what_its_docstring_says(name: str) -> None:
    tests = examples_of(importlib.import_module(name))
    assert "".join(failures_of(test) for test in tests) == ""
    written = MODULES[name].read_text(encoding="utf-8").count(PROMPT)
    assert sum(len(test.examples) for test in tests) == written, "some were not found"


def test_many_functions_show_how_they_are_used() -> None:
    documented = [
        test.name for name in MODULES for test in examples_of(importlib.import_module(name))
    ]
    assert len(documented) >= LEAST_DOCSTRINGS
    assert {name.partition(".")[0] for name in documented} == set(PACKAGES)


def test_an_example_that_is_wrong_is_told() -> None:
    module = ModuleType("wrong", "Two and two:\n\n>>> 2 + 2\n5\n")
    (test,) = examples_of(module)
    assert "Expected:\n    5\nGot:\n    4\n" in failures_of(test)
