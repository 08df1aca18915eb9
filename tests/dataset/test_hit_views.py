"""Saved views of hits: whoever is killed while one is replaced leaves those of others alone."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
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


def die_when_it_saves(numbers: tuple[int, ...], minutes: float) -> None:
    """Saves hits as it would have been done that long ago, as far as the first of two writes."""
    write = SavedViewDocument.save

    def deadly(document: Any, **options: Any) -> None:
        document.created_at -= timedelta(minutes=minutes)
        write(document, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    SavedViewDocument.save = deadly
    save(fo.load_dataset(NAME), *numbers)


@pytest.mark.parametrize(("minutes", "left"), [(61, 0), (59, 1)])
def test_a_view_that_a_kill_left_half_saved_is_deleted_and_one_that_is_being_saved_is_not(
    dataset: Any, minutes: float, left: int
) -> None:
    dataset.save_view("mine", dataset.limit(1))
    process = forking.Process(target=die_when_it_saves, args=((2, 3), minutes))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    of_dataset = SavedViewDocument.objects(dataset_id=dataset._doc.id)
    assert sorted(view.name for view in of_dataset) == ["mine", "suspects (new)"]
    dataset.reload()
    assert dataset.list_saved_views() == ["mine"], "nobody would ever see it"
    bring_up_to_date(dataset)
    assert of_dataset.filter(name="suspects (new)").count() == left
    assert save(dataset, 2)
    assert shown(fo.load_dataset(NAME, reload=True)) == {"mine": ["0"], "suspects": ["2"]}
