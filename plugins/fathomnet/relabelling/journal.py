"""Journals of relabelling, kept on the dataset as FiftyOne runs: who, when, why, before, after.

A journal is written before the first box is changed. One that a killed process left open holds
everything that is needed to finish it.
"""

import contextlib
import getpass
import secrets
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Literal

from ..dataset.documents import now
from ..dataset.records import boxes_listed, read_record, write_record
from ..errors import DatasetError
from ..names import RELABELLINGS
from .box_states import BoxState, by_state

_name: Final[ContextVar[str]] = ContextVar("fathomnet_acting_user", default="")


def acting_user() -> str:
    """The name of the user, for a journal; empty if there is none."""
    if name := _name.get():
        return name
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return ""


@contextlib.contextmanager
def acting_as(name: str) -> Iterator[None]:
    """Sets the user who requested the work in the block, in this context only; empty for nobody."""
    token = _name.set(name)
    try:
        yield
    finally:
        _name.reset(token)


Stage = Literal["writing", "relabelling", "done", "undoing", "undone"]
"""``writing``: nothing has been changed yet, and the plan is not complete."""


@dataclass(frozen=True, slots=True)
class Journal:
    """One relabelling.

    Attributes:
        key: key of the run.
        stage: the stage that it has reached.
        field: the field of boxes.
        label: the label that they got.
        note: the reason.
        user: who relabelled them.
        time: when, UTC, ISO 8601.
        boxes: the number of boxes.
    """

    METHOD: ClassVar[str] = "relabel_boxes"

    key: str
    stage: Stage
    field: str
    label: str
    note: str
    user: str
    time: str
    boxes: int

    @property
    def when(self) -> str:
        """Its time to the minute, in words."""
        return f"{self.time[:16].replace('T', ' ')} UTC"

    @property
    def can_be_undone(self) -> bool:
        """Whether it may have changed boxes that have not been restored."""
        return self.stage not in ("writing", "undone")


def begin_journal(
    dataset: Any, field: str, label: str, note: str, user: str, before: Sequence[BoxState]
) -> Journal:
    """Writes the journal of a relabelling that is about to begin.

    Args:
        dataset: a FiftyOne dataset.
        field: the field of boxes.
        label: the label that they get.
        note: the reason.
        user: who relabels them.
        before: the boxes as they are now.
    """
    moment = now()
    key = f"{RELABELLINGS}{moment:%Y%m%d_%H%M%S}_{secrets.token_hex(3)}"
    time = moment.isoformat(timespec="microseconds")
    journal = Journal(key, "writing", field, label, note, user, time, len(before))
    write_record(dataset, key, journal)
    # FiftyOne looks at every value of a result before it saves it: one text is one look.
    groups = [
        {"state": state, "boxes": "\n".join(f"{one.sample_id} {one.label_id}" for one in some)}
        for state, some in by_state(before)
    ]
    dataset.save_run_results(key, dataset.init_run_results(key, groups=groups))
    return move_to(dataset, journal, "relabelling")


def move_to(dataset: Any, journal: Journal, stage: Stage) -> Journal:
    """Records that a relabelling has reached another stage.

    Raises:
        DatasetError: somebody else deleted the journal. A new one could not say what was before.
    """
    dataset.reload()
    if not dataset.has_run(journal.key):
        raise DatasetError(
            f"the journal {journal.key} of dataset {dataset.name!r} was deleted by somebody else "
            "during the run: what was done up to then stands, and cannot be undone by it"
        )
    moved = replace(journal, stage=stage)
    write_record(dataset, moved.key, moved)
    return moved


def journals_of(dataset: Any) -> list[Journal]:
    """All journals of a dataset, the oldest first."""
    keys = (key for key in dataset.list_runs() if key.startswith(RELABELLINGS))
    read = (read_record(dataset, key, Journal) for key in keys)
    journals = [journal for journal in read if journal is not None]
    return sorted(journals, key=lambda one: (one.time, one.key))


def states_before(dataset: Any, journal: Journal) -> list[BoxState]:
    """The boxes of a journal as they were before."""
    results = dataset.load_run_results(journal.key, cache=False)
    states = []
    for group in results.groups:
        listed = boxes_listed(group["boxes"])
        states += [BoxState(sample, label, group["state"]) for sample, label in listed]
    return states
