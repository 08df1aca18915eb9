"""The concepts and their lineages, as the demo needs them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

from fathomnet_voxel51.errors import Fault, InputError
from fathomnet_voxel51.fields import RANKS

TAXONOMY: Final = Path(__file__).resolve().parents[1] / "data" / "taxonomy.csv"
"""The pinned table of the 79 concepts, in the repository."""

Lineages = dict[str, tuple[str, ...]]
"""Concept -> its seven slots from kingdom to species, ``""`` where a slot is empty."""


def read_lineages(taxonomy: Path = TAXONOMY) -> Lineages:
    """Reads the concepts in alphabetical order, each with its seven-rank lineage.

    Args:
        taxonomy: a csv with the columns ``concept`` and the seven ranks.

    Raises:
        InputError: the file is missing or a column is.
    """
    if not taxonomy.is_file():
        raise InputError(str(taxonomy), [Fault("file", "does not exist")], "Pass the taxonomy csv.")
    with taxonomy.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        missing = [c for c in ("concept", *RANKS) if c not in (reader.fieldnames or ())]
        if missing:
            raise InputError(
                str(taxonomy), [Fault("line 1", f"has no column {c}") for c in missing]
            )
        rows = {row["concept"]: tuple(row[rank] for rank in RANKS) for row in reader}
    return dict(sorted(rows.items()))
