"""Makes a FiftyOne dataset from catalogs of images with boxes, or of crops.

Beside images and boxes it saves a view of the boxes that repeat others exactly, and the tree of
concepts as the App is shown it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from ..catalog import ImageRecord
from ..catalog.catalog import groups_of_repeats
from ..dataset import writes
from ..dataset.app_defaults import save_split_view
from ..dataset.columns import boxes_in, read_images
from ..dataset.datasets import create_dataset, delete_dataset, find_dataset, refuse_if_deleted
from ..dataset.documents import sample_document
from ..dataset.hit_views import Hit, save_hits_view
from ..dataset.ingest_record import keep_boxes, read_ingest_record, read_ingest_records
from ..dataset.label_map import keep_label_map, show_names
from ..dataset.schema import declare, further_schema, labels_path, sample_schema
from ..errors import DatasetError
from ..garbage_collector import collector_paused
from ..media.paths import MediaPlan
from ..names import CROPS_DATASET, DATASET_NAME, GROUND_TRUTH, REPEATED_BOXES
from ..progress import Progress, portion, silent
from ..taxonomy.label_map import ReadMap
from ..text import counted
from .media import LocatedImages, locate_images, update_media_status
from .plan import (
    SplitPlan,
    check_crops,
    names_of,
    read_file,
    read_ingest,
    refuse_other_source,
    refuse_update_of_crops,
    split_files,
)
from .update import Difference, move_media, update_split


@collector_paused()
def count_repeats(images: Iterable[ImageRecord]) -> int:
    """The boxes beyond the first of each group of exact repeats."""
    boxes = (
        (place, box.bounding_box, box.label)
        for place, image in enumerate(images)
        for box in image.boxes
    )
    return sum(len(group) - 1 for group in groups_of_repeats(boxes))


@collector_paused()
def save_repeats_view(dataset: Any) -> str:
    """Saves the view of the boxes that repeat one another, each group together.

    Returns:
        Its name; empty where no box of the dataset repeats another, in which case there is no view.
    """
    path = f"{GROUND_TRUTH}.detections"
    boxes = [
        (image["_id"], box["bounding_box"], box.get("label"), box["_id"])
        for image in read_images(dataset, boxes={path: ("bounding_box", "label")})
        for box in boxes_in(image, path)
    ]
    groups = groups_of_repeats((sample, rectangle, label) for sample, rectangle, label, _ in boxes)
    hits = [
        Hit(str(boxes[place][3]), str(boxes[place][0]), 1.0) for group in groups for place in group
    ]
    words = "Boxes of the same image, corners and name as another, each beside those like it"
    return (
        REPEATED_BOXES if save_hits_view(dataset, REPEATED_BOXES, GROUND_TRUTH, hits, words) else ""
    )


BATCH: Final = 4_000
"""Samples that are written at once."""


@dataclass(frozen=True, slots=True)
class IngestResult:
    """The outcome of ``ingest_dataset``.

    Attributes:
        dataset: the dataset's name.
        samples_added: samples that this run wrote; 0 if all existed already.
        samples_present: samples of these splits that existed before.
        samples: samples of these splits that the dataset now holds, the sum of the two.
        boxes: boxes on these samples.
        unlabelled_boxes: those of them without a label.
        splits: the splits that were named.
        repeated_boxes: boxes of these files that repeat another exactly: image, corners and name.
            The view ``repeated boxes`` shows them.
        media_found: images of these splits that are where they should be.
        media_missing: images that are known not to be there.
        skipped_boxes: boxes of these files that were left out because they have faults.
        notes: what was noticed in the files and among the images, a sentence a kind with a count
            and the first; begins with the split.
        updates: what an update changed in each split where it changed something.
    """

    dataset: str
    samples_added: int
    samples_present: int
    samples: int
    boxes: int
    unlabelled_boxes: int
    splits: tuple[str, ...]
    repeated_boxes: int = 0
    media_found: int = 0
    media_missing: int = 0
    skipped_boxes: int = 0
    notes: tuple[str, ...] = ()
    updates: tuple[Difference, ...] = ()


def ingest_dataset(  # noqa: PLR0913  # the parameters of the operator
    dataset_name: str = DATASET_NAME,
    train_annotations: str | Sequence[str] = "",
    test_annotations: str | Sequence[str] = "",
    media_root: str = "",
    mirror: str = "",
    limit: int | None = None,
    recreate: bool = False,
    progress: Progress = silent,
    *,
    val_annotations: str | Sequence[str] = "",
    skip_bad_boxes: bool = False,
    update: bool = False,
    label_map: str = "",
) -> IngestResult:
    """Makes a persistent dataset of one or more splits, or completes an existing one.

    No image is opened, except for its size where the file gives none, or the image is stored by
    its id. A dataset that is complete is left alone; one that was interrupted, that
    has fewer images than ``limit`` now allows, or that lacks a split, gets what is missing.

    Args:
        dataset_name: name of the dataset.
        train_annotations: COCO file of the training split, or several; empty to leave it out.
        test_annotations: COCO file of the test split, likewise.
        media_root: where the images are stored: ``gs://bucket/prefix``, a folder, or empty.
        mirror: local folder for images that FiftyOne cannot open in place; see ``plan_media``.
        limit: take the first so many images of each split; None for all.
        recreate: first delete an existing dataset of this name, if this project made it.
        progress: called with the share done and a label.
        val_annotations: COCO file of the validation split, likewise.
        skip_bad_boxes: leave out the boxes that have faults, and list them, instead of refusing
            the file.
        update: bring an existing dataset up to date, by the ids of images and boxes, where a file
            is another one than its own, or the images have moved: what is new is added, what is
            otherwise is changed, what the file has no longer goes. Predictions, vectors, tags and
            relabelled names stay. Without files, only the images' place changes.
        label_map: file of the names that the dataset is to have, see ``set_label_map``; empty for
            those that it has, or else the project's own.

    Raises:
        InputError: a file or a parameter is wrong, with every fault; nothing was written.
        DatasetError: the dataset of this name is not ours, or was made from something else.
    """
    progress(0.0, "reading annotations")
    files = split_files(
        {
            "train_annotations": train_annotations,
            "val_annotations": val_annotations,
            "test_annotations": test_annotations,
        }
    )
    told, tree = names_of(dataset_name, recreate, label_map)
    media, plans = read_ingest(
        dataset_name,
        files,
        media_root,
        mirror,
        limit,
        skip_bad_boxes,
        update,
        partial(read_file, tree=tree),
    )
    return _ingest(dataset_name, media, plans, recreate, update, told, progress)


def _ingest(
    dataset_name: str,
    media: MediaPlan,
    plans: Sequence[SplitPlan],
    recreate: bool,
    update: bool,
    told: ReadMap | None,
    progress: Progress,
) -> IngestResult:
    """Makes or completes a dataset; every plan has the labels in the same field.

    A label map is kept on it, where one was told.
    """
    crops_field = plans[0].crops_field if plans else ""
    dataset = find_dataset(dataset_name)
    if dataset is not None and recreate:
        delete_dataset(dataset)
        dataset = None
    if dataset is None:
        dataset = create_dataset(dataset_name, [plan.split for plan in plans], crops_field)
    for plan in plans:
        refuse_other_source(dataset, plan, media, update)
    if update:
        refuse_update_of_crops(dataset)
        move_media(dataset, media)
    declare(dataset, sample_schema(crops_field))
    total = sum(len(plan.images) for plan in plans)
    updates = []
    added = done = 0
    located = [
        locate_images(
            plan.media,
            plan.split,
            plan.images,
            plan.catalog.files or (plan.catalog.sha256,),
            bool(plan.crops_field),
            plan.is_listed,
        )
        for plan in plans
    ]
    for plan, images in zip(plans, located, strict=True):
        if update and plan.split in read_ingest_records(dataset):
            updates.append(update_split(dataset, plan.split, plan.catalog, plan.limit))
        start, done = done, done + len(plan.images)
        part = portion(progress, start / total, done / total)
        added += _ingest_split(dataset, plan, images, part)
    if told is None:
        show_names(dataset)
    else:
        keep_label_map(dataset, told.label_map, told.source, told.form)
    result = _outcome(dataset, plans, located, added, updates)
    away = (
        f"; {result.media_found:,} of {counted(total, 'image', 'images')} found"
        if result.media_missing
        else ""
    )
    progress(
        1.0,
        f"{counted(added, 'sample', 'samples')} added, {result.samples_present:,} present{away}",
    )
    return result


@dataclass(frozen=True, slots=True)
class CropsResult:
    """The outcome of ``ingest_crops``.

    Attributes:
        dataset: the dataset's name.
        samples_added: samples that this run wrote; 0 if all existed already.
        samples_present: samples of this split that existed before.
        samples: samples of this split that the dataset now holds, the sum of the two.
        labels: those of them that have a label.
        unlabelled: those that have none.
        split: the split.
        media_found: crops that are where they should be.
        media_missing: crops that are known not to be there.
        notes: what was noticed in the table and among the crops, a sentence a kind with a count
            and the first; begins with the split.
    """

    dataset: str
    samples_added: int
    samples_present: int
    samples: int
    labels: int
    unlabelled: int
    split: str
    media_found: int = 0
    media_missing: int = 0
    notes: tuple[str, ...] = ()


def ingest_crops(
    dataset_name: str = CROPS_DATASET,
    table: str = "",
    folder: str = "",
    media_root: str = "",
    label_field: str = GROUND_TRUTH,
    columns: Mapping[str, str] | Sequence[str] = (),
    split: str = "train",
    progress: Progress = silent,
) -> CropsResult:
    """Makes a persistent dataset of crops, each with one label, or adds a split to one.

    A crop is an image that shows one thing. Its sample has the label in a field of
    ``Classification``, and what else the table says of it in fields. No image is opened. A split
    that is complete is left alone; one that was interrupted gets what is missing.

    Args:
        dataset_name: name of the dataset.
        table: csv or parquet file with a row a crop; ``catalog.crops`` says how it is read.
        folder: in place of a table, a folder that holds a folder of crops for each class.
        media_root: where the crops are: ``gs://bucket/prefix``, or a folder; empty for the folder
            of the table, from which its paths are read, or for ``folder``.
        label_field: the field that takes the labels.
        columns: which column of the table has which meaning, where the headers do not say it:
            ``{"path": "roi_file"}``, or ``["path=roi_file"]``.
        split: the split to which all of them belong.
        progress: called with the share done and a label.

    Raises:
        InputError: the table or a parameter is wrong, with every fault; nothing was written.
        DatasetError: the dataset of this name is not ours, or was made from something else.
    """
    progress(0.0, "reading crops")
    plan = check_crops(dataset_name, table, folder, media_root, label_field, columns, split)
    made = _ingest(dataset_name, plan.media, [plan], False, False, None, progress)
    return CropsResult(
        dataset=made.dataset,
        samples_added=made.samples_added,
        samples_present=made.samples_present,
        samples=made.samples,
        labels=made.boxes - made.unlabelled_boxes,
        unlabelled=made.unlabelled_boxes,
        split=split,
        media_found=made.media_found,
        media_missing=made.media_missing,
        notes=made.notes,
    )


def _outcome(
    dataset: Any,
    plans: Sequence[SplitPlan],
    located: Sequence[LocatedImages],
    added: int,
    updates: Sequence[Difference],
) -> IngestResult:
    """What the dataset holds of the splits now; shows the boxes that are there twice."""
    splits = tuple(plan.split for plan in plans)
    field = plans[0].labels_field if plans else GROUND_TRUTH
    there = _of_splits(dataset, splits)
    samples = len(there)
    boxes = there.exists(field).count_values(f"{labels_path(dataset, field)}.label")
    repeated = sum(count_repeats(plan.images) for plan in plans if not plan.crops_field)
    if repeated:
        save_repeats_view(dataset)
    return IngestResult(
        dataset=dataset.name,
        samples_added=added,
        samples_present=samples - added,
        samples=samples,
        boxes=sum(boxes.values()),
        unlabelled_boxes=boxes.get(None, 0),
        splits=splits,
        repeated_boxes=repeated,
        media_found=sum(one.found for one in located),
        media_missing=sum(one.missing for one in located),
        skipped_boxes=sum(plan.catalog.skipped_boxes for plan in plans),
        notes=tuple(
            f"{plan.split}: {note}"
            for plan, images in zip(plans, located, strict=True)
            for note in (images.told, *plan.catalog.told)
            if note
        ),
        updates=tuple(filter(None, updates)),
    )


def _ingest_split(dataset: Any, plan: SplitPlan, located: LocatedImages, progress: Progress) -> int:
    record = read_ingest_record(dataset, plan.split)
    update_media_status(dataset, located)
    covers = record and (
        record.limit is None or (plan.limit is not None and plan.limit <= record.limit)
    )
    if record and record.complete and covers and record.sha256 == plan.catalog.sha256:
        if record.licences is None or record.notes is None or not record.boxes_kept:
            # A version made it that kept none of these.
            whole = replace(plan, limit=record.limit)
            keep_boxes(dataset, plan.split, whole.images)
            whole.record(complete=True).write(dataset)
        progress(1.0, f"the {plan.split} split is complete")
        return 0
    if record is None or record.sha256 == plan.catalog.sha256:
        plan.record(complete=False).write(dataset)
    save_split_view(dataset, plan.split)
    declare(dataset, further_schema(plan.catalog, plan.crops_field))
    present = frozenset(_of_splits(dataset, (plan.split,)).values("image_id"))
    missing = [image for image in plan.images if image.image_id not in present]
    documents = (
        sample_document(
            image,
            plan.split,
            located.filepath(image.file_name),
            located.media_uri(image.file_name),
            located.statuses[image.file_name],
            plan.crops_field,
        )
        for image in missing
    )
    total, added = len(plan.images), 0
    done = total - len(missing)
    for looked_at, new in writes.add_samples(dataset, documents, BATCH):
        added += new
        done += looked_at
        progress(done / total, f"adding samples {done:,}/{total:,} ({plan.split})")
    refuse_if_deleted(dataset)
    # No later run would look again once the split is recorded as complete. If FiftyOne's public API
    # wrote it, a database that was killed may have lost the last tenth of a second of acknowledged
    # writes, and the run goes on once the database is back.
    gone = total - len(_of_splits(dataset, (plan.split,)))
    if gone > 0:
        raise DatasetError(
            f"{counted(gone, 'image', 'images')} of the {plan.split} split that were written are "
            "not in it any more: somebody deleted them, or the database was stopped before it had "
            "kept them. Run it again to add them."
        )
    keep_boxes(dataset, plan.split, plan.images)
    plan.record(complete=True).write(dataset)
    return added


def _of_splits(dataset: Any, splits: tuple[str, ...]) -> Any:
    from fiftyone import ViewField

    return dataset.match(ViewField("split").is_in(splits))
