"""Says how much of the labels people have reviewed, how, who they are, and whether they agree."""

from typing import Any

from ..dataset.schema import boxes_path, fields_holding
from ..labels.verdicts import STATES
from ..names import REVIEW_ROUND, REVIEW_STATE
from ..review.progress import ReviewProgress, Tally, progress_of
from .blocks import Block, Cell, Note, Section, Table


def review_section(dataset: Any) -> Section:
    """The states of the labels of each field in which people have reviewed some."""
    import fiftyone as fo

    blocks: list[Block] = []
    for field in sorted(fields_holding(dataset, fo.Detections)):
        paths = (f"{boxes_path(dataset, field)}.{name}" for name in (REVIEW_STATE, REVIEW_ROUND))
        if any(dataset.get_field(path) is not None for path in paths):
            blocks += _field_blocks(progress_of(dataset, field))
    none = Note("Nobody has reviewed a label: run review_labels.")
    return Section("Review", tuple(blocks or [none]))


def _field_blocks(told: ReviewProgress) -> list[Block]:
    """What is said of one field; nothing where nobody has reviewed a label, nor is to."""
    rounds = {place for place in told.by_round if place[1]}
    if not told.all.done and not rounds:
        return []
    boxes = f"Of {told.all.labels:,} boxes of {told.field}, {told.all.done:,} are reviewed."
    states = tuple((one, told.all.states[one]) for one in (*STATES, "unreviewed"))
    blocks: list[Block] = [Note(boxes), Table(("state", "boxes"), states)]
    if told.all.done:
        people = [_row(person or "not known", one) for person, one in told.by_person.items()]
        blocks.append(Table(("reviewed by", "boxes", *STATES), tuple(people)))
    if rounds:
        splits = tuple(
            (split or "none", name or "none", one.labels, one.done)
            for (split, name), one in told.by_round.items()
        )
        blocks.append(Table(("split", "last round", "boxes", "reviewed"), splits))
    blocks += [Note(words) for words in told.agreement_in_words()]
    return blocks


def _row(person: str, told: Tally) -> tuple[Cell, ...]:
    return (person, told.done, *(told.states[one] for one in STATES))
