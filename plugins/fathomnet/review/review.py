"""Verdicts on labels in bulk: confirmed, relabelled, rejected, unsure, or unreviewed again."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, get_args

from ..dataset.documents import now
from ..dataset.label_map import taxonomy_of
from ..dataset.records import bring_up_to_date, reload_known
from ..dataset.schema import labels_path
from ..errors import DatasetError, Fault, InputError
from ..garbage_collector import collector_paused
from ..labels.ranks import keep_new_name
from ..labels.verdicts import RIGHT, VERDICT_KEYS, State, as_stored, state_of, verdict_on
from ..names import GROUND_TRUTH, REVIEWED_BY, SUGGESTED_LABEL
from ..progress import Progress, silent
from ..relabelling.box_states import (
    STATE_KEYS,
    BoxState,
    Change,
    count_made,
    read_states,
)
from ..relabelling.journal import Journal, acting_user, begin_journal, changes_of
from ..relabelling.relabel import (
    ChosenBoxes,
    Difference,
    boxes_named,
    carry_out,
    checked_label,
    dataset_behind,
    finish_open,
    ranks_of_name,
    renamed,
)
from ..taxonomy import Taxonomy
from ..text import counted

Verdict = Literal["confirm", "relabel", "accept_suggestion", "reject", "unsure", "reset"]
Outcome = Literal["confirmed", "relabelled", "accepted", "rejected", "unsure", "reset"]

_STATE_BY: Final[Mapping[str, State]] = {
    "confirm": "confirmed",
    "reject": "rejected",
    "unsure": "unsure",
    "reset": "unreviewed",
}
"""The state that a verdict gives, where the label stays what it is."""


@dataclass(frozen=True, slots=True)
class ReviewResult:
    """The outcome of ``review_labels``; of a dry run, what it would be.

    Attributes:
        confirmed: labels that were said to be right, also by the name that they had already.
        relabelled: labels that became the name that was given.
        accepted: labels that became their own suggestions.
        rejected: labels that were said to be wrong.
        unsure: labels of which nobody could say.
        reset: labels that are unreviewed again.
        unchanged: labels of which this user had said the same, which have no suggestion, or boxes
            without a name that could be right.
        conflicts: labels that somebody else changed, judged or deleted in the meantime; they are
            left alone.
        journal: key by which ``undo_relabel`` takes it back; empty if nothing was changed.
        without_suggestion: those of ``unchanged`` that have no suggestion to accept.
        judged_before: labels on which somebody else's verdict stood, which this one replaces; the
            journal keeps it.
        differences: how many labels become what.
        dry_run: whether nothing was written.
    """

    confirmed: int
    relabelled: int
    accepted: int
    rejected: int
    unsure: int
    reset: int
    unchanged: int
    conflicts: int
    journal: str
    without_suggestion: int
    judged_before: int
    differences: tuple[Difference, ...]
    dry_run: bool

    @property
    def changed(self) -> int:
        """Labels that got a verdict or lost one."""
        right = self.confirmed + self.relabelled + self.accepted
        return right + self.rejected + self.unsure + self.reset


@collector_paused()
def review_labels(
    view: Any,
    verdict: Verdict = "confirm",
    field: str = GROUND_TRUTH,
    label: str = "",
    note: str = "",
    dry_run: bool = False,
    progress: Progress = silent,
    below: str = "",
) -> ReviewResult:
    """Keeps on every label of a view what a person says of it, and changes it where she says so.

    A verdict holds for the name that was judged: whoever gives the label another one makes it
    unreviewed again. If it is started again after a kill, it finishes what was begun.

    Args:
        view: a view that filters, selects or cuts out the boxes; ``dataset.view()`` for all;
            or ``ChosenBoxes``.
        verdict: ``confirm``: the label is right. ``relabel``: it is ``label``.
            ``accept_suggestion``: it is its own ``suggested_label``. ``reject``: it is wrong.
            ``unsure``: it cannot be said. ``reset``: as if nobody had looked at it.
        field: the field of boxes, or of the labels of crops.
        label: the name for ``relabel``, as ``relabel_boxes`` takes it.
        note: the reason, for the journal.
        dry_run: report exactly what would change, without writing anything.
        progress: called with the share done and a label.
        below: says that the name is new, and of which taxon.

    Raises:
        InputError: there is no such verdict, ``label`` is unknown or not asked for, or ``view`` is
            a whole dataset, which the caller may not have meant.
        DatasetError: ``field`` holds no labels, the view shows none, or none has a suggestion.
    """
    dataset = dataset_behind(view)
    (reload_known if dry_run else bring_up_to_date)(dataset)
    path, taxonomy = labels_path(dataset, field), taxonomy_of(dataset)
    label = _checked(dataset, path, verdict, label, below, taxonomy, dry_run)
    progress(0.0, "reading the boxes")
    boxes = boxes_named(view, field, path)
    finished, settled = None, frozenset[str]()
    if not dry_run:
        same_as = (field, label, verdict)
        finished, settled = finish_open(dataset, taxonomy, same_as, progress)
    states = read_states(dataset, path, boxes, (*STATE_KEYS, SUGGESTED_LABEL))
    if isinstance(view, ChosenBoxes) and view.labels is not None:
        seen = view.labels
        states = [one for one in states if one.state.get("label") == seen[one.label_id]]
    user, moment = acting_user(), now()
    changes = _changes(dataset, states, verdict, label, user, as_stored(moment), taxonomy)
    done = _done_before(dataset, finished, user, boxes)
    journal = finished.key if done and finished else ""
    if changes and not dry_run:
        progress(0.3, f"judging {counted(len(changes), 'label', 'labels')}")
        entry = begin_journal(dataset, field, label, note, user, moment, changes, verdict)
        carry_out(dataset, entry, changes, settled)
        journal = entry.key
    counts = Counter(_outcome(one, verdict) for one in done)
    for outcome in get_args(Outcome):
        some = [one for one in changes if _outcome(one, verdict) == outcome]
        counts[outcome] += len(some) if dry_run else count_made(dataset, path, some)
    made = counts.total() - len(done)
    progress(1.0, f"{counted(made + len(done), 'label is', 'labels are')} judged")
    return ReviewResult(
        **{name: counts[name] for name in get_args(Outcome)},
        unchanged=max(0, len(states) - len(changes) - len(done)),
        conflicts=len(boxes) - len(states) + len(changes) - made,
        journal=journal,
        without_suggestion=sum(not one.state.get(SUGGESTED_LABEL) for one in states)
        if verdict == "accept_suggestion"
        else 0,
        judged_before=sum(
            state_of(one.state) != "unreviewed" and (one.state.get(REVIEWED_BY) or "") != user
            for one in (change.box for change in changes)
        ),
        differences=_differences(changes or done),
        dry_run=dry_run,
    )


def _done_before(
    dataset: Any, finished: Journal | None, user: str, boxes: Sequence[tuple[str, str]]
) -> list[Change]:
    """What a killed run of the same request had begun: it counts as done by this one."""
    if finished is None or finished.user != user:
        return []
    asked = set(boxes)
    done = changes_of(dataset, finished)
    return [one for one in done if (one.box.sample_id, one.box.label_id) in asked]


def _checked(
    dataset: Any,
    path: str,
    verdict: str,
    label: str,
    below: str,
    taxonomy: Taxonomy,
    dry_run: bool,
) -> str:
    """The name in its known spelling; empty where the verdict gives none.

    Raises:
        InputError: there is no such verdict, or the name is unknown or not asked for.
        DatasetError: suggestions are to be accepted, and there are none.
    """
    if verdict not in get_args(Verdict):
        problem = f"{verdict!r} is no verdict: {', '.join(get_args(Verdict))}"
        raise InputError("review_labels", [Fault("verdict", problem)])
    if verdict == "relabel":
        if not label.strip():
            raise InputError("review_labels", [Fault("label", "name what the labels are")])
        label, above = checked_label(dataset, path, label, below, taxonomy)
        if below and not dry_run:
            # Before the journal: whoever finishes an interrupted one needs the name's place.
            keep_new_name(dataset, label, above)
        return label
    if given := [name for name, value in (("label", label), ("below", below)) if value]:
        problem = f"only the verdict relabel takes a name: choose it, or leave {given[0]} empty"
        raise InputError("review_labels", [Fault(given[0], problem)])
    if verdict == "accept_suggestion" and dataset.get_field(f"{path}.{SUGGESTED_LABEL}") is None:
        raise DatasetError("no label has a suggestion: run find_label_errors first")
    return ""


def _changes(
    dataset: Any,
    states: Sequence[BoxState],
    verdict: str,
    label: str,
    user: str,
    moment: datetime,
    taxonomy: Taxonomy,
) -> list[Change]:
    """What the labels get; those of which the user has said the same are left out."""
    ranks: dict[str, Any] = {}
    changes = []
    for one in states:
        own = {key: value for key, value in one.state.items() if key != SUGGESTED_LABEL}
        before = BoxState(one.sample_id, one.label_id, own)
        name, state = own.get("label"), _STATE_BY.get(verdict, "confirmed")
        if verdict == "accept_suggestion":
            name = one.state.get(SUGGESTED_LABEL)
            if not name:
                continue
        elif verdict == "relabel":
            name = label
        after = {key: value for key, value in own.items() if key not in VERDICT_KEYS}
        if name is not None and name != own.get("label"):
            if name not in ranks:
                ranks[name] = ranks_of_name(dataset, name, taxonomy)
            state, after = "relabelled", renamed(after, name, ranks[name])
        else:
            after["label"] = name
            if name is None and verdict == "confirm":
                continue  # there is nothing that could be right
            if _is_said(own, state, user, names_it=verdict in ("relabel", "accept_suggestion")):
                continue
        changes.append(Change(before, after | verdict_on(name, state, user, moment, own)))
    return changes


def _is_said(own: Mapping[str, Any], state: State, user: str, names_it: bool) -> bool:
    """Whether a user has said of a label already what is said now."""
    stands = state_of(own)
    if state == "unreviewed":
        return all(own.get(key) is None for key in VERDICT_KEYS)
    same = stands == state or (stands in RIGHT and state in RIGHT and names_it)
    return same and (own.get(REVIEWED_BY) or "") == user


def _outcome(change: Change, verdict: str) -> Outcome:
    if verdict == "reset":
        return "reset"
    if change.is_renamed:
        return "accepted" if verdict == "accept_suggestion" else "relabelled"
    outcomes: dict[str, Outcome] = {"reject": "rejected", "unsure": "unsure"}
    return outcomes.get(verdict, "confirmed")


def _differences(changes: Sequence[Change]) -> tuple[Difference, ...]:
    counts = Counter((one.box.state.get("label"), one.after["label"]) for one in changes)
    return tuple(
        Difference(before, after, count)
        for (before, after), count in sorted(
            counts.items(), key=lambda item: (-item[1], item[0][0] or "", item[0][1] or "")
        )
    )
