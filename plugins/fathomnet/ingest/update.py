"""Brings a dataset up to date with a newer file of a split, or with images that have moved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from math import isclose
from typing import Any, Final

from ..catalog import Catalog, ImageRecord
from ..dataset import columns
from ..dataset.documents import Document, sample_document
from ..dataset.ingest_record import IngestedBox, read_ingest_records, read_kept_boxes
from ..dataset.records import boxes_listed, logged_lines, read_members
from ..dataset.schema import declare, further_schema
from ..errors import DatasetError
from ..media.paths import MediaPlan
from ..names import ANNOTATION_ID, FIRST_OWN_NUMBER, GROUND_TRUTH, OWN_RANK, RANKS, RELABELLINGS
from ..text import counted

_PATH: Final = f"{GROUND_TRUTH}.detections"
_OF_IMAGE: Final = ("source_url", "date_captured", "vehicle", "dive")
_SIDES: Final = ("width", "height")
_OF_BOX: Final = ("label", "bounding_box", "area", "iscrowd")
_RANKS: Final = (OWN_RANK, *RANKS)
_CLOSE: Final = 1e-9
"""Below which two numbers are one."""
_MOVED: Final = 1e-6
"""A share of the image by which nobody moves a box on purpose."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What a newer file of a split changes in a dataset.

    Attributes:
        split: the split.
        images_added: images that are new.
        images_changed: images with another size, URL, date or member.
        images_gone: images that the file has no longer; they go, with all that is on them.
        boxes_added: boxes that are new, on images that stay.
        boxes_changed: boxes with another name, rectangle, area or member.
        boxes_gone: boxes that the file has no longer, on images that stay.
        labels_kept: boxes whose name somebody has changed, by relabelling or by hand, and which
            keep it although the file has another one.
        boxes_kept: boxes that somebody has moved or deleted by hand, and which stay so although
            the file has them elsewhere, or again.
    """

    split: str
    images_added: int = 0
    images_changed: int = 0
    images_gone: int = 0
    boxes_added: int = 0
    boxes_changed: int = 0
    boxes_gone: int = 0
    labels_kept: int = 0
    boxes_kept: int = 0

    def __bool__(self) -> bool:
        return self != Difference(self.split)

    def __str__(self) -> str:
        nouns = {
            "images": ("image", "images", ("added", "changed", "gone")),
            "boxes": ("box", "boxes", ("added", "changed", "gone")),
        }
        told = []
        for kind, (one, many, verbs) in nouns.items():
            for verb in verbs:
                if number := getattr(self, f"{kind}_{verb}"):
                    told.append(f"{counted(number, one, many)} {verb}")
        if self.labels_kept:
            told.append(f"{counted(self.labels_kept, 'label', 'labels')} of your own kept")
        if self.boxes_kept:
            boxes = counted(self.boxes_kept, "box", "boxes")
            told.append(f"{boxes} left as you moved or deleted them")
        return ", ".join(told) or "nothing changed"


@dataclass(frozen=True, slots=True)
class _ImageUpdate:
    """What one image gets: values of fields, and boxes by their ids."""

    sample_id: str
    fields: Document
    changed: Mapping[str, Document]
    gone: frozenset[str]
    added: Sequence[Document]


@dataclass(frozen=True, slots=True)
class _Edits:
    """What people have done to boxes since these were ingested.

    Attributes:
        relabelled: ids of boxes whose relabelling stands.
        ingested: the boxes as their file had them, by id; empty where that was not kept.
    """

    relabelled: frozenset[str]
    ingested: Mapping[str, IngestedBox]

    def has_own_label(self, box_id: str, box: Document) -> bool:
        """Whether somebody gave a box the name that it has."""
        first = self.ingested.get(box_id)
        return box_id in self.relabelled or (first is not None and first.label != box.get("label"))

    def was_moved(self, box_id: str, box: Document) -> bool:
        """Whether somebody has moved a box that is there."""
        first = self.ingested.get(box_id)
        sides = zip(first.bounding_box, box["bounding_box"], strict=True) if first else ()
        return any(abs(before - after) > _MOVED for before, after in sides)

    def was_deleted(self, box_id: str, sample_id: str) -> bool:
        """Whether a box that an image has no longer was on it."""
        first = self.ingested.get(box_id)
        return first is not None and first.sample_id == sample_id


@dataclass(frozen=True, slots=True)
class _Update:
    """What is to be done, and how much that is."""

    difference: Difference
    gone: list[str] = field(default_factory=list)
    images: list[_ImageUpdate] = field(default_factory=list)


def difference(dataset: Any, split: str, catalog: Catalog, limit: int | None = None) -> Difference:
    """What an update would change; writes nothing.

    Args:
        dataset: a FiftyOne dataset.
        split: the split that the file is of.
        catalog: the content of the newer file.
        limit: how many of its images are taken; None for all.

    Raises:
        DatasetError: the ids of the file mean other images or boxes than those of the dataset.
    """
    return _planned(dataset, split, catalog, limit).difference


def update_split(
    dataset: Any, split: str, catalog: Catalog, limit: int | None = None
) -> Difference:
    """Changes the images and boxes of a split that the file has otherwise; removes what is gone.

    Images that are new are left to the ingest. What is not from the file stays: predictions,
    vectors, tags, boxes that somebody drew, and what somebody has changed since the last ingest by
    relabelling or by hand: labels, places of boxes, and that a box was deleted.

    Raises:
        DatasetError: the ids of the file mean other images or boxes than those of the dataset;
            nothing was changed.
    """
    import fiftyone as fo

    declare(dataset, further_schema(catalog))
    update = _planned(dataset, split, catalog, limit)
    if update.gone:
        dataset.delete_samples(update.gone)
    by_id = {one.sample_id: one for one in update.images}
    for sample in dataset.select(list(by_id)).iter_samples(autosave=True) if by_id else ():
        one = by_id[sample.id]
        for name, value in one.fields.items():
            parent, _, child = name.rpartition(".")
            holder = sample[parent] if parent else sample
            holder[child] = value
        boxes = []
        for box in sample[GROUND_TRUTH].detections:
            for name, value in one.changed.get(box.id, {}).items():
                box[name] = value
            if box.id not in one.gone:
                boxes.append(box)
        boxes += [fo.Detection.from_dict(document) for document in one.added]
        sample[GROUND_TRUTH] = fo.Detections(detections=boxes)
    return update.difference


def move_media(dataset: Any, media: MediaPlan) -> int:
    """Gives every image of a dataset its place below another media root.

    Returns:
        The number of images whose place changed.
    """
    moved = 0
    for split, record in read_ingest_records(dataset).items():
        there = MediaPlan(record.media_root, record.filepath_root)
        if there == media:
            continue
        of_split = dataset.match({"split": split})
        ids, names = of_split.values(["id", "file_name"])
        for name, place in (("filepath", media.filepath), ("media_uri", media.media_uri)):
            values = {one: place(split, file) for one, file in zip(ids, names, strict=True)}
            if values:
                dataset.set_values(name, values, key_field="id")
        # Whether they are there is looked at anew.
        if ids:
            unknown = dict.fromkeys(ids, "unknown")
            dataset.set_values("media_status", unknown, key_field="id")
        moved += len(ids)
        now = replace(record, media_root=media.media_root, filepath_root=media.filepath_root)
        now.write(dataset)
    return moved


def _planned(dataset: Any, split: str, catalog: Catalog, limit: int | None) -> _Update:
    if catalog.numbered:
        raise DatasetError(
            f"{catalog.source} gives its boxes no ids of their own, so that nobody can tell which "
            "box of the dataset is which of the file: recreate the dataset, or make another"
        )
    wanted = {image.image_id: image for image in catalog.images}
    of_image = (*_OF_IMAGE, *catalog.image_fields)
    of_box = (*_OF_BOX, *catalog.box_fields)
    there = list(
        columns.read_images(
            dataset.match({"split": split}),
            ("image_id", "file_name", "metadata", *of_image),
            {_PATH: (ANNOTATION_ID, *of_box, *_RANKS)},
        )
    )
    _refuse_other_numbers(there, wanted, catalog.source)
    edits = _Edits(_relabelled(dataset), read_kept_boxes(dataset, split) or {})
    taken = {one["image_id"] for one in there}
    counts = {one.name: 0 for one in fields(Difference) if one.name != "split"}
    counts["images_added"] = sum(image.image_id not in taken for image in catalog.images[:limit])
    gone = [str(one["_id"]) for one in there if one["image_id"] not in wanted]
    counts["images_gone"] = len(gone)
    images = []
    for one in there:
        if one["image_id"] not in wanted:
            continue
        new = sample_document(wanted[one["image_id"]], split, "", None, "ok")
        given = {name: new.get(name) for name in of_image if new.get(name) != one.get(name)}
        if any((one.get("metadata") or {}).get(side) != new["metadata"][side] for side in _SIDES):
            given |= {f"metadata.{side}": new["metadata"][side] for side in _SIDES}
        update = _of_boxes(one, new, given, of_box, edits, counts)
        counts["images_changed"] += bool(given)
        if given or update.changed or update.gone or update.added:
            images.append(update)
    return _Update(Difference(split, **counts), gone, images)


def _of_boxes(
    one: Document,
    new: Document,
    given: Document,
    of_box: Sequence[str],
    edits: _Edits,
    counts: dict[str, int],
) -> _ImageUpdate:
    """What the boxes of an image get; counts it."""
    left = {box[ANNOTATION_ID]: box for box in new[GROUND_TRUTH]["detections"]}
    changed: dict[str, Document] = {}
    gone: set[str] = set()
    for box in columns.boxes_in(one, _PATH):
        number, box_id = box.get(ANNOTATION_ID), str(box["_id"])
        is_own = number is None or number >= FIRST_OWN_NUMBER
        if is_own and number not in left and box_id not in edits.ingested:
            continue  # somebody drew it; ids of files may be as large
        if number not in left:
            gone.add(box_id)
            continue
        written = left.pop(number)
        values = {
            name: written.get(name)
            for name in of_box
            if not _same(written.get(name), box.get(name))
        }
        if "label" in values and edits.has_own_label(box_id, box):
            del values["label"]
            counts["labels_kept"] += 1
        if "bounding_box" in values and edits.was_moved(box_id, box):
            del values["bounding_box"]
            values.pop("area", None)
            counts["boxes_kept"] += 1
        if "label" in values:
            # They were the old name's: add_taxonomy_ranks gives the new one's.
            values |= {name: None for name in _RANKS if box.get(name) is not None}
        if values:
            changed[box_id] = values
    for number, box in list(left.items()):
        if edits.was_deleted(str(box["_id"]), str(one["_id"])):
            del left[number]
            counts["boxes_kept"] += 1
    counts["boxes_changed"] += len(changed)
    counts["boxes_gone"] += len(gone)
    counts["boxes_added"] += len(left)
    return _ImageUpdate(str(one["_id"]), given, changed, frozenset(gone), list(left.values()))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return isclose(one, other, rel_tol=_CLOSE, abs_tol=_CLOSE)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _refuse_other_numbers(
    there: Sequence[Document], wanted: Mapping[int, ImageRecord], source: str
) -> None:
    """Refuses a file whose ids mean other images or boxes: an id alone is no identity.

    Raises:
        DatasetError: it is such a file.
    """
    both = [(one, wanted[one["image_id"]]) for one in there if one["image_id"] in wanted]
    for one, image in both:
        if one["file_name"] != image.file_name:
            raise DatasetError(
                f"{source} numbers its images otherwise than the dataset: "
                f"image {image.image_id} is {one['file_name']} there and "
                f"{image.file_name} in the file. Nothing was changed; make another dataset of it"
            )
    pairs = apart = 0
    for one, image in both:
        by_number = {box.annotation_id: box.bounding_box for box in image.boxes}
        for box in columns.boxes_in(one, _PATH):
            written = by_number.get(box.get(ANNOTATION_ID, -1))
            if written is not None:
                pairs += 1
                apart += not _overlap(written, box["bounding_box"])
    if 2 * apart > pairs:
        raise DatasetError(
            f"{source} numbers its boxes otherwise than the dataset: {apart:,} of "
            f"{counted(pairs, 'box', 'boxes')} with the same id lie elsewhere in their images. "
            "Nothing was changed; make another dataset of it"
        )


def _overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(
        one[side] < other[side] + other[side + 2] and other[side] < one[side] + one[side + 2]
        for side in (0, 1)
    )


def _relabelled(dataset: Any) -> frozenset[str]:
    """The ids of the boxes that somebody has relabelled, from the journals of what stands."""
    ids: set[str] = set()
    of_nothing = ("writing", "undone")
    lines = [line for _, line in logged_lines(dataset, put_away=True)]
    undone = {line["key"] for line in lines if line["stage"] in of_nothing}
    groups = [
        group for line in lines if line["key"] not in undone for group in line.get("groups", ())
    ]
    for key, stage in read_members(dataset, RELABELLINGS, "stage").items():
        if stage not in of_nothing:
            groups += dataset.load_run_results(key, cache=False).groups
    for group in groups:
        ids.update(label for _, label in boxes_listed(group["boxes"]))
    return frozenset(ids)
