"""The label, ranks and verdict of single boxes: read as stored, changed where they still are so.

An edit changes a box only if it has the label and the verdict that whoever edits it has seen:
another user's edit or verdict in between is left alone.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bson import ObjectId

from ..dataset import columns, writes
from ..dataset.documents import Document
from ..dataset.label_pipelines import is_list
from ..dataset.schema import declare
from ..dataset.writes import Edit
from ..labels.verdicts import VERDICT_KEYS, as_stored, verdict_schema
from ..names import OWN_RANK, RANKS, REVIEWED_AT, REVIEWED_BY

STATE_KEYS: Final = ("label", OWN_RANK, *RANKS, *VERDICT_KEYS)
SEEN_KEYS: Final = ("label", REVIEWED_AT, REVIEWED_BY)
"""What tells whether somebody has edited or judged a box in the meantime."""

State = Mapping[str, Any]
"""What a box has of ``STATE_KEYS``; what it does not have at all is not there."""


@dataclass(frozen=True, slots=True)
class BoxState:
    """A box as it is stored."""

    sample_id: str
    label_id: str
    state: State


@dataclass(frozen=True, slots=True)
class Change:
    """A box as it was seen, and what it gets.

    Attributes:
        box: as it was seen.
        after: what it has of ``STATE_KEYS`` afterwards.
        drawn: of a box that was not there, what it has beside these: rectangle, number and area;
            None for a box that was there.
    """

    box: BoxState
    after: State
    drawn: State | None = None

    @property
    def is_renamed(self) -> bool:
        """Whether the label becomes another one."""
        return bool(self.box.state.get("label") != self.after["label"])


def box_ids(view: Any, path: str) -> list[tuple[str, str]]:
    """Sample id and label id of every box, or crop's label, that a dataset or view holds.

    Args:
        view: also a view of patches, or one that filters or selects labels.
        path: of the boxes.
    """
    is_patches = "sample_id" in view.get_field_schema()
    is_one = view.get_field(path) is None  # a patch is one box; a pair of an evaluation has lists
    ids = f"{path.partition('.')[0] if is_one else path}.id"
    samples, boxes = view.values(["sample_id" if is_patches else "id", ids])
    if is_one or not is_list(path):
        boxes = [[box] if box else [] for box in boxes]
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
                if state.get(REVIEWED_AT) is not None:
                    state[REVIEWED_AT] = as_stored(state[REVIEWED_AT])
                found.append(BoxState(sample_id, label_id, state))
    return found


def make(dataset: Any, path: str, changes: Iterable[Change]) -> None:
    """Makes changes, where the boxes are as they were seen."""
    declare(dataset, verdict_schema(path))
    there, drawn = _apart(changes)
    writes.edit_boxes(dataset, path, _edits((one.box, one.box.state, one.after) for one in there))
    added: dict[str, list[Document]] = {}
    for one in drawn:
        # As FiftyOne stores it.
        added.setdefault(one.box.sample_id, []).append(
            {
                "_id": ObjectId(one.box.label_id),
                "_cls": "Detection",
                "attributes": {},
                "tags": [],
                **(one.drawn or {}),
                **one.after,
            }
        )
    writes.add_boxes(dataset, path, added)


def take_back(dataset: Any, path: str, changes: Iterable[Change]) -> None:
    """Gives boxes back what they had, where they are as the changes left them."""
    declare(dataset, verdict_schema(path))
    there, drawn = _apart(changes)
    writes.edit_boxes(dataset, path, _edits((one.box, one.after, one.box.state) for one in there))
    # What was added goes; that it had no state before is what the edits say.
    writes.remove_boxes(dataset, path, _edits((one.box, one.after, one.box.state) for one in drawn))


def count_made(dataset: Any, path: str, changes: Collection[Change]) -> int:
    """The number of boxes that are as the changes leave them."""
    after = {one.box.label_id: _seen(one.after) for one in changes}
    boxes = [(one.box.sample_id, one.box.label_id) for one in changes]
    there = read_states(dataset, path, boxes, SEEN_KEYS)
    return sum(_seen(one.state) == after[one.label_id] for one in there)


def are_left(dataset: Any, path: str, changes: Collection[Change]) -> bool:
    """Whether any box still is as it was seen, as if its change had not been made."""
    if not changes:
        return False
    before = {one.box.label_id: _seen(one.box.state) for one in changes}
    boxes = [(one.box.sample_id, one.box.label_id) for one in changes]
    there = read_states(dataset, path, boxes, SEEN_KEYS)
    missing = {one.box.label_id for one in changes if one.drawn} - {one.label_id for one in there}
    return bool(missing) or any(_seen(one.state) == before[one.label_id] for one in there)


def unseen(changes: Iterable[Sequence[Change]]) -> list[list[Change]]:
    """Those of some people's changes that none of them has seen made, each person's together.

    One that somebody has seen is not lost where a box is as it was before: it was taken back.
    """
    kept = [list(some) for some in changes]
    seen = {(one.box.label_id, *_seen(one.box.state).values()) for some in kept for one in some}
    return [
        [one for one in some if (one.box.label_id, *_seen(one.after).values()) not in seen]
        for some in kept
    ]


def _edits(wanted: Iterable[tuple[BoxState, State, State]]) -> list[Edit]:
    """The edits that lead boxes from a first state to a second; boxes that are alike together."""
    alike: dict[tuple[Any, ...], tuple[State, State, list[BoxState]]] = {}
    for box, first, second in wanted:
        key = (tuple(first.items()), tuple(second.items()))
        alike.setdefault(key, (first, second, []))[2].append(box)
    edits = []
    for first, second, boxes in alike.values():
        # Where the name stays, the ranks are nobody's business here.
        keys = VERDICT_KEYS if first.get("label") == second.get("label") else STATE_KEYS
        ids = [(one.sample_id, one.label_id) for one in boxes]
        state = {key: value for key, value in second.items() if key in keys}
        edits.append(Edit(ids, _seen(first), state, keys))
    return edits


def _apart(changes: Iterable[Change]) -> tuple[list[Change], list[Change]]:
    """The changes of boxes that were there, and of those that are added."""
    there: list[Change] = []
    drawn: list[Change] = []
    for one in changes:
        (there if one.drawn is None else drawn).append(one)
    return there, drawn


def _seen(state: State) -> dict[str, Any]:
    return {key: state.get(key) for key in SEEN_KEYS}
