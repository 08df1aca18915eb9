"""A round of a review: which labels are looked at, in which order, and by whom."""

import hashlib
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Literal, get_args

from ..dataset import columns, writes
from ..dataset.app_defaults import colour_states
from ..dataset.datasets import unknown_view
from ..dataset.documents import ImageChange, now
from ..dataset.hit_views import MOST, Hit, save_hits_view
from ..dataset.records import (
    boxes_listed,
    bring_up_to_date,
    read_records,
    reload_known,
    write_record,
)
from ..dataset.schema import declare, labels_path
from ..errors import DatasetError, Fault, InputError
from ..garbage_collector import collector_paused
from ..labels.verdicts import STATES, round_schema, standing, verdict_schema
from ..names import (
    ASSIGNEE,
    GROUND_TRUTH,
    REVIEW_ROUND,
    REVIEW_ROUNDS,
    REVIEWED_BEFORE_BY,
    REVIEWED_BY,
    SECOND_ASSIGNEE,
    view_of,
)
from ..progress import Progress, silent
from ..relabelling.box_states import box_ids
from ..text import counted
from .orders import Box, Order, dice_of, in_order, require_order

_LONGEST: Final = 100
"""Characters of the name of a round, or of a person."""


@dataclass(frozen=True, slots=True)
class Round:
    """What a dataset keeps of a round.

    Attributes:
        key: key of the run.
        name: of the round.
        field: the field of boxes, or of the labels of crops.
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


@collector_paused()
def start_review(  # noqa: PLR0913, PLR0917  # the parameters of the operator
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

    Beside the queues there is a saved view of the labels of each review state, and states have
    colours. No verdict is changed, nor the record of an earlier round. Started again with the same
    parameters, also after a kill, it makes the same queues again.

    Args:
        dataset: a FiftyOne dataset.
        name: of the round; empty for the next "round 1", "round 2" and so on.
        field: the field of boxes, or of the labels of crops.
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
        DatasetError: ``field`` holds no labels, or what the order needs is missing.
    """
    bring_up_to_date(dataset)
    dataset = columns.dataset_of(dataset)
    asked = _request(name, field, view, order, assignees, overlap, hide_done)
    begun, boxes = _plan(dataset, asked)
    path = labels_path(dataset, field)
    declare(dataset, {**verdict_schema(path), **round_schema(path)})
    if not boxes:
        boxes = _kept(dataset, begun)
    else:
        progress(0.1, f"ordering {counted(len(boxes), 'label', 'labels')}")
        boxes = in_order(dataset, field, order, begun.name, boxes)
        write_record(dataset, begun.key, begun)
        listed = "\n".join(f"{sample} {label}" for sample, label in boxes)
        results = dataset.init_run_results(begun.key, boxes=listed)
        dataset.save_run_results(begun.key, results)
    queues, twice = share_out(boxes, begun.assignees, begun.overlap, begun.order, begun.name)
    progress(0.3, f"assigning {counted(len(boxes), 'label', 'labels')}")
    deque(writes.change_images(dataset, _assigned(begun, path, queues), none_removes=True), 0)
    progress(0.8, "saving the queues")
    names = _view_names(begun)
    for person, queue in queues.items():
        hits = [Hit(label, sample, 0.0) for sample, label in queue]
        words = f"{begun.name}: what {person or 'everybody'} is to look at, by {order}"
        where = _not_done(field, person) if hide_done else None
        among = _given_to(begun.name, person)
        save_hits_view(dataset, names[person], field, hits, words, where, among)
    _show_states(dataset, field)
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
    asked = _request(name, field, view, order, assignees, overlap, hide_done)
    return _plan(dataset, asked)[0]


def _request(
    name: str,
    field: str,
    view: str,
    order: Order,
    assignees: Sequence[str],
    overlap: float,
    hide_done: bool,
) -> Round:
    """What is asked for, before anything of it is looked at."""
    people = tuple(" ".join(one.split()) for one in assignees)
    name, time = " ".join(name.split()), now().isoformat(timespec="microseconds")
    return Round("", name, field, view, order, people, overlap, hide_done, time, "writing", 0)


def rounds_of(dataset: Any) -> list[Round]:
    """The rounds of a dataset, the first first."""
    read = read_records(dataset, lambda key: key.startswith(REVIEW_ROUNDS), Round)
    return sorted(read, key=lambda one: (one.started_at, one.key))


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
    twice = set(dice_of(name).sample(range(len(boxes)), number))
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


def _plan(dataset: Any, asked: Round) -> tuple[Round, list[Box]]:
    """The round, and its boxes; none where they are kept already."""
    path = labels_path(dataset, asked.field)
    rounds = rounds_of(dataset)
    if not asked.name:
        # The one that a killed process has begun, or the next.
        begun = [
            one.name for one in rounds if one.state == "writing" and _about(one) == _about(asked)
        ]
        taken = {one.name for one in rounds}
        numbers = (f"round {number}" for number in range(1, len(rounds) + 2))
        free = (one for one in numbers if one not in taken)
        asked = replace(asked, name=begun[0] if begun else next(free))
    number = hashlib.sha256(asked.name.encode()).hexdigest()[:12]
    asked = replace(asked, key=f"{REVIEW_ROUNDS}{number}")
    before = next((one for one in rounds if one.name == asked.name), None)
    faults = [*_faults(dataset, asked)]
    if before is not None and _about(before) != _about(asked):
        problem = f"{asked.name!r} is another round already: choose another name"
        faults.append(Fault("name", problem))
    faults = faults or [*_clashes(dataset, asked, is_new=before is None)]
    if faults:
        raise InputError("start_review", faults)
    if before is not None and dataset._doc.runs[before.key].results:
        return replace(before, state="writing"), []
    samples = dataset.load_saved_view(asked.view) if asked.view else dataset
    boxes = box_ids(samples, path)
    if not boxes:
        where = f"the view {asked.view!r}" if asked.view else f"dataset {dataset.name!r}"
        raise DatasetError(f"{where} holds no box of {asked.field}: choose others")
    require_order(dataset, asked.field, path, asked.order)
    most = round(len(boxes) * (1 + asked.overlap) / (len(asked.assignees) or 1))
    if most > MOST:
        raise DatasetError(
            f"{most:,} labels a person are too many for a saved view, which has {MOST:,} at most: "
            "name a view with fewer, or more people"
        )
    return replace(asked, labels=len(boxes)), boxes


def _faults(dataset: Any, asked: Round) -> Iterator[Fault]:
    """What is wrong with the parameters by themselves."""
    if asked.order not in get_args(Order):
        yield Fault("order", f"{asked.order!r} is none of {', '.join(get_args(Order))}")
    if not 0 <= asked.overlap <= 1:
        yield Fault("overlap", f"should be from 0 to 1, not {asked.overlap}")
    elif asked.overlap and len(asked.assignees) < 2:
        yield Fault("overlap", "two people are needed to look at the same label")
    if asked.view and not dataset.has_saved_view(asked.view):
        yield unknown_view(dataset, asked.view)
    words = f"letters or digits, no $ in front, {_LONGEST} characters at most"
    for place, one in [("name", asked.name), *(("assignees", one) for one in asked.assignees)]:
        is_name = one.isprintable() and len(one) <= _LONGEST and any(map(str.isalnum, one))
        if not is_name or one.startswith("$"):
            yield Fault(place, f"{one[:80]!r} is no name: {words}")


def _clashes(dataset: Any, asked: Round, is_new: bool) -> Iterator[Fault]:
    """Which names FiftyOne's saved views could not tell apart."""
    slugs = Counter(_slug(one) for one in _view_names(asked).values())
    if "" in slugs or max(slugs.values()) > 1:
        problem = "saved views could not tell these names apart: use other letters or digits"
        yield Fault("assignees", problem)
    there = {_slug(one): one for one in dataset.list_saved_views()} if is_new else {}
    for one in slugs.keys() & there.keys():
        yield Fault("name", f"there is a saved view {there[one]!r} already: choose another name")


def _about(one: Round) -> tuple[Any, ...]:
    return one.field, one.view, one.order, one.assignees, one.overlap, one.hide_done


def _kept(dataset: Any, begun: Round) -> list[Box]:
    return list(boxes_listed(dataset.load_run_results(begun.key, cache=False).boxes))


def _assigned(
    begun: Round, path: str, queues: Mapping[str, Sequence[Box]]
) -> Iterator[ImageChange]:
    """What each image gets: the round of its labels, and who is to look at them."""
    owners: dict[str, dict[str, tuple[str, ...]]] = {}
    for person, queue in queues.items():
        for sample, label in queue:
            of_image = owners.setdefault(sample, {})
            of_image[label] = (*of_image.get(label, ()), person)
    # One mapping for all labels of the same people, as they are written together.
    given = {
        people: {
            REVIEW_ROUND: begun.name,
            ASSIGNEE: people[0] or None,
            SECOND_ASSIGNEE: people[1] if len(people) > 1 else None,
        }
        for people in {one for of_image in owners.values() for one in of_image.values()}
    }
    for sample, of_image in owners.items():
        boxes = {label: given[people] for label, people in of_image.items()}
        yield ImageChange(sample, boxes={path: boxes})


def _view_names(begun: Round) -> dict[str, str]:
    """The name of each person's queue."""
    title = f"review {begun.name}"
    return {one: f"{title}, {one}" if one else title for one in begun.assignees or ("",)}


def _show_states(dataset: Any, field: str) -> None:
    """Saves a view of the labels of each state, unless there is one, and gives states colours."""
    views = {state: standing(state) for state in STATES} | {"unreviewed": ~standing()}
    there = {_slug(one) for one in dataset.list_saved_views()}
    for state, where in views.items():
        name = view_of(f"labels: {state}", field)
        if _slug(name) not in there:
            words = f"The labels of {field} that are {state}, whenever it is opened"
            dataset.save_view(name, dataset.filter_labels(field, where), description=words)
    colour_states(dataset, field)


def _slug(name: str) -> str:
    """The name by which FiftyOne tells saved views apart; empty if there is none."""
    from fiftyone.core.utils import to_slug

    try:
        return str(to_slug(name))
    except ValueError:
        return ""


def _given_to(name: str, person: str) -> Any:
    """Which labels a person was given in a round, as long as no later one has them."""
    from fiftyone import ViewField as F

    given = F(REVIEW_ROUND) == name
    people = (F(ASSIGNEE) == person) | (F(SECOND_ASSIGNEE) == person)
    return given & people if person else given


def _not_done(field: str, person: str) -> Any:
    """Which patches are left to a person; of what two people get, until she has judged it."""
    from fiftyone import ViewField as F

    is_shared = F(f"{field}.{SECOND_ASSIGNEE}").exists()
    by = [F(f"{field}.{name}") == person for name in (REVIEWED_BY, REVIEWED_BEFORE_BY)]
    return ~(standing(below=field) & (~is_shared | by[0] | by[1]))
