"""From COCO catalogs to a FiftyOne dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from .catalog import Catalog, ImageRecord, read_catalog
from .dataset.app_defaults import save_concept_tree, save_split_view
from .dataset.collection import batched, is_enterprise
from .dataset.datasets import (
    create_dataset,
    delete_dataset,
    find_dataset,
    name_problem,
    refuse_if_deleted,
)
from .dataset.documents import sample_document
from .dataset.licences import count_licences, read_licences
from .dataset.media_status import media_statuses, update_media_status
from .dataset.run_records import read_record, write_record
from .dataset.sample_writer import write_samples
from .dataset.schema import declare, sample_schema
from .errors import DatasetError, Fault, InputError
from .fields import DATASET_NAME, GROUND_TRUTH, SPLITS, MediaStatus, ingest_run_key
from .media.paths import MediaPlan, plan_media
from .progress import Progress, portion, silent
from .taxonomy import load_taxonomy

METHOD: Final = "ingest_dataset"
BATCH: Final = 1_000
"""Samples that are written at once."""


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What ``ingest_dataset`` did.

    Attributes:
        dataset: the dataset's name.
        samples_added: samples that this run wrote; 0 where all were there.
        samples_present: samples of these splits that were there before.
        samples: samples of these splits that the dataset holds now, the sum of the two.
        boxes: boxes on these samples.
        unlabelled_boxes: those of them that have no label.
        splits: the splits that were named.
    """

    dataset: str
    samples_added: int
    samples_present: int
    samples: int
    boxes: int
    unlabelled_boxes: int
    splits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _SplitPlan:
    """What is to be in the dataset of one split."""

    split: str
    catalog: Catalog
    limit: int | None

    @property
    def images(self) -> tuple[ImageRecord, ...]:
        return self.catalog.images[: self.limit]

    def record(self, media: MediaPlan, complete: bool) -> dict[str, Any]:
        return {
            "split": self.split,
            "source": self.catalog.source,
            "sha256": self.catalog.sha256,
            "images": len(self.catalog.images),
            "boxes": self.catalog.box_count,
            "concepts": list(self.catalog.concepts),
            "limit": self.limit,
            "media_root": media.media_root,
            "filepath_root": media.filepath_root,
            "complete": complete,
            **count_licences(self.catalog.head(self.limit)).as_values(),
        }


def ingest_dataset(
    dataset_name: str = DATASET_NAME,
    train_annotations: str = "",
    test_annotations: str = "",
    media_root: str = "",
    mirror: str = "",
    limit: int | None = None,
    recreate: bool = False,
    progress: Progress = silent,
) -> IngestResult:
    """Makes a persistent dataset of one or both splits, or completes the one that is there.

    No image is opened. A dataset that is complete is left alone; one that was interrupted, that
    has fewer images than ``limit`` now allows, or that lacks a split, gets what is missing.

    Args:
        dataset_name: name of the dataset.
        train_annotations: COCO file of the training split; empty to leave the split out.
        test_annotations: COCO file of the test split, likewise.
        media_root: where the images are stored: ``gs://bucket/prefix``, a folder, or empty.
        mirror: local folder for images that FiftyOne cannot open in place; see ``plan_media``.
        limit: take the first so many images of each split; None for all.
        recreate: delete a dataset of this name that this project made, and make it anew.
        progress: hears how far it is.

    Raises:
        InputError: a file or a parameter is wrong, with every fault; nothing was written.
        DatasetError: the dataset of this name is not ours, or was made from something else.
    """
    paths = {"train": train_annotations, "test": test_annotations}
    media = _checked_parameters(dataset_name, paths, media_root, mirror, limit)
    progress(0.0, "reading annotations")
    plans = [
        _SplitPlan(split, catalog, limit)
        for split, catalog in _read_catalogs({s: p for s, p in paths.items() if p}).items()
    ]
    dataset = _open(dataset_name, plans, media, recreate)
    declare(dataset, sample_schema())
    total = sum(len(plan.images) for plan in plans)
    added = done = 0
    for plan in plans:
        start, done = done, done + len(plan.images)
        part = portion(progress, start / total, done / total)
        added += _ingest_split(dataset, plan, media, part)
    save_concept_tree(load_taxonomy())
    result = _count(dataset, tuple(plan.split for plan in plans), added)
    progress(1.0, f"{result.samples_added:,} samples added, {result.samples_present:,} present")
    return result


def _checked_parameters(
    name: str, paths: dict[str, str], media_root: str, mirror: str, limit: int | None
) -> MediaPlan:
    faults = []
    problem = name_problem(name)
    if problem:
        faults.append(Fault("dataset_name", problem))
    if not any(paths.values()):
        faults.append(Fault("train_annotations, test_annotations", "name at least one of them"))
    if limit is not None and (type(limit) is not int or limit < 1):
        faults.append(Fault("limit", f"{limit!r} is not a number of images, 1 or more"))
    try:
        media = plan_media(media_root, mirror, opens_gcs=is_enterprise())
    except InputError as error:
        faults += error.faults
    if faults:
        raise InputError("parameters of ingest_dataset", faults)
    return media


def _read_catalogs(paths: dict[str, str]) -> dict[str, Catalog]:
    """Reads every file before it complains, so that all faults of both come at once."""
    catalogs = {}
    errors = []
    for split, path in paths.items():
        try:
            catalogs[split] = read_catalog(path, load_taxonomy().names)
        except InputError as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        faults = [
            Fault(f"{error.subject}: {fault.place}", fault.problem)
            for error in errors
            for fault in error.faults
        ]
        raise InputError("both annotations files", faults, errors[0].advice)
    return catalogs


def _open(name: str, plans: list[_SplitPlan], media: MediaPlan, recreate: bool) -> Any:
    dataset = find_dataset(name)
    if dataset is not None and recreate:
        delete_dataset(dataset)
        dataset = None
    if dataset is None:
        dataset = create_dataset(name, [plan.split for plan in plans])
    for plan in plans:
        _refuse_other_source(dataset, plan, media)
    return dataset


def _refuse_other_source(dataset: Any, plan: _SplitPlan, media: MediaPlan) -> None:
    for split in SPLITS:
        record = read_record(dataset, ingest_run_key(split))
        if record is None:
            continue
        advice = "use recreate to make the dataset anew, or choose another dataset_name"
        if split == plan.split and record["sha256"] != plan.catalog.sha256:
            raise DatasetError(
                f"dataset {dataset.name!r} has its {split} split from {record['source']} "
                f"(sha256 {record['sha256'][:12]}), and {plan.catalog.source} "
                f"(sha256 {plan.catalog.sha256[:12]}) is another file; {advice}"
            )
        there = MediaPlan(record["media_root"], record["filepath_root"])
        if there != media:
            raise DatasetError(
                f"the images of dataset {dataset.name!r} are at {_described(there)}, "
                f"not at {_described(media)}; {advice}"
            )


def _described(media: MediaPlan) -> str:
    if media.media_root in ("", media.filepath_root):
        return media.filepath_root
    return f"{media.media_root}, mirrored in {media.filepath_root}"


def _ingest_split(dataset: Any, plan: _SplitPlan, media: MediaPlan, progress: Progress) -> int:
    key = ingest_run_key(plan.split)
    record = read_record(dataset, key)
    names = (image.file_name for image in plan.images)
    statuses = media_statuses(media, plan.split, names, plan.catalog.sha256)
    update_media_status(dataset, plan.split, statuses)
    if record and record["complete"] and _covers(record["limit"], plan.limit):
        if read_licences(record) is None:  # it was made by a version that kept none
            whole = replace(plan, limit=record["limit"])
            write_record(dataset, key, METHOD, whole.record(media, complete=True))
        progress(1.0, f"the {plan.split} split is complete")
        return 0
    write_record(dataset, key, METHOD, plan.record(media, complete=False))
    save_split_view(dataset, plan.split)
    added = _add_missing_samples(dataset, plan, media, statuses, progress)
    refuse_if_deleted(dataset)
    write_record(dataset, key, METHOD, plan.record(media, complete=True))
    return added


def _covers(there: int | None, wanted: int | None) -> bool:
    return there is None or (wanted is not None and wanted <= there)


def _add_missing_samples(
    dataset: Any,
    plan: _SplitPlan,
    media: MediaPlan,
    statuses: Mapping[str, MediaStatus],
    progress: Progress,
) -> int:
    present = frozenset(_of_splits(dataset, (plan.split,)).values("image_id"))
    missing = [image for image in plan.images if image.image_id not in present]
    documents = (
        sample_document(
            image,
            plan.split,
            media.filepath(plan.split, image.file_name),
            media.media_uri(plan.split, image.file_name),
            statuses[image.file_name],
        )
        for image in missing
    )
    done = len(plan.images) - len(missing)
    added = 0
    for written in write_samples(dataset, batched(documents, BATCH)):
        added += written
        done = min(done + BATCH, len(plan.images))
        label = f"adding samples {done:,}/{len(plan.images):,} ({plan.split})"
        progress(done / len(plan.images), label)
    return added


def _of_splits(dataset: Any, splits: tuple[str, ...]) -> Any:
    from fiftyone import ViewField

    return dataset.match(ViewField("split").is_in(splits))


def _count(dataset: Any, splits: tuple[str, ...], added: int) -> IngestResult:
    import fiftyone as fo

    boxes_path = f"{GROUND_TRUTH}.detections"
    samples, boxes, labelled = _of_splits(dataset, splits).aggregate(
        [fo.Count(), fo.Count(boxes_path), fo.Count(f"{boxes_path}.label")]
    )
    return IngestResult(
        dataset=dataset.name,
        samples_added=added,
        samples_present=samples - added,
        samples=samples,
        boxes=boxes,
        unlabelled_boxes=boxes - labelled,
        splits=splits,
    )
