from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest
from fathomnet_voxel51.garbage_collector import collector_paused, lasting_objects_skipped


class Cyclic:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def nothing_frozen() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_the_collector_runs_again_after_a_pause() -> None:
    with pytest.raises(RuntimeError), collector_paused():
        assert not gc.isenabled()
        raise RuntimeError
    assert gc.isenabled()


def test_a_pause_leaves_a_collector_that_was_off_alone() -> None:
    gc.disable()
    try:
        with collector_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_is_made_while_lasting_objects_are_skipped_is_collected() -> None:
    with lasting_objects_skipped():
        assert gc.get_freeze_count() > 1_000
        made = weakref.ref(Cyclic())
        gc.collect()
        assert made() is None
    assert gc.get_freeze_count() == 0


def test_what_the_application_froze_stays_frozen() -> None:
    gc.freeze()
    with lasting_objects_skipped():
        pass
    assert gc.get_freeze_count() > 1_000
