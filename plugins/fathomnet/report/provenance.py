"""Reads from a dataset's runs where its content came from, and what was made of it.

Labels that are probably wrong have a section of their own: how many, why, where, and what became of
them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..dataset.records import all_bases, read_record, why_outdated
from ..dataset.schema import fields_holding, labels_path, labels_path_if_any
from ..dataset.vectors import EmbeddingRecord, vector_path
from ..errors import DatasetError
from ..evaluation.run import EvaluationDetails
from ..label_errors.record import read_label_errors_record
from ..labels.verdicts import RIGHT, standing
from ..names import (
    DUPLICATE_GROUP,
    EMBEDDING_RUNS,
    GROUND_TRUTH,
    RELABELLINGS,
    REVIEW_STATE,
    SUGGESTED_LABEL,
    SUSPICION_BY_MODEL,
    SUSPICION_BY_NEIGHBOURS,
    tiles_run_key,
)
from ..predictions.importing import read_import_records
from ..relabelling.box_states import box_ids
from ..relabelling.journal import Journal, LoggedJournal, changes_of, journals_of
from ..splits.leaks import find_leaks
from ..taxonomy import Taxonomy
from ..text import counted
from .blocks import Block, Cell, Hash, Note, Section, Table
from .counts import review_section

PAIRS: Final = 10
"""The most labels with suggestions that a card lists."""
LIKELY: Final = 0.5
"""The probability from which a signal alone speaks against a label."""

_SIGNALS: Final = {
    "probabilities": "the probabilities of the predictions in {record.pred_field}",
    "confidence": "the predictions in {record.pred_field} and their confidence",
    "predictions": "the names that {record.pred_field} predicts",
    "neighbours": "the labels of the boxes that look most alike, by the index {record.index_key}",
}

_STALE: Final = "Scores and views stay as they were found: run find_label_errors again."


@dataclass(frozen=True, slots=True)
class _Suspect:
    """A box whose label was doubted.

    Attributes:
        label: its present label.
        suggested: its suggested label.
        by_model: the probability that the label is wrong by the predictions alone, if any.
        by_neighbours: the same by the neighbours alone.
        is_changed: whether its label has changed since it was doubted.
        is_confirmed: whether a person said that it is right as it is.
    """

    label: str | None
    suggested: str
    by_model: float | None
    by_neighbours: float | None
    is_changed: bool
    is_confirmed: bool = False


def suspect_section(dataset: Any) -> Section:
    """What ``find_label_errors`` found in each field that it searched."""
    import fiftyone as fo

    fields = sorted({GROUND_TRUTH, *fields_holding(dataset, fo.Detections, fo.Classification)})
    records = {field: read_label_errors_record(dataset, field) for field in fields}
    searched = {field: record for field, record in records.items() if record is not None}
    blocks: list[Block] = [] if searched else [Note("Not searched yet: run find_label_errors.")]
    for field, record in searched.items():
        if len(searched) > 1 or field != GROUND_TRUTH:
            blocks.append(Note(f"Labels in {field}:"))
        found = record.result
        if found is None:
            blocks.append(Note("A search was interrupted: run find_label_errors again."))
            continue
        suspects = _read(dataset, field, record.found_at)
        changed, confirmed = (
            sum(getattr(one, name) for one in suspects) for name in ("is_changed", "is_confirmed")
        )
        counts = (
            ("labels that were judged", found.scored),
            ("labels that nothing could judge", found.boxes_without_signal),
            ("suspects: labels that are doubted", found.suspects),
            ("suspects that were relabelled since", changed),
            (
                "of these, those that have the suggested name now",
                sum(one.label == one.suggested for one in suspects),
            ),
            ("suspects that were removed since", found.suspects - len(suspects)),
            *([("suspects that were confirmed since", confirmed)] if confirmed else []),
            ("suspects that are left to look at", len(suspects) - changed - confirmed),
        )
        blocks.append(Table(("", "boxes"), counts))
        blocks += (Note(f"{note}.") for note in found.notes)
        if found.signals:
            signals = " and ".join(_SIGNALS[one].format(record=record) for one in found.signals)
            wrong = f"{found.expected_errors:,.1f} wrong labels are expected"
            blocks.append(Note(f"Judged by {signals}. {wrong}."))
        blocks += _tables(suspects)
        shows = {
            found.view: "shows them, the most suspicious first",
            found.pairs_view: "shows each beside what it looks like",
        }
        views = [f"{name} {what}" for name, what in shows.items() if dataset.has_saved_view(name)]
        if views:
            blocks.append(Note(f"Where to look: the saved view {'; '.join(views)}."))
        elif found.suspects:
            blocks.append(Note("Their saved views were deleted: run find_label_errors again."))
        if (since := why_outdated(dataset, "suspects", field)) or changed:
            blocks.append(Note(f"Since the search {since}. {_STALE}" if since else _STALE))
    return Section("Suspects", tuple(blocks))


def _tables(suspects: list[_Suspect]) -> list[Block]:
    """How many suspects each of two signals doubts by itself, and the names doubted most."""
    blocks: list[Block] = []
    by_model, by_neighbours = (
        any(getattr(one, signal) is not None for one in suspects)
        for signal in ("by_model", "by_neighbours")
    )
    if by_model and by_neighbours:
        counts = Counter(
            ((one.by_model or 0) >= LIKELY, (one.by_neighbours or 0) >= LIKELY) for one in suspects
        )
        rows = (
            ("predictions and look-alikes", counts[True, True]),
            ("predictions alone", counts[True, False]),
            ("look-alikes alone", counts[False, True]),
            ("neither by itself", counts[False, False]),
        )
        headings = ("what says that the label is more probably wrong than right", "suspects")
        blocks.append(Table(headings, rows))
    pairs = Counter((one.label, one.suggested) for one in suspects if not one.is_changed)
    ordered = sorted(pairs.items(), key=lambda pair: (-pair[1], str(pair[0])))
    if ordered:
        left = tuple((*names, count) for names, count in ordered[:PAIRS])
        blocks.append(Table(("label", "probably", "suspects left"), left))
    if len(ordered) > PAIRS:
        rest = counted(sum(count for _, count in ordered[PAIRS:]), "suspect", "suspects")
        others = counted(len(ordered) - PAIRS, "other pair", "other pairs")
        blocks.append(Note(f"And {rest} of {others} of names."))
    return blocks


def _read(dataset: Any, field: str, found_at: str) -> list[_Suspect]:
    """The suspects that the dataset holds now; only they have a suggestion."""
    from fiftyone import ViewField

    names = ("id", "label", SUGGESTED_LABEL, SUSPICION_BY_MODEL, SUSPICION_BY_NEIGHBOURS)
    labels = labels_path_if_any(dataset, field)
    paths = [f"{labels}.{name}" for name in names]
    if not labels or any(dataset.get_field(path) is None for path in paths):
        return []
    # The labels that have been relabelled since, as they were before. Both times are in UTC; that
    # of a search has a zone, in earlier versions no part of a second.
    moment = found_at.partition("+")[0]
    before: dict[str, str | None] = {}
    for journal in journals_of(dataset):
        if journal.field == field and journal.stage != "writing" and journal.time >= moment:
            for one in changes_of(dataset, journal):
                before.setdefault(one.box.label_id, one.box.state.get("label"))
    boxes = dataset.filter_labels(field, ViewField(SUGGESTED_LABEL).exists())
    confirmed: set[str] = set()
    if dataset.get_field(f"{labels}.{REVIEW_STATE}") is not None:
        right = dataset.filter_labels(field, standing(*RIGHT))
        confirmed = {label for _, label in box_ids(right, labels)}
    return [
        _Suspect(
            label,
            suggested,
            by_model,
            by_neighbours,
            # A label is never its own suggestion, so that an edit in the App shows too.
            is_changed=label == suggested or before.get(box, label) != label,
            is_confirmed=box in confirmed
            and not (label == suggested or before.get(box, label) != label),
        )
        for box, label, suggested, by_model, by_neighbours in zip(
            *boxes.values(paths, unwind=True), strict=True
        )
    ]


_OF_A_RUN: Final = (
    ("model", "model", "name"),
    ("checkpoint", "checkpoint", "name"),
    ("decision", "decision", "name"),
    ("program", "code_version", ""),
    ("finished", "finished", ""),
)
"""What the card shows of a manifest: the wording, the member, and its part if it has parts."""

_RELABELLING: Final = ("relabelling", "to", "boxes", "note")
_EVALUATION: Final = (
    "evaluation", "predictions", "truth", "boxes", "accuracy", "mean distance", "since then",
)  # fmt: skip
_DETECTOR: Final = (
    "evaluation", "mAP", "mAP 50", "mAP 75", "recall 100", "missing", "spurious", "badly drawn",
)  # fmt: skip
_OF_DETECTORS: Final = (
    "COCO's mean average precision of detectors' own boxes, and the boxes in which they and the "
    "annotations differ; the saved views missing_<evaluation>, spurious_... and badly_drawn_... "
    "show the worst."
)
_VECTORS: Final = ("model", "of", "dimensions", "vectors", "state")
_INDEX: Final = ("brain key", "kind", "method", "of", "since then")
_UNCHANGED: Final = "nothing changed"
_UNKNOWN: Final = "not known"
_NOT_COMPARED: Final = (
    "An evaluation since which labels, boxes or the tree of names changed is not to be compared "
    "with another: run evaluate_predictions again."
)
_NO_PREDICTIONS: Final = "There are none: run import_predictions."
_NO_EVALUATIONS: Final = "There are none: run evaluate_predictions."
_NO_INDEX: Final = "No map and no index: run compute_embeddings and build_similarity_index."

_Blocks = tuple[Block, ...]


def _relabellings(dataset: Any) -> tuple[tuple[Cell, ...], ...]:
    """What stands; small relabellings, of which there may be thousands, are one row if alike."""
    alike: dict[Any, list[Journal]] = {}
    for one in journals_of(dataset):
        if one.can_be_undone:
            is_small = isinstance(one, LoggedJournal)
            kind = (one.user, one.label or one.what, one.note) if is_small else one.key
            alike.setdefault(kind, []).append(one)
    return tuple(
        (
            first.key.removeprefix(RELABELLINGS) + (f" and {len(more):,} more" if more else ""),
            first.label or first.what,
            first.boxes + sum(one.boxes for one in more),
            first.note,
        )
        for first, *more in alike.values()
    )


def provenance_sections(dataset: Any, taxonomy: Taxonomy) -> list[Section]:
    """The sections that come from the runs of a dataset."""
    import fiftyone as fo

    predictions: list[Block] = []
    # One label an image may be many things: those that were imported are predictions.
    crops = fields_holding(dataset, fo.Classification)
    imported = [field for field in crops if read_import_records(dataset, field)]
    for field in sorted([*fields_holding(dataset, fo.Detections), *imported]):
        if field != GROUND_TRUTH and not dataset.has_run(tiles_run_key(field)):
            predictions += _origin(dataset, field)
    since = {(one.kind, one.of): one.changes(dataset) or _UNCHANGED for one in all_bases(dataset)}
    evaluations: list[tuple[Cell, ...]] = []
    for key in sorted(dataset.list_evaluations()):
        config = dataset.get_evaluation_info(key).config
        fields = (getattr(config, "pred_field", None), getattr(config, "gt_field", None))
        details = EvaluationDetails.read(dataset, key)
        numbers: tuple[Cell, ...] = (None, "see FiftyOne's panel", None)
        if details is not None:
            found = details.result
            mean: Cell = found.mean_taxonomic_distance
            if found.boxes_without_distance:
                of_known = "not applicable" if mean is None else f"{mean:.3f}"
                off_tree = counted(found.boxes_without_distance, "true name is", "true names are")
                mean = f"{of_known} ({off_tree} not on the tree)"
            numbers = (found.boxes, found.accuracy, mean)
        evaluations.append((key, *fields, *numbers, since.get(("evaluation", key), _UNKNOWN)))
    differ = any(row[-1] not in (_UNCHANGED, _UNKNOWN) for row in evaluations)
    runs = [key for key in sorted(dataset.list_runs()) if key.startswith(EMBEDDING_RUNS)]
    records = [read_record(dataset, key, EmbeddingRecord) for key in runs]
    vectors = tuple(
        (
            record.model,
            record.patches_field or "whole images",
            record.dimensions,
            _vectors_there(dataset, record),
            record.state,
        )
        for record in records
        if record is not None
    )
    noted = [note for record in records if record is not None for note in record.notes]
    brains = {key: dataset.get_brain_info(key).config for key in sorted(dataset.list_brain_runs())}
    indexes = tuple(
        (
            key,
            config.type,
            str(config.method or ""),
            getattr(config, "patches_field", None) or "whole images",
            since.get(("map", key)) or since.get(("index", key), _UNKNOWN),
        )
        for key, config in brains.items()
    )
    tree = (
        ("concepts", f"{len(taxonomy.concepts):,}"),
        ("sha256 of its table", Hash(taxonomy.sha256)),
    )
    return [
        suspect_section(dataset),
        Section(
            "Relabelling", _rows(_RELABELLING, _relabellings(dataset), "No relabelling stands.")
        ),
        review_section(dataset),
        Section("Leaks between splits", tuple(_leaks(dataset))),
        Section("Predictions", tuple(predictions or [Note(_NO_PREDICTIONS)])),
        Section(
            "Evaluations",
            (
                *_rows(_EVALUATION, evaluations, _NO_EVALUATIONS),
                *_average_precisions(dataset),
                *([Note(_NOT_COMPARED)] if differ else ()),
            ),
        ),
        Section(
            "Embeddings, maps and indexes",
            (
                *_rows(_VECTORS, vectors, "No embeddings: run compute_embeddings."),
                *(Note(f"{note}.") for note in dict.fromkeys(noted)),
                *_rows(_INDEX, indexes, _NO_INDEX),
            ),
        ),
        Section("Taxonomy", (Table(("", "value"), tree),)),
    ]


def _rows(headings: tuple[str, ...], rows: Sequence[tuple[Cell, ...]], if_none: str) -> _Blocks:
    return (Table(headings, tuple(rows)) if rows else Note(if_none),)


def _vectors_there(dataset: Any, record: EmbeddingRecord) -> int:
    """Counted, because the last run may have been of a view, or of a part of the dataset."""
    try:
        path = vector_path(dataset, record.patches_field, record.field)
    except DatasetError:
        return 0
    return dataset.count(path) if dataset.get_field(path) is not None else 0


def _average_precisions(dataset: Any) -> Iterator[Block]:
    """The evaluations of detectors' own boxes."""
    rows: list[tuple[Cell, ...]] = []
    for key in sorted(dataset.list_evaluations()):
        details = EvaluationDetails.read(dataset, key)
        found = None if details is None else details.result
        if found is not None and found.detection is not None:
            precision = (found.map, found.map_50, found.map_75, found.detection.recall_100)
            wrong = (found.missing_boxes, found.spurious_boxes, found.badly_drawn_boxes)
            rows.append((key, *precision, *wrong))
    if rows:
        yield Note(_OF_DETECTORS)
        yield Table(_DETECTOR, tuple(rows))


def _leaks(dataset: Any) -> Iterator[Block]:
    leaks = find_leaks(dataset)
    searched = dataset.get_field(DUPLICATE_GROUP) is not None
    if leaks:
        headings = (
            "on both of", "dives", "their images", "groups of near-duplicates", "the same images",
        )  # fmt: skip
        yield Table(
            headings,
            tuple(
                (
                    " and ".join(one.sides),
                    one.dives,
                    one.images,
                    one.near_duplicates if searched else "not searched",
                    one.same_images,
                )
                for one in leaks
            ),
        )
        for one in leaks:
            shared = (
                ("Dives", one.examples, one.dives),
                ("Images, by their URL or file name,", one.same_examples, one.same_images),
            )
            for what, examples, number in shared:
                more = " and others" if number > len(examples) else ""
                if examples:
                    both = " and ".join(one.sides)
                    yield Note(f"{what} on both of {both}: {', '.join(examples)}{more}.")
        yield Note("split_by_dive keeps the dives of training and validation images apart.")
    else:
        yield Note("No dive is on two of train, val and test, and no image.")
    if not searched:
        yield Note("Near-duplicates were not searched yet: run find_duplicates.")


def _origin(dataset: Any, field: str) -> Iterator[Block]:
    """The files from which the boxes of a field were imported, and what made these files."""
    from fiftyone import ViewField

    path = labels_path(dataset, field)
    imports = read_import_records(dataset, field)
    if not imports:
        boxes = counted(dataset.count(path), "box", "boxes")
        yield Note(f"{field}: {boxes}, not imported, so that their origin is unknown.")
        return
    yield Note(f"{field}:")
    states = []
    for one in imports.values():
        left_out = counted(one.rejected_rows, "row", "rows")
        state = f"{one.state}, {left_out} left out" if one.rejected_rows else one.state
        states.append("interrupted: import it again" if one.state == "writing" else state)
    yield from (Note(f"{one.source}: {note}") for one in imports.values() for note in one.notes)
    rows: list[tuple[Cell, ...]] = [
        ("boxes", *(dataset.match(ViewField("split") == one).count(path) for one in imports)),
        ("state", *states),
        ("file", *(one.source for one in imports.values())),
    ]
    manifests = [one.manifest or {} for one in imports.values()]
    for what, *members in _OF_A_RUN:
        said = [_said(manifest, *members) for manifest in manifests]
        if any(said) or what == "model":
            rows.append((what, *(one or "not said" for one in said)))
    yield Table(("", *imports), tuple(rows))
    hashes: list[tuple[Cell, ...]] = []
    for (split, record), manifest in zip(imports.items(), manifests, strict=True):
        hashes.append((split, "file", Hash(record.sha256)))
        checkpoint = _said(manifest, "checkpoint", "sha256")
        hashes += [(split, "checkpoint", Hash(checkpoint))] if checkpoint else []
    yield Table(("split", "of the", "sha256"), tuple(hashes))


def _said(manifest: Mapping[str, Any], member: str, part: str) -> str:
    """What a manifest, which anybody may have written, says in a part of one of its members."""
    value = manifest.get(member)
    if isinstance(value, Mapping):
        value = value.get(part)
    elif part not in ("name", ""):
        value = None
    return str(value) if isinstance(value, str | int | float) else ""
