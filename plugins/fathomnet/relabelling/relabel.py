"""Relabels boxes in bulk with a journal, and undoes it, without overwriting edits of others."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..dataset.columns import dataset_of
from ..dataset.documents import now
from ..dataset.ingest_record import read_ingest_records
from ..dataset.label_map import special_names, taxonomy_of
from ..dataset.records import bring_up_to_date, label_map_of, reload_known
from ..dataset.schema import labels_path
from ..errors import DatasetError, Fault, InputError
from ..garbage_collector import collector_paused
from ..labels.ranks import keep_new_name, rank_attributes, read_new_names
from ..labels.verdicts import as_stored, verdict_on
from ..names import GROUND_TRUTH
from ..progress import Progress, silent
from ..taxonomy import Taxonomy
from ..taxonomy.table import folded
from ..text import counted
from .box_states import (
    BoxState,
    Change,
    State,
    are_left,
    box_ids,
    count_made,
    make,
    read_states,
    take_back,
    unseen,
)
from .journal import (
    Journal,
    acting_user,
    begin_journal,
    changes_of,
    journals_of,
    move_to,
    stages_of,
)

_SHOWN: Final = 20
_LOOKS: Final = 10
"""How often somebody looks whether what two people did at once is all there."""
_LONGEST: Final = 200
"""Characters of a new name."""
_GONE: Final[State] = {"label": ""}
"""The state of a box that is not there any more, which is none that a box can have."""


@dataclass(frozen=True, slots=True)
class ChosenBoxes:
    """Boxes that somebody chose one by one.

    Attributes:
        dataset: a FiftyOne dataset.
        boxes: sample id and label id of each.
        labels: the label that each had then, by label id: one that has neither this nor the new
            label any more is a conflict. None where they were chosen this moment.
    """

    dataset: Any
    boxes: tuple[tuple[str, str], ...]
    labels: Mapping[str, str | None] | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """Boxes that change from one label to another."""

    before: str | None
    after: str | None
    boxes: int


@dataclass(frozen=True, slots=True)
class RelabelResult:
    """The outcome of a relabelling.

    Attributes:
        changed: boxes that got the label or, in a dry run, would get it.
        unchanged: boxes that had it already.
        conflicts: boxes that somebody else changed or deleted in the meantime; they are left
            alone.
        journal: key by which it can be undone; empty if nothing was changed.
        differences: how many boxes of each former label change.
        dry_run: whether nothing was written.
    """

    changed: int
    unchanged: int
    conflicts: int
    journal: str
    differences: tuple[Difference, ...]
    dry_run: bool


@dataclass(frozen=True, slots=True)
class UndoResult:
    """The outcome of an undo.

    Attributes:
        restored: boxes that are again as they were before the relabelling; those that it added
            are gone.
        conflicts: boxes that were edited or deleted after the relabelling; they are left alone.
        journal: the key of the relabelling.
    """

    restored: int
    conflicts: int
    journal: str


@collector_paused()
def relabel_boxes(
    view: Any,
    label: str,
    field: str = GROUND_TRUTH,
    dry_run: bool = False,
    note: str = "",
    taxonomy: Taxonomy | None = None,
    progress: Progress = silent,
    below: str = "",
) -> RelabelResult:
    """Gives every box of a view another label, its ranks if boxes have ranks, and a verdict.

    Those that change are ``relabelled`` by the user then; those that have the label already are
    not looked at, and stay as reviewed or unreviewed as they are.

    If it is started again after a kill, it finishes what was begun. It does not change the
    dataset's primary labels; run ``add_primary_label`` again for these.

    Args:
        view: a view that filters, selects or cuts out the boxes; ``dataset.view()`` for all;
            or ``ChosenBoxes``.
        label: the new label: any name in the taxonomy, one of a category of the annotations files,
            or a label that the field already has; or a new name, which ``below`` says.
        field: the field of boxes.
        dry_run: report exactly what would change, without writing anything.
        note: the reason, for the journal.
        taxonomy: the tree of concepts; None for that of the dataset.
        progress: called with the share done and a label.
        below: says that the label is a new name, and of which taxon: boxes get the ranks of that,
            here and by ``add_taxonomy_ranks``.

    Raises:
        InputError: the label is unknown (the message may suggest one) or said to be new and is
            not, or ``view`` is a whole
            dataset, which the caller may not have meant to change.
        DatasetError: ``field`` holds no boxes, or the view shows none.
    """
    dataset = dataset_behind(view)
    (reload_known if dry_run else bring_up_to_date)(dataset)
    path = labels_path(dataset, field)
    taxonomy = taxonomy_of(dataset) if taxonomy is None else taxonomy
    label, above = checked_label(dataset, path, label, below, taxonomy)
    if below and not dry_run:
        # Before the journal: whoever finishes an interrupted relabelling needs the name's place.
        keep_new_name(dataset, label, above)
    progress(0.0, "reading the boxes")
    boxes = boxes_named(view, field, path)
    finished, settled = None, frozenset[str]()
    if not dry_run:
        same_as = (field, label, "relabel")
        finished, settled = finish_open(dataset, taxonomy, same_as, progress)
    states = read_states(dataset, path, boxes)
    if isinstance(view, ChosenBoxes) and view.labels is not None:
        seen = view.labels
        states = [one for one in states if one.state.get("label") in (seen[one.label_id], label)]
    differing = [one for one in states if one.state.get("label") != label]
    differences = _differences(differing, label)
    if dry_run or not differing:
        return _without_writing(dataset, boxes, states, differing, differences, finished, dry_run)
    progress(0.3, f"relabelling {counted(len(differing), 'box', 'boxes')}")
    user, moment = acting_user(), now()
    ranks = ranks_of_name(dataset, label, taxonomy)
    stored = as_stored(moment)
    changes = [
        Change(
            one,
            {
                **renamed(one.state, label, ranks),
                **verdict_on(label, "relabelled", user, stored, one.state),
            },
        )
        for one in differing
    ]
    journal = begin_journal(dataset, field, label, note, user, moment, changes)
    carry_out(dataset, journal, changes, settled)
    changed = sum(
        one.state.get("label") == label
        for one in read_states(dataset, path, _ids(differing), keys=("label",))
    )
    progress(1.0, f"{counted(changed, 'box is', 'boxes are')} {label} now")
    return RelabelResult(
        changed=changed,
        unchanged=len(states) - len(differing),
        conflicts=len(boxes) - len(states) + len(differing) - changed,
        journal=journal.key,
        differences=differences,
        dry_run=False,
    )


def dataset_behind(view: Any) -> Any:
    """The dataset of what boxes were chosen from.

    Raises:
        InputError: it is a whole dataset, which the caller may not have meant to change.
    """
    dataset = view.dataset if isinstance(view, ChosenBoxes) else dataset_of(view)
    if view is dataset:
        raise InputError("view", [Fault("view", "name the boxes: a saved view or a selection")])
    return dataset


def boxes_named(view: Any, field: str, path: str) -> list[tuple[str, str]]:
    """Sample id and label id of each box that was chosen, or that a view holds.

    Raises:
        DatasetError: there is none.
    """
    boxes = list(view.boxes) if isinstance(view, ChosenBoxes) else box_ids(view, path)
    if not boxes:
        raise DatasetError(
            f"the view holds no box of {field}: select boxes, or choose another view"
        )
    return boxes


def checked_label(
    dataset: Any, path: str, label: str, below: str, taxonomy: Taxonomy
) -> tuple[str, str]:
    """The label in its known spelling and, where it is new, the taxon that it belongs to.

    Raises:
        InputError: nobody knows it, or it is said to be new and is not.
    """
    label = " ".join(label.split())
    others = {name for name in dataset.distinct(f"{path}.label") if name}
    others |= special_names(dataset)
    others.update(
        name for record in read_ingest_records(dataset).values() for name in record.concepts
    )
    spelling = {folded(name): name for name in others}
    known = label if label in taxonomy else spelling.get(folded(label)) or taxonomy.canonical(label)
    if known in taxonomy.retired:
        label_map = label_map_of(dataset)
        now = " or ".join(label_map.replaced[known] if label_map else ()) or "another name"
        problem = f"{known[:80]!r} is deprecated in the label map of this dataset: take {now[:200]}"
        raise InputError("label", [Fault("label", problem)])
    if label and not below and known:
        return known, ""
    if not below or not label:
        suggestion = taxonomy.suggest(label, others)
        advice = (
            f"did you mean {suggestion}?"
            if suggestion
            else "if it is a new name, say below which taxon it belongs"
        )
        problem = f"{label[:80]!r} is neither in the taxonomy nor a label of this field; {advice}"
        raise InputError("label", [Fault("label", problem)])
    above = taxonomy.canonical(below)
    if above is None:
        suggestion = taxonomy.suggest(below)
        advice = f"; did you mean {suggestion}?" if suggestion else ""
        problem = f"{below[:80]!r} is not in the taxonomy{advice}"
        raise InputError("below", [Fault("below", problem)])
    if (known and known != label) or label in taxonomy:
        problem = f"{label[:80]!r} is {known}, which is known: leave below empty"
        raise InputError("below", [Fault("below", problem)])
    if not label.isprintable() or len(label) > _LONGEST:
        problem = f"{label[:80]!r} is no name: {_LONGEST} printable characters are the most"
        raise InputError("label", [Fault("label", problem)])
    return label, above


def undo_relabel(dataset: Any, journal: str = "", progress: Progress = silent) -> UndoResult:
    """Restores the labels and verdicts that boxes had before a relabelling, or before verdicts.

    Boxes that have been edited or judged since keep that. If it is started again after a kill, it
    finishes.

    Args:
        dataset: a FiftyOne dataset.
        journal: key of the relabelling; empty for the last one that has not been undone.
        progress: called with the share done and a label.

    Raises:
        DatasetError: there is no such relabelling, or none is left to undo.
    """
    dataset = dataset_of(dataset)
    bring_up_to_date(dataset)
    entry = journal_to_undo(dataset, journal)
    path = labels_path(dataset, entry.field)
    progress(0.0, f"reading the journal {entry.key}")
    changes = changes_of(dataset, entry)
    before = [one.box for one in changes]
    if entry.stage != "undone":
        entry = move_to(dataset, entry, "undoing")
        progress(0.3, f"restoring {counted(len(before), 'box', 'boxes')}")
        take_back(dataset, path, changes)
        move_to(dataset, entry, "undone")
    there = {one.label_id: one.state for one in read_states(dataset, path, _ids(before))}
    restored = sum(
        one.box.label_id not in there
        if one.drawn is not None
        else _given(there.get(one.box.label_id, _GONE)) == _given(one.box.state)
        for one in changes
    )
    progress(1.0, f"{counted(restored, 'box is', 'boxes are')} as before")
    return UndoResult(restored, len(before) - restored, entry.key)


def journal_to_undo(dataset: Any, key: str = "") -> Journal:
    """The journal of a relabelling; without a key, of the last that has not been undone.

    Raises:
        DatasetError: there is no such relabelling, or none is left to undo.
    """
    if not key:
        left = [one for one in journals_of(dataset) if one.can_be_undone]
        if not left:
            raise DatasetError(f"dataset {dataset.name!r} has no relabelling that could be undone")
        return left[-1]
    named = journals_of(dataset, {key})
    if not named or named[0].stage == "writing":
        known = ", ".join(one.key for one in journals_of(dataset)[-_SHOWN:]) or "none"
        raise DatasetError(
            f"dataset {dataset.name!r} has no relabelling {key!r}; the last: {known}"
        )
    return named[0]


def boxes_to_restore(dataset: Any, journal: Journal) -> int:
    """The number of boxes that still are as a journal left them, which an undo would restore."""
    path = labels_path(dataset, journal.field)
    return count_made(dataset, path, changes_of(dataset, journal))


def finish_open(
    dataset: Any, taxonomy: Taxonomy, same_as: tuple[str, str, str], progress: Progress
) -> tuple[Journal | None, frozenset[str]]:
    """Finishes the relabellings and verdicts that killed processes have begun.

    Args:
        dataset: a FiftyOne dataset.
        taxonomy: the tree of concepts.
        same_as: field, label and verdict of the present request.
        progress: called with the share done and a label.

    Returns:
        The last journal finished here with this field, label and verdict, if any: the present
        request may be a repeat of it. And the keys of the journals that were closed before.
    """
    stages = stages_of(dataset)
    left = {key for key, stage in stages.items() if stage in ("writing", "relabelling")}
    same = None
    for journal in journals_of(dataset, left) if left else ():
        if journal.is_abandoned:
            dataset.delete_run(journal.key)
        elif journal.stage != "writing":
            progress(0.1, f"finishing {journal.key}, which was interrupted")
            ranks = ranks_of_name(dataset, journal.label, taxonomy)
            done = carry_out(dataset, journal, changes_of(dataset, journal, ranks))
            same = done if (journal.field, journal.label, journal.verdict) == same_as else same
    return same, frozenset(stages.keys() - left)


def ranks_of_name(dataset: Any, label: str, taxonomy: Taxonomy) -> State:
    """The ranks that a label gives to boxes; of a new name, those of the taxon above it."""
    return rank_attributes(read_new_names(dataset).get(label, label), taxonomy)


def renamed(state: State, label: str, ranks: State) -> dict[str, Any]:
    """A state with another label, and with its ranks where it has ranks; without a verdict."""
    return {"label": label, **{key: ranks[key] for key in state if key in ranks}}


def carry_out(
    dataset: Any,
    journal: Journal,
    changes: Sequence[Change],
    settled: frozenset[str] | None = None,
) -> Journal:
    """Changes the boxes that still are as a journal says that they were, and closes it.

    Args:
        dataset: a FiftyOne dataset.
        journal: it has not been closed.
        changes: what it says.
        settled: keys of the journals that were closed before this work began; None for all.
    """
    path = labels_path(dataset, journal.field)
    make(dataset, path, changes)
    closed = move_to(dataset, journal, "done")
    if settled is None:
        return closed
    # FiftyOne's public API writes an image as it read it: what somebody else did to another box of
    # it within these milliseconds would be gone. The journals have it, and whoever wrote last looks
    # once more and does again, in their order, what nothing has come of.
    unsettled = stages_of(dataset).keys() - settled - {journal.key}
    if unsettled:
        dataset.reload()  # for the stages that they have reached
    others = journals_of(dataset, unsettled) if unsettled else []
    begun = [one for one in others if one.stage in ("relabelling", "done")]
    both = [closed, *(one for one in begun if one.field == journal.field)]
    both.sort(key=lambda one: (one.time, one.key))
    planned = unseen([changes_of(dataset, one) for one in both]) if len(both) > 1 else []
    for _ in range(_LOOKS):
        lost = [some for some in planned if are_left(dataset, path, some)]
        if not lost:
            break
        for some in lost:
            make(dataset, path, some)
    return closed


def _without_writing(
    dataset: Any,
    boxes: Sequence[tuple[str, str]],
    states: Sequence[BoxState],
    differing: Sequence[BoxState],
    differences: tuple[Difference, ...],
    finished: Journal | None,
    dry_run: bool,
) -> RelabelResult:
    """The result of a dry run, or of a run that found nothing left to do."""
    changed, key = len(differing), ""
    if finished is not None:
        asked = set(boxes)
        done = [one.box for one in changes_of(dataset, finished)]
        before = [one for one in done if _ids([one])[0] in asked]
        changed, key = len(before), finished.key
        differences = _differences(before, finished.label)
    return RelabelResult(
        changed=changed,
        unchanged=len(states) - changed,
        conflicts=len(boxes) - len(states),
        journal=key,
        differences=differences,
        dry_run=dry_run,
    )


def _differences(states: Sequence[BoxState], label: str) -> tuple[Difference, ...]:
    counts: Mapping[str | None, int] = Counter(one.state.get("label") for one in states)
    return tuple(
        Difference(before, label, count)
        for before, count in sorted(counts.items(), key=lambda item: (-item[1], item[0] or ""))
    )


def _given(state: State) -> dict[str, Any]:
    """A state less every None, which FiftyOne's public API reads for what is absent."""
    return {key: value for key, value in state.items() if value is not None}


def _ids(states: Sequence[BoxState]) -> list[tuple[str, str]]:
    return [(one.sample_id, one.label_id) for one in states]
