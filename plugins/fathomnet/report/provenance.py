"""Reads from a dataset's runs where its content came from, and what was made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..dataset.label_fields import fields_holding
from ..dataset.records import read_record
from ..embeddings.run import EmbeddingRecord
from ..evaluation.run import read_details
from ..names import DUPLICATE_GROUP, EMBEDDING_RUNS, GROUND_TRUTH, tiles_run_key
from ..predictions.record import ImportRecord, read_import_records
from ..relabelling.journal import PREFIX, journals_of
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


def provenance_sections(dataset: Any, taxonomy: Taxonomy) -> list[Section]:
    """The sections that come from the runs of a dataset."""
    return [
        suspect_section(dataset),
        Section("Relabelling", tuple(_relabelling(dataset))),
        Section("Leaks between splits", tuple(_leaks(dataset))),
        Section("Predictions", tuple(_predictions(dataset))),
        Section("Evaluations", tuple(_evaluations(dataset))),
        Section("Embeddings, maps and indexes", tuple(_embeddings(dataset))),
        Section("Taxonomy", tuple(_taxonomy(taxonomy))),
    ]


def _relabelling(dataset: Any) -> Iterable[Block]:
    stages = [one for one in journals_of(dataset) if one.can_be_undone]
    if not stages:
        yield Note("No relabelling stands.")
        return
    rows = tuple((one.key.removeprefix(PREFIX), one.label, one.boxes, one.note) for one in stages)
    yield Table(("relabelling", "to", "boxes", "note"), rows)


def _leaks(dataset: Any) -> Iterable[Block]:
    leaks = find_leaks(dataset)
    searched = dataset.get_field(DUPLICATE_GROUP) is not None
    headings = ("on both of", "dives", "their images", "groups of near-duplicates")
    if leaks:
        yield Table(
            headings,
            tuple(
                (
                    " and ".join(one.sides),
                    one.dives,
                    one.images,
                    one.near_duplicates if searched else "not searched",
                )
                for one in leaks
            ),
        )
        for one in leaks:
            if one.examples:
                more = " and others" if one.dives > len(one.examples) else ""
                sides, dives = " and ".join(one.sides), ", ".join(one.examples)
                yield Note(f"Dives on both of {sides}: {dives}{more}.")
        yield Note("split_by_dive keeps the dives of training and validation images apart.")
    else:
        yield Note("No dive is on two of train, val and test.")
    if not searched:
        yield Note("Near-duplicates were not searched yet: run find_duplicates.")


def _predictions(dataset: Any) -> Iterable[Block]:
    import fiftyone as fo

    fields = [
        field
        for field in sorted(fields_holding(dataset, fo.Detections))
        if field != GROUND_TRUTH and not dataset.has_run(tiles_run_key(field))
    ]
    if not fields:
        yield Note("There are none: run import_predictions.")
    for field in fields:
        yield from _origin(dataset, field)


def _origin(dataset: Any, field: str) -> Iterable[Block]:
    """The files from which the boxes of a field were imported, and what made these files."""
    from fiftyone import ViewField

    path = f"{field}.detections"
    imports = read_import_records(dataset, field)
    if not imports:
        boxes = counted(dataset.count(path), "box", "boxes")
        yield Note(f"{field}: {boxes}, not imported, so that their origin is unknown.")
        return
    yield Note(f"{field}:")
    rows: list[tuple[Cell, ...]] = [
        ("boxes", *(dataset.match(ViewField("split") == one).count(path) for one in imports)),
        ("state", *map(_state, imports.values())),
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


def _state(record: ImportRecord) -> str:
    if record.state == "writing":
        return "interrupted: import it again"
    rows = record.rejected_rows
    left_out = f", {counted(rows, 'row', 'rows')} left out" if rows else ""
    return f"{record.state}{left_out}"


def _said(manifest: Mapping[str, Any], member: str, part: str) -> str:
    """What a manifest, which anybody may have written, says in a part of one of its members."""
    value = manifest.get(member)
    if isinstance(value, Mapping):
        value = value.get(part)
    elif part not in ("name", ""):
        value = None
    return str(value) if isinstance(value, str | int | float) else ""


def _evaluations(dataset: Any) -> Iterable[Block]:
    rows: list[tuple[Cell, ...]] = []
    for key in sorted(dataset.list_evaluations()):
        config = dataset.get_evaluation_info(key).config
        fields = (getattr(config, "pred_field", None), getattr(config, "gt_field", None))
        found = read_details(dataset, key)
        if found and "accuracy" in found:
            numbers = tuple(
                found[name] for name in ("boxes", "accuracy", "mean_taxonomic_distance")
            )
            rows.append((key, *fields, *numbers))
        else:
            rows.append((key, *fields, None, "see FiftyOne's panel", None))
    headings = ("evaluation", "predictions", "truth", "boxes", "accuracy", "mean distance")
    if rows:
        yield Table(headings, tuple(rows))
    else:
        yield Note("There are none: run evaluate_predictions.")


def _embeddings(dataset: Any) -> Iterable[Block]:
    rows: list[tuple[Cell, ...]] = []
    for key in sorted(dataset.list_runs()):
        if not key.startswith(EMBEDDING_RUNS):
            continue
        record = read_record(dataset, key, EmbeddingRecord)
        if record is not None:
            of = record.patches_field or "whole images"
            vectors = record.embedded + record.present
            rows.append((record.model, of, record.dimensions, vectors, record.state))
    if rows:
        yield Table(("model", "of", "dimensions", "vectors", "state"), tuple(rows))
    else:
        yield Note("No embeddings: run compute_embeddings.")
    runs: list[tuple[Cell, ...]] = []
    for key in sorted(dataset.list_brain_runs()):
        config = dataset.get_brain_info(key).config
        of = getattr(config, "patches_field", None) or "whole images"
        runs.append((key, config.type, str(config.method or ""), of))
    if runs:
        yield Table(("brain key", "kind", "method", "of"), tuple(runs))
    else:
        yield Note("No map and no index: run compute_embeddings and build_similarity_index.")


def _taxonomy(taxonomy: Taxonomy) -> Iterable[Block]:
    yield Table(
        ("", "value"),
        (
            ("concepts", f"{len(taxonomy.concepts):,}"),
            ("sha256 of its table", Hash(taxonomy.sha256)),
        ),
    )
