"""The same labels as boxes and as crops, for the tests that hold one against the other.

pytest may load this before the tests have a database of their own: FiftyOne is imported late.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
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


@pytest.fixture(scope="module")
def pairs(
    request: pytest.FixtureRequest,
    drawn: Drawn,
    planted: Planted,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[], Paired]]:
    """Makes both datasets, or finds them made: once each way of writing, which is the key."""
    from fathomnet_voxel51.dataset.door import PUBLIC_API

    from tests.support.drawn import MEDIUM
    from tests.support.paired import crops_of, pair

    crops = crops_of(drawn(MEDIUM), tmp_path_factory.mktemp("crops"), planted.catalog)
    made: dict[str, Paired] = {}

    def pair_of_way() -> Paired:
        way = os.environ[PUBLIC_API]
        if way not in made:
            made[way] = pair(f"test-whole-pair-{way}", crops)
        return made[way]

    yield pair_of_way
    for one in made.values():
        one.delete()


@pytest.fixture
def paired(
    request: pytest.FixtureRequest, pairs: Callable[[], Paired], either_way: str
) -> Iterator[Paired]:
    """Copies of both datasets, called after the ``NAME`` of the module.

    What they are copies of was made the way that is tested. Their files are those of all tests.
    """
    import fiftyone as fo

    name = request.module.NAME
    yield pairs().copy(name)
    for one in fo.list_datasets(f"{name}*"):
        fo.delete_dataset(one)
