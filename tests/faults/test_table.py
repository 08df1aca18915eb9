"""The fault table is what the tests are marked with, and leaves no operator out."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from fathomnet_voxel51.parameters import OPERATORS

from scripts.write_faults import FAULTS
from tests.conftest import REPOSITORY

AT_LEAST = 40


@pytest.fixture(scope="module")
def made() -> str:
    """The page, made by a process of its own: this one is collected already."""
    program = "import sys; from scripts.write_faults import page; sys.stdout.write(page())"
    command = [sys.executable, "-c", program]
    return subprocess.run(
        command, cwd=REPOSITORY, check=True, stdout=subprocess.PIPE
    ).stdout.decode()


def test_the_page_is_made_of_the_marks_as_they_are(made: str) -> None:
    assert made == FAULTS.read_text(), "run make docs"


def test_it_has_forty_cases_or_more(made: str) -> None:
    cases = [line for line in made.splitlines() if "](../tests/" in line]
    assert len(cases) >= AT_LEAST and f": {len(cases)} cases." in made


def test_every_operator_is_in_it(made: str) -> None:
    assert re.findall(r"^\| \[(\w+)\]", made, re.MULTILINE) == list(OPERATORS)
