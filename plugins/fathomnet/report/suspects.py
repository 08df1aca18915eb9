"""Describes labels that are probably wrong: how many, why, where, and what became of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from ..dataset.label_fields import fields_holding
from ..dataset.records import why_outdated
from ..label_errors.record import read_label_errors_record
from ..names import GROUND_TRUTH, SUGGESTED_LABEL, SUSPICION_BY_MODEL, SUSPICION_BY_NEIGHBOURS
from ..relabelling.journal import journals_of, states_before
from ..text import counted
from .blocks import Block, Note, Section, Table

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
    """

    label: str | None
    suggested: str
    by_model: float | None
    by_neighbours: float | None
    is_changed: bool


def suspect_section(dataset: Any) -> Section:
    """What ``find_label_errors`` found in each field that it searched."""
    import fiftyone as fo

    fields = sorted({GROUND_TRUTH, *fields_holding(dataset, fo.Detections)})
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
        changed = sum(one.is_changed for one in suspects)
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
            ("suspects that are left to look at", len(suspects) - changed),
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
    paths = [f"{field}.detections.{name}" for name in names]
    if any(dataset.get_field(path) is None for path in paths):
        return []
    # The labels that have been relabelled since, as they were before. Both times are in UTC; that
    # of a search has a zone, in earlier versions no part of a second.
    moment = found_at.partition("+")[0]
    before: dict[str, str | None] = {}
    for journal in journals_of(dataset):
        if journal.field == field and journal.stage != "writing" and journal.time >= moment:
            for one in states_before(dataset, journal):
                before.setdefault(one.label_id, one.state.get("label"))
    boxes = dataset.filter_labels(field, ViewField(SUGGESTED_LABEL).exists())
    return [
        _Suspect(
            label,
            suggested,
            by_model,
            by_neighbours,
            # A label is never its own suggestion, so that an edit in the App shows too.
            is_changed=label == suggested or before.get(box, label) != label,
        )
        for box, label, suggested, by_model, by_neighbours in zip(
            *boxes.values(paths, unwind=True), strict=True
        )
    ]
