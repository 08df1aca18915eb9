"""Where the predictions of a field are from: what ``import_predictions`` keeps of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..dataset.records import read_record
from ..names import SPLITS, import_run_key


@dataclass(frozen=True, slots=True)
class ImportRecord:
    """What a dataset keeps of where the predictions of a split are from.

    Attributes:
        split: the split.
        gt_field: the boxes that the rows were matched with.
        source: name of the file or folder.
        sha256: hash of the rows' file.
        manifest: of the run that made them; None where there is none.
        concepts: what the probabilities are of, in their order.
        rows: rows of the file.
        rejected_rows: how many of them were left out.
        rejected: the first of these, with what is wrong.
        state: whether all of it was written.
        beside: names of the files imported before, whose predictions of other images were kept.
    """

    METHOD: ClassVar[str] = "import_predictions"

    split: str
    gt_field: str
    source: str
    sha256: str
    manifest: Mapping[str, Any] | None
    concepts: tuple[str, ...]
    rows: int
    rejected_rows: int
    rejected: tuple[str, ...]
    state: Literal["writing", "complete"]
    beside: tuple[str, ...] = ()


def read_import_records(dataset: Any, field: str) -> dict[str, ImportRecord]:
    """Where the predictions of a field are from, by split; empty where nothing was imported."""
    keys = {split: import_run_key(field, split) for split in SPLITS}
    records = {split: read_record(dataset, key, ImportRecord) for split, key in keys.items()}
    return {split: record for split, record in records.items() if record is not None}
