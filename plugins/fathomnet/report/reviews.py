"""Says how much of the labels people have reviewed, how, and who they are."""

from collections import Counter
from typing import Any

from ..dataset import columns
from ..dataset.label_fields import boxes_path, fields_holding
from ..labels.verdicts import STATES, state_of
from ..names import REVIEW_STATE, REVIEWED_BY, REVIEWED_LABEL
from .blocks import Block, Cell, Note, Section, Table


def review_section(dataset: Any) -> Section:
    """The states of the labels of each field in which people have reviewed some."""
    import fiftyone as fo

    blocks: list[Block] = []
    for field in sorted(fields_holding(dataset, fo.Detections)):
        path = boxes_path(dataset, field)
        if dataset.get_field(f"{path}.{REVIEW_STATE}") is None:
            continue
        attributes = ("label", REVIEW_STATE, REVIEWED_LABEL, REVIEWED_BY)
        by_state: Counter[str] = Counter()
        by_person: dict[str, Counter[str]] = {}
        for values, labels in columns.count_alike(dataset, field, path, attributes):
            label = dict(zip(attributes, values, strict=True))
            state = state_of(label)
            by_state[state] += labels
            if state != "unreviewed":
                person = by_person.setdefault(label[REVIEWED_BY] or "not known", Counter())
                person[state] += labels
        reviewed = by_state.total() - by_state["unreviewed"]
        if not reviewed:
            continue
        blocks.append(Note(f"Of {by_state.total():,} boxes of {field}, {reviewed:,} are reviewed."))
        states = tuple((one, by_state[one]) for one in (*STATES, "unreviewed"))
        blocks.append(Table(("state", "boxes"), states))
        people: tuple[tuple[Cell, ...], ...] = tuple(
            (person, counts.total(), *(counts[one] for one in STATES))
            for person, counts in sorted(by_person.items())
        )
        blocks.append(Table(("reviewed by", "boxes", *STATES), people))
    none = Note("Nobody has reviewed a label: run review_labels.")
    return Section("Review", tuple(blocks or [none]))
