"""A round of a review: which labels are looked at, in which order, and by whom."""

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Literal, get_args

import numpy as np

from ..dataset import columns, writes
from ..dataset.documents import ImageChange, now
from ..dataset.hit_views import Hit, save_hits_view
from ..dataset.label_fields import boxes_path
from ..dataset.records import (
    boxes_listed,
    bring_up_to_date,
    read_record,
    reload_known,
    write_record,
)
from ..dataset.schema import declare
from ..dataset.vectors import read_vectors
from ..errors import DatasetError, Fault, InputError
from ..labels.verdicts import STATES, round_schema, verdict_schema
from ..names import (
    ANNOTATION_ID,
    ASSIGNEE,
    DEFAULT_MODEL,
    GROUND_TRUTH,
    MODEL_PREDICTIONS,
    PROBABILITIES,
    REVIEW_ROUND,
    REVIEW_ROUNDS,
    REVIEW_STATE,
    REVIEWED_BY,
    REVIEWED_LABEL,
    SUSPICION,
    similarity_key,
)
from ..progress import Progress, silent
from ..relabelling.box_states import box_ids
from ..similarity.index import open_index
from ..text import counted

Order = Literal["suspicion", "margin", "cluster", "concept", "random"]
Box = tuple[str, str]
"""Sample id and label id."""

_MOST_CLUSTERS: Final = 100
_LONGEST: Final = 100
"""Characters of the name of a round, or of a person."""


@dataclass(frozen=True, slots=True)
class Round:
    """What a dataset keeps of a round.

    Attributes:
        key: key of the run.
        name: of the round.
        field: the field of boxes.
        view: name of the saved view whose boxes are looked at; empty for all.
        order: in which they come.
        assignees: who looks at them.
        overlap: the share that two people get.
        hide_done: whether the queues leave out what is judged.
        started_at: UTC, ISO 8601.
        state: whether labels and views are all written.
        labels: how many labels it is about.
    """

    METHOD: ClassVar[str] = "start_review"

    key: str
    name: str
    field: str
    view: str
    order: Order
    assignees: tuple[str, ...]
    overlap: float
    hide_done: bool
    started_at: str
    state: Literal["writing", "complete"]
    labels: int


@dataclass(frozen=True, slots=True)
class RoundResult:
    """The outcome of ``start_review``.

    Attributes:
        round: its name.
        labels: labels that it is about.
        assigned: how many labels each assignee gets; empty without assignees.
        views: names of the saved views that are the queues, one for each assignee.
        twice: labels that two people get.
    """

    round: str
    labels: int
    assigned: dict[str, int]
    views: tuple[str, ...]
    twice: int


def start_review(
    dataset: Any,
    name: str = "",
    field: str = GROUND_TRUTH,
    view: str = "",
    order: Order = "suspicion",
    assignees: Sequence[str] = (),
    overlap: float = 0.0,
    hide_done: bool = True,
    progress: Progress = silent,
) -> RoundResult:
    """Saves a queue of labels for each person, and keeps on each label its round and its assignee.

    No verdict is changed, nor the record of an earlier round. Started again with the same
    parameters, also after a kill, it makes the same queues again.

    Args:
        dataset: a FiftyOne dataset.
        name: of the round; empty for the next "round 1", "round 2" and so on.
        field: the field of boxes.
        view: name of a saved view whose boxes are looked at; empty for all of the field.
        order: ``suspicion``: what is most probably wrong first. ``margin``: first where the two
            most probable predictions are nearest. ``cluster``: what looks alike together.
            ``concept``: name by name. ``random``: another order for every name of a round.
        assignees: who looks at them; empty for one queue for all.
        overlap: the share that two people get, 0 to 1, to see whether they agree.
        hide_done: whether the queues leave out what is judged, as soon as they are loaded again.
        progress: called with the share done and a label.

    Raises:
        InputError: a name means something else already or is no name, or a parameter is wrong.
        DatasetError: ``field`` holds no boxes, or what the order needs is missing.
    """
    bring_up_to_date(dataset)
    dataset = columns.dataset_of(dataset)
    begun, boxes = _plan(dataset, name, field, view, order, assignees, overlap, hide_done)
    path = boxes_path(dataset, field)
    declare(dataset, {**verdict_schema(path), **round_schema(path)})
    if not boxes:
        boxes = _kept(dataset, begun)
    else:
        progress(0.1, f"ordering {counted(len(boxes), 'label', 'labels')}")
        boxes = _ordered(dataset, begun, boxes)
        write_record(dataset, begun.key, begun)
        listed = "\n".join(f"{sample} {label}" for sample, label in boxes)
        results = dataset.init_run_results(begun.key, boxes=listed)
        dataset.save_run_results(begun.key, results)
    queues, twice = share_out(boxes, begun.assignees, begun.overlap, begun.order, begun.name)
    given: dict[str, dict[str, dict[str, Any]]] = {}
    for person, queue in reversed(queues.items()):
        for sample, label in queue:
            # Of two people the first, whose queue comes last here.
            attributes = {REVIEW_ROUND: begun.name, ASSIGNEE: person or None}
            given.setdefault(sample, {})[label] = attributes
    changes = (ImageChange(sample, boxes={path: some}) for sample, some in given.items())
    done = 0
    for written in writes.change_images(dataset, changes, none_removes=True):
        done += written
        progress(0.3 + 0.5 * done / len(given), f"assigning {done:,}/{len(given):,} images")
    progress(0.8, "saving the queues")
    names = _view_names(begun)
    for person, queue in queues.items():
        hits = [Hit(label, sample, 0.0) for sample, label in queue]
        words = f"{begun.name}: what {person or 'everybody'} is to look at, by {order}"
        where = _not_done(field, person, twice) if hide_done else None
        save_hits_view(dataset, names[person], field, hits, words, where)
    write_record(dataset, begun.key, replace(begun, state="complete"))
    progress(1.0, f"{counted(len(boxes), 'label is', 'labels are')} in {begun.name}")
    assigned = {person: len(queue) for person, queue in queues.items() if person}
    return RoundResult(begun.name, len(boxes), assigned, tuple(names.values()), len(twice))


def check_round(
    dataset: Any,
    name: str = "",
    field: str = GROUND_TRUTH,
    view: str = "",
    order: Order = "suspicion",
    assignees: Sequence[str] = (),
    overlap: float = 0.0,
    hide_done: bool = True,
) -> Round:
    """The round that ``start_review`` would make; writes nothing, and raises the same errors."""
    reload_known(dataset)
    dataset = columns.dataset_of(dataset)
    return _plan(dataset, name, field, view, order, assignees, overlap, hide_done)[0]


def rounds_of(dataset: Any) -> list[Round]:
    """The rounds of a dataset, the first first."""
    keys = (key for key in dataset.list_runs() if key.startswith(REVIEW_ROUNDS))
    read = (read_record(dataset, key, Round) for key in keys)
    return sorted((one for one in read if one), key=lambda one: (one.started_at, one.key))


def share_out(
    boxes: Sequence[Box], assignees: Sequence[str], overlap: float, order: Order, name: str
) -> tuple[dict[str, list[Box]], set[Box]]:
    """The queue of each person, and the boxes that two people get.

    What is alike goes to one person, by cluster or concept; else people take turns, so that each
    has as many difficult ones.

    Examples:
        >>> boxes = [("image", "a"), ("image", "b"), ("image", "c"), ("image", "d")]
        >>> queues, twice = share_out(boxes, ["ana", "bo"], 0.0, "suspicion", "first")
        >>> [label for _, label in queues["ana"]], len(twice)
        (['a', 'c'], 0)
        >>> queues, twice = share_out(boxes, ["ana", "bo"], 1.0, "concept", "first")
        >>> len(queues["ana"]), len(twice)
        (4, 4)
    """
    people = list(assignees) or [""]
    number = round(overlap * len(boxes)) if len(people) > 1 else 0
    dice = random.Random(_hash(name))  # noqa: S311 an order, no secret
    twice = set(dice.sample(range(len(boxes)), number))
    owners = [
        place * len(people) // len(boxes) if order in ("cluster", "concept") else place
        for place in range(len(boxes))
    ]
    queues: dict[str, list[Box]] = {person: [] for person in people}
    for place, box in enumerate(boxes):
        owner = owners[place] % len(people)
        queues[people[owner]].append(box)
        if place in twice:
            queues[people[(owner + 1) % len(people)]].append(box)
    return queues, {boxes[place] for place in twice}


def _plan(
    dataset: Any,
    name: str,
    field: str,
    view: str,
    order: Order,
    assignees: Sequence[str],
    overlap: float,
    hide_done: bool,
) -> tuple[Round, list[Box]]:
    """The round, and its boxes; none where they are kept already."""
    path = boxes_path(dataset, field)
    faults = []
    if order not in get_args(Order):
        faults.append(Fault("order", f"{order!r} is none of {', '.join(get_args(Order))}"))
    people = tuple(" ".join(one.split()) for one in assignees)
    if not 0 <= overlap <= 1:
        faults.append(Fault("overlap", f"should be from 0 to 1, not {overlap}"))
    elif overlap and len(people) < 2:
        faults.append(Fault("overlap", "two people are needed to look at the same label"))
    if view and not dataset.has_saved_view(view):
        known = ", ".join(dataset.list_saved_views()) or "none"
        faults.append(Fault("view", f"no saved view is named {view!r}; there are: {known}"))
    rounds = rounds_of(dataset)
    name = " ".join(name.split())
    asked = (field, view, order, people, overlap, hide_done)
    if not name:
        # The one that a killed process has begun, or the next.
        open_ones = [one.name for one in rounds if one.state == "writing" and _asked(one) == asked]
        numbers = (f"round {number}" for number in range(1, len(rounds) + 2))
        taken = {one.name for one in rounds}
        name = open_ones[0] if open_ones else next(one for one in numbers if one not in taken)
    faults += [
        Fault(place, f"{one[:80]!r} is no name: letters or digits, no $ in front, {_LONGEST} at most")
        for place, one in [("name", name), *(("assignees", one) for one in people)]
        if not (one.isprintable() and len(one) <= _LONGEST and any(map(str.isalnum, one)))
        or one.startswith("$")
    ]
    before = next((one for one in rounds if one.name == name), None)
    if before is not None and _asked(before) != asked:
        faults.append(Fault("name", f"{name!r} is another round already: choose another name"))
    moment = now().isoformat(timespec="microseconds")
    key = f"{REVIEW_ROUNDS}{_hash(name)[:12]}"
    begun = Round(key, name, field, view, order, people, overlap, hide_done, moment, "writing", 0)
    if not faults:
        slugs = Counter(_slug(one) for one in _view_names(begun).values())
        if "" in slugs or max(slugs.values()) > 1:
            problem = "saved views could not tell these names apart: use other letters or digits"
            faults.append(Fault("assignees", problem))
        elif before is None:
            there = {_slug(one): one for one in dataset.list_saved_views()}
            faults += [
                Fault("name", f"there is a saved view {there[one]!r} already: choose another name")
                for one in slugs
                if one in there
            ]
    if faults:
        raise InputError("start_review", faults)
    if before is not None and dataset._doc.runs[before.key].results is not None:
        return replace(before, state="writing"), []
    boxes = box_ids(dataset.load_saved_view(view) if view else dataset, path)
    if not boxes:
        where = f"the view {view!r}" if view else f"dataset {dataset.name!r}"
        raise DatasetError(f"{where} holds no box of {field}: choose another view or field")
    _require_order(dataset, field, path, order)
    return replace(begun, labels=len(boxes)), boxes


def _asked(one: Round) -> tuple[Any, ...]:
    return one.field, one.view, one.order, one.assignees, one.overlap, one.hide_done


def _kept(dataset: Any, begun: Round) -> list[Box]:
    return list(boxes_listed(dataset.load_run_results(begun.key, cache=False).boxes))


def _require_order(dataset: Any, field: str, path: str, order: Order) -> None:
    """Refuses an order for which something is missing.

    Raises:
        DatasetError: scores, probabilities or vectors are not there.
    """
    if order == "suspicion" and dataset.get_field(f"{path}.{SUSPICION}") is None:
        raise DatasetError(
            f"the labels of {field} have no suspicion: run find_label_errors first, or choose "
            "another order"
        )
    pairs = [f"{MODEL_PREDICTIONS}.detections.{one}" for one in (PROBABILITIES, ANNOTATION_ID)]
    pairs.append(f"{path}.{ANNOTATION_ID}")
    if order == "margin" and any(dataset.get_field(one) is None for one in pairs):
        raise DatasetError(
            f"there are no probabilities in {MODEL_PREDICTIONS} for the boxes of {field}: run "
            "import_predictions with a file that has them, or choose another order"
        )
    if order == "cluster" and not _index_key(dataset, field):
        raise DatasetError(
            f"there is no similarity index of the boxes of {field}: run compute_embeddings and "
            "build_similarity_index first, or choose another order"
        )


def _index_key(dataset: Any, field: str) -> str:
    keys = dataset.list_brain_runs(type="similarity", patches_field=field)
    default = similarity_key(DEFAULT_MODEL, field)
    return default if default in keys else str(keys[0]) if keys else ""


def _ordered(dataset: Any, begun: Round, boxes: list[Box]) -> list[Box]:
    """Boxes in the order of a round; those of which nothing is known come last."""
    path = boxes_path(dataset, begun.field)
    if begun.order == "random":
        mixed = boxes.copy()
        random.Random(_hash(begun.name)).shuffle(mixed)  # noqa: S311 an order, no secret
        return mixed
    places: dict[str, Callable[[], Mapping[str, Any]]] = {
        "suspicion": lambda: _by_suspicion(dataset, path),
        "margin": lambda: _by_margin(dataset, path),
        "cluster": lambda: _by_cluster(dataset, begun.field, {label for _, label in boxes}),
        "concept": lambda: _by_concept(dataset, path),
    }
    place = places[begun.order]()
    known = sorted((box for box in boxes if box[1] in place), key=lambda box: place[box[1]])
    return known + [box for box in boxes if box[1] not in place]


def _attribute(dataset: Any, path: str, name: str) -> Iterator[tuple[str, str, Any]]:
    """Of each box that has an attribute: sample id, label id and value."""
    for image in columns.read_images(dataset, boxes={path: (name,)}):
        for box in columns.boxes_in(image, path):
            if box.get(name) is not None:
                yield str(image["_id"]), str(box["_id"]), box[name]


def _by_suspicion(dataset: Any, path: str) -> dict[str, float]:
    return {label: -value for _, label, value in _attribute(dataset, path, SUSPICION)}


def _by_concept(dataset: Any, path: str) -> dict[str, str]:
    return {label: name for _, label, name in _attribute(dataset, path, "label")}


def _by_margin(dataset: Any, path: str) -> dict[str, float]:
    """By each box, how much more probable the first predicted name is than the second."""
    vectors = read_vectors(dataset, MODEL_PREDICTIONS, PROBABILITIES)
    if vectors.matrix.shape[1] < 2:
        return {}
    best = np.sort(vectors.matrix, axis=1)[:, -2:]
    margins = dict(zip(vectors.ids, (best[:, 1] - best[:, 0]).tolist(), strict=True))
    predicted = _attribute(dataset, f"{MODEL_PREDICTIONS}.detections", ANNOTATION_ID)
    of_number = {
        (sample, number): margins[label] for sample, label, number in predicted if label in margins
    }
    return {
        label: of_number[sample, number]
        for sample, label, number in _attribute(dataset, path, ANNOTATION_ID)
        if (sample, number) in of_number
    }


def _by_cluster(dataset: Any, field: str, wanted: set[str]) -> dict[str, tuple[int, int, float]]:
    """By each box, its cluster, the largest first, and how far it is from the middle of it."""
    from sklearn.cluster import MiniBatchKMeans

    index = open_index(dataset, _index_key(dataset, field))
    rows = [row for row, one in enumerate(index.ids) if one in wanted]
    if not rows:
        return {}
    matrix = index.rows.matrix[rows] * index.rows.inverse[rows, None]
    number = max(1, min(_MOST_CLUSTERS, round((len(rows) / 2) ** 0.5)))
    clusters = MiniBatchKMeans(number, random_state=0, n_init=3).fit(matrix)
    of_row = clusters.labels_.tolist()
    far = np.linalg.norm(matrix - clusters.cluster_centers_[clusters.labels_], axis=1).tolist()
    sizes = Counter(of_row)
    return {
        index.ids[row]: (-sizes[cluster], cluster, distance)
        for row, cluster, distance in zip(rows, of_row, far, strict=True)
    }


def _view_names(begun: Round) -> dict[str, str]:
    """The name of each person's queue."""
    title = f"review {begun.name}"
    return {one: f"{title}, {one}" if one else title for one in begun.assignees or ("",)}


def _slug(name: str) -> str:
    """The name by which FiftyOne tells saved views apart; empty if there is none."""
    from fiftyone.core.utils import to_slug

    try:
        return str(to_slug(name))
    except ValueError:
        return ""


def _not_done(field: str, person: str, twice: set[Box]) -> Any:
    """Which patches are left to a person; of what two people get, until she has judged it."""
    from bson import ObjectId
    from fiftyone import ViewField as F

    judged = F(f"{field}.{REVIEW_STATE}").is_in(list(STATES))
    judged &= F(f"{field}.{REVIEWED_LABEL}") == F(f"{field}.label")
    if twice:
        shared = F("_id").is_in([ObjectId(label) for _, label in sorted(twice)])
        judged &= ~shared | (F(f"{field}.{REVIEWED_BY}") == person)
    return ~judged


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
