"""Exports the corrections that stand as files for those who maintain the annotations."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any, Final

from ..dataset import columns
from ..dataset.documents import Document
from ..dataset.ingest_record import read_ingest_record
from ..dataset.label_fields import boxes_path
from ..dataset.records import reload_known
from ..errors import DatasetError
from ..files.places import Place, is_there, place
from ..files.writing import spreadsheet_cell, write_whole
from ..names import ANNOTATION_ID, GROUND_TRUTH, SPLITS
from ..progress import Progress, silent
from ..text import counted
from .box_states import read_states
from .export import EXPORTED, EXPORTED_OF_BOX, as_coco, name_of, require_folder
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
        coco: path of the COCO file with the boxes; of the first, if they are of several splits.
        files: paths of all COCO files, one for each split.
    """

    corrections: int
    csv: str
    coco: str
    files: tuple[str, ...]


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
    """Writes ``corrections.csv`` and, for each split, a COCO file into a folder.

    The COCO file is ``corrections.json``, or ``corrections_<split>.json`` for each split where the
    corrections are of several, whose numbers would clash in one file. Images, boxes and categories
    have the ids of their catalogs. In the table, a text that a spreadsheet would take for a formula
    has an apostrophe in front.

    Each box is listed once, with its label before it was first relabelled and its present one;
    boxes that have their first label again are left out. Who, when and why are those of the last
    relabelling.

    Args:
        dataset: a FiftyOne dataset.
        folder: created if it does not exist, or ``gs://bucket/prefix``; files of these names are
            replaced, and those that an
            earlier export wrote for other splits removed.
        field: the field of boxes.
        progress: called with the share done and a label.

    Raises:
        InputError: no folder is named.
        DatasetError: ``field`` holds no boxes, or the folder cannot be written.
    """
    require_folder(folder)
    dataset = columns.dataset_of(dataset)
    reload_known(dataset)
    path = boxes_path(dataset, field)
    progress(0.0, "reading the journals")
    corrections = {one.label_id: one for one in _corrections(dataset, field, path)}
    progress(0.5, "writing the files")
    chosen = dataset.select(list({one.sample_id for one in corrections.values()}))
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    of_split: dict[str, list[Document]] = {}
    for image in columns.read_images(chosen, EXPORTED, {path: EXPORTED_OF_BOX}):
        there = {str(box["_id"]): box for box in columns.boxes_in(image, path)}
        for one in (corrections[id_] for id_ in there if id_ in corrections):
            row = (
                *(image.get("split"), image.get("image_id"), name_of(image)),
                there[one.label_id].get(ANNOTATION_ID),
                *(one.before, one.after, one.journal.user, one.journal.time, one.journal.note),
                one.journal.key,
            )
            rows.writerow(map(spreadsheet_cell, row))
        some = [box for id_, box in there.items() if id_ in corrections]
        only = {field: {path.rpartition(".")[2]: some}}
        of_split.setdefault(image.get("split") or "", []).append({**image, **only})
    table, *files = correction_files(folder, of_split)
    try:
        table.parent.mkdir(parents=True, exist_ok=True)
        write_whole(table, text.getvalue().encode())
        for file, split in zip(files, sorted(of_split) or [""], strict=True):
            content = _corrected(dataset, split, of_split.get(split, []), path)
            write_whole(file, json.dumps(content, indent=1, ensure_ascii=False).encode())
        # What an earlier export wrote for other splits does not stand any more.
        for name in {*correction_files(folder, ()), *correction_files(folder, SPLITS)}:
            if name not in (table, *files) and is_there(name):
                name.unlink()
    except OSError as error:
        raise DatasetError(f"{folder} cannot be written: {error.strerror}") from error
    progress(1.0, f"{counted(len(corrections), 'correction', 'corrections')} in {folder}")
    return ExportResult(len(corrections), str(table), str(files[0]), tuple(map(str, files)))


def correction_files(folder: str | Place, splits: Collection[str]) -> tuple[Place, ...]:
    """The paths of the table and the COCO files that an export writes into a folder.

    Args:
        folder: the folder.
        splits: those of the corrections.
    """
    names = [f"corrections_{split or 'none'}.json" for split in sorted(splits)]
    if len(names) < 2:
        names = ["corrections.json"]
    return tuple(place(folder) / name for name in ("corrections.csv", *names))


def check_corrections(
    dataset: Any, folder: str | Place, field: str = GROUND_TRUTH
) -> dict[Place, int]:
    """The number of corrections in each file that an export would write; raises its errors."""
    require_folder(folder)
    dataset = columns.dataset_of(dataset)
    reload_known(dataset)
    corrections = _corrections(dataset, field, boxes_path(dataset, field))
    ids = [one.sample_id for one in corrections]
    chosen = dataset.select(list(set(ids)))
    images = columns.read_images(chosen, ["split"])
    split_of = {str(image["_id"]): image.get("split") or "" for image in images}
    counts = Counter(split_of.get(id_, "") for id_ in ids)
    table, *files = correction_files(folder, counts)
    numbers = [counts[split] for split in sorted(counts)] or [0]
    return {table: len(corrections), **dict(zip(files, numbers, strict=True))}


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


def _corrected(dataset: Any, split: str, images: Sequence[Document], path: str) -> dict[str, Any]:
    """The corrected boxes of a split, with their images and the categories of its catalog.

    Licences are those of all images of the split, numbered from 1.
    """
    record = read_ingest_record(dataset, split)
    content = as_coco(record, images, path)
    kept = record.licences.described if record and record.licences else ()
    numbers = {
        pair: number
        for number, pair in enumerate(
            dict.fromkeys((one.name, one.url) for one in kept if one.images), start=1
        )
    }
    called = {one.licence_id: (one.name, one.url) for one in (record.licensed if record else ())}
    for one in content["images"]:
        number = numbers.get(called.get(one.pop("license", None), ("", "")))
        one.update({"license": number} if number else {})
    for one in (*content["images"], *content["annotations"]):
        one["split"] = split or None
    content["licenses"] = [
        {"id": number, "name": name, "url": url} for (name, url), number in numbers.items()
    ]
    return content
