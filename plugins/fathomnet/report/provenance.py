"""Reads from a dataset's runs where its content came from, and what was made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ..dataset.label_fields import fields_holding
from ..dataset.records import all_bases, read_record
from ..embeddings.run import EmbeddingRecord
from ..evaluation.run import EvaluationDetails
from ..names import DUPLICATE_GROUP, EMBEDDING_RUNS, GROUND_TRUTH, RELABELLINGS, tiles_run_key
from ..predictions.record import read_import_records
from ..relabelling.journal import journals_of
from ..splits.leaks import find_leaks
from ..taxonomy import Taxonomy
from ..text import counted
from .blocks import Block, Cell, Hash, Note, Section, Table
from .suspects import suspect_section

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
_VECTORS: Final = ("model", "of", "dimensions", "vectors", "state")
_INDEX: Final = ("brain key", "kind", "method", "of", "since then")
_UNCHANGED: Final = "nothing changed"
_UNKNOWN: Final = "not known"
_NOT_COMPARED: Final = (
    "An evaluation since which labels or boxes changed is not to be compared with another: run "
    "evaluate_predictions again."
)
_NO_PREDICTIONS: Final = "There are none: run import_predictions."
_NO_EVALUATIONS: Final = "There are none: run evaluate_predictions."
_NO_INDEX: Final = "No map and no index: run compute_embeddings and build_similarity_index."

_Blocks = tuple[Block, ...]


def provenance_sections(dataset: Any, taxonomy: Taxonomy) -> list[Section]:
    """The sections that come from the runs of a dataset."""
    import fiftyone as fo

    stages = [one for one in journals_of(dataset) if one.can_be_undone]
    undone = tuple(
        (one.key.removeprefix(RELABELLINGS), one.label, one.boxes, one.note) for one in stages
    )
    predictions: list[Block] = []
    for field in sorted(fields_holding(dataset, fo.Detections)):
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
            record.embedded + record.present,
            record.state,
        )
        for record in records
        if record is not None
    )
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
        Section("Relabelling", _rows(_RELABELLING, undone, "No relabelling stands.")),
        Section("Leaks between splits", tuple(_leaks(dataset))),
        Section("Predictions", tuple(predictions or [Note(_NO_PREDICTIONS)])),
        Section(
            "Evaluations",
            (
                *_rows(_EVALUATION, evaluations, _NO_EVALUATIONS),
                *([Note(_NOT_COMPARED)] if differ else ()),
            ),
        ),
        Section(
            "Embeddings, maps and indexes",
            (
                *_rows(_VECTORS, vectors, "No embeddings: run compute_embeddings."),
                *_rows(_INDEX, indexes, _NO_INDEX),
            ),
        ),
        Section("Taxonomy", (Table(("", "value"), tree),)),
    ]


def _rows(headings: tuple[str, ...], rows: Sequence[tuple[Cell, ...]], if_none: str) -> _Blocks:
    return (Table(headings, tuple(rows)) if rows else Note(if_none),)


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

    path = f"{field}.detections"
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
