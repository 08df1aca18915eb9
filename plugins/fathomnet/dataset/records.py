"""The form of what the project keeps on a dataset, and how an older one is brought up to date.

The number is kept on the dataset as a FiftyOne run, beside the records that it is about. A stage
that writes goes through ``bring_up_to_date`` before it reads anything; one that only reads, or a
preview, through ``reload_known``. What each number stands for:

1. The number itself was in ``dataset.info``. Journals of relabelling list their boxes as pairs.
2. The number is a run, which a script that replaces ``dataset.info`` leaves alone, and which
   datasets have too that the project did not make. Journals name their boxes in one text; those
   of schema 1 are read as they are.
3. Similarity indexes name their classes by ``stored_classes``; before, by the module in which a
   class stood.

To change a form: raise ``fields.SCHEMA_VERSION``, say here what it stands for, and append a step.
A step may be killed, repeated and run by two processes at once, and the dataset may hold some of
the new form already.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..errors import DatasetError
from ..fields import SCHEMA_RUN_KEY, SCHEMA_VERSION
from .run_records import SchemaNumber, read_record, read_values, write_schema_number
from .stored_paths import outdated_runs, use_lasting_paths

MARKER: Final = "fathomnet"
"""Key in ``dataset.info`` that says that this project made the dataset."""


def reload_known(dataset: Any) -> int:
    """Reads the dataset's own document anew.

    Args:
        dataset: a FiftyOne dataset, or a view of one.

    Returns:
        The form of what is kept on it; the current one where nothing is.

    Raises:
        DatasetError: a newer version of the project has written it.
    """
    dataset = dataset._root_dataset
    dataset.reload()
    record = read_record(dataset, SCHEMA_RUN_KEY, SchemaNumber)
    if record is None:
        return 1 if _has_records(dataset) else SCHEMA_VERSION
    if record.number > SCHEMA_VERSION:
        raise DatasetError(
            f"dataset {dataset.name!r} has schema {record.number}, of fathomnet-voxel51 "
            f"{record.plugin_version}; this version knows schemas up to {SCHEMA_VERSION} and "
            "leaves it alone: install that version or a later one, here and wherever workers run"
        )
    return record.number


def bring_up_to_date(dataset: Any) -> None:
    """Reads the dataset's own document anew, and brings what is kept on it to the current form.

    Args:
        dataset: a FiftyOne dataset, or a view of one.

    Raises:
        DatasetError: a newer version of the project has written it.
    """
    there = reload_known(dataset)
    dataset = dataset._root_dataset
    for number, step in STEPS:
        if number > there:
            step(dataset)
            write_schema_number(dataset, number)


def _has_records(dataset: Any) -> bool:
    if MARKER in dataset.info:
        return True
    records = (read_values(dataset, key) or {} for key in dataset.list_runs())
    if any("plugin_version" in record for record in records):
        return True
    return any(True for _ in outdated_runs(dataset))


def _number_leaves_info(dataset: Any) -> None:
    marker = dataset.info.get(MARKER)
    if isinstance(marker, dict) and "schema_version" in marker:
        dataset.info[MARKER] = {k: v for k, v in marker.items() if k != "schema_version"}
        dataset.save()


STEPS: Final[tuple[tuple[int, Callable[[Any], None]], ...]] = (
    (2, _number_leaves_info),
    (3, use_lasting_paths),
)
"""What makes each form of the one before it, in order."""
