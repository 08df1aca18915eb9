"""The label and ranks of single boxes: read as they are stored, changed where they still are so.

An edit changes a box only if it has the label that whoever edits it has seen: another user's edit
in between is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bson import ObjectId
from pymongo.collection import Collection

from ..dataset.batches import now
from ..dataset.collection import reload_samples, sample_collection
from ..dataset.documents import Document
from ..dataset.public_writes import save_pipeline
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


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of many boxes.

    Attributes:
        boxes: sample id and label id of each.
        seen: the label that a box must still have.
        state: what it gets; keys that are not in it are removed.
    """

    boxes: Sequence[tuple[str, str]]
    seen: str | None
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
    collection = sample_collection(dataset)
    found = (
        _stored(collection, path, samples, keys)
        if collection is not None
        else _public(dataset, path, samples, keys)
    )
    return [one for one in found if (one.sample_id, one.label_id) in wanted]


def edits_to(states: Iterable[BoxState], label: str, ranks: State) -> list[Edit]:
    """The edits that give boxes a label, and ranks where they have some."""

    def after(state: State) -> State:
        return {"label": label, **{key: ranks[key] for key in state if key in ranks}}

    return [
        Edit([(one.sample_id, one.label_id) for one in some], state.get("label"), after(state))
        for state, some in by_state(states)
    ]


def by_state(states: Iterable[BoxState]) -> Iterator[tuple[dict[str, str | None], list[BoxState]]]:
    """Boxes that are alike, together."""
    alike: dict[tuple[tuple[str, str | None], ...], list[BoxState]] = {}
    for one in states:
        alike.setdefault(tuple(one.state.items()), []).append(one)
    for state, some in alike.items():
        yield dict(state), some


def apply_edits(dataset: Any, path: str, edits: Iterable[Edit]) -> None:
    """Makes edits; each box in one write, and only where it has the label that was seen."""
    collection = sample_collection(dataset)
    for edit in edits:
        if collection is None:
            _save(dataset, path, edit)
        else:
            _update(collection, path, edit)
    if collection is not None:
        reload_samples(dataset)


def _stored(
    collection: Collection[Document], path: str, samples: Sequence[str], keys: Sequence[str]
) -> Iterator[BoxState]:
    field, _, rest = path.partition(".")
    projection = {f"{path}.{key}": 1 for key in ("_id", *keys)}
    query = {"_id": {"$in": [ObjectId(sample) for sample in samples]}}
    for document in collection.find(query, projection):
        for box in (document.get(field) or {}).get(rest) or ():
            state = {key: box[key] for key in keys if key in box}
            yield BoxState(str(document["_id"]), str(box["_id"]), state)


def _public(
    dataset: Any, path: str, samples: Sequence[str], keys: Sequence[str]
) -> Iterator[BoxState]:
    keys = [key for key in keys if dataset.get_field(f"{path}.{key}") is not None]
    names = ["id", f"{path}.id", *(f"{path}.{key}" for key in keys)]
    for sample, ids, *columns in zip(*dataset.select(samples).values(names), strict=True):
        for place, label_id in enumerate(ids or ()):
            state = {key: column[place] for key, column in zip(keys, columns, strict=True)}
            yield BoxState(sample, label_id, state)


def _update(collection: Collection[Document], path: str, edit: Edit) -> None:
    samples = {ObjectId(sample) for sample, _ in edit.boxes}
    labels = [ObjectId(label) for _, label in edit.boxes]
    removed = [key for key in STATE_KEYS if key not in edit.state]
    update: dict[str, Any] = {
        "$set": {f"{path}.$[box].{key}": value for key, value in edit.state.items()}
        | {"last_modified_at": now()}
    }
    if removed:
        update["$unset"] = {f"{path}.$[box].{key}": "" for key in removed}
    collection.update_many(
        # Samples without such a box any more are not even touched.
        {
            "_id": {"$in": list(samples)},
            path: {"$elemMatch": {"_id": {"$in": labels}, "label": edit.seen}},
        },
        update,
        array_filters=[{"box._id": {"$in": labels}, "box.label": edit.seen}],
    )


def _save(dataset: Any, path: str, edit: Edit) -> None:
    """The same through the public API; the server looks just before it writes, not at once."""
    samples = list({ObjectId(sample) for sample, _ in edit.boxes})
    labels = {"$literal": [ObjectId(label) for _, label in edit.boxes]}
    known = [key for key in STATE_KEYS if dataset.get_field(f"{path}.{key}") is not None]
    state = {"$literal": {key: edit.state.get(key) for key in known}}
    has_label = {"$eq": [{"$ifNull": ["$$this.label", None]}, {"$literal": edit.seen}]}
    as_seen = {"$and": [{"$in": ["$$this._id", labels]}, has_label]}
    box = {"$cond": [as_seen, {"$mergeObjects": ["$$this", state]}, "$$this"]}
    seen = {"_id": {"$in": labels["$literal"]}, "label": edit.seen}
    pipeline: list[Document] = [
        {"$match": {"_id": {"$in": samples}, path: {"$elemMatch": seen}}},
        {"$set": {path: {"$map": {"input": f"${path}", "in": box}}}},
    ]
    save_pipeline(dataset, pipeline, [path.partition(".")[0]])
