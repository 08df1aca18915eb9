"""How far a review is: by state, concept, person and round, and whether two people agree."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final, TypeVar

from ..dataset import columns
from ..dataset.schema import labels_path
from ..labels.verdicts import STATES, State, said_of, state_of
from ..names import (
    ASSIGNEE,
    REVIEW_ROUND,
    REVIEW_STATE,
    REVIEWED_AT,
    REVIEWED_BEFORE_AS,
    REVIEWED_BEFORE_BY,
    REVIEWED_BY,
    REVIEWED_LABEL,
    SECOND_ASSIGNEE,
    SUGGESTED_LABEL,
)
from ..text import counted

_ATTRIBUTES: Final = (
    "label", REVIEW_STATE, REVIEWED_LABEL, REVIEWED_BY, REVIEWED_AT, REVIEWED_BEFORE_BY,
    REVIEWED_BEFORE_AS, REVIEW_ROUND, ASSIGNEE, SECOND_ASSIGNEE, SUGGESTED_LABEL,
)  # fmt: skip
_SPLIT: Final = "split"


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of some labels have which state.

    Attributes:
        states: their number by state, ``unreviewed`` among them; a state that none has is 0.
        today: how many of them were judged today.
    """

    states: Mapping[State, int]
    today: int

    @property
    def labels(self) -> int:
        """The number of labels."""
        return sum(self.states.values())

    @property
    def done(self) -> int:
        """How many of them somebody has judged, and which are still what was judged."""
        return self.labels - self.states["unreviewed"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Whether two people say the same of the labels that both were given and have judged.

    Attributes:
        people: the two.
        labels: what both have judged.
        agreed: of how many they say the same: the same name, or that there is none.
        kappa: Cohen's kappa; None where it has no meaning, because both said one and the same of
            all.
    """

    people: tuple[str, str]
    labels: int
    agreed: int
    kappa: float | None

    def in_words(self) -> str:
        """The agreement in a sentence."""
        kappa = (
            "Cohen's kappa is not applicable: they said one thing of all"
            if self.kappa is None
            else f"Cohen's kappa {self.kappa:.2f}"
        )
        one, other = self.people
        return (
            f"{one} and {other} say the same of {self.agreed:,} of "
            f"{counted(self.labels, 'label', 'labels')} ({self.agreed / self.labels:.0%}); {kappa}."
        )


@dataclass(frozen=True, slots=True)
class ReviewProgress:
    """How far the review of some labels is.

    Attributes:
        field: the field of the labels.
        all: of all of them.
        by_concept: by their name, "" for those of none.
        by_person: what each person has judged, "" where that is not known.
        by_assignee: what each person was given in the last round of it; it counts as done for one
            of two people as soon as that person has judged it.
        by_round: by split and the last round of it, "" for none.
        suspects: what nobody has reviewed and for which another name is suggested.
        shared: how many labels two people were given.
        agreements: of each two people who have both judged some of these.
    """

    field: str
    all: Tally
    by_concept: Mapping[str, Tally]
    by_person: Mapping[str, Tally]
    by_assignee: Mapping[str, Tally]
    by_round: Mapping[tuple[str, str], Tally]
    suspects: int
    shared: int
    agreements: tuple[Agreement, ...]

    def agreement_in_words(self) -> tuple[str, ...]:
        """Whether people agree, one sentence for each two of them, or why that cannot be said."""
        if self.agreements:
            return tuple(one.in_words() for one in self.agreements)
        if not self.shared:
            reason = "no label was given to two people; start_review does so with an overlap"
            return (f"Agreement is not applicable: {reason}.",)
        labels = counted(self.shared, "label", "labels")
        return (f"Agreement is not applicable yet: of {labels} for two people, both judged none.",)


def progress_of(samples: Any, field: str, since: datetime | None = None) -> ReviewProgress:
    """Counts how far the review of the labels of a field is, in one pass through the database.

    Args:
        samples: a FiftyOne dataset, or a view of its images, all of whose labels count;
            ``select_labels`` gives that of some.
        field: of boxes, or of one label an image.
        since: when today began, UTC; None for the last midnight of this machine's clock.

    Raises:
        DatasetError: the field holds no labels.
    """
    import fiftyone as fo

    path = labels_path(samples, field)
    # Somebody else's field of this name may hold anything.
    fields = [_SPLIT] if isinstance(samples.get_field(_SPLIT), fo.StringField) else []
    counts = _Counts()
    if since is None:
        midnight = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
        since = midnight.astimezone(timezone.utc).replace(tzinfo=None)
    for values, labels in columns.count_alike(samples, field, path, _ATTRIBUTES, fields, since):
        counts.add(dict(zip((*_ATTRIBUTES, *fields), values, strict=True)), labels)
    opinions = counts.opinions
    return ReviewProgress(
        field=field,
        all=_tally(counts.all),
        by_concept=_tallies(counts.by_concept),
        by_person=_tallies(counts.by_person),
        by_assignee=_tallies(counts.by_assignee),
        by_round=_tallies(counts.by_round),
        suspects=counts.suspects,
        shared=counts.shared,
        agreements=tuple(agreement(pair, opinions[pair]) for pair in sorted(opinions)),
    )


Key = TypeVar("Key", str, tuple[str, str])
_States = Counter[tuple[State, bool]]
"""Numbers of labels by state, and by whether it is of today."""


class _Counts:
    """Adds labels up, see ``ReviewProgress``."""

    def __init__(self) -> None:
        self.all: _States = Counter()
        self.by_concept: defaultdict[str, _States] = defaultdict(Counter)
        self.by_person: defaultdict[str, _States] = defaultdict(Counter)
        self.by_assignee: defaultdict[str, _States] = defaultdict(Counter)
        self.by_round: defaultdict[tuple[str, str], _States] = defaultdict(Counter)
        self.suspects = self.shared = 0
        self.opinions: defaultdict[tuple[str, str], Counter[tuple[str, str]]] = defaultdict(Counter)

    def add(self, label: Mapping[str, Any], labels: int) -> None:
        """Counts labels that are alike."""
        state = state_of(label)
        is_done = state != "unreviewed"
        what = (state, is_done and bool(label[REVIEWED_AT]))
        self.all[what] += labels
        self.by_concept[label["label"] or ""][what] += labels
        self.by_round[label.get(_SPLIT) or "", label[REVIEW_ROUND] or ""][what] += labels
        said = {}
        if is_done:
            self.by_person[label[REVIEWED_BY] or ""][what] += labels
            said = {
                label[REVIEWED_BEFORE_BY]: label[REVIEWED_BEFORE_AS],
                label[REVIEWED_BY]: said_of(label),
            }
        elif label[SUGGESTED_LABEL] is not None:
            self.suspects += labels
        people = sorted({label[ASSIGNEE], label[SECOND_ASSIGNEE]} - {None})
        for person in people:
            is_left = len(people) == 2 and person not in said
            self.by_assignee[person][("unreviewed", False) if is_left else what] += labels
        if len(people) == 2:
            self.shared += labels
            if all(person in said for person in people):
                one, other = people
                self.opinions[one, other][said[one], said[other]] += labels


def agreement(people: tuple[str, str], opinions: Mapping[tuple[str, str], int]) -> Agreement:
    """Whether two people agree, and by how much more than by chance.

    Cohen's kappa is the share on which they agree beyond what would be expected of two people who
    say each thing as often, but of any label (J. Cohen, "A coefficient of agreement for nominal
    scales", Educational and Psychological Measurement 20, 1960).

    Args:
        people: the two.
        opinions: the number of labels by what the first says and what the second says, one at
            least.

    Examples:
        >>> counts = {("crab", "crab"): 20, ("crab", "eel"): 5, ("eel", "crab"): 10}
        >>> found = agreement(("ana", "bo"), {**counts, ("eel", "eel"): 15})
        >>> found.labels, found.agreed, round(found.kappa, 2)
        (50, 35, 0.4)
        >>> agreement(("ana", "bo"), {("crab", "crab"): 3}).kappa is None
        True
    """
    labels = sum(opinions.values())
    agreed = sum(count for (one, other), count in opinions.items() if one == other)
    first, second = Counter[str](), Counter[str]()
    for (one, other), count in opinions.items():
        first[one] += count
        second[other] += count
    by_chance = sum(first[name] * second[name] for name in first) / labels**2
    kappa = None if by_chance == 1 else (agreed / labels - by_chance) / (1 - by_chance)
    return Agreement(people, labels, agreed, kappa)


def _tallies(counts: Mapping[Key, _States]) -> dict[Key, Tally]:
    return {key: _tally(counts[key]) for key in sorted(counts)}


def _tally(counts: _States) -> Tally:
    states: dict[State, int] = dict.fromkeys((*STATES, "unreviewed"), 0)
    for (state, _), labels in counts.items():
        states[state] += labels
    return Tally(states, sum(labels for (_, is_today), labels in counts.items() if is_today))
