"""Writes the files of a prediction run so that no reader takes half a run for a whole one."""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import Fault, InputError
from ..files.writing import write_whole
from ..names import ANNOTATION_ID, OWN_RANK, PROBABILITIES
from .layout import CONCEPT_NAME
from .rows import CONFIDENCE
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
    rows: Mapping[str, Any],
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
        rows: the columns annotation_id, image_id, concept_name, confidence and rank by name, each a
            sequence or an array with one value per box; a pandas frame is taken too. The last two
            may have missing values.
        manifest: whatever describes the run; ``concepts`` lists the concepts in the order of the
            probabilities. ``format_version`` and ``files`` are added.
        probabilities: (rows, concepts), in the order of ``rows``.
        further: other files of the run, by name; the manifest carries their hashes too.

    Raises:
        InputError: the arguments do not fit one another; nothing was written.
    """
    missing = [name for name in _TYPES if name not in rows]
    columns = {
        # Not a number counts as missing, as in a frame.
        name: pa.array(rows[name], type=kind, from_pandas=True)
        for name, kind in _TYPES.items()
        if name in rows
    }
    faults = [Fault("rows", f"no column named {', '.join(missing)}")] if missing else []
    faults = faults or _faults(columns, manifest, probabilities)
    if faults:
        raise InputError(str(folder), faults, "The program that writes predictions is at fault.")
    order = np.argsort(columns[ANNOTATION_ID].to_numpy(), kind="stable")
    table = pa.table(columns).take(order)
    contents = {
        **(further or {}),
        CSV_NAME: csv_of(table, [ANNOTATION_ID, CONCEPT_NAME]),
        PARQUET_NAME: _parquet(table, None if probabilities is None else probabilities[order]),
    }
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    full = {"format_version": FORMAT_VERSION, "concepts": [], **manifest, "files": hashes}
    contents[MANIFEST_NAME] = (json.dumps(full, indent=2, ensure_ascii=False) + "\n").encode()
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        write_whole(Path(folder) / name, content)


def csv_of(table: pa.Table, names: Sequence[str]) -> bytes:
    """Columns of a table as a CSV file with a header; a missing value is empty."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(zip(*(table[name].to_pylist() for name in names), strict=True))
    return text.getvalue().encode()


def _faults(
    columns: Mapping[str, pa.Array],
    manifest: Mapping[str, Any],
    probabilities: npt.NDArray[np.float32] | None,
) -> list[Fault]:
    faults = []
    lengths = {name: len(column) for name, column in columns.items()}
    if len({*lengths.values()}) > 1:
        faults.append(Fault("rows", f"columns of different lengths: {lengths}"))
    ids = columns[ANNOTATION_ID].to_pylist()
    twice = [one for one, count in Counter(ids).items() if count > 1]
    if twice:
        faults.append(Fault(ANNOTATION_ID, f"{twice[0]} is in more than one row"))
    expected = (len(ids), len(manifest.get("concepts", [])))
    if probabilities is not None and probabilities.shape != expected:
        faults.append(Fault(PROBABILITIES, f"shape {probabilities.shape}, expected {expected}"))
    return faults


def _parquet(table: pa.Table, probabilities: npt.NDArray[np.float32] | None) -> bytes:
    if probabilities is not None:
        flat = pa.array(np.ascontiguousarray(probabilities, dtype=np.float32).ravel())
        shares = pa.FixedSizeListArray.from_arrays(flat, probabilities.shape[1])
        table = table.append_column(PROBABILITIES, shares)
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()
