"""The same labels as boxes and as crops, for the tests that hold one against the other.

pytest may load this before the tests have a database of their own: FiftyOne is imported late.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from demo.wrong_labels import Planted
    from tests.support.drawn import Drawn
    from tests.support.paired import Paired


@pytest.fixture(scope="module")
def planted(drawn: Drawn, tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """Some labels are wrong, and the predictions have probabilities."""
    from demo.wrong_labels import plant
    from tests.support.drawn import MEDIUM

    return plant(drawn(MEDIUM).train, tmp_path_factory.mktemp("planted"))


@pytest.fixture
def paired(
    request: pytest.FixtureRequest,
    drawn: Drawn,
    planted: Planted,
    tmp_path: Path,
    either_way: str,
) -> Iterator[Paired]:
    """Both datasets, called after the ``NAME`` of the module, made the way that is tested."""
    import fiftyone as fo

    from tests.support.drawn import MEDIUM
    from tests.support.paired import pair

    name = request.module.NAME
    yield pair(name, drawn(MEDIUM), tmp_path, planted.catalog)
    for one in fo.list_datasets(f"{name}*"):
        fo.delete_dataset(one)
