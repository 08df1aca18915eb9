"""The fault table is what the tests are marked with, and leaves no operator out."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from fathomnet_voxel51.parameters import OPERATORS

from scripts.fault_cases import cases_of, files_with_cases
from scripts.write_faults import FAULTS, page
from tests.conftest import REPOSITORY

AT_LEAST = 40


@pytest.fixture(scope="module")
def made(request: pytest.FixtureRequest) -> str:
    """The page; where not all tests were collected here, a process of its own collects them."""
    items = request.session.items
    deselects = request.config.option.keyword or request.config.option.markexpr
    if not deselects and {str(item.path) for item in items} >= {*files_with_cases()}:
        return page({case for item in items for case in cases_of(item)})
    program = (
        "import sys; from scripts.write_faults import collected, page; "
        "sys.stdout.write(page(collected()))"
    )
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
