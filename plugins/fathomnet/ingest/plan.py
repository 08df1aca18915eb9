"""Reads and checks the files and parameters of an ingest, before anything is made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .catalog import Catalog, ImageRecord, read_catalog
from .dataset.collection import is_enterprise
from .dataset.datasets import find_dataset, name_problem
from .dataset.ingest_record import IngestRecord, read_ingest_records
from .dataset.licences import count_licences
from .errors import DatasetError, Fault, InputError
from .media.paths import MediaPlan, plan_media
from .taxonomy import load_taxonomy


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """What the dataset will hold of one split."""

    split: str
    catalog: Catalog
    limit: int | None

    @property
    def images(self) -> tuple[ImageRecord, ...]:
        """The images to take."""
        return self.catalog.images[: self.limit]

    def record(self, media: MediaPlan, complete: bool) -> IngestRecord:
        """What the dataset records about the origin of the split."""
        return IngestRecord(
            split=self.split,
            source=self.catalog.source,
            sha256=self.catalog.sha256,
            images=len(self.catalog.images),
            boxes=self.catalog.box_count,
            concepts=self.catalog.concepts,
            limit=self.limit,
            media_root=media.media_root,
            filepath_root=media.filepath_root,
            complete=complete,
            licences=count_licences(self.catalog.head(self.limit)),
        )


def read_ingest(
    dataset_name: str,
    train_annotations: str,
    test_annotations: str,
    media_root: str,
    mirror: str,
    limit: int | None,
) -> tuple[MediaPlan, list[SplitPlan]]:
    """Decides where the images are, and what the dataset will hold of each split.

    Raises:
        InputError: a file or a parameter is wrong, with every fault.
    """
    paths = {"train": train_annotations, "test": test_annotations}
    media = _checked_parameters(dataset_name, paths, media_root, mirror, limit)
    catalogs = _read_catalogs({split: path for split, path in paths.items() if path})
    return media, [SplitPlan(split, catalog, limit) for split, catalog in catalogs.items()]


def check_ingest(dataset_name: str, recreate: bool, **parameters: Any) -> list[SplitPlan]:
    """Says what ``ingest_dataset`` would take; writes nothing, and raises the same errors."""
    media, plans = read_ingest(dataset_name, **parameters)
    dataset = find_dataset(dataset_name)
    if dataset is not None and not recreate:
        for plan in plans:
            refuse_other_source(dataset, plan, media)
    return plans


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
    """Reads all files before it raises, so that the faults of all are reported at once."""
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


def refuse_other_source(dataset: Any, plan: SplitPlan, media: MediaPlan) -> None:
    """Refuses a dataset whose split came from another file, or whose images are elsewhere.

    Raises:
        DatasetError: it is such a dataset.
    """
    for split, record in read_ingest_records(dataset).items():
        advice = "use recreate to make the dataset anew, or choose another dataset_name"
        if split == plan.split and record.sha256 != plan.catalog.sha256:
            raise DatasetError(
                f"dataset {dataset.name!r} has its {split} split from {record.source} "
                f"(sha256 {record.sha256[:12]}), and {plan.catalog.source} "
                f"(sha256 {plan.catalog.sha256[:12]}) is another file; {advice}"
            )
        there = MediaPlan(record.media_root, record.filepath_root)
        if there != media:
            raise DatasetError(
                f"the images of dataset {dataset.name!r} are at {_described(there)}, "
                f"not at {_described(media)}; {advice}"
            )


def _described(media: MediaPlan) -> str:
    if media.media_root in ("", media.filepath_root):
        return media.filepath_root
    return f"{media.media_root}, mirrored in {media.filepath_root}"
