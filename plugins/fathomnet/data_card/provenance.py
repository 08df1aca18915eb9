"""Where what a dataset holds came from, and what was made of it: from its runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..dataset.evaluation_run import read_details
from ..dataset.journal import PREFIX, journals_of
from ..dataset.label_fields import fields_holding
from ..dataset.run_records import read_record
from ..fields import (
    EMBEDDING_RUNS,
    GROUND_TRUTH,
    SPLITS,
    SUSPECTS,
    import_run_key,
    ingest_run_key,
    label_errors_run_key,
)
from ..splits import Leak, find_leaks
from ..taxonomy import Taxonomy
from .blocks import Block, Cell, Note, Section, Table


def provenance_sections(dataset: Any, taxonomy: Taxonomy) -> list[Section]:
    """The sections that come from the runs of a dataset."""
    return [
        Section("Sources and licences", tuple(_sources(dataset))),
        Section("Taxonomy", (Note(f"sha256 of its table: {taxonomy.sha256}"),)),
        Section("Suspects", tuple(_suspects(dataset))),
        Section("Relabelling", tuple(_relabelling(dataset))),
        Section("Leaks between splits", tuple(_leaks(find_leaks(dataset)))),
        Section("Predictions", tuple(_predictions(dataset))),
        Section("Evaluations", tuple(_evaluations(dataset))),
        Section("Embeddings, maps and indexes", tuple(_embeddings(dataset))),
    ]


def _sources(dataset: Any) -> Iterable[Block]:
    rows: list[tuple[Cell, ...]] = []
    for split in SPLITS:
        record = read_record(dataset, ingest_run_key(split))
        if record is not None:
            state = "complete" if record["complete"] else "interrupted: ingest it again"
            rows.append((split, record["source"], record["sha256"], record["limit"], state))
    if rows:
        yield Table(("split", "annotations", "sha256", "limit", "state"), tuple(rows))
    else:
        yield Note("It was not made by ingest_dataset, so its source is not known.")
    licence = dataset.info.get("license") or dataset.info.get("licence")
    if licence:
        yield Note(f"Licence: {licence}")
    else:
        yield Note(
            "Licence: unknown. Name it in the dataset's info, as dataset.info['license'], and "
            "make the card again."
        )


def _suspects(dataset: Any) -> Iterable[Block]:
    record = read_record(dataset, label_errors_run_key(GROUND_TRUTH))
    if record is None:
        yield Note("Not searched yet: run find_label_errors.")
    elif record.get("state") != "complete":
        yield Note("A search was interrupted: run find_label_errors again.")
    else:
        found = record["result"]
        yield Table(
            ("", "count"),
            (
                ("labels that were judged", found["scored"]),
                ("suspects", found["suspects"]),
                ("labels that are wrong, expected", float(found["expected_errors"])),
            ),
        )
        yield Note(f"Judged by {', '.join(found['signals'])}.")
        if dataset.has_saved_view(SUSPECTS):
            yield Note(f"They are in the saved view {SUSPECTS}.")


def _relabelling(dataset: Any) -> Iterable[Block]:
    stages = [one for one in journals_of(dataset) if one.can_be_undone]
    if not stages:
        yield Note("No relabelling stands.")
        return
    rows = tuple((one.key.removeprefix(PREFIX), one.label, one.boxes, one.note) for one in stages)
    yield Table(("relabelling", "to", "boxes", "note"), rows)


def _leaks(leaks: Iterable[Leak]) -> Iterable[Block]:
    rows = tuple(
        (" and ".join(one.sides), one.dives, one.images, one.near_duplicates) for one in leaks
    )
    headings = ("on both of", "dives", "their images", "groups of near-duplicates")
    if rows:
        yield Table(headings, rows)
        yield Note("split_by_dive keeps the dives of training and validation images apart.")
    else:
        yield Note("No dive is on two of train, val and test.")
    yield Note("Near-duplicates are counted as far as find_duplicates has found them.")


def _predictions(dataset: Any) -> Iterable[Block]:
    import fiftyone as fo

    rows: list[tuple[Cell, ...]] = []
    for field in sorted(fields_holding(dataset, fo.Detections)):
        if field == GROUND_TRUTH:
            continue
        count = dataset.count(f"{field}.detections")
        origins = [
            (split, record)
            for split in SPLITS
            if (record := read_record(dataset, import_run_key(field, split))) is not None
        ]
        rows += [(field, count, split, *_origin(record)) for split, record in origins]
        if not origins:
            rows.append((field, count, "", "not imported: its origin is unknown", "", "", "", ""))
    headings = ("field", "boxes", "split", "file", "sha256", "model", "checkpoint", "state")
    if rows:
        yield Table(headings, tuple(rows))
    else:
        yield Note("There are none: run import_predictions.")


def _origin(record: Mapping[str, Any]) -> tuple[Cell, ...]:
    """File, hash, model, checkpoint and state of an import."""
    manifest = record.get("manifest") or {}
    rejected = record.get("rejected_rows") or 0
    state = record.get("state", "")
    if state == "writing":
        state = "interrupted: import it again"
    elif rejected:
        state = f"{state}, {rejected:,} rows left out"
    return (
        record.get("source"),
        record.get("sha256"),
        _named(manifest.get("model")) or "not said",
        _named(manifest.get("checkpoint")) or "not said",
        state,
    )


def _named(value: Any) -> str:
    """What a manifest says of a model or a file, which may be a name or members."""
    if isinstance(value, Mapping):
        return " ".join(str(value[name]) for name in ("name", "sha256") if value.get(name))
    return str(value or "")


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
        record = read_record(dataset, key) if key.startswith(EMBEDDING_RUNS) else None
        if record is not None:
            of = record["patches_field"] or "whole images"
            vectors = record["embedded"] + record["present"]
            rows.append((record["model"], of, record["dimensions"], vectors, record["state"]))
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
