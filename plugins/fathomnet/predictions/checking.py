"""Checks the rows of a predictions file against the names and boxes of a dataset."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from ..dataset.ingest_record import read_ingest_records
from ..errors import Fault, InputError
from ..prediction_files import Predictions, read_predictions
from ..taxonomy import load_taxonomy
from ..taxonomy.table import folded
from ..text import counted


def known_concepts(dataset: Any, path: str) -> set[str]:
    """The names that a dataset knows: those on its boxes, and those in the files it was made from.

    Args:
        dataset: a FiftyOne dataset.
        path: of its boxes.
    """
    concepts = set(dataset.distinct(f"{path}.label"))
    for record in read_ingest_records(dataset).values():
        concepts.update(record.concepts)
    return concepts


def read_rows(predictions: str, concepts: Collection[str]) -> Predictions:
    """Reads the rows of a file; faulty ones are in ``rejected``.

    Args:
        predictions: path of the file; ``predictions.read_predictions`` says what it raises.
        concepts: names that are known in addition to those of the taxonomy.
    """
    taxonomy = load_taxonomy()
    spelling = {folded(name): name for name in concepts}

    def canonical(name: str) -> str | None:
        return taxonomy.canonical(name) or spelling.get(folded(name))

    def suggest(name: str) -> str | None:
        return taxonomy.suggest(name, concepts)

    return read_predictions(predictions, canonical, suggest, skip_bad_rows=True)


def bad_rows(table: Predictions, known: Collection[int], split: str) -> list[Fault]:
    """The rows that cannot be imported, in the order of the file.

    Args:
        table: the rows that were read.
        known: the annotation ids of the split's boxes.
        split: its name.
    """
    span = counted(len(known), "box", "boxes") + (
        f", ids {min(known)}..{max(known)}" if known else ""
    )
    problem = f"is not a box of the {split} split ({span})"
    unmatched = [
        Fault(f"{table.unit} {line}", f"annotation {id_} {problem}")
        for line, id_ in zip(table.lines.tolist(), table.annotation_id.tolist(), strict=True)
        if id_ not in known
    ]
    return sorted([*table.rejected, *unmatched], key=_line)


def refuse_rows(table: Predictions, faults: Sequence[Fault]) -> None:
    """Refuses a file that has bad rows.

    Raises:
        InputError: it has; the error lists every one.
    """
    if faults:
        raise InputError(table.source, faults, "Correct these rows, or choose to skip bad rows.")


def _line(fault: Fault) -> int:
    """The number of a faulty row, whose place reads ``line 12`` or ``row 12``."""
    return int(fault.place.split()[1])
