"""Divides training from validation images so that no dive is on both sides, and finds leaks.

Frames of one dive show the same animals, often seconds apart; a model that has learnt one of them
is not tested by the next.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, groupby
from random import Random
from typing import Any, Final

from bson import ObjectId

from ..dataset import columns, writes
from ..dataset.documents import Document
from ..dataset.ingest_record import labels_field
from ..dataset.label_map import special_names
from ..dataset.label_pipelines import is_list
from ..dataset.records import bring_up_to_date, reload_known, write_record
from ..dataset.schema import labels_path
from ..errors import DatasetError, Fault, InputError
from ..names import NO_TAXON_TAG, TRAIN_TAG, VALIDATION_TAG
from ..progress import Progress, silent
from ..text import counted
from .leaks import NOTHING_KNOWN, RUN_KEY, By, Grouping, Leak, grouping_of, read_images

TOLERANCE: Final = 0.005
"""The search may miss by this share of all images before the exact sum is computed."""

_MOST_PASSES: Final = 20
_PARTNERS: Final = 10
"""In each pass, every group is tried in exchange for this many others, drawn at random."""
_LEAST_GAIN: Final = 1e-9
_SHARE_WEIGHT: Final = 200.0
"""Missing by half a per cent of the images costs as much as a concept that is far off."""
_LOST_CONCEPT: Final = 20.0
"""The cost of a concept that training would not see at all."""
_LARGEST_TABLE: Final = 256 << 23
"""Bits; the exact sum keeps one for each reachable number of images and each group."""


@dataclass(frozen=True, slots=True)
class Group:
    """Images that must stay together, such as those of a dive.

    Attributes:
        images: how many it has.
        boxes: how many boxes of each concept they have.
    """

    images: int
    boxes: Mapping[str, int]


def divide_groups(groups: Sequence[Group], share: float, seed: int) -> list[bool]:
    """Chooses the groups of the smaller side.

    Args:
        groups: at least two, each with images.
        share: of all images that the chosen groups should have, between 0 and 1.
        seed: the same seed always makes the same choice.

    Returns:
        For each group whether it is chosen; at least one is chosen and at least one is not.

    Examples:
        >>> large, small = Group(80, {"Sebastes": 160}), Group(20, {"Sebastes": 40})
        >>> divide_groups([large, small], share=0.2, seed=42)
        [False, True]
    """
    random = Random(seed)  # noqa: S311  # no secret
    search = _Search(groups, share)
    first, images = [False] * len(groups), 0
    for index in random.sample(range(len(groups)), len(groups)):
        if images + groups[index].images <= search.wanted:
            first[index] = True
            images += groups[index].images
    search.start_with(first)
    search.improve(random)
    if search.missed_by > TOLERANCE * search.images or not search.both_sides:
        nearest = _nearest_sum([group.images for group in groups], search.wanted, random)
        if nearest is not None:
            search.start_with(nearest)
            search.improve(random, most_missed=search.missed_by)
    return search.chosen


class _Search:
    """A division that is being improved, and its counts.

    Attributes:
        chosen: for each group whether it is on the smaller side.
        images: of all groups.
        wanted: images on the smaller side; may be fractional.
    """

    def __init__(self, groups: Sequence[Group], share: float) -> None:
        self._groups = groups
        self._boxes: dict[str, int] = {}
        for group in groups:
            for concept, count in group.boxes.items():
                self._boxes[concept] = self._boxes.get(concept, 0) + count
        self._wanted = {concept: share * count for concept, count in self._boxes.items()}
        self.images = sum(group.images for group in groups)
        self.wanted = share * self.images
        self.chosen: list[bool] = []

    def start_with(self, chosen: list[bool]) -> None:
        self.chosen = chosen
        self._has_images = 0
        self._has_boxes = dict.fromkeys(self._boxes, 0)
        self._costs = {concept: self._cost(concept, 0) for concept in self._boxes}
        for group, is_chosen in zip(self._groups, chosen, strict=True):
            if is_chosen:
                self._count(group, 1)

    @property
    def missed_by(self) -> float:
        """The number of images by which the smaller side differs from what is wanted."""
        return abs(self._has_images - self.wanted)

    @property
    def both_sides(self) -> bool:
        """Whether each side has a group."""
        return any(self.chosen) and not all(self.chosen)

    def improve(self, random: Random, most_missed: float | None = None) -> None:
        """Moves groups to the other side, alone or in exchange, as long as that helps.

        Args:
            random: decides the order.
            most_missed: moves that leave the images further off than this are not made.
        """
        everyone = range(len(self._groups))
        for _ in range(_MOST_PASSES):
            moved = 0
            for index in random.sample(everyone, len(everyone)):
                others = random.choices(everyone, k=_PARTNERS)
                exchanges = ((index, n) for n in others if self.chosen[n] != self.chosen[index])
                moves = chain([(index,)], exchanges)
                moved += any(self._move_if_better(move, most_missed) for move in moves)
            if moved <= len(everyone) // 1_000:
                return

    def _move_if_better(self, move: tuple[int, ...], most_missed: float | None) -> bool:
        steps: dict[str, int] = {}
        images = self._has_images
        for index in move:
            images += (-1 if self.chosen[index] else 1) * self._groups[index].images
        if not 0 < images < self.images:
            return False
        if most_missed is not None and abs(images - self.wanted) > most_missed:
            return False
        change = self._image_cost(images) - self._image_cost(self._has_images)
        for index in move:
            step = -1 if self.chosen[index] else 1
            for concept, count in self._groups[index].boxes.items():
                steps[concept] = steps.get(concept, 0) + step * count
        for concept, count in steps.items():
            change += self._cost(concept, self._has_boxes[concept] + count) - self._costs[concept]
        if change > -_LEAST_GAIN:
            return False
        for index in move:
            self._count(self._groups[index], -1 if self.chosen[index] else 1)
            self.chosen[index] = not self.chosen[index]
        return True

    def _count(self, group: Group, step: int) -> None:
        self._has_images += step * group.images
        for concept, count in group.boxes.items():
            self._has_boxes[concept] += step * count
            self._costs[concept] = self._cost(concept, self._has_boxes[concept])

    def _image_cost(self, images: int) -> float:
        missed = (images - self.wanted) / (TOLERANCE * self.images)
        return _SHARE_WEIGHT * missed * missed

    def _cost(self, concept: str, boxes: int) -> float:
        wanted = self._wanted[concept]
        lost = _LOST_CONCEPT if boxes == self._boxes[concept] else 0.0
        return (boxes - wanted) ** 2 / (wanted + 1) + lost


def _nearest_sum(sizes: Sequence[int], wanted: float, random: Random) -> list[bool] | None:
    """The subset whose sum is nearest to a number, among those that leave something on each side.

    Returns:
        For each size whether it is in the subset; None if the table would be too large, which
        happens only with so many groups that the search does not need it.
    """
    total = sum(sizes)
    if len(sizes) * total > _LARGEST_TABLE:
        return None
    order = random.sample(range(len(sizes)), len(sizes))
    # Bit n of table k: the first k sizes have a subset of sum n.
    tables = [1]
    for index in order:
        tables.append(tables[-1] | tables[-1] << sizes[index])
    # Each side keeps something.
    between = sorted(range(1, total), key=lambda number: abs(number - wanted))
    left = next(number for number in between if tables[-1] >> number & 1)
    chosen = [False] * len(sizes)
    for index, before in zip(reversed(order), reversed(tables[:-1]), strict=True):
        if not before >> left & 1:
            chosen[index] = True
            left -= sizes[index]
    return chosen


_SIDES: Final = (TRAIN_TAG, VALIDATION_TAG, NO_TAXON_TAG)
_DIVIDED: Final = frozenset(_SIDES)
"""Tags of the images that are divided."""


@dataclass(frozen=True, slots=True)
class SplitResult:
    """How the images are divided.

    Attributes:
        train: training images.
        val: validation images.
        dives: the number of dives, none of which is on both sides.
        concepts_only_in_train: concepts that no validation image shows, sorted.
        concepts_only_in_val: concepts that no training image shows, sorted.
        val_share: share of validation images; the dives may not allow exactly what was requested.
        changed: images that change sides or get a side.
        leaks_before: leaks between tagged sides before the split.
        leaks: leaks as they are now or, in a dry run, would be after the split.
        dry_run: whether nothing was written.
        images_of_no_dive: images of which no dive (day, folder...) is known; they stay together.
        left_out: crops that are on neither side, because their label is no taxon.
    """

    train: int
    val: int
    dives: int
    concepts_only_in_train: tuple[str, ...]
    concepts_only_in_val: tuple[str, ...]
    val_share: float
    changed: int
    leaks_before: tuple[Leak, ...]
    leaks: tuple[Leak, ...]
    dry_run: bool
    images_of_no_dive: int = 0
    left_out: int = 0


def split_by_dive(
    dataset: Any,
    val_ratio: float = 0.2,
    seed: int = 42,
    dry_run: bool = False,
    by: By = "dive",
    pattern: str = "",
    field: str = "",
    progress: Progress = silent,
) -> SplitResult:
    """Tags the training images as ``train`` or ``val``, whole dives at a time.

    Each side gets about its share of every concept's boxes, as far as the dives allow. Images that
    were divided before are divided again; other tags stay as they are, and the official test split
    keeps its tag. A crop whose label is no taxon, such as noise, is on neither side.

    Args:
        dataset: a FiftyOne dataset, or a view of one to divide only its images.
        val_ratio: share of the images that should become validation images, between 0 and 1.
        seed: the same seed always divides in the same way.
        dry_run: report what would happen, without writing anything.
        by: what is kept together: ``dive``, or for sets whose URLs name none the ``day`` of
            capture, the ``folder``, the value of a ``field`` of the images, or what a
            ``pattern`` matches.
        pattern: a regular expression for file names and URLs, such as ``(cruise[0-9]+)``.
        field: such as ``deployment``, by field.
        progress: called with the share done and a label.

    Raises:
        InputError: ``val_ratio`` is not between 0 and 1, or the pattern or field is of no use.
        DatasetError: there are no training images, or all are of one dive.
    """
    if not 0 < val_ratio < 1:
        raise InputError("val_ratio", [Fault("val_ratio", f"{val_ratio} is not between 0 and 1")])
    (reload_known if dry_run else bring_up_to_date)(dataset)
    grouping = Grouping.checked(dataset, by, pattern, field)
    progress(0.0, "reading images and dives")
    images = read_images(dataset, grouping)
    labels, no_taxa = _taxa_of_boxes(dataset)
    tagged = [place for place, tags in enumerate(images.tags) if tags & _DIVIDED]
    divided = [place for place in tagged if place not in no_taxa]
    dive_of = images.dives.__getitem__
    by_dive = groupby(sorted(divided, key=dive_of), key=dive_of)
    members = {dive: list(places) for dive, places in by_dive}
    if len(members) < 2:
        raise _nothing_to_divide(dataset, members, grouping)
    progress(0.3, f"dividing {len(divided):,} images of {counted(len(members), 'dive', 'dives')}")
    groups = [
        Group(
            len(places),
            Counter(label for place in places for label in labels[place]),
        )
        for places in members.values()
    ]
    side = dict.fromkeys(no_taxa.intersection(tagged), NO_TAXON_TAG)
    shows: dict[str, set[str]] = {TRAIN_TAG: set(), VALIDATION_TAG: set()}
    chosen = divide_groups(groups, val_ratio, seed)
    for places, group, is_chosen in zip(members.values(), groups, chosen, strict=True):
        tag = VALIDATION_TAG if is_chosen else TRAIN_TAG
        side |= dict.fromkeys(places, tag)
        shows[tag] |= group.boxes.keys()
    after = [
        tags - _DIVIDED | {side[place]} if place in side else tags
        for place, tags in enumerate(images.tags)
    ]
    changed = {
        images.ids[place]: tag for place, tag in side.items() if after[place] != images.tags[place]
    }
    if not dry_run:
        progress(0.8, f"tagging {counted(len(changed), 'image', 'images')}")
        _write(dataset, grouping, changed)
    train, val = map(list(side.values()).count, (TRAIN_TAG, VALIDATION_TAG))
    progress(1.0, f"{train:,} training and {val:,} validation images")
    return SplitResult(
        train=train,
        val=val,
        dives=len(groups),
        concepts_only_in_train=tuple(sorted(shows[TRAIN_TAG] - shows[VALIDATION_TAG])),
        concepts_only_in_val=tuple(sorted(shows[VALIDATION_TAG] - shows[TRAIN_TAG])),
        val_share=round(val / len(divided), 4),
        changed=len(changed),
        leaks_before=images.leaks(),
        leaks=images.leaks(after),
        dry_run=dry_run,
        images_of_no_dive=len(members.get(NOTHING_KNOWN, ())),
        left_out=len(tagged) - len(divided),
    )


def _taxa_of_boxes(dataset: Any) -> tuple[list[list[str]], set[int]]:
    """The names of each image's boxes, without those that are no taxa.

    Returns:
        Also the places of the crops whose one label is no taxon.
    """
    special = special_names(dataset)
    path = labels_path(dataset, labels_field(columns.dataset_of(dataset)))
    labels = dataset.values(f"{path}.label")
    crops: set[int] = set()
    if not is_list(path):
        crops = {place for place, label in enumerate(labels) if label in special}
        labels = [[label] for label in labels]
    no_taxa = {None, *special}
    return [[label for label in some or () if label not in no_taxa] for some in labels], crops


def _nothing_to_divide(
    dataset: Any, members: Mapping[str, Sequence[int]], grouping: Grouping
) -> DatasetError:
    """The error for images that are none, or that nothing tells apart, and what would."""
    whole = columns.dataset_of(dataset).name
    if not members:
        return DatasetError(
            f"dataset {whole!r} has no image tagged {TRAIN_TAG} or {VALIDATION_TAG}: nothing can "
            "be divided. Ingest the training annotations, or tag the images yourself."
        )
    ((name, places),) = members.items()
    others = []
    for other in (Grouping(), Grouping("day"), Grouping("folder")):
        is_other = other.by != grouping.by
        names = other.names(columns.image_columns(dataset, other.fields)) if is_other else []
        number = len({names[place] for place in places} if names else ())
        others += [f"{counted(number, other.by, f'{other.by}s')}"] if number > 1 else []
    known = f"They are of {' or '.join(others)}: divide them by that. " if others else ""
    images = counted(len(places), "training image", "training images")
    of = f"are of one {grouping.noun} ({name}), which cannot be on both sides"
    if name == NOTHING_KNOWN:
        of = f"have no {grouping.noun} that tells them apart"
    return DatasetError(
        f"all {images} of dataset {whole!r} {of}. {known}By pattern, a part of their file names or "
        r"URLs can tell them apart, such as (cruise\d+)."
    )


def _write(dataset: Any, grouping: Grouping, sides: Mapping[str, str]) -> None:
    """Keeps the grouping, and replaces the other side's tag by each image's own, in one write."""
    root = columns.dataset_of(dataset)
    if grouping != grouping_of(dataset):
        # Before the tags: what leaks is told by what was taken for a dive.
        write_record(root, RUN_KEY, grouping)
    others = {
        "$filter": {
            "input": {"$ifNull": ["$tags", []]},
            "cond": {"$not": {"$in": ["$$this", list(_SIDES)]}},
        }
    }
    for tag in _SIDES:
        own = [ObjectId(sample_id) for sample_id, side in sides.items() if side == tag]
        tags: Document = {"tags": {"$concatArrays": [[tag], others]}}

        def change(moment: datetime | None, tags: Document = tags) -> list[Document]:
            return [{"$set": tags | ({"last_modified_at": moment} if moment else {})}]

        if own:
            writes.rewrite_field(root, "tags", change, {"_id": {"$in": own}})
