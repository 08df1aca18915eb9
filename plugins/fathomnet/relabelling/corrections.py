"""Exports the corrections that stand as files for those who maintain the annotations."""

import csv
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any, Final

from ..catalog.crops import EXTERNAL_ID
from ..dataset import columns
from ..dataset.documents import Document
from ..dataset.ingest_record import read_ingest_record, read_ingest_records, read_kept_boxes
from ..dataset.label_pipelines import is_list
from ..dataset.records import reload_known
from ..dataset.schema import labels_path
from ..errors import DatasetError
from ..files.places import Place, is_there, place
from ..files.writing import spreadsheet_cell, write_whole
from ..labels.verdicts import VERDICT_KEYS, as_stored, state_of
from ..names import ANNOTATION_ID, GROUND_TRUTH, REVIEW_ROUND, REVIEWED_AT, REVIEWED_BY, SPLITS
from ..progress import Progress, silent
from ..text import counted
from .export import (
    EXPORTED,
    as_coco,
    content_of,
    form_of,
    name_of,
    read_exported,
    require_folder,
)
from .journal import Journal, changes_of, journals_of

COLUMNS: Final = (
    "split", "image_id", "file_name", "annotation_id", "before", "after", "user", "time", "note",
    "journal", "change",
)  # fmt: skip
JUDGED: Final = (
    "split", "image_id", "file_name", "annotation_id", "label", "state", "user", "time", "round",
)  # fmt: skip
VERDICTS: Final = "verdicts.csv"

_SAME: Final = 1e-6


@dataclass(frozen=True, slots=True)
class ExportResult:
    """The outcome of ``export_corrections``.

    Attributes:
        corrections: boxes that are not as they were ingested, or first relabelled.
        csv: path of the table.
        coco: path of the COCO file with the boxes, or of the table of the crops; of the first, if
            they are of several splits.
        files: paths of all of these, one for each split.
        verdicts: path of the table of reviewed labels; empty if nobody has reviewed one.
        reviewed: labels in that table.
    """

    corrections: int
    csv: str
    coco: str
    files: tuple[str, ...]
    verdicts: str = ""
    reviewed: int = 0


@dataclass(frozen=True, slots=True)
class _Origin:
    """How a box was: its label, and where it was if that is known, and its number."""

    label: str | None
    rectangle: Sequence[float] = ()
    annotation_id: int | None = None


@dataclass(frozen=True, slots=True)
class _Correction:
    """A box that is not as it was ingested or, where that is not known, first relabelled.

    Attributes:
        sample_id: of its image.
        label_id: its own.
        annotation_id: its number in the catalog; None for a box that was added.
        before: its first label.
        after: its present label.
        change: what became of it: relabelled, moved, both, added or deleted.
        journal: of the relabelling that gave it the present label; None where that was a hand.
    """

    sample_id: str
    label_id: str
    annotation_id: int | None
    before: str | None
    after: str | None
    change: str
    journal: Journal | None


def export_corrections(
    dataset: Any, folder: str | Place, field: str = GROUND_TRUTH, progress: Progress = silent
) -> ExportResult:
    """Writes ``corrections.csv`` and, for each split, a COCO file into a folder.

    The COCO file is ``corrections.json``, or ``corrections_<split>.json`` for each split where the
    corrections are of several, whose numbers would clash in one file. Images, boxes and categories
    have the ids of their catalogs. Crops, with one label each, are in ``corrections.parquet`` or
    ``corrections_<split>.parquet`` instead, tables such as ``ingest_crops`` reads. In the csv, a
    text that a spreadsheet would take for a formula has an apostrophe in front.

    Each box is listed once, with its first label and its present one, and what became of it:
    relabelled, moved, added or deleted, whoever did it and with what. Boxes that are as they were
    again are left out. Who, when and why are those of the relabelling that gave the present label;
    an edit by hand has none of these. The COCO file has the boxes that are there.

    ``verdicts.csv`` lists every label that people have reviewed and that has not changed since:
    confirmed, relabelled, rejected or unsure, by whom and when.

    Where an earlier version ingested the boxes, only relabellings are known, and so they are in
    any other field.

    Args:
        dataset: a FiftyOne dataset.
        folder: created if it does not exist, or ``gs://bucket/prefix``; files of these names are
            replaced, and those that an earlier export wrote for other splits removed.
        field: the field of boxes, or of the labels of crops.
        progress: called with the share done and a label.

    Raises:
        InputError: no folder is named.
        DatasetError: ``field`` holds no labels, or the folder cannot be written.
    """
    require_folder(folder)
    dataset = columns.dataset_of(dataset)
    reload_known(dataset)
    path = labels_path(dataset, field)
    progress(0.0, "reading the journals")
    corrections = _corrections(dataset, field, path)
    written = counted(len(corrections), "correction", "corrections")
    progress(0.5, f"writing {written}")
    text, of_split = _table_and_images(dataset, corrections, path)
    table, *files = correction_files(folder, of_split, form_of(path))
    try:
        table.parent.mkdir(parents=True, exist_ok=True)
        write_whole(table, text.encode())
        for file, split in zip(files, sorted(of_split) or [""], strict=True):
            write_whole(file, _corrected(dataset, split, of_split.get(split, []), path))
        # What an earlier export wrote for other splits does not stand any more.
        for name in {
            *correction_files(folder, (), form_of(path)),
            *correction_files(folder, SPLITS, form_of(path)),
        }:
            if name not in (table, *files) and is_there(name):
                name.unlink()
        judged, reviewed = _judged(dataset, path)
        verdicts = place(folder) / VERDICTS
        if reviewed:
            write_whole(verdicts, judged.encode())
        elif is_there(verdicts):
            verdicts.unlink()
    except OSError as error:
        raise DatasetError(f"{folder} cannot be written: {error.strerror}") from error
    progress(1.0, f"{written} in {folder}")
    return ExportResult(
        corrections=len(corrections),
        csv=str(table),
        coco=str(files[0]),
        files=tuple(map(str, files)),
        verdicts=str(verdicts) if reviewed else "",
        reviewed=reviewed,
    )


def correction_files(folder: str | Place, splits: Collection[str], form: str) -> tuple[Place, ...]:
    """The paths of the csv and of the files of each split that an export writes into a folder.

    Args:
        folder: the folder.
        splits: those of the corrections.
        form: the ending of the files of the splits.
    """
    names = [f"corrections_{split or 'none'}.{form}" for split in sorted(splits)]
    if len(names) < 2:
        names = [f"corrections.{form}"]
    return tuple(place(folder) / name for name in ("corrections.csv", *names))


def check_corrections(
    dataset: Any, folder: str | Place, field: str = GROUND_TRUTH
) -> dict[Place, int]:
    """The number of corrections in each file that an export would write; raises its errors."""
    require_folder(folder)
    dataset = columns.dataset_of(dataset)
    reload_known(dataset)
    path = labels_path(dataset, field)
    corrections = _corrections(dataset, field, path)
    ids = [one.sample_id for one in corrections]
    chosen = dataset.select(list(set(ids)))
    images = columns.read_images(chosen, ["split"])
    split_of = {str(image["_id"]): image.get("split") or "" for image in images}
    counts = Counter(split_of.get(id_, "") for id_ in ids)
    table, *files = correction_files(folder, counts, form_of(path))
    numbers = [counts[split] for split in sorted(counts)] or [0]
    return {table: len(corrections), **dict(zip(files, numbers, strict=True))}


def hides_edits_by_hand(dataset: Any, field: str = GROUND_TRUTH) -> bool:
    """Whether an earlier version ingested a split, and did not keep how its boxes were."""
    records = read_ingest_records(dataset).values()
    return not all(one.boxes_kept for one in records if one.labels_field == field)


def _corrections(dataset: Any, field: str, path: str) -> list[_Correction]:
    # How boxes were first, by their image: those of each split as they were ingested, where that
    # was kept; all others as they were first relabelled.
    ingested, splits = _ingested(dataset, field)
    relabelled: dict[str, dict[str, _Origin]] = {}
    last: dict[str, tuple[Journal, str | None]] = {}
    drawn: dict[str, set[str]] = {}
    # The changes that stand, each with its journal, the oldest first.
    standing = (one for one in journals_of(dataset) if (one.field, one.stage) == (field, "done"))
    changes = ((journal, entry) for journal in standing for entry in changes_of(dataset, journal))
    for journal, entry in changes:
        one = entry.box
        if entry.is_renamed:
            last[one.label_id] = journal, entry.after["label"]
        if entry.drawn is not None:
            drawn.setdefault(one.sample_id, set()).add(one.label_id)
        if one.label_id not in drawn.get(one.sample_id, ()):
            first = relabelled.setdefault(one.sample_id, {})
            first.setdefault(one.label_id, _Origin(one.state.get("label")))
    found = []
    view = dataset if splits else dataset.select(list({**relabelled, **drawn}))
    attributes = ("label", "bounding_box", ANNOTATION_ID)
    for image in columns.read_images(view, ("split",), {path: attributes}):
        sample_id, is_known = str(image["_id"]), image.get("split") in splits
        there = {str(box["_id"]): box for box in columns.boxes_in(image, path)}
        before = (ingested if is_known else relabelled).get(sample_id, {})
        added = there if is_known else drawn.get(sample_id, set()) & there.keys()
        for label_id in dict.fromkeys((*before, *added)):
            now = there.get(label_id)
            if change := _change(before.get(label_id), now, is_known or label_id in added):
                origin, values = before.get(label_id) or _Origin(None), now or {}
                number = values.get(ANNOTATION_ID, origin.annotation_id)
                label, by = values.get("label"), last.get(label_id)
                whose = by[0] if by and now and by[1] == label else None
                found.append(
                    _Correction(sample_id, label_id, number, origin.label, label, change, whose)
                )
    return found


def _ingested(dataset: Any, field: str) -> tuple[dict[str, dict[str, _Origin]], set[str]]:
    """How boxes were ingested, by sample id and their own, and the splits where that was kept."""
    ingested: dict[str, dict[str, _Origin]] = {}
    splits = set()
    for split, record in read_ingest_records(dataset).items():
        kept = read_kept_boxes(dataset, split) if record.labels_field == field else None
        splits |= set() if kept is None else {split}
        for label_id, box in (kept or {}).items():
            origin = _Origin(box.label, box.bounding_box, box.annotation_id)
            ingested.setdefault(box.sample_id, {})[label_id] = origin
    return ingested, splits


def _change(origin: _Origin | None, now: Mapping[str, Any] | None, is_known: bool) -> str:
    """What became of a box; empty for nothing.

    Args:
        origin: how it was; None where it was not.
        now: how it is; None where it is not.
        is_known: whether it is known which boxes there were.
    """
    if origin is None or now is None:
        return "" if not is_known else "added" if origin is None else "deleted"
    sides = zip(origin.rectangle or now["bounding_box"], now["bounding_box"], strict=True)
    changes = {
        "relabelled": origin.label != now.get("label"),
        "moved": any(abs(before - after) > _SAME for before, after in sides),
    }
    return " and ".join(what for what, is_so in changes.items() if is_so)


def _table_and_images(
    dataset: Any, corrections: Sequence[_Correction], path: str
) -> tuple[str, dict[str, list[Document]]]:
    """The csv, and by split the images of all corrections, with none but the corrected boxes."""
    of_image: dict[str, list[_Correction]] = {}
    for one in corrections:
        of_image.setdefault(one.sample_id, []).append(one)
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    further = _further_columns(dataset)
    rows.writerow((*COLUMNS, *further))
    of_split: dict[str, list[Document]] = {}
    chosen = dataset.select(list(of_image))
    for image in read_exported(dataset, chosen, path):
        own = of_image[str(image["_id"])]
        for one in own:
            by = one.journal
            who = (by.user, by.time, by.note, by.key) if by else ("",) * 4
            row = (
                *(image.get("split"), image.get("image_id"), name_of(image), one.annotation_id),
                *(one.before, one.after, *who, one.change),
                *(image.get(name) for name in further),
            )
            rows.writerow(map(spreadsheet_cell, row))
        corrected = {one.label_id for one in own}
        some = [box for box in columns.boxes_in(image, path) if str(box["_id"]) in corrected]
        only = columns.with_boxes(image, path, some)
        of_split.setdefault(image.get("split") or "", []).append(only)
    return text.getvalue(), of_split


def _further_columns(dataset: Any) -> list[str]:
    """What the tables say of each image beside their own columns."""
    return [EXTERNAL_ID] if dataset.get_field(EXTERNAL_ID) is not None else []


def _judged(dataset: Any, path: str) -> tuple[str, int]:
    """The table of the labels whose verdicts stand, and how many they are."""
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    further = _further_columns(dataset)
    rows.writerow((*JUDGED, *further))
    reviewed = 0
    attributes = ("label", ANNOTATION_ID, REVIEW_ROUND, *VERDICT_KEYS)
    for image in columns.read_images(dataset, EXPORTED, {path: attributes}):
        for box in columns.boxes_in(image, path):
            state = state_of(box)
            if state == "unreviewed":
                continue
            reviewed += 1
            when = as_stored(box[REVIEWED_AT]).isoformat(timespec="milliseconds")
            row = (
                *(image.get("split"), image.get("image_id"), name_of(image)),
                *(box.get(ANNOTATION_ID), box.get("label"), state, box.get(REVIEWED_BY), when),
                *(box.get(REVIEW_ROUND), *(image.get(name) for name in further)),
            )
            rows.writerow(map(spreadsheet_cell, row))
    return text.getvalue(), reviewed


def _corrected(dataset: Any, split: str, images: Sequence[Document], path: str) -> bytes:
    """The corrected boxes of a split, with their images and the categories of its catalog.

    Licences are those of all images of the split, numbered from 1.
    """
    if not is_list(path):
        return content_of(dataset, split, images, path)
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
    return json.dumps(content, indent=1, ensure_ascii=False).encode()
