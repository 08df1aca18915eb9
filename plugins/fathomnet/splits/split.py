"""Divides training from validation images so that no dive is on both sides, and finds leaks.

Frames of one dive show the same animals, often seconds apart; a model that has learnt one of them
is not tested by the next.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..dataset.batches import now
from ..dataset.collection import reload_samples, sample_collection
from ..dataset.label_fields import boxes_path
from ..dataset.records import bring_up_to_date, reload_known
from ..errors import DatasetError, Fault, InputError
from ..names import GROUND_TRUTH, TRAIN_TAG, VALIDATION_TAG
from ..progress import Progress, silent
from ..text import counted
from .leaks import Images, Leak, read_images
from .search import Group, divide_groups

_DIVIDED: Final = frozenset({TRAIN_TAG, VALIDATION_TAG})
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


def split_by_dive(
    dataset: Any,
    val_ratio: float = 0.2,
    seed: int = 42,
    dry_run: bool = False,
    progress: Progress = silent,
) -> SplitResult:
    """Tags the training images as ``train`` or ``val``, whole dives at a time.

    Each side gets about its share of every concept's boxes, as far as the dives allow. Images that
    were divided before are divided again; other tags stay as they are, and the official test split
    keeps its tag.

    Args:
        dataset: a FiftyOne dataset, or a view of one to divide only its images.
        val_ratio: share of the images that should become validation images, between 0 and 1.
        seed: the same seed always divides in the same way.
        dry_run: report what would happen, without writing anything.
        progress: called with the share done and a label.

    Raises:
        InputError: ``val_ratio`` is not between 0 and 1.
        DatasetError: there are no training images, or all are of one dive.
    """
    _check_ratio(val_ratio)
    (reload_known if dry_run else bring_up_to_date)(dataset)
    progress(0.0, "reading images and dives")
    images = read_images(dataset)
    concepts = _concepts_of(dataset)
    members = _members(images)
    _require_dives(dataset, members)
    size = counted(sum(map(len, members.values())), "image", "images")
    progress(0.3, f"dividing {size} of {counted(len(members), 'dive', 'dives')}")
    dives = sorted(members)
    groups = [_group(members[dive], concepts) for dive in dives]
    chosen = divide_groups(groups, val_ratio, seed)
    side = {
        place: VALIDATION_TAG if is_chosen else TRAIN_TAG
        for dive, is_chosen in zip(dives, chosen, strict=True)
        for place in members[dive]
    }
    after = _tags_after(images, side)
    moved = (place for place in side if after[place] != images.tags[place])
    changed = {images.ids[place]: side[place] for place in moved}
    if changed and not dry_run:
        progress(0.8, f"tagging {counted(len(changed), 'image', 'images')}")
        _write_tags(dataset, changed)
    result = _result(images, after, side, groups, chosen, dry_run, len(changed))
    progress(1.0, f"{result.train:,} training and {result.val:,} validation images")
    return result


def _check_ratio(val_ratio: float) -> None:
    if not 0 < val_ratio < 1:
        raise InputError("val_ratio", [Fault("val_ratio", f"{val_ratio} is not between 0 and 1")])


def _concepts_of(dataset: Any) -> list[list[str]]:
    labels = dataset.values(f"{boxes_path(dataset, GROUND_TRUTH)}.label")
    return [[label for label in some or () if label is not None] for some in labels]


def _group(places: Sequence[int], concepts: Sequence[Sequence[str]]) -> Group:
    return Group(len(places), Counter(label for place in places for label in concepts[place]))


def _members(images: Images) -> dict[str, list[int]]:
    """The images of each dive that are divided."""
    members: dict[str, list[int]] = defaultdict(list)
    for place, (tags, dive) in enumerate(zip(images.tags, images.dives, strict=True)):
        if tags & _DIVIDED:
            members[dive].append(place)
    return members


def _tags_after(images: Images, side: Mapping[int, str]) -> list[frozenset[str]]:
    """The tags of each image once those that are divided have the tag of their side."""
    return [
        tags - _DIVIDED | {side[place]} if place in side else tags
        for place, tags in enumerate(images.tags)
    ]


def _require_dives(dataset: Any, members: Mapping[str, Sequence[int]]) -> None:
    if not members:
        raise DatasetError(
            f"{dataset.name} has no image tagged {TRAIN_TAG} or {VALIDATION_TAG}: nothing can be "
            "divided. Ingest the training annotations, or tag the images yourself."
        )
    if len(members) == 1:
        (dive,) = members
        raise DatasetError(
            f"all {len(members[dive]):,} training images of {dataset.name} are of one dive "
            f"({dive}), which cannot be on both sides."
        )


def _result(
    images: Images,
    after: Sequence[frozenset[str]],
    side: Mapping[int, str],
    groups: Sequence[Group],
    chosen: Sequence[bool],
    dry_run: bool,
    changed: int,
) -> SplitResult:
    counts = Counter(side.values())
    train = _concepts(group for group, taken in zip(groups, chosen, strict=True) if not taken)
    val = _concepts(group for group, taken in zip(groups, chosen, strict=True) if taken)
    return SplitResult(
        train=counts[TRAIN_TAG],
        val=counts[VALIDATION_TAG],
        dives=len(groups),
        concepts_only_in_train=tuple(sorted(train - val)),
        concepts_only_in_val=tuple(sorted(val - train)),
        val_share=round(counts[VALIDATION_TAG] / len(side), 4),
        changed=changed,
        leaks_before=images.leaks(),
        leaks=images.leaks(after),
        dry_run=dry_run,
    )


def _concepts(groups: Iterable[Group]) -> set[str]:
    return {concept for group in groups for concept in group.boxes}


def _write_tags(dataset: Any, sides: Mapping[str, str]) -> None:
    """Replaces the tag of the other side by that of an image's own, in one write per image."""
    collection = sample_collection(dataset._root_dataset)
    if collection is None:
        _set_tags(dataset, sides)
        return
    from bson import ObjectId

    for tag in (TRAIN_TAG, VALIDATION_TAG):
        ids = [ObjectId(sample_id) for sample_id, side in sides.items() if side == tag]
        others = {
            "$filter": {
                "input": {"$ifNull": ["$tags", []]},
                "cond": {"$not": {"$in": ["$$this", sorted(_DIVIDED)]}},
            }
        }
        update = {"tags": {"$concatArrays": [[tag], others]}, "last_modified_at": now()}
        collection.update_many({"_id": {"$in": ids}}, [{"$set": update}])
    reload_samples(dataset._root_dataset)


def _set_tags(dataset: Any, sides: Mapping[str, str]) -> None:
    """Does the same through the public API."""
    ids, tags = dataset.select(list(sides)).values(["id", "tags"])
    replaced = {
        sample_id: [
            sides[sample_id],
            *(tag for tag in some or () if tag not in _DIVIDED),
        ]
        for sample_id, some in zip(ids, tags, strict=True)
    }
    dataset.set_values("tags", replaced, key_field="id")
