"""Exports the corrections that stand as files for those who maintain the annotations."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Final

from ..dataset.columns import dataset_of
from ..dataset.ingest_record import read_ingest_record
from ..dataset.label_fields import boxes_path
from ..dataset.records import reload_known
from ..errors import DatasetError, Fault, InputError
from ..files.places import Place, place
from ..files.writing import folder_problem, spreadsheet_cell, write_whole
from ..names import ANNOTATION_ID, GROUND_TRUTH
from ..progress import Progress, silent
from ..text import counted
from .box_states import read_states
from .journal import Journal, journals_of, states_before

COLUMNS: Final = (
    "split", "image_id", "file_name", "annotation_id", "before", "after", "user", "time", "note",
    "journal",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ExportResult:
    """The outcome of ``export_corrections``.

    Attributes:
        corrections: boxes whose label differs from the one before any relabelling.
        csv: path of the table.
        coco: path of the COCO file with the boxes.
    """

    corrections: int
    csv: str
    coco: str


@dataclass(frozen=True, slots=True)
class _Correction:
    """A box whose label differs from its first one."""

    sample_id: str
    label_id: str
    before: str | None
    after: str | None
    journal: Journal


def export_corrections(
    dataset: Any, folder: str | Place, field: str = GROUND_TRUTH, progress: Progress = silent
) -> ExportResult:
    """Writes ``corrections.csv`` and ``corrections.json`` (COCO) into a folder.

    In the table, a text that a spreadsheet would take for a formula has an apostrophe in front.

    Each box is listed once, with its label before it was first relabelled and its present one;
    boxes that have their first label again are left out. Who, when and why are those of the last
    relabelling.

    Args:
        dataset: a FiftyOne dataset.
        folder: created if it does not exist, or ``gs://bucket/prefix``; the two files are replaced.
        field: the field of boxes.
        progress: called with the share done and a label.

    Raises:
        InputError: no folder is named.
        DatasetError: ``field`` holds no boxes, or the folder cannot be written.
    """
    table, coco = correction_files(folder)
    dataset = dataset_of(dataset)
    reload_known(dataset)
    path = boxes_path(dataset, field)
    progress(0.0, "reading the journals")
    corrections = _corrections(dataset, field, path)
    written = counted(len(corrections), "correction", "corrections")
    progress(0.5, f"writing {written}")
    images = _images(dataset, path, {one.sample_id for one in corrections})
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for one in corrections:
        image, journal = images[one.sample_id], one.journal
        row = (
            *(image.get(name) for name in ("split", "image_id", "file_name")),
            image["boxes"][one.label_id].get(ANNOTATION_ID),
            *(one.before, one.after, journal.user, journal.time, journal.note, journal.key),
        )
        rows.writerow(map(spreadsheet_cell, row))
    # A dataset keeps only how many images of a split have each licence, so all that the annotation
    # files of these images list are named, and none by an image.
    splits = sorted({image.get("split") or "" for image in images.values()})
    kept = (read_ingest_record(dataset, split) for split in splits)
    licences = [record.licences for record in kept if record and record.licences]
    described = [one for split in licences for one in split.described if one.images]
    numbered = [
        {"id": number, "name": name, "url": url}
        for number, (name, url) in enumerate(
            dict.fromkeys((one.name, one.url) for one in described), start=1
        )
    ]
    content = _as_coco(corrections, images) | {"licenses": numbered}
    listed = json.dumps(content, indent=1, ensure_ascii=False)
    try:
        table.parent.mkdir(parents=True, exist_ok=True)
        write_whole(table, text.getvalue().encode())
        write_whole(coco, listed.encode())
    except OSError as error:
        raise DatasetError(f"{folder} cannot be written: {error.strerror}") from error
    progress(1.0, f"{written} in {folder}")
    return ExportResult(len(corrections), str(table), str(coco))


def correction_files(folder: str | Place) -> tuple[Place, Place]:
    """The paths of the table and the COCO file that an export writes into a folder.

    Raises:
        InputError: no folder is named.
        DatasetError: it cannot be written.
    """
    if not str(folder):
        raise InputError("folder", [Fault("folder", "name the folder that takes the files")])
    if problem := folder_problem(folder):
        raise DatasetError(problem)
    target = place(folder)
    return target / "corrections.csv", target / "corrections.json"


def count_corrections(dataset: Any, field: str = GROUND_TRUTH) -> int:
    """The number of boxes of a field that an export would list."""
    return len(_corrections(dataset, field, boxes_path(dataset, field)))


def _corrections(dataset: Any, field: str, path: str) -> list[_Correction]:
    first: dict[tuple[str, str], str | None] = {}
    last: dict[tuple[str, str], Journal] = {}
    for journal in journals_of(dataset):
        if journal.field != field or journal.stage != "done":
            continue
        for one in states_before(dataset, journal):
            box = one.sample_id, one.label_id
            first.setdefault(box, one.state.get("label"))
            last[box] = journal
    return [
        _Correction(*box, first[box], after, last[box])
        for one in read_states(dataset, path, first)
        for box, after in [((one.sample_id, one.label_id), one.state.get("label"))]
        if after != first[box]
    ]


def _images(dataset: Any, path: str, samples: set[str]) -> dict[str, Mapping[str, Any]]:
    """The values of each image that the files show, and its boxes by label id; by sample id."""
    view = dataset.select(list(samples))
    names = ("split", "image_id", "file_name", "metadata.width", "metadata.height")
    known = [name for name in names if dataset.get_field(name) is not None]
    boxes = ("id", "bounding_box", ANNOTATION_ID)
    there = [name for name in boxes if dataset.get_field(f"{path}.{name}") is not None]
    columns = view.values(["id", "filepath", *known, *(f"{path}.{name}" for name in there)])
    images: dict[str, Mapping[str, Any]] = {}
    for sample_id, filepath, *values in zip(*columns, strict=True):
        image: dict[str, Any] = dict(zip(known, values[: len(known)], strict=True))
        image.setdefault("file_name", Path(filepath).name)
        rows = zip(*values[len(known) :], strict=True)
        image["boxes"] = {row[0]: dict(zip(there, row, strict=True)) for row in rows}
        images[sample_id] = image
    return images


def _as_coco(
    corrections: Sequence[_Correction], images: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The corrected boxes only, with their images and their present categories.

    Ids are those of the catalogs if boxes and images have them. Each split has its own numbering,
    so each image and box also names its split.
    """
    names = sorted({one.after for one in corrections if one.after is not None})
    categories = {name: number for number, name in enumerate(names, start=1)}
    numbers = {sample: number for number, sample in enumerate(images, start=1)}
    listed = [
        {
            "id": _number(image.get("image_id"), numbers[sample]),
            "file_name": image["file_name"],
            "split": image.get("split"),
            "width": image.get("metadata.width"),
            "height": image.get("metadata.height"),
        }
        for sample, image in images.items()
    ]
    annotations = []
    for number, one in enumerate(corrections, start=1):
        image = images[one.sample_id]
        box = image["boxes"][one.label_id]
        width, height = image.get("metadata.width") or 1, image.get("metadata.height") or 1
        left, top, wide, high = box["bounding_box"]
        annotations.append(
            {
                "id": _number(box.get(ANNOTATION_ID), number),
                "image_id": _number(image.get("image_id"), numbers[one.sample_id]),
                "split": image.get("split"),
                "category_id": categories.get(one.after or ""),
                "bbox": [
                    round(value, 3)
                    for value in (left * width, top * height, wide * width, high * height)
                ],
            }
        )
    listed_names = [{"id": number, "name": name} for name, number in categories.items()]
    return {"images": listed, "annotations": annotations, "categories": listed_names}


def _number(known: int | None, otherwise: int) -> int:
    return otherwise if known is None else known
