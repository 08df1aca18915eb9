"""Sets of labels that are worked through in the review panel, pinned by their ids.

A set is kept in FiftyOne's execution store, beside the dataset and not in it: it is neither part of
the dataset's history nor of its saved views, and a reload of the page finds it again. What happens
to a label meanwhile changes nothing of the set.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bson import Binary, ObjectId

from ..dataset.columns import dataset_of
from ..dataset.documents import now
from ..dataset.schema import labels_path
from ..errors import DatasetError, Fault, InputError
from ..names import GROUND_TRUTH, PLUGIN_NAME
from ..relabelling.box_states import box_ids
from ..relabelling.journal import acting_user
from ..text import shortened
from .orders import Box

PANEL: Final = "review"
"""Name of the panel that opens sets."""
MOST_LABELS: Final = 500_000
"""In one set, which is one document in the database."""
SETS_KEPT: Final = 20
"""Of a dataset, by each person; the oldest go."""

_STORE: Final = "fathomnet_review"
_ID: Final = 12
"""Bytes of an id in the database."""
_TITLE: Final = 200
_READ_KEPT: Final = 4


@dataclass(frozen=True, slots=True)
class ReviewSet:
    """Labels that somebody works through.

    Attributes:
        key: by which the panel finds it again.
        title: what it is, for whoever works on it: "suspects", "26 boxes of a lasso".
        origin: where it was opened: the title of a panel or of an operator; may be empty.
        field: the field of the labels.
        user: who opened it; empty if nobody knows.
        opened_at: UTC, ISO 8601.
        boxes: sample id and label id of each, in the order in which they are shown.
        as_grid: whether the panel begins with the grid of crops.
    """

    key: str
    title: str
    origin: str
    field: str
    user: str
    opened_at: str
    boxes: tuple[Box, ...]
    as_grid: bool


@dataclass(frozen=True, slots=True)
class OpenedSet:
    """The outcome of ``open_review``.

    Attributes:
        set: key of the set, by which the panel finds it.
        labels: how many labels it has.
        title: what it is.
    """

    set: str
    labels: int
    title: str


_read: Final[dict[tuple[ObjectId, str], ReviewSet]] = {}
"""Sets that this process has read, as each page of the panel asks for one; they never change."""


def keep_set(
    dataset: Any,
    boxes: Iterable[Box],
    field: str = GROUND_TRUTH,
    title: str = "",
    origin: str = "",
    as_grid: bool = False,
) -> ReviewSet:
    """Pins labels by their ids; the oldest of this user's sets make room for it.

    Args:
        dataset: a FiftyOne dataset or view.
        boxes: sample id and label id of each, in the order in which they are shown.
        field: the field of the labels.
        title: what they are.
        origin: where they come from.
        as_grid: whether the panel begins with the grid of crops.

    Raises:
        InputError: there is no label, or there are too many.
        DatasetError: ``field`` holds no labels.
    """
    dataset = dataset_of(dataset)
    labels_path(dataset, field)
    pinned = tuple(dict.fromkeys((str(sample), str(label)) for sample, label in boxes))
    require_labels(pinned, field)
    user, moment = acting_user(), now().isoformat(timespec="microseconds")
    title = shortened(title or f"labels of {field}", _TITLE)
    key = str(ObjectId())
    kept = ReviewSet(key, title, shortened(origin, _TITLE), field, user, moment, pinned, as_grid)
    store = _store(dataset)
    ids = b"".join(ObjectId(one).binary for box in pinned for one in box)
    document = {name: getattr(kept, name) for name in ReviewSet.__slots__ if name != "boxes"}
    store.set(key, document | {"boxes": Binary(ids)})
    # It is the user's last one now; those that were too long ago go.
    keys = [*(store.get(_newest(user)) or ()), key]
    store.set(_newest(user), keys[-SETS_KEPT:])
    for old in keys[:-SETS_KEPT]:
        store.delete(old)
    return kept


def require_labels(boxes: Sequence[Box], field: str) -> None:
    """Refuses labels that make no set.

    Raises:
        InputError: there is none, or there are too many.
    """
    if not boxes:
        raise InputError(PANEL, [Fault("field", f"there is no label of {field} to look at")])
    if len(boxes) > MOST_LABELS:
        problem = f"{len(boxes):,} labels are too many for one set: {MOST_LABELS:,} are the most"
        raise InputError(PANEL, [Fault("field", f"{problem}; choose fewer, or start a review")])


def open_review(
    samples: Any,
    field: str = GROUND_TRUTH,
    as_grid: bool = False,
    title: str = "",
) -> OpenedSet:
    """Pins the labels of a view, so that the review panel begins with them.

    Args:
        samples: a FiftyOne dataset or view, also one of patches, whose order is kept.
        field: the field of the labels.
        as_grid: whether the panel begins with the grid of crops.
        title: what they are.

    Raises:
        InputError: there is no label, or there are too many.
        DatasetError: ``field`` holds no labels.
    """
    boxes = box_ids(samples, labels_path(dataset_of(samples), field))
    return opened(keep_set(samples, boxes, field, title, as_grid=as_grid))


def opened(kept: ReviewSet) -> OpenedSet:
    """What is told of a set that was kept."""
    return OpenedSet(kept.key, len(kept.boxes), kept.title)


def read_set(dataset: Any, key: str = "") -> ReviewSet | None:
    """A set of a dataset; None where it is gone.

    Args:
        dataset: a FiftyOne dataset.
        key: of the set; empty for the one that this user opened last.
    """
    dataset = dataset_of(dataset)
    key = key or (_store(dataset).get(_newest(acting_user())) or [""])[-1]
    if not key:
        return None
    remembered = (dataset._doc.id, key)
    if remembered not in _read:
        document = _store(dataset).get(key)
        if not isinstance(document, dict):
            return None
        packed = bytes(document["boxes"])
        ids = [packed[at : at + _ID].hex() for at in range(0, len(packed), _ID)]
        boxes = tuple(zip(ids[::2], ids[1::2], strict=True))
        while len(_read) >= _READ_KEPT:
            _read.pop(next(iter(_read)), None)
        _read[remembered] = ReviewSet(**{**document, "boxes": boxes})
    return _read[remembered]


def open_set(
    ctx: Any,
    boxes: Iterable[Box],
    field: str = GROUND_TRUTH,
    title: str = "",
    origin: str = "",
    as_grid: bool = False,
) -> ReviewSet:
    """Pins labels and shows them in the review panel, which this opens beside the others.

    Args:
        ctx: FiftyOne's execution context of an operator or a panel, in which a dataset is open.
        boxes: sample id and label id of each, in the order in which they are shown.
        field: the field of the labels.
        title: what they are: "suspects", "Sebastes taken for Sebastolobus".
        origin: where they come from: "the map", "FathomNet: evaluation by rank".
        as_grid: whether the panel begins with the grid of crops, as for what looks alike.

    Raises:
        InputError: there is no label, or there are too many.
        DatasetError: no dataset is open, or ``field`` holds no labels.
    """
    if ctx.dataset is None:
        raise DatasetError("no dataset is open: open the one whose labels are to be reviewed")
    kept = keep_set(ctx.dataset, boxes, field, title, origin, as_grid)
    show_set(ctx, kept.key)
    return kept


def show_set(ctx: Any, key: str) -> None:
    """Shows a set that was kept in the review panel, which this opens beside the others."""
    # The panel listens to this operator of its own; where it is not open yet, it asks when it is.
    ctx.ops.open_panel(PANEL, layout="horizontal", is_active=True)
    ctx.trigger(f"{PLUGIN_NAME}/show_review_set", {"key": key})


def _store(dataset: Any) -> Any:
    from fiftyone.operators.store import ExecutionStore

    return ExecutionStore.create(_STORE, dataset_id=dataset._doc.id)


def _newest(user: str) -> str:
    return f"newest of {user}"
