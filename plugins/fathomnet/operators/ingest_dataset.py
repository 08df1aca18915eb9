"""The door to :func:`samples.ingest_dataset`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import fiftyone as fo

from ..catalog import Catalog
from ..dataset.collection import is_enterprise
from ..dataset.ingest_record import read_ingest_records
from ..errors import FathomNetError, Fault, InputError
from ..ingest import check_ingest
from ..ingest.media import locate_images
from ..ingest.plan import (
    ReadFile,
    SplitPlan,
    check_place,
    folders_of,
    names_of,
    read_file,
    split_files,
)
from ..media.paths import plan_media
from ..parameters import dataset as parameters
from ..parameters.kinds import paths_in
from ..text import counted
from .base import StageOperator
from .forms import Preview, file_version, problem_with, too_large


class IngestDataset(StageOperator[parameters.IngestDataset]):
    model = parameters.IngestDataset
    icon = "/plugins/fathomnet/assets/ingest.svg"
    risk = "DANGEROUS"  # recreate deletes one
    place = "HEADER_ACTIONS"  # where datasets are chosen

    def makes(self, params: parameters.IngestDataset) -> str:
        return params.dataset_name

    def made(self, result: Mapping[str, Any]) -> str | None:
        return result.get("dataset")

    def preview(self, params: parameters.IngestDataset, dataset: Any) -> Preview:
        chosen = split_files(params.model_dump())
        if not any(chosen.values()) and not params.update:
            fault = Fault("test_annotations", "choose at least one annotations file")
            return Preview(problems=(fault, *_refusals(params)[1]))
        facts: list[str] = []
        problems: list[Fault] = []
        files = [(split, path) for split, paths in chosen.items() for path in paths_in(paths)]
        for split, path in files:
            if too_large(path):
                facts.append(f"{split} split: a large file, checked when it is read")
                continue
            try:
                folders = folders_of(params.media_root, params.mirror, split, path)
                facts.append(f"{split} split: {_read(path, params.skip_bad_boxes, folders)[0]}")
            except FathomNetError as error:
                problems.append(problem_with(f"{split}_annotations", error))
        if params.limit:
            facts.append(f"of each split only the first {params.limit:,}")
        plans, refused = _refusals(params, but=[fault.place for fault in problems])
        problems += refused
        if not problems:
            facts.append(_destination(params))
            facts += _told_of_update(params, plans)
        warnings = list(_noticed(plans))
        if params.recreate and fo.dataset_exists(params.dataset_name):
            deleted = "labels, predictions and views that were added to the dataset"
            warnings.insert(0, f"Recreate deletes {deleted}")
        return Preview(tuple(facts), tuple(warnings), tuple(problems))

    def failed_items(self, result: Mapping[str, Any]) -> int:
        return int(result.get("skipped_boxes", 0))

    def remarks(self, result: Mapping[str, Any]) -> tuple[str, ...]:
        found, missing = (result.get(f"media_{name}", 0) for name in ("found", "missing"))
        images = f"{found:,} of {counted(found + missing, 'image is', 'images are')} there"
        return (f"{images}: the notes say where they were looked for.",) if missing else ()


def _read(path: str, skip_bad_boxes: bool, folders: tuple[str, ...]) -> tuple[str, Catalog, int]:
    """What a file holds, in words, a catalog of all of it but the boxes, and how many these are."""
    return _read_version(file_version(path), path, skip_bad_boxes, folders)


@lru_cache(maxsize=8)
def _read_version(
    version: object, path: str, skip_bad_boxes: bool, folders: tuple[str, ...]
) -> tuple[str, Catalog, int]:
    # A form is redrawn at every keystroke, and a file takes a second to read.
    catalog = read_file(path, skip_bad_boxes, folders)
    text = (
        f"{counted(len(catalog.images), 'image', 'images')}, "
        f"{counted(catalog.box_count, 'box', 'boxes')} "
        f"({catalog.unlabelled_box_count:,} without a concept)"
    )
    corrections = counted(len(catalog.notes), "small correction", "small corrections")
    noted = f"{text}; {corrections}" if catalog.notes else text
    images = tuple(image._replace(boxes=()) for image in catalog.images)
    return noted, replace(catalog, images=images), catalog.box_count


def boxes_listed(params: parameters.IngestDataset) -> int:
    """About how many boxes would be ingested, but for files that are too large for a preview."""
    boxes = 0.0
    for split, paths in split_files(params.model_dump()).items():
        for path in paths_in(paths):
            if not too_large(path):
                folders = folders_of(params.media_root, params.mirror, split, path)
                _, catalog, listed = _read(path, params.skip_bad_boxes, folders)
                images = max(len(catalog.images), 1)
                boxes += listed * min(params.limit or images, images) / images
    return round(boxes)


def _refusals(
    params: parameters.IngestDataset, but: Sequence[str] = ()
) -> tuple[list[SplitPlan], tuple[Fault, ...]]:
    """What the stage would take and what it would refuse, from the stage's own check.

    Args:
        params: parameters, each of which is valid by itself.
        but: the parameters that name files with faults, which are told already.
    """
    if params.label_map and too_large(params.label_map):
        params = params.model_copy(update={"label_map": ""})  # checked when it is read
    try:
        names_of(params.dataset_name, params.recreate, params.label_map)
    except InputError as error:
        return [], (problem_with("label_map", error),)
    values = params.model_dump()
    for split, paths in split_files(values).items():
        name = f"{split}_annotations"
        if name in but or any(map(too_large, paths_in(paths))):
            values[name] = ""
    try:
        if any(split_files(values).values()):
            return check_ingest(**values, read=_reader(params)), ()
        check_place(**values)
    except InputError as error:
        return [], error.faults
    except FathomNetError as error:
        return [], (Fault("dataset_name", str(error)),)
    return [], ()


def _reader(params: parameters.IngestDataset) -> ReadFile:
    """Reads files as the form remembers them, and whole where they are compared with a dataset."""
    known: set[str] = set()
    _, tree = names_of(params.dataset_name, params.recreate, params.label_map)
    if fo.dataset_exists(params.dataset_name) and not params.recreate:
        records = read_ingest_records(fo.load_dataset(params.dataset_name))
        known = {record.sha256 for record in records.values()}

    def read(path: str, skip_bad_boxes: bool, folders: tuple[str, ...]) -> Catalog:
        catalog = _read(path, skip_bad_boxes, folders)[1]
        is_other = known and (catalog.sha256 not in known or params.update)
        return read_file(path, skip_bad_boxes, folders, tree) if is_other else catalog

    return read


def _noticed(plans: Sequence[SplitPlan]) -> Iterator[str]:
    """What was noticed in the files, and which images are not there."""
    for plan in plans:
        located = locate_images(
            plan.media, plan.split, plan.images, plan.catalog.files or (plan.catalog.sha256,)
        )
        for note in (located.told, *plan.catalog.told):
            if note:
                yield f"{plan.split}: {note}"


def _destination(params: parameters.IngestDataset) -> str:
    name = params.dataset_name
    if not fo.dataset_exists(name):
        return f"a new dataset, {name}"
    present = counted(fo.load_dataset(name).count(), "sample", "samples")
    if params.recreate:
        return f"{name} is deleted with its {present}, then made again"
    if params.update:
        return f"{name} is there with {present}, and is brought up to date"
    return f"{name} is there with {present}; only what is missing is added"


def _told_of_update(params: parameters.IngestDataset, plans: Sequence[SplitPlan]) -> Iterator[str]:
    """What an update would change in each split, and where the images would be."""
    if not params.update or params.recreate or not fo.dataset_exists(params.dataset_name):
        return
    for plan in plans:
        if plan.changes is not None:
            yield f"{plan.split} split: {plan.changes}"
    records = read_ingest_records(fo.load_dataset(params.dataset_name))
    media = plan_media(params.media_root, params.mirror, opens_gcs=is_enterprise())
    if any(
        (one.media_root, one.filepath_root) != (media.media_root, media.filepath_root)
        for one in records.values()
    ):
        yield f"the images of all splits are looked for in {media.filepath_root}"
