"""Saved views of hits: whoever is killed while one is replaced leaves those of others alone."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset.hit_views import Hit, save_hits_view
from fathomnet_voxel51.dataset.records import bring_up_to_date
from fiftyone.core.odm import SavedViewDocument

from tests.support.forking import forking

NAME = "test-hit-views"


@pytest.fixture
def dataset() -> Iterator[Any]:
    made = fo.Dataset(NAME, persistent=True, overwrite=True)
    made.add_samples([fo.Sample(filepath=f"/nowhere/{n}.png") for n in range(4)])
    yield made
    made.delete()


def save(dataset: Any, *numbers: int) -> bool:
    ids = dataset.values("id")
    hits = [Hit(ids[number], ids[number], 1.0) for number in numbers]
    return save_hits_view(dataset, "suspects", "", hits, "doubted")


def shown(dataset: Any) -> dict[str, list[str]]:
    """The names of the files that each saved view shows."""
    return {
        name: [path[9] for path in dataset.load_saved_view(name).values("filepath")]
        for name in dataset.list_saved_views()
    }


def die_when_it_deletes(*numbers: int) -> None:
    delete = SavedViewDocument.delete

    def deadly(document: Any, **options: Any) -> None:
        delete(document, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    SavedViewDocument.delete = deadly
    save(fo.load_dataset(NAME), *numbers)


@pytest.mark.parametrize("after", [(2, 3), ()])
def test_the_views_of_others_outlive_a_kill_while_one_is_replaced(
    dataset: Any, after: tuple[int, ...]
) -> None:
    save(dataset, 1)
    for name, number in (("mine", 1), ("yours", 2)):
        dataset.save_view(name, dataset.limit(number))
    process = forking.Process(target=die_when_it_deletes, args=(2, 3))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    dataset.reload()
    assert "suspects" not in dataset.list_saved_views(), "it died in the middle"
    bring_up_to_date(dataset)
    assert save(dataset, *after) is bool(after)
    expected = {"mine": ["0"], "yours": ["0", "1"]}
    if after:
        expected["suspects"] = [str(number) for number in after]
    assert shown(fo.load_dataset(NAME, reload=True)) == expected
