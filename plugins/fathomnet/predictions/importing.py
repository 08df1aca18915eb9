"""Imports a predictions file into a field: a label for each box or crop it names, or its own boxes.

The boxes and images of the split are read first; rows find theirs by annotation id, a detector's
boxes find their image by its id or its file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress
from typing import Any, ClassVar, Final, Literal

import numpy as np
import numpy.typing as npt

from ..dataset import columns, writes
from ..dataset.app_defaults import see_through_nameless, tick_new_field
from ..dataset.collection import refuse_if_field_deleted
from ..dataset.documents import (
    Document,
    ImageChange,
    PredictionDocuments,
    detections_document,
    is_same,
    labels_of,
)
from ..dataset.label_map import taxonomy_of
from ..dataset.label_pipelines import has_labels, is_list, predicted_update
from ..dataset.records import bring_up_to_date, read_record, reload_known, write_record
from ..dataset.schema import (
    boxes_schema,
    declare,
    labels_path,
    predicted_schema,
    prediction_schema,
    require_writable,
)
from ..errors import DatasetError, Fault, InputError
from ..files import SourceFile
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
    DETECTIONS,
    NAMES,
    KnownImages,
    bad_rows,
    better_split,
    crops_by_name,
    kind_of,
    known_boxes,
    known_categories,
    known_concepts,
    left_out_boxes,
    place_boxes,
    read_boxes,
    read_rows,
    refuse_boxes,
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
        kind: ``names`` of the boxes in ``gt_field``, or ``detections``, boxes of their own.
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
    kind: str = NAMES


def read_import_records(dataset: Any, field: str) -> dict[str, ImportRecord]:
    """Where the predictions of a field are from, by split; empty where nothing was imported."""
    keys = {split: import_run_key(field, split) for split in SPLITS}
    records = {split: read_record(dataset, key, ImportRecord) for split, key in keys.items()}
    return {split: record for split, record in records.items() if record is not None}


@dataclass(frozen=True, slots=True)
class SplitBoxes:
    """Every image of a split; each column has one entry per image.

    Attributes:
        path: of its boxes, or of the one label of each crop.
        sample_ids: ids of the samples.
        annotation_ids: for each image, the annotation ids of its boxes; None for a box that is in
            no catalog.
        bounding_boxes: for each image, the rectangles of its boxes, ``[x, y, width, height]``
            relative to the image.
        values: the document in another field; None for no value.
    """

    path: str
    sample_ids: list[str]
    annotation_ids: list[list[int | None]]
    bounding_boxes: list[list[list[float]]]
    values: list[Document | None]

    @property
    def of_crops(self) -> bool:
        """Whether each image has one label, and no boxes."""
        return not is_list(self.path)

    @property
    def count(self) -> int:
        """The number of boxes."""
        return sum(map(len, self.annotation_ids))

    def occupied(self) -> SplitBoxes:
        """The images that have a value in the other field."""
        there = [value is not None for value in self.values]
        return SplitBoxes(
            self.path,
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
    found = SplitBoxes(boxes, [], [], [], [])
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
        boxes_without_prediction: boxes of the split that have none now; with detections, those
            on images on which nothing was detected.
        replaced: images that had other predictions in the field before.
        left_out_boxes: rows about boxes of the catalog whose images were not ingested, because
            of a limit; they are neither imported nor faulty.
        ignored_columns: columns of the file that were not read, the first ``COLUMNS_TOLD``.
        notes: what was noticed.
        kind: ``names`` of annotated boxes, or ``detections``, boxes of their own.
    """

    rows: int
    imported: int
    unmatched_rows: int
    boxes_without_prediction: int
    replaced: int = 0
    left_out_boxes: int = 0
    ignored_columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    kind: str = NAMES


@dataclass(frozen=True, slots=True)
class _Plan:
    """What an import will write.

    Attributes:
        record: of where it is from, while it is written.
        result: its outcome.
        schema: the fields that it needs.
        changes: the images whose value changes.
        images: how many images were looked at.
    """

    record: ImportRecord
    result: ImportResult
    schema: Mapping[str, Any]
    changes: Iterator[ImageChange]
    images: int


@dataclass(frozen=True, slots=True)
class _Request:
    """What somebody asks to import; see ``import_predictions``."""

    dataset: Any
    predictions: str
    split: str
    gt_field: str
    field: str
    skip_bad_rows: bool
    keep_others: bool

    @property
    def path(self) -> str:
        """Of the labels that predictions are about."""
        return labels_path(self.dataset, self.gt_field)

    def kept(self) -> ImportRecord | None:
        """The record of the import whose predictions of other images stay; None if none do."""
        key = import_run_key(self.field, self.split)
        return read_record(self.dataset, key, ImportRecord) if self.keep_others else None

    def record(
        self, faults: Sequence[Fault], kept: ImportRecord | None, **of_file: Any
    ) -> ImportRecord:
        """The record of this import while it is written."""
        beside = dict.fromkeys((*kept.beside, kept.source)) if kept else ()
        return ImportRecord(
            split=self.split,
            gt_field=self.gt_field,
            rejected_rows=len(faults),
            rejected=tuple(str(fault) for fault in faults[:REJECTED_KEPT]),
            state="writing",
            beside=tuple(beside),
            **of_file,
        )


def import_predictions(  # noqa: PLR0913  # the parameters of the operator
    dataset: Any,
    predictions: str,
    split: str = "test",
    gt_field: str = GROUND_TRUTH,
    field: str = MODEL_PREDICTIONS,
    skip_bad_rows: bool = False,
    keep_others: bool = False,
    progress: Progress = silent,
    *,
    kind: str = "auto",
) -> ImportResult:
    """Makes a field hold exactly what a predictions file says about one split.

    A row that names a box belongs to the box of the split that has its annotation id, and the
    predicted box has the same rectangle. Where images are crops, with one label each, so does the
    field, and a row may also name its crop by path, file name, sample id or external id. A
    detector's boxes keep their own rectangles, on the image that has their image id or file name;
    those of images that are not there are left out. Images of the split that the file does not
    name lose their value, unless they are to keep it; images of other splits keep theirs, and
    images whose value is already right are not touched. The dataset's run
    ``names.import_run_key(field, split)`` records where the field came from.

    Args:
        dataset: a FiftyOne dataset.
        predictions: a csv or parquet file, or a folder; see ``predictions.read_predictions``. A
            detector's boxes: see ``prediction_files.detections``.
        split: the split to which the file's annotation ids or images belong.
        gt_field: the field of boxes, or of the labels of crops, with which to match the rows.
        field: the field for the predictions, of the same kind; created if it does not exist.
        skip_bad_rows: import the rows without faults, and record the others.
        keep_others: replace the predictions of those images only that the file names, so that the
            folds of a model, imported one after the other, end as one file would.
        progress: called with the share done and a label.
        kind: ``names`` of annotated boxes, ``detections``, boxes of their own, or ``auto`` for
            what the file holds.

    Raises:
        InputError: the file or a parameter is wrong, with every fault and its line; nothing was
            written.
        DatasetError: a field or the split is not what it must be; nothing was written.
    """
    bring_up_to_date(dataset)
    progress(0.0, "reading predictions")
    asked = _Request(dataset, predictions, split, gt_field, field, skip_bad_rows, keep_others)
    plan = _plan(asked, kind)
    key, record = import_run_key(field, split), plan.record
    write_record(dataset, key, record)
    tick_new_field(dataset, field)
    see_through_nameless(dataset, gt_field)
    declare(dataset, plan.schema)
    done = 0
    for written in writes.change_images(dataset, plan.changes, none_removes=True):
        done += written
        progress(done / plan.images, f"writing predictions {done:,}/{plan.images:,} images")
    refuse_if_field_deleted(dataset, field)
    there = read_record(dataset, key, ImportRecord)
    if there is None or there.sha256 != record.sha256:
        other = "another file" if there is None else there.source
        raise DatasetError(
            f"while {record.source} was imported, somebody else began to import {other} into the "
            "same field; import again what it is to hold"
        )
    if record.kind == NAMES:
        # Boxes of the same corners hide each other: the labelled one says what was predicted of it.
        predicted = labels_path(dataset, field)
        told = partial(predicted_update, asked.path, predicted, predicted_attributes(field))
        writes.rewrite_field(dataset, gt_field, told, {"split": split, **has_labels(asked.path)})
    write_record(dataset, key, replace(record, state="complete"))
    result = plan.result
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
    *,
    kind: str = "auto",
) -> ImportResult:
    """Says what ``import_predictions`` would do; writes nothing, and raises the same errors."""
    reload_known(dataset)
    asked = _Request(dataset, predictions, split, gt_field, field, skip_bad_rows, keep_others)
    return _plan(asked, kind).result


def _plan(asked: _Request, kind: str) -> _Plan:
    import fiftyone as fo

    dataset, split, field, gt_field = asked.dataset, asked.split, asked.field, asked.gt_field
    file: str | SourceFile = asked.predictions
    # First everything that can be checked without the file.
    if split not in SPLITS:
        known = f"{', '.join(SPLITS[:-1])} or {SPLITS[-1]}"
        raise InputError("import_predictions", [Fault("split", f"{split!r} is not {known}")])
    path = asked.path
    if field == gt_field:
        raise DatasetError(f"predictions cannot take the place of the boxes in {gt_field!r}")
    require_writable(dataset, field, fo.Detections if is_list(path) else fo.Classification)
    imported = read_import_records(dataset, field)
    if dataset.get_field(field) is not None and not imported:
        raise DatasetError(
            f"field {field!r} of dataset {dataset.name!r} was not made by an import and is left "
            "alone; choose another field"
        )
    if is_list(path):
        numbered = dataset.get_field(f"{path}.{ANNOTATION_ID}") is not None
        splits = dataset.distinct("split") if _has_splits(dataset) else []
        ordered = sorted(splits, key=lambda name: name != split) if numbered else ()
        boxes_of = (known_boxes(dataset, path, name) for name in ordered)
        kind, file = kind_of(asked.predictions, kind, known_categories(dataset, split), boxes_of)
    elif kind == DETECTIONS:
        problem = (
            f"{gt_field!r} has one label an image, and a detector's boxes are for whole images"
        )
        raise InputError("import_predictions", [Fault("kind", problem)])
    else:
        kind = NAMES
    if any(record.kind != kind for record in imported.values()):
        (there, *_) = {record.kind for record in imported.values()} - {kind}
        raise DatasetError(
            f"field {field!r} holds {there}, and {asked.predictions[-200:]!r} has {kind}; choose "
            "another field"
        )
    return _plan_detections(asked, file) if kind == DETECTIONS else _plan_names(asked, file)


def _plan_names(asked: _Request, file: str | SourceFile) -> _Plan:
    split, field, keep_others = asked.split, asked.field, asked.keep_others
    kept = asked.kept()
    table, boxes, faults = _match(asked, file, kept)
    record = asked.record(
        faults,
        kept,
        source=table.source,
        sha256=table.sha256,
        manifest=table.manifest,
        concepts=tuple(table.concepts) or (kept.concepts if kept else ()),
        rows=len(table) + len(table.rejected),
        notes=_noticed(table.confidence),
    )
    schema = predicted_schema(asked.path, field) | prediction_schema(
        field,
        table.rank is not None,
        table.probabilities is not None,
        table.second_label is not None,
        boxes.of_crops,
    )
    made = PredictionDocuments(table, field, split, boxes.of_crops)
    changes = _changes(field, boxes, made, keep_others)
    result = _result(table, boxes, faults, field, split, keep_others)
    return _Plan(record, result, schema, changes, len(boxes.sample_ids))


def _plan_detections(asked: _Request, file: str | SourceFile) -> _Plan:
    dataset, split, field, path = asked.dataset, asked.split, asked.field, asked.path
    with collector_paused():
        concepts, tree = known_concepts(dataset, path), taxonomy_of(dataset)
        found = read_boxes(file, concepts, known_categories(dataset, split), tree)
        boxes, images = _read_images(dataset, split, path, field)
        placed = place_boxes(found, images, split)
    splits = dataset.distinct("split") if placed.elsewhere and _has_splits(dataset) else ()
    others = {name: _read_images(dataset, name, path, field)[1] for name in splits if name != split}
    refuse_boxes(found, placed, asked.skip_bad_rows, others)
    faults = (*placed.faulty, *placed.elsewhere)
    given = np.array([one for one in found.confidences if one is not None])
    notes = placed.notes + _noticed(given)
    if without := len(found) - len(given):
        notes += (f"{counted(without, 'box has', 'boxes have')} no confidence",)
    record = asked.record(
        faults,
        asked.kept(),
        source=found.source,
        sha256=found.sha256,
        manifest=None,
        concepts=(),
        rows=found.rows,
        notes=notes,
        kind=DETECTIONS,
    )

    every = range(len(boxes.sample_ids))

    def changed(places: Sequence[int]) -> Iterator[ImageChange]:
        for place in places:
            rows, sample_id, value = placed.rows[place], boxes.sample_ids[place], None
            if placed.named[place]:
                value = detections_document(
                    f"{field} {sample_id}",
                    [found.labels[row] for row in rows],
                    placed.rectangles[rows].tolist(),
                    [found.confidences[row] for row in rows],
                )
            elif asked.keep_others:
                continue
            if not is_same(value, boxes.values[place]):
                yield ImageChange(sample_id, fields={field: value})

    def is_bare(place: int) -> bool:
        if asked.keep_others and not placed.named[place]:
            return not (boxes.values[place] or {}).get("detections")
        return not placed.rows[place]

    result = ImportResult(
        rows=found.rows,
        imported=sum(map(len, placed.rows)),
        unmatched_rows=len(faults),
        boxes_without_prediction=sum(
            len(boxes.annotation_ids[place]) for place in every if is_bare(place)
        ),
        replaced=sum(1 for _ in changed([at for at in every if boxes.values[at] is not None])),
        ignored_columns=tuple(shortened(name, 80) for name in found.ignored[:COLUMNS_TOLD]),
        notes=notes,
        kind=DETECTIONS,
    )
    return _Plan(record, result, boxes_schema(field), changed(every), len(every))


def _has_splits(dataset: Any) -> bool:
    return dataset.get_field("split") is not None


def _read_images(
    dataset: Any, split: str, boxes: str, field: str
) -> tuple[SplitBoxes, KnownImages]:
    """The images of a split, or all of a dataset without splits, and what tells one from another.

    Raises:
        DatasetError: there are none.
    """
    from fiftyone import ViewField

    has_splits = _has_splits(dataset)
    view = dataset.match(ViewField("split") == split) if has_splits else dataset
    found = SplitBoxes(boxes, [], [], [], [])
    fields = ("image_id", "file_name", "filepath", "metadata.width", "metadata.height")
    ids, names, sizes = [], [], []
    for image in columns.read_images(view, [*fields, field], {boxes: (ANNOTATION_ID,)}):
        of_image = columns.boxes_in(image, boxes)
        found.sample_ids.append(str(image["_id"]))
        found.annotation_ids.append([box.get(ANNOTATION_ID) for box in of_image])
        found.values.append(image.get(field))
        size = image.get("metadata") or {}
        ids.append(image.get("image_id"))
        names.append(image.get("file_name") or image.get("filepath") or "")
        sizes.append((size.get("width") or 0, size.get("height") or 0))
    if not ids:
        there = ", ".join(sorted(dataset.distinct("split"))) if has_splits else ""
        raise DatasetError(
            f"dataset {dataset.name!r} has no images of the {split} split; its splits: "
            f"{there or 'none'}"
        )
    return found, KnownImages(ids, names, sizes)


def _match(
    asked: _Request, file: str | SourceFile, kept: ImportRecord | None
) -> tuple[Predictions, SplitBoxes, list[Fault]]:
    """The rows without faults, the boxes they are about, and the faults of the other rows."""
    dataset, split, path = asked.dataset, asked.split, asked.path
    if dataset.get_field(f"{path}.{ANNOTATION_ID}") is None or dataset.get_field("split") is None:
        raise DatasetError(
            f"dataset {dataset.name!r} has no split on its images or no {ANNOTATION_ID} on the "
            f"boxes of {asked.gt_field!r}, by which predictions are matched; make it by "
            "ingest_dataset or ingest_crops"
        )
    with collector_paused():
        categories = known_categories(dataset, split)
        concepts, tree = known_concepts(dataset, path), taxonomy_of(dataset)
        crops = None if is_list(path) else partial(crops_by_name, dataset, path, split)
        boxes = read_split_boxes(dataset, split, path, asked.field)
        known, left_out = boxes.known_ids(), left_out_boxes(dataset, split)
        table = read_rows(file, concepts, categories, tree, crops, known | left_out)
    refuse_other_split(dataset, table, path, split)
    faults = bad_rows(table, known, split, left_out)
    if faults and not asked.skip_bad_rows:
        refuse_rows(table, faults, better_split(dataset, table, path, split))
    if kept and kept.concepts and table.concepts and kept.concepts != tuple(table.concepts):
        problem = f"are of other concepts, or in another order, than those of {kept.source}"
        advice = "Import it into a field of its own, or without keeping the others."
        raise InputError(table.source, [Fault("probabilities", problem)], advice)
    return table, boxes, faults


def _noticed(confidences: npt.NDArray[Any] | None) -> tuple[str, ...]:
    """What a reader of the predictions should know of them."""
    if confidences is None or len(confidences) < 2 or np.ptp(confidences):
        return ()
    same = f"{confidences[0]:g}"
    return (f"all {len(confidences):,} confidences are {same}: they tell no box from another",)


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
            of_image = {box.get(ANNOTATION_ID) for box in labels_of(there)}
        predicted += sum(id_ in of_image for id_ in ids)
    documents = PredictionDocuments(table, field, split, boxes.of_crops)
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
        notes=_noticed(table.confidence),
    )
