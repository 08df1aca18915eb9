"""What an ingest is about to make: its files, parameters and images, checked as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..catalog import Catalog, ImageRecord, read_catalog
from ..dataset.collection import is_enterprise
from ..dataset.datasets import find_dataset, name_problem
from ..dataset.ingest_record import (
    IngestRecord,
    count_licences,
    left_out_boxes,
    licensed_images,
    read_ingest_records,
)
from ..errors import DatasetError, Fault, InputError
from ..media.ledger import Entry, known_outcomes
from ..media.paths import GCS, MediaPlan, plan_media
from ..names import MediaStatus
from ..taxonomy import load_taxonomy

_ADVICE: Final = "use recreate to make the dataset anew, or choose another dataset_name"
_OF_LEDGER: Final[Mapping[str, MediaStatus]] = {"missing": "missing", "rejected": "rejected"}


def media_statuses(
    media: MediaPlan, split: str, file_names: Iterable[str], annotations_sha256: str
) -> dict[str, MediaStatus]:
    """The status of each image of a split.

    An image is ``ok`` if its file is on this machine, or if a ledger says that it is complete in
    the bucket; ``missing`` or ``rejected`` if the latest transfer found it so; ``unknown``
    otherwise. No image is opened.

    Raises:
        InputError: a ledger beside the images is damaged.
    """
    names = tuple(file_names)
    on_disk = media.files_present(split, names)
    known: dict[str, Entry] = {}
    for root in dict.fromkeys((media.filepath_root, media.media_root)):
        if root:
            known |= known_outcomes(root, split, annotations_sha256)
    in_bucket = media.media_root.startswith(GCS)

    def status(name: str) -> MediaStatus:
        outcome = known[name].outcome if name in known else "unknown"
        if name in on_disk or (in_bucket and outcome in ("stored", "present")):
            return "ok"
        return _OF_LEDGER.get(outcome, "unknown")

    return {name: status(name) for name in names}


def update_media_status(dataset: Any, split: str, statuses: Mapping[str, MediaStatus]) -> int:
    """Updates the samples with what has become known since they were made.

    An unknown status leaves a sample as it is, because a folder may just be out of reach.

    Returns:
        The number of samples that changed.
    """
    from fiftyone import ViewField

    ids, names, before = dataset.match(ViewField("split") == split).values(
        ["id", "file_name", "media_status"]
    )
    changed = {
        sample_id: statuses[name]
        for sample_id, name, old in zip(ids, names, before, strict=True)
        if statuses.get(name, "unknown") not in ("unknown", old)
    }
    if changed:
        dataset.set_values("media_status", changed, key_field="id")
    return len(changed)


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
            categories=self.catalog.categories,
            licensed=licensed_images(self.catalog.head(self.limit)),
            left_out=left_out_boxes(self.catalog, self.limit),
        )


def read_ingest(
    dataset_name: str,
    train_annotations: str,
    test_annotations: str,
    media_root: str,
    mirror: str,
    limit: int | None,
    read: Callable[[str], Catalog] | None = None,
) -> tuple[MediaPlan, list[SplitPlan]]:
    """Decides where the images are, and what the dataset will hold of each split.

    The last parameter reads a file, where a form has read the same version of it before.

    Raises:
        InputError: a file or a parameter is wrong, with every fault.
    """
    paths = {"train": train_annotations, "test": test_annotations}
    media = _checked_parameters(dataset_name, paths, media_root, mirror, limit)
    catalogs = _read_catalogs({split: path for split, path in paths.items() if path}, read)
    return media, [SplitPlan(split, catalog, limit) for split, catalog in catalogs.items()]


def check_place(
    dataset_name: str,
    media_root: str,
    mirror: str,
    limit: int | None,
    recreate: bool = False,
    **_files: str,
) -> None:
    """Raises what ``ingest_dataset`` has against a dataset and a media root, whatever the files."""
    media = _checked_parameters(dataset_name, {"": "any"}, media_root, mirror, limit)
    dataset = find_dataset(dataset_name, only_look=True)
    if dataset is not None and not recreate:
        refuse_other_place(dataset, media)


def check_ingest(dataset_name: str, recreate: bool, **parameters: Any) -> list[SplitPlan]:
    """Says what ``ingest_dataset`` would take; writes nothing, and raises the same errors."""
    media, plans = read_ingest(dataset_name, **parameters)
    dataset = find_dataset(dataset_name, only_look=True)
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


def _read_catalogs(
    paths: dict[str, str], read: Callable[[str], Catalog] | None
) -> dict[str, Catalog]:
    """Reads all files before it raises, so that the faults of all are reported at once."""
    catalogs = {}
    errors = []
    for split, path in paths.items():
        try:
            catalogs[split] = read(path) if read else read_catalog(path, load_taxonomy().names)
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
    record = read_ingest_records(dataset).get(plan.split)
    if record is not None and record.sha256 != plan.catalog.sha256:
        raise DatasetError(
            f"dataset {dataset.name!r} has its {plan.split} split from {record.source} "
            f"(sha256 {record.sha256[:12]}), and {plan.catalog.source} "
            f"(sha256 {plan.catalog.sha256[:12]}) is another file; {_ADVICE}"
        )
    refuse_other_place(dataset, media)


def refuse_other_place(dataset: Any, media: MediaPlan) -> None:
    """Refuses a dataset whose images are elsewhere.

    Raises:
        DatasetError: it is such a dataset.
    """
    for record in read_ingest_records(dataset).values():
        there = MediaPlan(record.media_root, record.filepath_root)
        if there != media:
            raise DatasetError(
                f"the images of dataset {dataset.name!r} are at {_described(there)}, "
                f"not at {_described(media)}; {_ADVICE}"
            )


def _described(media: MediaPlan) -> str:
    if media.media_root in ("", media.filepath_root):
        return media.filepath_root
    return f"{media.media_root}, mirrored in {media.filepath_root}"
