"""Checks the rows of a predictions file against the names and boxes of a dataset."""

from collections.abc import Collection, Mapping, Sequence, Set
from typing import Any

from ..dataset.ingest_record import in_ranges, read_ingest_record, read_ingest_records
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


def known_categories(dataset: Any, split: str) -> dict[int, str]:
    """The names of a catalog's categories by their ids.

    They are those of the split. A file of images to predict may list none: then they are those of
    the other splits, if these agree.
    """
    records = read_ingest_records(dataset)
    own = records.pop(split, None)
    if own is not None and own.categories:
        return dict(own.categories)
    others = {record.categories for record in records.values() if record.categories}
    return dict(others.pop()) if len(others) == 1 else {}


def read_rows(
    predictions: str, concepts: Collection[str], categories: Mapping[int, str]
) -> Predictions:
    """Reads the rows of a file; faulty ones are in ``rejected``.

    Args:
        predictions: path of the file; ``predictions.read_predictions`` says what it raises.
        concepts: names that are known in addition to those of the taxonomy.
        categories: names of the catalog's categories by their ids.
    """
    taxonomy = load_taxonomy()
    spelling = {folded(name): name for name in concepts}

    def canonical(name: str) -> str | None:
        return taxonomy.canonical(name) or spelling.get(folded(name))

    def suggest(name: str) -> str | None:
        return taxonomy.suggest(name, concepts)

    return read_predictions(predictions, canonical, suggest, True, categories)


def left_out_boxes(dataset: Any, split: str) -> set[int]:
    """The annotation ids of the catalog's boxes that a limit left out when it was ingested."""
    record = read_ingest_record(dataset, split)
    return in_ranges(record.left_out) if record else set()


def bad_rows(
    table: Predictions, known: Set[int], split: str, left_out: Set[int] = frozenset()
) -> list[Fault]:
    """The rows that cannot be imported, in the order of the file.

    Args:
        table: the rows that were read.
        known: the annotation ids of the split's boxes.
        split: its name.
        left_out: the annotation ids of the catalog's boxes that a limit left out. Rows about
            them are faults only where no row is about a box that is there.
    """
    span = counted(len(known), "box", "boxes") + (
        f", ids {min(known)}..{max(known)}" if known else ""
    )
    problem = f"is not a box of the {split} split ({span})"
    ids = table.annotation_id.tolist()
    excused = set(left_out) if not known.isdisjoint(ids) else set()
    unmatched = [
        Fault(
            f"{table.unit} {line}",
            f"annotation {id_} {problem}" + "; a limit left its image out" * (id_ in left_out),
        )
        for line, id_ in zip(table.lines.tolist(), ids, strict=True)
        if id_ not in known and id_ not in excused
    ]
    return sorted([*table.rejected, *unmatched], key=_line)


def refuse_rows(table: Predictions, faults: Sequence[Fault], advice: str = "") -> None:
    """Refuses a file that has bad rows.

    Args:
        table: the rows that were read.
        faults: of those that are bad.
        advice: what to do; empty where nothing better is known than to correct them.

    Raises:
        InputError: there are bad rows; the error lists every one.
    """
    if faults:
        advice = advice or "Correct these rows, or choose to skip bad rows."
        raise InputError(table.source, faults, advice)


def _line(fault: Fault) -> int:
    """The number of a faulty row, whose place reads ``line 12`` or ``row 12``."""
    return int(fault.place.split()[1])
