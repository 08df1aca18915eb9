"""Imports a predictions file into a field: one predicted box for each box that it names.

The boxes of the split are read first; rows find theirs by annotation id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress
from typing import Any, ClassVar, Final, Literal

import numpy as np

from ..dataset import columns, writes
from ..dataset.app_defaults import tick_new_field
from ..dataset.collection import refuse_if_field_deleted
from ..dataset.documents import Document, ImageChange, PredictionDocuments, is_same
from ..dataset.label_map import taxonomy_of
from ..dataset.label_pipelines import predicted_update
from ..dataset.records import bring_up_to_date, read_record, reload_known, write_record
from ..dataset.schema import (
    boxes_path,
    declare,
    predicted_schema,
    prediction_schema,
    require_writable,
)
from ..errors import DatasetError, Fault, InputError
from ..garbage_collector import collector_paused
from ..names import (
    ANNOTATION_ID,
    GROUND_TRUTH,
    MODEL_PREDICTIONS,
    SPLITS,
    import_run_key,
    predicted_attributes,
)
from ..prediction_files import Predictions
from ..progress import Progress, silent
from ..text import counted, shortened
from .checking import (
    bad_rows,
    better_split,
    known_categories,
    known_concepts,
    left_out_boxes,
    read_rows,
    refuse_other_split,
    refuse_rows,
)


@dataclass(frozen=True, slots=True)
class ImportRecord:
    """What a dataset keeps of where the predictions of a split are from.

    Attributes:
        split: the split.
        gt_field: the boxes that the rows were matched with.
        source: name of the file or folder.
        sha256: hash of the rows' file.
        manifest: of the run that made them; None where there is none.
        concepts: what the probabilities are of, in their order.
        rows: rows of the file.
        rejected_rows: how many of them were left out.
        rejected: the first of these, with what is wrong.
        state: whether all of it was written.
        beside: names of the files imported before, whose predictions of other images were kept.
        notes: what was noticed.
    """

    METHOD: ClassVar[str] = "import_predictions"

    split: str
    gt_field: str
    source: str
    sha256: str
    manifest: Mapping[str, Any] | None
    concepts: tuple[str, ...]
    rows: int
    rejected_rows: int
    rejected: tuple[str, ...]
    state: Literal["writing", "complete"]
    beside: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_import_records(dataset: Any, field: str) -> dict[str, ImportRecord]:
    """Where the predictions of a field are from, by split; empty where nothing was imported."""
    keys = {split: import_run_key(field, split) for split in SPLITS}
    records = {split: read_record(dataset, key, ImportRecord) for split, key in keys.items()}
    return {split: record for split, record in records.items() if record is not None}


@dataclass(frozen=True, slots=True)
class SplitBoxes:
    """Every image of a split; each column has one entry per image.

    Attributes:
        sample_ids: ids of the samples.
        annotation_ids: for each image, the annotation ids of its boxes; None for a box that is in
            no catalog.
        bounding_boxes: for each image, the rectangles of its boxes, ``[x, y, width, height]``
            relative to the image.
        values: the document in another field; None for no value.
    """

    sample_ids: list[str]
    annotation_ids: list[list[int | None]]
    bounding_boxes: list[list[list[float]]]
    values: list[Document | None]

    @property
    def count(self) -> int:
        """The number of boxes."""
        return sum(map(len, self.annotation_ids))

    def occupied(self) -> SplitBoxes:
        """The images that have a value in the other field."""
        there = [value is not None for value in self.values]
        return SplitBoxes(
            list(compress(self.sample_ids, there)),
            list(compress(self.annotation_ids, there)),
            list(compress(self.bounding_boxes, there)),
            list(compress(self.values, there)),
        )

    def known_ids(self) -> set[int]:
        """The annotation ids of all boxes."""
        return {id_ for ids in self.annotation_ids for id_ in ids if id_ is not None}


def read_split_boxes(dataset: Any, split: str, boxes: str, field: str) -> SplitBoxes:
    """Reads the boxes of a split together with the values of another field.

    Args:
        dataset: a FiftyOne dataset.
        split: the split.
        boxes: path of the boxes.
        field: the other field; it need not exist.

    Raises:
        DatasetError: the dataset has no image of this split.
    """
    from fiftyone import ViewField

    view = dataset.match(ViewField("split") == split)
    found = SplitBoxes([], [], [], [])
    for image in columns.read_images(view, [field], {boxes: (ANNOTATION_ID, "bounding_box")}):
        of_image = columns.boxes_in(image, boxes)
        found.sample_ids.append(str(image["_id"]))
        found.annotation_ids.append([box.get(ANNOTATION_ID) for box in of_image])
        found.bounding_boxes.append([box["bounding_box"] for box in of_image])
        found.values.append(image.get(field))
    if not found.sample_ids:
        there = ", ".join(sorted(dataset.distinct("split"))) or "none"
        raise DatasetError(
            f"dataset {dataset.name!r} has no images of the {split} split; its splits: {there}"
        )
    return found


COLUMNS_TOLD: Final = 100

REJECTED_KEPT: Final = 1_000
"""The most rejected rows that the run's record lists; it always has their number."""


@dataclass(frozen=True, slots=True)
class ImportResult:
    """The outcome of ``import_predictions``.

    Attributes:
        rows: rows of the file.
        imported: rows that are now predictions in the dataset.
        unmatched_rows: rows that were left out, because they match no box or are faulty.
        boxes_without_prediction: boxes of the split that have none now.
        replaced: images that had other predictions in the field before.
        left_out_boxes: rows about boxes of the catalog whose images were not ingested, because
            of a limit; they are neither imported nor faulty.
        ignored_columns: columns of the file that were not read, the first ``COLUMNS_TOLD``.
        notes: what was noticed.
    """

    rows: int
    imported: int
    unmatched_rows: int
    boxes_without_prediction: int
    replaced: int = 0
    left_out_boxes: int = 0
    ignored_columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def import_predictions(
    dataset: Any,
    predictions: str,
    split: str = "test",
    gt_field: str = GROUND_TRUTH,
    field: str = MODEL_PREDICTIONS,
    skip_bad_rows: bool = False,
    keep_others: bool = False,
    progress: Progress = silent,
) -> ImportResult:
    """Makes a field hold exactly what a predictions file says about one split.

    A row belongs to the box of the split that has its annotation id, and the predicted box has the
    same rectangle. Images of the split that the file does not name lose their value, unless they
    are to keep it; images of other splits keep theirs, and images whose value is already right are
    not touched. The dataset's run ``names.import_run_key(field, split)`` records where the field
    came from.

    Args:
        dataset: a FiftyOne dataset.
        predictions: a csv or parquet file, or a folder; see ``predictions.read_predictions``.
        split: the split to which the file's annotation ids belong.
        gt_field: the field of boxes with which to match the rows.
        field: the field for the predictions; created if it does not exist.
        skip_bad_rows: import the rows without faults, and record the others.
        keep_others: replace the predictions of those images only that the file names, so that the
            folds of a model, imported one after the other, end as one file would.
        progress: called with the share done and a label.

    Raises:
        InputError: the file or a parameter is wrong, with every fault and its line; nothing was
            written.
        DatasetError: a field or the split is not what it must be; nothing was written.
    """
    bring_up_to_date(dataset)
    progress(0.0, "reading predictions")
    table, boxes, faults = _match(
        dataset, predictions, split, gt_field, field, skip_bad_rows, keep_others
    )
    key = import_run_key(field, split)
    earlier = read_record(dataset, key, ImportRecord) if keep_others else None
    record = ImportRecord(
        split=split,
        gt_field=gt_field,
        source=table.source,
        sha256=table.sha256,
        manifest=table.manifest,
        concepts=tuple(table.concepts) or (earlier.concepts if earlier else ()),
        rows=len(table) + len(table.rejected),
        rejected_rows=len(faults),
        rejected=tuple(str(fault) for fault in faults[:REJECTED_KEPT]),
        state="writing",
        notes=_noticed(table),
        beside=tuple(dict.fromkeys((*earlier.beside, earlier.source))) if earlier else (),
    )
    write_record(dataset, key, record)
    tick_new_field(dataset, field)
    declare(
        dataset,
        prediction_schema(
            field,
            table.rank is not None,
            table.probabilities is not None,
            table.second_label is not None,
        ),
    )
    changes = _changes(field, boxes, PredictionDocuments(table, field, split), keep_others)
    result = _result(table, boxes, faults, field, split, keep_others)
    total, done = len(boxes.sample_ids), 0
    for written in writes.change_images(dataset, changes, none_removes=True):
        done += written
        progress(done / total, f"writing predictions {done:,}/{total:,} images")
    dataset.reload()
    there = read_record(dataset, key, ImportRecord)
    if there is None or there.sha256 != table.sha256:
        other = "another file" if there is None else there.source
        raise DatasetError(
            f"while {table.source} was imported, somebody else began to import {other} into the "
            "same field; import again what it is to hold"
        )
    refuse_if_field_deleted(dataset, field)
    # Boxes of the same corners hide each other: the labelled one says what was predicted of it.
    declare(dataset, predicted_schema(gt_field, field))
    told = partial(predicted_update, gt_field, field, predicted_attributes(field))
    writes.rewrite_field(
        dataset, gt_field, told, {"split": split, f"{gt_field}.detections.0": {"$exists": True}}
    )
    write_record(dataset, key, replace(record, state="complete"))
    done_in_words = f"{counted(result.imported, 'prediction', 'predictions')} in {field}"
    if result.left_out_boxes:
        rows = counted(result.left_out_boxes, "row is", "rows are")
        done_in_words += f"; {rows} about boxes of images that a limit left out"
    progress(1.0, done_in_words)
    return result


def check_predictions(
    dataset: Any,
    predictions: str,
    split: str = "test",
    gt_field: str = GROUND_TRUTH,
    field: str = MODEL_PREDICTIONS,
    skip_bad_rows: bool = False,
    keep_others: bool = False,
) -> ImportResult:
    """Says what ``import_predictions`` would do; writes nothing, and raises the same errors."""
    reload_known(dataset)
    table, boxes, faults = _match(
        dataset, predictions, split, gt_field, field, skip_bad_rows, keep_others
    )
    return _result(table, boxes, faults, field, split, keep_others)


def _match(
    dataset: Any,
    predictions: str,
    split: str,
    gt_field: str,
    field: str,
    skip_bad_rows: bool,
    keep_others: bool,
) -> tuple[Predictions, SplitBoxes, list[Fault]]:
    """The rows without faults, the boxes they are about, and the faults of the other rows."""
    import fiftyone as fo

    # First everything that can be checked without the file.
    if split not in SPLITS:
        known = f"{', '.join(SPLITS[:-1])} or {SPLITS[-1]}"
        raise InputError("import_predictions", [Fault("split", f"{split!r} is not {known}")])
    path = boxes_path(dataset, gt_field)
    if dataset.get_field(f"{path}.{ANNOTATION_ID}") is None or dataset.get_field("split") is None:
        raise DatasetError(
            f"dataset {dataset.name!r} has no split on its images or no {ANNOTATION_ID} on the "
            f"boxes of {gt_field!r}, by which predictions are matched; make it by ingest_dataset"
        )
    if field == gt_field:
        raise DatasetError(f"predictions cannot take the place of the boxes in {gt_field!r}")
    require_writable(dataset, field, fo.Detections)
    imported = any(dataset.has_run(import_run_key(field, one)) for one in SPLITS)
    if dataset.get_field(field) is not None and not imported:
        raise DatasetError(
            f"field {field!r} of dataset {dataset.name!r} was not made by an import and is left "
            "alone; choose another field"
        )
    with collector_paused():
        categories = known_categories(dataset, split)
        concepts, tree = known_concepts(dataset, path), taxonomy_of(dataset)
        table = read_rows(predictions, concepts, categories, tree)
        boxes = read_split_boxes(dataset, split, path, field)
    refuse_other_split(dataset, table, path, split)
    faults = bad_rows(table, boxes.known_ids(), split, left_out_boxes(dataset, split))
    if faults and not skip_bad_rows:
        refuse_rows(table, faults, better_split(dataset, table, path, split))
    earlier = read_record(dataset, import_run_key(field, split), ImportRecord)
    kept = earlier.concepts if earlier and keep_others else ()
    if earlier and kept and table.concepts and kept != tuple(table.concepts):
        problem = f"are of other concepts, or in another order, than those of {earlier.source}"
        advice = "Import it into a field of its own, or without keeping the others."
        raise InputError(table.source, [Fault("probabilities", problem)], advice)
    return table, boxes, faults


def _noticed(table: Predictions) -> tuple[str, ...]:
    """What a reader of the predictions should know of them."""
    if table.confidence is None or len(table) < 2 or np.ptp(table.confidence):
        return ()
    same = f"{table.confidence[0]:g}"
    return (f"all {len(table):,} confidences are {same}: they tell no box from another",)


def _changes(
    field: str, boxes: SplitBoxes, documents: PredictionDocuments, keep_others: bool
) -> Iterator[ImageChange]:
    """The samples whose value needs to change; None if one is to have no value."""
    columns = (boxes.sample_ids, boxes.annotation_ids, boxes.bounding_boxes, boxes.values)
    for sample_id, annotation_ids, bounding_boxes, there in zip(*columns, strict=True):
        wanted = documents.of_image(annotation_ids, bounding_boxes)
        if wanted is None and keep_others:
            continue
        if not is_same(wanted, there):
            yield ImageChange(sample_id, fields={field: wanted})


def _result(
    table: Predictions,
    boxes: SplitBoxes,
    faults: Sequence[Fault],
    field: str,
    split: str,
    keep_others: bool,
) -> ImportResult:
    rows = len(table) + len(table.rejected)
    named, known = set(table.annotation_id.tolist()), boxes.known_ids()
    predicted = 0
    for ids, there in zip(boxes.annotation_ids, boxes.values, strict=True):
        of_image = named.intersection(ids)
        if not of_image and keep_others and there is not None:
            of_image = {box.get(ANNOTATION_ID) for box in there.get("detections") or ()}
        predicted += sum(id_ in of_image for id_ in ids)
    documents = PredictionDocuments(table, field, split)
    # Of the rows without a box, those are no faults whose box a limit left out.
    left_out = len(named - known) - (len(faults) - len(table.rejected))
    imported = len(named & known)
    return ImportResult(
        rows=rows,
        imported=imported,
        unmatched_rows=len(faults),
        boxes_without_prediction=boxes.count - predicted,
        replaced=sum(1 for _ in _changes(field, boxes.occupied(), documents, keep_others)),
        left_out_boxes=left_out,
        ignored_columns=tuple(shortened(name, 80) for name in table.ignored[:COLUMNS_TOLD]),
        notes=_noticed(table),
    )
