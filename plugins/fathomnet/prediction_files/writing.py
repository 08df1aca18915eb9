"""Writes the files of a prediction run so that no reader takes half a run for a whole one."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import Fault, InputError
from ..files.writing import write_whole
from ..names import ANNOTATION_ID, OWN_RANK, PROBABILITIES
from .rows import CONCEPT_NAME, CONFIDENCE
from .run import CSV_NAME, FORMAT_VERSION, MANIFEST_NAME, PARQUET_NAME

IMAGE_ID: Final = "image_id"
_TYPES: Final = {
    ANNOTATION_ID: pa.int64(),
    IMAGE_ID: pa.int64(),
    CONCEPT_NAME: pa.string(),
    CONFIDENCE: pa.float32(),
    OWN_RANK: pa.string(),
}


def write_predictions(
    folder: str | Path,
    rows: pd.DataFrame,
    manifest: Mapping[str, Any],
    probabilities: npt.NDArray[np.float32] | None = None,
    further: Mapping[str, bytes] | None = None,
) -> None:
    """Writes ``predictions.csv``, ``predictions.parquet`` and ``manifest.json``.

    Rows are sorted by annotation id. Each file is written beside its final name and then renamed;
    the manifest comes last and carries the hashes of the other two, so that a reader notices a
    writer that was killed between two renames.

    Args:
        folder: created if it does not exist; existing files of these names are replaced.
        rows: one row per box with the columns annotation_id, image_id, concept_name, confidence
            and rank; the last two may have missing values.
        manifest: whatever describes the run; ``concepts`` lists the concepts in the order of the
            probabilities. ``format_version`` and ``files`` are added.
        probabilities: (rows, concepts), in the order of ``rows``.
        further: other files of the run, by name; the manifest carries their hashes too.

    Raises:
        InputError: the arguments do not fit one another; nothing was written.
    """
    faults = _faults(rows, manifest, probabilities)
    if faults:
        raise InputError(str(folder), faults, "The program that writes predictions is at fault.")
    order = np.argsort(rows[ANNOTATION_ID].to_numpy(), kind="stable")
    contents = {
        **(further or {}),
        CSV_NAME: _csv(rows.iloc[order]),
        PARQUET_NAME: _parquet(rows.iloc[order], probabilities, order),
    }
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    full = {"format_version": FORMAT_VERSION, "concepts": [], **manifest, "files": hashes}
    contents[MANIFEST_NAME] = (json.dumps(full, indent=2, ensure_ascii=False) + "\n").encode()
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        write_whole(Path(folder) / name, content)


def _faults(
    rows: pd.DataFrame,
    manifest: Mapping[str, Any],
    probabilities: npt.NDArray[np.float32] | None,
) -> list[Fault]:
    missing = [name for name in _TYPES if name not in rows.columns]
    if missing:
        return [Fault("rows", f"no column named {', '.join(missing)}")]
    faults = []
    twice = rows[ANNOTATION_ID][rows[ANNOTATION_ID].duplicated()].unique()
    if len(twice):
        faults.append(Fault(ANNOTATION_ID, f"{twice[0]} is in more than one row"))
    concepts = manifest.get("concepts", [])
    if probabilities is not None and probabilities.shape != (len(rows), len(concepts)):
        expected = (len(rows), len(concepts))
        faults.append(Fault(PROBABILITIES, f"shape {probabilities.shape}, expected {expected}"))
    return faults


def _csv(rows: pd.DataFrame) -> bytes:
    text = rows.to_csv(columns=[ANNOTATION_ID, CONCEPT_NAME], index=False, lineterminator="\n")
    return str(text).encode()


def _parquet(
    rows: pd.DataFrame,
    probabilities: npt.NDArray[np.float32] | None,
    order: npt.NDArray[np.intp],
) -> bytes:
    columns = {
        name: pa.array(rows[name], type=kind, from_pandas=True) for name, kind in _TYPES.items()
    }
    if probabilities is not None:
        flat = pa.array(np.ascontiguousarray(probabilities[order], dtype=np.float32).ravel())
        columns[PROBABILITIES] = pa.FixedSizeListArray.from_arrays(flat, probabilities.shape[1])
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()
