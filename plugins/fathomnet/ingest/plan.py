"""What an ingest is about to make: its files, parameters and images, checked as a whole."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from ..catalog import Catalog, ImageRecord, merge_catalogs, read_catalog
from ..catalog.crops import read_class_folders, read_crop_table
from ..dataset import ingest_record
from ..dataset.collection import is_enterprise
from ..dataset.datasets import find_dataset, name_problem
from ..dataset.label_map import taxonomy_of
from ..dataset.schema import field_problem, label_type, sample_schema
from ..errors import DatasetError, Fault, InputError
from ..media.paths import GCS, MediaPlan, plan_media
from ..names import CROPS_DATASET, GROUND_TRUTH, SPLITS
from ..parameters.kinds import paths_in
from ..taxonomy import Taxonomy, load_taxonomy, read_label_map
from ..taxonomy.label_map import ReadMap
from .media import image_folders, measure_in
from .update import Difference, difference

_ADVICE: Final = (
    "use update to bring the dataset up to date, recreate to make it anew, or choose another "
    "dataset_name"
)
_OF_CROPS: Final = "choose another split or dataset_name, or delete that dataset"

ReadFile = Callable[[str, bool, tuple[str, ...]], Catalog]
"""Reads an annotations file: its path, whether to skip bad boxes, and the folders of its images."""


def read_file(
    path: str, skip_bad_boxes: bool, folders: tuple[str, ...], tree: Taxonomy | None = None
) -> Catalog:
    """Reads an annotations file as the dataset takes it; raises the errors of ``read_catalog``."""
    tree = tree or load_taxonomy()
    return read_catalog(path, tree.names, skip_bad_boxes, measure_in(folders), tree.canonical)


def names_of(dataset_name: str, recreate: bool, label_map: str) -> tuple[ReadMap | None, Taxonomy]:
    """The label map that a dataset is to have, and the tree of the names that it will have.

    Args:
        dataset_name: name of the dataset.
        recreate: whether one that is there goes.
        label_map: the map's file; empty for that of the dataset, or else the project's own names.

    Raises:
        InputError: the file has faults.
    """
    if label_map:
        told = read_label_map(label_map)
        return told, told.label_map.taxonomy
    dataset = None if recreate else find_dataset(dataset_name, only_look=True)
    return None, load_taxonomy() if dataset is None else taxonomy_of(dataset)


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """What the dataset will hold of one split.

    Attributes:
        split: the split.
        catalog: the content of its files.
        limit: take the first so many images; None for all.
        media: where its images are.
        changes: what an update would change; None where nothing is to be updated.
        crops_field: takes the one label of each image; empty where images have boxes.
        is_listed: whether the images are all those that lie below the media root.
    """

    split: str
    catalog: Catalog
    limit: int | None
    media: MediaPlan
    changes: Difference | None = None
    crops_field: str = ""
    is_listed: bool = False

    @property
    def images(self) -> tuple[ImageRecord, ...]:
        """The images to take."""
        return self.catalog.images[: self.limit]

    @property
    def labels_field(self) -> str:
        """The field that takes the labels."""
        return self.crops_field or GROUND_TRUTH

    def record(self, complete: bool) -> ingest_record.IngestRecord:
        """What the dataset records about the origin of the split."""
        return ingest_record.IngestRecord(
            split=self.split,
            source=self.catalog.source,
            sha256=self.catalog.sha256,
            images=len(self.catalog.images),
            boxes=self.catalog.box_count,
            concepts=self.catalog.concepts,
            limit=self.limit,
            media_root=self.media.media_root,
            filepath_root=self.media.filepath_root,
            complete=complete,
            licences=ingest_record.count_licences(self.catalog.head(self.limit)),
            categories=self.catalog.categories,
            licensed=ingest_record.licensed_images(self.catalog.head(self.limit)),
            left_out=ingest_record.left_out_boxes(self.catalog, self.limit),
            notes=self.catalog.told,
            skipped_boxes=self.catalog.skipped_boxes,
            boxes_kept=complete,
            crops_field=self.crops_field,
        )


def read_ingest(
    dataset_name: str,
    annotations: Mapping[str, str],
    media_root: str = "",
    mirror: str = "",
    limit: int | None = None,
    skip_bad_boxes: bool = False,
    update: bool = False,
    read: ReadFile = read_file,
) -> tuple[MediaPlan, list[SplitPlan]]:
    """Decides where the images are, and what the dataset will hold of each split.

    Args:
        dataset_name: name of the dataset.
        annotations: the files of each split, one on a line; empty to leave a split out.
        media_root: see ``ingest_dataset``.
        mirror: see ``ingest_dataset``.
        limit: see ``ingest_dataset``.
        skip_bad_boxes: see ``ingest_dataset``.
        update: see ``ingest_dataset``.
        read: reads a file, where a form has read the same version of it before.

    Raises:
        InputError: a file or a parameter is wrong, with every fault.
    """
    # An update may be about the images' place alone.
    paths = annotations if not update else {"": "any"}
    media = _checked_parameters(dataset_name, paths, media_root, mirror, limit)
    plans, errors = [], []
    # All files are read before any is refused, so that the faults of all are told at once.
    for split, path in annotations.items():
        if not path:
            continue
        try:
            files = [
                read(one, skip_bad_boxes, folders_of(media_root, mirror, split, one))
                for one in paths_in(path)
            ]
            plans.append(SplitPlan(split, merge_catalogs(files), limit, media))
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
        words = "both" if len(errors) == 2 else "all"
        raise InputError(f"{words} annotations files", faults, errors[0].advice)
    return media, plans


def folders_of(media_root: str, mirror: str, split: str, path: str) -> tuple[str, ...]:
    """The folders of this machine in which the images of an annotations file may be."""
    folders = [str(Path(path).parent)]
    with suppress(InputError):  # which is told when the parameters are checked
        root = plan_media(media_root, mirror, opens_gcs=is_enterprise()).filepath_root
        if not root.startswith(GCS):
            folders[:0] = [f"{root}/{folder}" for folder in image_folders(split)]
    return tuple(folders)


def split_files(parameters: Mapping[str, Any]) -> dict[str, str]:
    """The annotations files that parameters name for each split; empty where they name none."""
    given = {split: parameters.get(f"{split}_annotations", "") for split in SPLITS}
    return {
        split: str(files) if isinstance(files, str | Path) else "\n".join(map(str, files))
        for split, files in given.items()
    }


def check_place(
    dataset_name: str,
    media_root: str,
    mirror: str,
    limit: int | None,
    recreate: bool = False,
    update: bool = False,
    **_others: Any,
) -> None:
    """Raises what ``ingest_dataset`` has against a dataset and a media root, whatever the files."""
    media = _checked_parameters(dataset_name, {"": "any"}, media_root, mirror, limit)
    dataset = find_dataset(dataset_name, only_look=True)
    if dataset is None or recreate:
        return
    if update:
        refuse_update_of_crops(dataset)
    else:
        refuse_other_place(dataset, media)


def check_ingest(
    dataset_name: str,
    media_root: str = "",
    mirror: str = "",
    limit: int | None = None,
    recreate: bool = False,
    skip_bad_boxes: bool = False,
    update: bool = False,
    read: ReadFile | None = None,
    **files: Any,
) -> list[SplitPlan]:
    """Says what ``ingest_dataset`` would take; writes nothing, and raises the same errors."""
    paths = split_files(files)
    _, tree = names_of(dataset_name, recreate, files.get("label_map", ""))
    read = read or partial(read_file, tree=tree)
    media, plans = read_ingest(
        dataset_name, paths, media_root, mirror, limit, skip_bad_boxes, update, read
    )
    dataset = find_dataset(dataset_name, only_look=True)
    if dataset is None or recreate:
        return plans
    if update:
        refuse_update_of_crops(dataset)
    return [
        replace(plan, changes=refuse_other_source(dataset, plan, media, update)) for plan in plans
    ]


def check_crops(
    dataset_name: str = CROPS_DATASET,
    table: str = "",
    folder: str = "",
    media_root: str = "",
    label_field: str = GROUND_TRUTH,
    columns: Mapping[str, str] | Sequence[str] = (),
    split: str = "train",
) -> SplitPlan:
    """Says what ``ingest_crops`` would take; writes nothing, and raises the same errors."""
    faults = []
    if bool(table) == bool(folder):
        faults.append(Fault("table, folder", "name one of them, not both"))
    if split not in SPLITS:
        faults.append(Fault("split", f"{split!r} is not {', '.join(SPLITS[:-1])} or {SPLITS[-1]}"))
    problem = field_problem(label_field)
    taken = {"filepath", "tags", "created_at", "last_modified_at", *sample_schema()}
    if not problem and label_field in taken - {GROUND_TRUTH}:
        problem = f"{label_field!r} holds something else of every sample"
    if problem:
        faults.append(Fault("label_field", problem))
    named = dict(columns) if isinstance(columns, Mapping) else {}
    for text in () if isinstance(columns, Mapping) else columns:
        meaning, is_pair, header = text.partition("=")
        named[meaning.strip()] = header.strip()
        if not (is_pair and header.strip()):
            faults.append(Fault("columns", f"{text[:80]!r} is not meaning=header"))
    if named and folder and not table:
        faults.append(Fault("columns", "a folder has none: it is for a table"))
    _checked_parameters(dataset_name, {"": "any"}, media_root, "", None, "ingest_crops", faults)
    _, tree = names_of(dataset_name, False, "")
    if table:
        catalog, root = read_crop_table(table, named, tree.names, tree.canonical)
    else:
        catalog, root = read_class_folders(folder, tree.names, tree.canonical)
    media = plan_media(media_root or root, opens_gcs=is_enterprise())
    plan = SplitPlan(
        split,
        catalog,
        None,
        media,
        crops_field=label_field,
        is_listed=bool(folder) and not media_root,
    )
    dataset = find_dataset(dataset_name, only_look=True)
    if dataset is not None:
        refuse_other_source(dataset, plan, media)
    return plan


def _checked_parameters(
    name: str,
    paths: Mapping[str, str],
    media_root: str,
    mirror: str,
    limit: int | None,
    operator: str = "ingest_dataset",
    others: Sequence[Fault] = (),
) -> MediaPlan:
    """Where the images are; refuses parameters, beside the faults that others have already."""
    faults = [*others]
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
        raise InputError(f"parameters of {operator}", faults)
    return media


def refuse_other_source(
    dataset: Any, plan: SplitPlan, media: MediaPlan, update: bool = False
) -> Difference | None:
    """Refuses a dataset whose split came from another file, or whose images are elsewhere.

    Returns:
        What an update changes; None where nothing is to be updated.

    Raises:
        DatasetError: it is such a dataset.
    """
    import fiftyone as fo

    record = ingest_record.read_ingest_records(dataset).get(plan.split)
    field = plan.labels_field
    kind: type = fo.Classification if plan.crops_field else fo.Detections
    is_other = record is not None and record.crops_field != plan.crops_field
    if is_other or label_type(dataset, field) not in (kind, None):
        raise DatasetError(
            f"the labels of dataset {dataset.name!r}, or of its {plan.split} split, are no "
            f"{kind.__name__} in {field!r}: choose another dataset_name"
        )
    if update:
        if record is None:
            return None
        return difference(dataset, plan.split, plan.catalog, plan.limit)
    if record is not None and record.sha256 != plan.catalog.sha256:
        told, advice = "or its columns are read otherwise", _OF_CROPS
        if not plan.crops_field:
            advice = _ADVICE
            try:
                told = f"it differs by: {difference(dataset, plan.split, plan.catalog, plan.limit)}"
            except DatasetError as error:
                told = str(error)
        raise DatasetError(
            f"dataset {dataset.name!r} has its {plan.split} split from {record.source} "
            f"(sha256 {record.sha256[:12]}), and {plan.catalog.source} "
            f"(sha256 {plan.catalog.sha256[:12]}) is another file; {told}; {advice}"
        )
    refuse_other_place(dataset, media, plan.split if plan.crops_field else "")
    return None


def refuse_update_of_crops(dataset: Any) -> None:
    """Refuses to bring a dataset of crops up to date; raises DatasetError."""
    crops = [one for one in ingest_record.read_ingest_records(dataset).values() if one.crops_field]
    if crops:
        raise DatasetError(
            f"dataset {dataset.name!r} has crops in its {crops[0].split} split, and only boxes are "
            "brought up to date: choose another dataset_name, and make it anew"
        )


def refuse_other_place(dataset: Any, media: MediaPlan, split: str = "") -> None:
    """Refuses a dataset whose images are elsewhere.

    Args:
        dataset: a FiftyOne dataset.
        media: where they are to be.
        split: of crops, whose splits may be in folders of their own; empty for all splits.

    Raises:
        DatasetError: it is such a dataset.
    """
    for record in ingest_record.read_ingest_records(dataset).values():
        there = MediaPlan(record.media_root, record.filepath_root)
        if there != media and split in ("", record.split):
            raise DatasetError(
                f"the images of dataset {dataset.name!r} are at {_described(there)}, "
                f"not at {_described(media)}; {_OF_CROPS if split else _ADVICE}"
            )


def _described(media: MediaPlan) -> str:
    if media.media_root in ("", media.filepath_root):
        return media.filepath_root
    return f"{media.media_root}, mirrored in {media.filepath_root}"
