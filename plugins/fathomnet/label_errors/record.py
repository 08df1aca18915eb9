"""Keeps suspects on the dataset: scores on the boxes, saved views and a record of the run."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any, ClassVar, Final, Literal

import numpy as np

from .. import names
from ..dataset import writes
from ..dataset.app_defaults import show_on_patches
from ..dataset.documents import ImageChange
from ..dataset.hit_views import Hit, save_hits_view
from ..dataset.label_pipelines import is_list
from ..dataset.records import read_record, write_record
from ..dataset.schema import declare, labels_path
from ..evaluation.scoring.columns import Boxes
from ..progress import Progress
from .information import Information
from .signals import Labelled, Sources
from .weighing import Doubts

Columns = Mapping[str, Sequence[Any]]
"""For each attribute, the value of every box; None removes the attribute from a box."""


def write_attributes(
    dataset: Any, field: str, sample_ids: Sequence[str], boxes: Boxes, columns: Columns
) -> Iterator[int]:
    """Gives every box of a field its attributes, batch by batch.

    Args:
        dataset: a FiftyOne dataset, whose attributes are declared.
        field: of the boxes.
        sample_ids: ids of all images, indexed by ``owners``.
        boxes: all boxes of the field, as they were read.
        columns: the attributes to write.

    Yields:
        The number of images written so far.

    Raises:
        DatasetError: somebody has added or removed boxes since they were read.
    """
    path = labels_path(dataset, field)
    starts = np.searchsorted(boxes.owners, np.arange(len(sample_ids) + 1)).tolist()

    def changes() -> Iterator[ImageChange]:
        for sample_id, start, end in zip(sample_ids, starts[:-1], starts[1:], strict=True):
            own = range(start, end)
            given = {
                boxes.ids[box]: {name: values[box] for name, values in columns.items()}
                for box in own
            }
            if given:
                places = {boxes.ids[box]: place for place, box in enumerate(own)}
                yield ImageChange(sample_id, boxes={path: given}, places={path: places})

    lost = "changed while they were looked at"
    yield from writes.change_images(dataset, changes(), none_removes=True, lost=lost)


_WORDS: Final = {
    names.SUSPECTS: "Labels that are probably wrong, the most suspicious first",
    names.LOOK_ALIKE_PAIRS: "Each suspect, then what it looks like: boxes with the suggested label",
}


@dataclass(frozen=True, slots=True)
class LabelErrorsResult:
    """The outcome of ``find_label_errors``.

    Attributes:
        scored: labelled boxes that now have a score.
        suspects: those whose score reaches the threshold.
        view: name of the saved view of the suspects, the most suspicious first; empty if there are
            none.
        pairs_view: name of the saved view that shows each suspect followed by the boxes that it
            looks like; empty if there are none.
        expected_errors: the expected number of wrong labels, which is the sum of all scores.
        unlabelled_boxes: boxes without a label; they are left out.
        boxes_without_signal: labelled boxes that have neither a prediction nor a vector with
            neighbours; they are left out.
        signals: the signals that were used: ``probabilities``, ``confidence`` or ``predictions``
            (names alone), and ``neighbours``.
        index_key: key of the index that gave the neighbours; empty for none.
        information: what the predicted names say of the labels; None without predictions.
        notes: what is to be known of the search: predictions that were left out, and why.
        confirmed_labels: labels that a person has said are right; they are left out.
        rejected_labels: labels that a person has said are wrong, and which nobody has changed yet.
    """

    scored: int
    suspects: int
    view: str
    pairs_view: str
    expected_errors: float
    unlabelled_boxes: int
    boxes_without_signal: int
    signals: tuple[str, ...]
    index_key: str
    information: Information | None = None
    notes: tuple[str, ...] = ()
    confirmed_labels: int = 0
    rejected_labels: int = 0


@dataclass(frozen=True, slots=True)
class LabelErrorsRecord:
    """What a dataset keeps of the last search for label errors in a field.

    Attributes:
        gt_field: the labelled boxes.
        pred_field: the predicted boxes; empty for none.
        index_key: of the index; empty for none.
        threshold: the score from which a box is a suspect.
        found_at: UTC, ISO 8601.
        state: whether scores and views are all written.
        result: what was found; None as long as they are not.
    """

    METHOD: ClassVar[str] = "find_label_errors"

    gt_field: str
    pred_field: str
    index_key: str
    threshold: float
    found_at: str
    state: Literal["writing", "complete"]
    result: LabelErrorsResult | None = None


def read_label_errors_record(dataset: Any, gt_field: str) -> LabelErrorsRecord | None:
    """What the last search in a field has found; None where nobody has searched."""
    return read_record(dataset, names.label_errors_run_key(gt_field), LabelErrorsRecord)


@dataclass(frozen=True, slots=True)
class Findings:
    """What a search for label errors found.

    Attributes:
        sources: the signals that were used.
        labelled: the labelled boxes.
        doubts: the scores of these boxes.
        partners: the labelled boxes that a suspect looks like, by the suspect.
        threshold: the score from which a box is a suspect.
    """

    sources: Sources
    labelled: Labelled
    doubts: Doubts
    partners: Mapping[int, Sequence[int]]
    threshold: float


def keep(dataset: Any, findings: Findings, result: LabelErrorsResult, progress: Progress) -> None:
    """Writes scores, then views, and last the record of a whole run.

    Args:
        dataset: a FiftyOne dataset.
        findings: what is written, in place of what an earlier run has found.
        result: what the record says of it.
        progress: called with the share done and a label.
    """
    import fiftyone as fo

    sources, labelled, doubts = findings.sources, findings.labelled, findings.doubts
    key, field = names.label_errors_run_key(sources.gt_field), sources.gt_field
    record = LabelErrorsRecord(
        sources.gt_field,
        sources.pred_field,
        sources.index_key,
        findings.threshold,
        found_at=datetime.now(timezone.utc).isoformat(timespec="microseconds"),
        state="writing",
    )
    write_record(dataset, key, record)
    words = (
        (names.SUSPICION, fo.FloatField, "Probability that the label is wrong"),
        (names.SUSPICION_BY_MODEL, fo.FloatField, "The same, by the predictions alone"),
        (names.SUSPICION_BY_NEIGHBOURS, fo.FloatField, "The same, by its neighbours alone"),
        (names.SUGGESTED_LABEL, fo.StringField, "The most probable other name"),
        (names.SUGGESTED_DISTANCE, fo.IntField, "Taxonomic distance of label and suggestion"),
        (names.LOOK_ALIKE_PAIR, fo.IntField, "Shared by a suspect and what it looks like"),
    )
    box = labels_path(dataset, field)
    declare(dataset, {f"{box}.{name}": kind(description=text) for name, kind, text in words})
    images, done = labelled.all_boxes.sample_ids, 0
    columns = _columns(findings)
    for written in write_attributes(dataset, field, images, labelled.boxes, columns):
        done += written
        progress(0.8 * done / len(images), f"writing scores {done:,}/{len(images):,} images")
    progress(0.8, "saving the views")
    # From 1.21 on, when MirisStream came, the App writes several attributes of a label on its tile;
    # `javascript/src/tiles.ts` chooses them.
    if is_list(box) and not hasattr(fo, "MirisStream"):
        show_on_patches(dataset, field, (names.SUGGESTED_LABEL, names.SUSPICION))
    beside = [one for pair in findings.partners.items() for one in (pair[0], *pair[1])]
    _save(dataset, names.SUSPECTS, findings, doubts.suspects.tolist())
    _save(dataset, names.LOOK_ALIKE_PAIRS, findings, beside)
    write_record(dataset, key, replace(record, state="complete", result=result))


def _columns(findings: Findings) -> dict[str, list[Any]]:
    """The attributes of all boxes; None for a box without one."""
    labelled, doubts, known = findings.labelled, findings.doubts, findings.labelled.names
    columns: dict[str, list[Any]] = {
        name: [None if math.isnan(value) else value for value in values.tolist()]
        for name, values in (
            (names.SUSPICION, doubts.score),
            (names.SUSPICION_BY_MODEL, doubts.by_model),
            (names.SUSPICION_BY_NEIGHBOURS, doubts.by_neighbours),
        )
    }
    empty: list[Any] = [None] * len(labelled.given)
    labels, distances, pairs = empty.copy(), empty.copy(), empty.copy()
    for suspect in doubts.suspects.tolist():
        suggested = doubts.suggested[suspect]
        labels[suspect] = known.names[suggested]
        distances[suspect] = int(known.distances[labelled.given[suspect], suggested])
    for number, (suspect, others) in enumerate(findings.partners.items(), start=1):
        for one in (suspect, *others):
            pairs[one] = number
    columns |= {
        names.SUGGESTED_LABEL: labels,
        names.SUGGESTED_DISTANCE: distances,
        names.LOOK_ALIKE_PAIR: pairs,
    }
    # Spread over all boxes, also those without a label.
    place = {row: number for number, row in enumerate(labelled.rows.tolist())}
    return {
        name: [values[place[box]] if box in place else None for box in range(len(labelled.boxes))]
        for name, values in columns.items()
    }


def _save(dataset: Any, name: str, findings: Findings, shown: Sequence[int]) -> None:
    """Saves a view of labelled boxes in this order, or removes it if there are none."""
    field, boxes = findings.sources.gt_field, findings.labelled.boxes
    images = findings.labelled.all_boxes.sample_ids
    rows = findings.labelled.rows[np.array(shown, np.intp)].tolist()
    hits = [
        Hit(boxes.ids[row], images[boxes.owners[row]], float(findings.doubts.score[one]))
        for one, row in zip(shown, rows, strict=True)
    ]
    save_hits_view(dataset, names.view_of(name, field), field, hits, _WORDS[name])
