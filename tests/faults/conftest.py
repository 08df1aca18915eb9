"""What the cases share that run stages on the same small dataset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.faults.stages import Files

# `stages` imports FiftyOne, and this file is read before the settings are made that it reads.


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The input of all stages."""
    from tests.faults import stages

    return stages.write_files(tmp_path_factory.mktemp("files"))


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """Deletes the dataset when the test ends."""
    from tests.faults import stages

    yield
    stages.delete()
