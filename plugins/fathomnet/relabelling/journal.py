"""Journals of relabelling and of verdicts, kept as FiftyOne runs: who, when, why, before, after.

A journal is written before the first box is changed. One that a killed process left open holds
everything that is needed to finish it. A journal of many boxes is a run of its own; those of few
boxes, of which one person may write a thousand a day, stand together in logs (``dataset.records``):
a line when it begins, and one for each stage that it reaches, by whomever.
"""

import contextlib
import getpass
import os
import secrets
import socket
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Literal, get_args

from ..dataset.documents import now
from ..dataset.records import (
    append_line,
    boxes_listed,
    logged_lines,
    read_members,
    read_records,
    reload_runs,
    write_record,
)
from ..errors import DatasetError
from ..names import RELABELLINGS, REVIEWED_AT
from ..text import as_plain
from .box_states import BoxState, Change, State

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


_DONE: Final = {
    "confirm": "confirmed",
    "accept_suggestion": "gave their suggested labels",
    "reject": "rejected",
    "unsure": "was unsure of",
    "reset": "made unreviewed",
    "add": "added",
    "reconcile": "gave the names that theirs have become",
}

Stage = Literal["writing", "relabelling", "done", "undoing", "undone"]
"""``writing``: nothing has been changed yet, and the plan is not complete."""
_STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
_WRITTEN_WITHIN: Final = timedelta(minutes=10)
"""Much longer than it takes to write the largest journal."""
_FEW: Final = 10
"""A journal of so many boxes is written into a log."""


@dataclass(frozen=True, slots=True)
class Journal:
    """One relabelling, or the verdicts of one person at one time.

    Attributes:
        key: key of the run.
        stage: the stage that it has reached.
        field: the field of boxes.
        label: the label that they got; empty where each kept its own or got one of its own.
        note: the reason.
        user: who relabelled them.
        time: when, UTC, ISO 8601.
        boxes: the number of boxes.
        verdict: what was said of them, a verdict of ``review_labels``; ``add`` where they were not
            there before.
        writer: machine and process that write it; empty once it is written.
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
    verdict: str = "relabel"
    writer: str = ""

    @property
    def is_abandoned(self) -> bool:
        """Whether nobody will finish writing it: its process was killed, or must have been."""
        if self.stage != "writing":
            return False
        machine, _, process = self.writer.partition(" ")
        if machine == socket.gethostname():
            try:
                os.kill(int(process), 0)
            except ProcessLookupError:
                return True
            except PermissionError:
                pass  # another user's
        return now() - datetime.fromisoformat(self.time) > _WRITTEN_WITHIN

    @property
    def what(self) -> str:
        """What was done, after the name of who did it."""
        if self.label and self.verdict == "add":
            return f"added as {self.label}"
        return f"made {self.label}" if self.label else _DONE.get(self.verdict, self.verdict)

    @property
    def when(self) -> str:
        """Its time to the minute, in words."""
        return f"{self.time[:16].replace('T', ' ')} UTC"

    @property
    def can_be_undone(self) -> bool:
        """Whether it may have changed boxes that have not been restored."""
        return self.stage not in ("writing", "undone")


@dataclass(frozen=True, slots=True)
class LoggedJournal(Journal):
    """A journal of few boxes, which is no run of its own.

    Attributes:
        log: key of the log in which it began.
        groups: its boxes, as the results of another journal hold them.
    """

    log: str = ""
    groups: tuple[Mapping[str, Any], ...] = ()


def begin_journal(
    dataset: Any,
    field: str,
    label: str,
    note: str,
    user: str,
    moment: datetime,
    changes: Sequence[Change],
    verdict: str = "relabel",
) -> Journal:
    """Writes the journal of a relabelling, or of verdicts, that is about to begin.

    Args:
        dataset: a FiftyOne dataset.
        field: the field of boxes.
        label: the label that they get; empty where they do not all get one.
        note: the reason.
        user: who relabels or judges them.
        moment: when, UTC.
        changes: the boxes as they are now, and what they get.
        verdict: what is said of them.
    """
    key = f"{RELABELLINGS}{moment:%Y%m%d_%H%M%S}_{secrets.token_hex(3)}"
    time = moment.isoformat(timespec="microseconds")
    journal = Journal(key, "writing", field, label, note, user, time, len(changes), verdict)
    if len(changes) > _FEW:
        write_record(dataset, key, replace(journal, writer=f"{socket.gethostname()} {os.getpid()}"))
        groups = _groups(changes)
        dataset.save_run_results(key, dataset.init_run_results(key, groups=groups))
        return move_to(dataset, journal, "relabelling")
    values = as_plain(replace(journal, stage="relabelling"))
    values["groups"] = _groups(changes)
    return _from_line(append_line(dataset, user, values, _settled), values)


def _groups(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """Changes as they are kept, those that are alike together."""
    alike: dict[tuple[Any, ...], tuple[Change, list[str]]] = {}
    for one in changes:
        drawn = None if one.drawn is None else str(one.drawn)
        same = (tuple(one.box.state.items()), tuple(one.after.items()), drawn)
        line = f"{one.box.sample_id} {one.box.label_id}"
        alike.setdefault(same, (one, []))[1].append(line)
    # FiftyOne looks at every value of a result before it saves it: one text is one look.
    return [
        {
            "state": _to_json(one.box.state),
            "after": _to_json(one.after),
            "boxes": "\n".join(lines),
            **({} if one.drawn is None else {"drawn": dict(one.drawn)}),
        }
        for one, lines in alike.values()
    ]


def move_to(dataset: Any, journal: Journal, stage: Stage) -> Journal:
    """Records that a relabelling has reached another stage.

    Raises:
        DatasetError: somebody else deleted the journal. A new one could not say what was before.
    """
    reload_runs(dataset)
    if not dataset.has_run(journal.log if isinstance(journal, LoggedJournal) else journal.key):
        raise DatasetError(
            f"the journal {journal.key} of dataset {dataset.name!r} was deleted by somebody else "
            "during the run: what was done up to then stands, and cannot be undone by it"
        )
    moved = replace(journal, stage=stage)
    if isinstance(moved, LoggedJournal):
        line = {"key": journal.key, "stage": stage}
        append_line(dataset, acting_user(), line, _settled)
    else:
        write_record(dataset, moved.key, moved)
    return moved


def _settled(lines: Sequence[Mapping[str, Any]]) -> set[str]:
    """The journals that begin and end in a log.

    What it says of a journal of another log is looked at with that.
    """
    begun = {line["key"] for line in lines if "groups" in line}
    return begun & {line["key"] for line in lines if line["stage"] in ("done", "undone")}


def _from_line(log: str, line: Mapping[str, Any]) -> LoggedJournal:
    values = {**line, "log": log, "groups": tuple(line["groups"])}
    return LoggedJournal(**values)


def journals_of(dataset: Any, among: Collection[str] | None = None) -> list[Journal]:
    """All journals of a dataset, or those among some keys, the oldest first."""

    def is_asked(key: str) -> bool:
        return key.startswith(RELABELLINGS) and (among is None or key in among)

    journals: dict[str, Journal] = {
        one.key: one for one in read_records(dataset, is_asked, Journal)
    }
    # What is put away need not be read for what is in hand.
    for put_away in (True,) if among is None else (False, True):
        if among is None or not journals.keys() >= set(among):
            lines = [line for line in logged_lines(dataset, put_away) if is_asked(line[1]["key"])]
            stages = _reached(lines)
            journals |= {
                line["key"]: replace(_from_line(log, line), stage=stages[line["key"]])
                for log, line in lines
                if "groups" in line
            }
    return sorted(journals.values(), key=lambda one: (one.time, one.key))


def stages_of(dataset: Any) -> dict[str, Stage]:
    """The stage of each journal of a dataset, by key: much faster than to read them all.

    Those of logs that are full and put away, which are finished, are left out.
    """
    return {
        **read_members(dataset, RELABELLINGS, "stage"),
        **_reached(logged_lines(dataset, put_away=False)),
    }


def _reached(lines: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, Stage]:
    """The furthest stage of each journal, whoever wrote it into whichever log."""
    stages: dict[str, Stage] = {}
    for _, line in lines:
        known = stages.get(line["key"], line["stage"])
        stages[line["key"]] = max(known, line["stage"], key=_STAGES.index)
    return stages


def changes_of(dataset: Any, journal: Journal, ranks: State | None = None) -> list[Change]:
    """The boxes of a journal as they were, and what they got.

    Args:
        dataset: a FiftyOne dataset.
        journal: one of its journals.
        ranks: of the journal's label; a journal of an earlier version does not have them.
    """
    if isinstance(journal, LoggedJournal):
        groups: Sequence[Mapping[str, Any]] = journal.groups
    else:
        groups = dataset.load_run_results(journal.key, cache=False).groups
    changes = []
    for group in groups:
        before = _from_json(group["state"])
        if "after" in group:
            after = _from_json(group["after"])
        else:
            own = {key: (ranks or {})[key] for key in before if key in (ranks or {})}
            after = {"label": journal.label, **own}
        boxes = boxes_listed(group["boxes"])
        drawn = group.get("drawn")
        changes += [
            Change(BoxState(sample, label, before), after, drawn) for sample, label in boxes
        ]
    return changes


def _to_json(state: State) -> dict[str, Any]:
    moment = state.get(REVIEWED_AT)
    return {**state, REVIEWED_AT: moment.isoformat()} if moment is not None else dict(state)


def _from_json(state: Mapping[str, Any]) -> State:
    moment = state.get(REVIEWED_AT)
    return {**state, REVIEWED_AT: datetime.fromisoformat(moment)} if moment else state
