"""Writes the predictions folder from the model's output, and reads it back for merging."""

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from fathomnet_voxel51.errors import Fault, InputError, SetupError
from fathomnet_voxel51.files import SourceFile, read_source
from fathomnet_voxel51.names import ANNOTATION_ID, OWN_RANK, PROBABILITIES
from fathomnet_voxel51.prediction_files import (
    CONCEPT_NAME,
    CONFIDENCE,
    CSV_NAME,
    IMAGE_ID,
    MANIFEST_NAME,
    PARQUET_NAME,
    check_files,
    csv_of,
    write_predictions,
)
from fathomnet_voxel51.prediction_files import read_manifest as parse_manifest

from .decide import ARGMAX, Decider, Decisions, probabilities
from .manifest import IDENTITY, Manifest
from .parts import Part

DECISIONS_NAME: Final = "decisions.csv"
"""How each name was chosen; written unless the rule is argmax."""

ROW_NAMES: Final = (ANNOTATION_ID, IMAGE_ID, CONCEPT_NAME, CONFIDENCE, OWN_RANK)
DECISION_NAMES: Final = (ANNOTATION_ID, CONCEPT_NAME, OWN_RANK, "argmax", "reason")
REQUIRED: Final = (*IDENTITY, "counts", "not_predicted", "device", "started", "finished")
"""Members of a manifest that this program wrote, as opposed to one that only has the format."""

AT_ONCE: Final = 4_096
"""Boxes that are decided at once; they take some megabytes."""


@dataclass(frozen=True, slots=True)
class Results:
    """Predicted boxes.

    Attributes:
        rows: one per box: the columns of ``predictions.parquet``, argmax and reason.
        probabilities: (boxes, concepts) float32, in the order of the rows.
    """

    rows: pa.Table
    probabilities: npt.NDArray[np.float32]

    def tally(self) -> Mapping[str, int]:
        """Boxes by how their name was chosen: ``argmax``, ``rolled up to family``, ..."""
        kinds = Counter(reason.partition(":")[0] for reason in self.rows["reason"].to_pylist())
        return dict(sorted(kinds.items()))


def decided_results(
    parts: Sequence[Part], decider: Decider, temperature: float, concepts: int
) -> Results:
    """Chooses names for everything that the model has predicted.

    Args:
        parts: those of one run.
        decider: chooses the names.
        temperature: divides the logits.
        concepts: the number of concepts that the model knows.
    """
    tables, shares = [], []
    for part in parts:
        for first in range(0, len(part.annotation_id), AT_ONCE):
            some = slice(first, first + AT_ONCE)
            likely = probabilities(part.logits[some], temperature)
            ids, images = part.annotation_id[some], part.image_id[some]
            tables.append(_rows(ids, images, decider.decide(likely)))
            shares.append(likely.astype(np.float32))
    if not tables:
        return no_results(concepts)
    return Results(pa.concat_tables(tables), np.concatenate(shares))


def no_results(concepts: int) -> Results:
    """The results of a run in which nothing could be predicted.

    Examples:
        >>> no_results(79).probabilities.shape
        (0, 79)
    """
    none = np.empty(0, np.int64)
    rows = _rows(none, none, Decisions([], np.empty(0, np.float32), [], [], []))
    return Results(rows, np.empty((0, concepts), np.float32))


def write_results(folder: Path, results: Results, manifest: Manifest) -> None:
    """Writes the files of a run, the manifest last.

    Raises:
        SetupError: the folder cannot be written.
    """
    further = {}
    if manifest["decision"] != ARGMAX:
        by_box = results.rows.sort_by(ANNOTATION_ID)
        further[DECISIONS_NAME] = csv_of(by_box, DECISION_NAMES)
    rows = {name: results.rows[name].combine_chunks() for name in ROW_NAMES}
    try:
        write_predictions(folder, rows, manifest, results.probabilities, further)
        if not further:
            (folder / DECISIONS_NAME).unlink(missing_ok=True)
    except OSError as error:
        raise SetupError(f"{folder} cannot be written: {error.strerror or error}") from error


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a finished run; None if the folder holds none.

    Raises:
        InputError: the files are damaged, or do not belong together.
    """
    return _sources(folder)[1] if (folder / MANIFEST_NAME).exists() else None


def read_results(folder: Path) -> tuple[Results, Manifest]:
    """The predictions of a finished run, and its manifest.

    Raises:
        InputError: the folder does not hold a complete run of this program.
    """
    if not (folder / MANIFEST_NAME).exists():
        problem = f"holds no {MANIFEST_NAME}: the run has not finished"
        raise InputError(str(folder), [Fault("folder", problem)], "Start it again to finish it.")
    sources, manifest = _sources(folder)
    try:
        table = pq.read_table(pa.BufferReader(sources[PARQUET_NAME].content))
        rows = table.select(list(ROW_NAMES))
        lists = table.column(PROBABILITIES).combine_chunks()
        shares = lists.flatten().to_numpy().reshape(len(rows), len(manifest["concepts"]))
    except (pa.ArrowException, KeyError, ValueError) as error:
        raise _not_ours(folder, PARQUET_NAME, str(error).partition("\n")[0]) from None
    for name, values in _origins(folder, rows, sources).items():
        rows = rows.append_column(name, pa.array(values, pa.string()))
    return Results(rows, shares.astype(np.float32)), manifest


def _sources(folder: Path) -> tuple[dict[str, SourceFile], Manifest]:
    """The files of a run, and the manifest with which they were compared."""
    manifest = parse_manifest(read_source(folder / MANIFEST_NAME))
    hashes = manifest.get("files")
    if not isinstance(hashes, dict) or not {CSV_NAME, PARQUET_NAME} <= set(hashes):
        raise _not_ours(folder, MANIFEST_NAME, "names no files")
    missing = [name for name in REQUIRED if name not in manifest]
    if missing:
        raise _not_ours(folder, MANIFEST_NAME, f"has no {', '.join(missing)}")
    names = [name for name in (CSV_NAME, PARQUET_NAME, DECISIONS_NAME) if name in hashes]
    sources = {name: read_source(folder / name) for name in names}
    check_files(folder, manifest, sources)
    return sources, manifest


def _origins(
    folder: Path, rows: pa.Table, sources: Mapping[str, SourceFile]
) -> dict[str, list[str]]:
    """The argmax and the reason of each row."""
    source = sources.get(DECISIONS_NAME)
    if source is None:
        return {"argmax": rows[CONCEPT_NAME].to_pylist(), "reason": [ARGMAX] * len(rows)}
    text = io.StringIO(source.content.decode(), newline="")
    decisions = list(csv.DictReader(text))
    if [one.get(ANNOTATION_ID) for one in decisions] != [
        str(i) for i in rows[ANNOTATION_ID].to_pylist()
    ]:
        raise _not_ours(folder, DECISIONS_NAME, f"is about other boxes than {PARQUET_NAME}")
    return {name: [one[name] for one in decisions] for name in ("argmax", "reason")}


def _rows(
    ids: npt.NDArray[np.int64], images: npt.NDArray[np.int64], decisions: Decisions
) -> pa.Table:
    return pa.table(
        {
            ANNOTATION_ID: ids,
            IMAGE_ID: images,
            CONCEPT_NAME: pa.array(decisions.concept_name, pa.string()),
            CONFIDENCE: pa.array(decisions.confidence, pa.float32()),
            OWN_RANK: pa.array(decisions.rank, pa.string()),
            "argmax": pa.array(decisions.argmax, pa.string()),
            "reason": pa.array(decisions.reason, pa.string()),
        }
    )


def _not_ours(folder: Path, name: str, problem: str) -> InputError:
    advice = "Name the folder of a run of fathomnet-infer."
    return InputError(str(folder), [Fault(name, problem)], advice)
