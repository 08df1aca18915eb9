"""The label and ranks of single boxes: read as they are stored, changed where they still are so.

An edit changes a box only if it has the label that whoever edits it has seen: another user's edit
in between is left alone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..dataset import columns
from ..dataset.writes import Edit
from ..names import OWN_RANK, RANKS

STATE_KEYS: Final = ("label", OWN_RANK, *RANKS)

State = Mapping[str, str | None]
"""What a box has of ``STATE_KEYS``; what it does not have at all is not there."""


@dataclass(frozen=True, slots=True)
class BoxState:
    """A box as it is stored."""

    sample_id: str
    label_id: str
    state: State


def box_ids(view: Any, path: str) -> list[tuple[str, str]]:
    """Sample id and label id of every box that a dataset or view holds.

    Args:
        view: also a view of patches, or one that filters or selects labels.
        path: of the boxes.
    """
    is_patches = "sample_id" in view.get_field_schema()
    is_one = view.get_field(path) is None  # a patch is one box; a pair of an evaluation has lists
    ids = f"{path.partition('.')[0] if is_one else path}.id"
    samples, boxes = view.values(["sample_id" if is_patches else "id", ids])
    if is_one:
        boxes = [[box] for box in boxes]
    return [
        (str(sample), label)
        for sample, some in zip(samples, boxes, strict=True)
        for label in some or ()
    ]


def read_states(
    dataset: Any,
    path: str,
    boxes: Iterable[tuple[str, str]],
    keys: Sequence[str] = STATE_KEYS,
) -> list[BoxState]:
    """The states of boxes; those that are not there any more are left out.

    Args:
        dataset: a FiftyOne dataset.
        path: of the boxes.
        boxes: sample id and label id of each.
        keys: what to read of each.
    """
    wanted = set(boxes)
    samples = list(dict.fromkeys(sample for sample, _ in wanted))
    found = []
    for image in columns.read_images(dataset.select(samples), boxes={path: keys}):
        sample_id = str(image["_id"])
        for box in columns.boxes_in(image, path):
            label_id = str(box["_id"])
            if (sample_id, label_id) in wanted:
                state = {key: box[key] for key in keys if key in box}
                found.append(BoxState(sample_id, label_id, state))
    return found


def edits_to(states: Iterable[BoxState], label: str, ranks: State) -> list[Edit]:
    """The edits that give boxes a label, and ranks where they have some."""

    def after(state: State) -> State:
        return {"label": label, **{key: ranks[key] for key in state if key in ranks}}

    return [
        edit_to(after(state), some, seen=state.get("label")) for state, some in by_state(states)
    ]


def edit_to(state: State, boxes: Iterable[BoxState], seen: str | None) -> Edit:
    """The edit that gives boxes a state where they have the label that was seen."""
    return Edit([(one.sample_id, one.label_id) for one in boxes], seen, state, STATE_KEYS)


def by_state(states: Iterable[BoxState]) -> Iterator[tuple[dict[str, str | None], list[BoxState]]]:
    """Boxes that are alike, together."""
    alike: dict[tuple[tuple[str, str | None], ...], list[BoxState]] = {}
    for one in states:
        alike.setdefault(tuple(one.state.items()), []).append(one)
    for state, some in alike.items():
        yield dict(state), some
