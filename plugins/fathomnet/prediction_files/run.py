"""The files of one prediction run: a bare csv or parquet, or a folder with its manifest.

They are written so that no reader takes half a run for a whole one.
"""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import Fault, InputError
from ..files.faults import kind_in_words, value_in_words
from ..files.other_formats import LOOKED_AT, other_format
from ..files.places import Place, place
from ..files.reading import SourceFile, decode, read_source
from ..files.writing import write_whole
from ..names import ANNOTATION_ID, OWN_RANK, PROBABILITIES
from ..text import shortened
from .layout import CONCEPT_NAME
from .rows import CONFIDENCE, RawRows, read_rows

CSV_NAME: Final = "predictions.csv"
PARQUET_NAME: Final = "predictions.parquet"
MANIFEST_NAME: Final = "manifest.json"
FORMAT_VERSION: Final = 1

LOOKED_INTO: Final = 20
"""Files of a folder without predictions whose beginning is read, to say what it holds."""

_ADVICE: Final = "Write the run again, or name one of its files instead of the folder."


@dataclass(frozen=True, slots=True)
class RawRun:
    """A run whose rows have not been checked yet.

    Attributes:
        subject: the path as the user gave it, for messages.
        name: of the file or folder, without the path above it.
        sha256: of the file; for a folder, of the lines ``<sha256>  <name>`` of its files in
            alphabetical order, as ``sha256sum manifest.json predictions.csv predictions.parquet |
            sha256sum`` prints it.
        rows: the table; if there are both files, that of the parquet file.
        manifest: the run's manifest, if it has one.
    """

    subject: str
    name: str
    sha256: str
    rows: RawRows
    manifest: dict[str, Any] | None

    @property
    def concepts(self) -> tuple[str, ...]:
        """Concepts in the order of the probabilities, as the manifest spells them."""
        return tuple(self.manifest["concepts"]) if self.manifest else ()


def read_run(path: str | Place | SourceFile, ids: Sequence[str] = ()) -> RawRun:
    """Reads the file or folder that ``import_predictions`` was given.

    For a parquet file with probabilities, the manifest beside it is read too, because only the
    manifest says which concept each probability belongs to.

    Args:
        path: of the file or folder; or the file, where it has been read already.
        ids: see ``layout.find_columns``.

    Raises:
        InputError: a file is missing, damaged or not a table of predictions, or the files of the
            folder contradict one another.
    """
    if not isinstance(path, SourceFile):
        is_folder = False
        with suppress(OSError):  # where it cannot be asked, whoever reads it says why
            is_folder = bool(str(path)) and place(path).is_dir()
        if is_folder:
            return _read_folder(place(path), ids)
    source = path if isinstance(path, SourceFile) else read_source(path)
    rows = read_rows(source, ids)
    manifest_path = place(source.subject).with_name(MANIFEST_NAME)
    manifest = None
    if rows.probabilities is not None and manifest_path.is_file():
        manifest = read_manifest(read_source(manifest_path))
    run = RawRun(source.subject, source.name, source.sha256, rows, manifest)
    _check_width(run)
    return run


def _read_folder(folder: Place, ids: Sequence[str]) -> RawRun:
    names = [name for name in (MANIFEST_NAME, CSV_NAME, PARQUET_NAME) if (folder / name).exists()]
    if names in ([], [MANIFEST_NAME]):
        problem, advice = f"holds neither {PARQUET_NAME} nor {CSV_NAME}", ""
        endings = ("*.json", "*.txt", "labels/*.txt")
        globbed = map(folder.glob, endings) if isinstance(folder, Path) else ()
        others = chain.from_iterable(globbed)
        for file in islice(others, LOOKED_INTO):
            other = None
            if file.name != MANIFEST_NAME and file.is_file():
                with suppress(OSError), file.open("rb") as opened:
                    other = other_format(opened.read(LOOKED_AT))
            if other is not None:
                problem += f"; {shortened(file.name, 80)} holds {other.name}"
                advice = other.as_predictions
                break
        raise InputError(
            str(folder), [Fault("folder", problem)], advice or "Name a predictions file."
        )
    sources = {name: read_source(folder / name) for name in names}
    tables = {name: read_rows(sources[name], ids) for name in names if name != MANIFEST_NAME}
    manifest = None
    if MANIFEST_NAME in sources:
        manifest = read_manifest(sources[MANIFEST_NAME])
        check_files(folder, manifest, sources)
    if len(tables) == 2:
        _check_agreement(folder, tables[CSV_NAME], tables[PARQUET_NAME])
    listing = "".join(f"{sources[name].sha256}  {name}\n" for name in names)
    run = RawRun(
        subject=str(folder),
        name=folder.resolve().name,
        sha256=hashlib.sha256(listing.encode()).hexdigest(),
        rows=tables.get(PARQUET_NAME) or tables[CSV_NAME],
        manifest=manifest,
    )
    _check_width(run)
    return run


def read_manifest(source: SourceFile) -> dict[str, Any]:
    """The manifest of a run.

    Raises:
        InputError: it is not JSON, has another version, or has no list of concepts.
    """
    try:
        manifest = json.loads(decode(source))
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InputError(source.subject, [Fault(place, error.msg)], _ADVICE) from None
    except (RecursionError, ValueError) as error:
        raise InputError(source.subject, [Fault("file", f"is no JSON: {error}")], _ADVICE) from None
    if not isinstance(manifest, dict):
        problem = f"should be an object, not {kind_in_words(manifest)}"
        raise InputError(source.subject, [Fault("top level", problem)], _ADVICE)
    faults = []
    version = manifest.get("format_version")
    if version != FORMAT_VERSION:
        problem = (
            f"should be {FORMAT_VERSION}, not {value_in_words(version)}; the file may be of a newer"
        )
        faults.append(Fault("format_version", f"{problem} version of this project"))
    concepts = manifest.get("concepts")
    if not isinstance(concepts, list) or not all(isinstance(name, str) for name in concepts):
        faults.append(
            Fault("concepts", f"should be a list of names, not {value_in_words(concepts)}")
        )
    if faults:
        raise InputError(source.subject, faults, _ADVICE)
    return dict(manifest)


def check_files(
    folder: Place, manifest: Mapping[str, Any], sources: Mapping[str, SourceFile]
) -> None:
    """Compares the files with the hashes that the manifest gives, if it gives any.

    Args:
        folder: of the run, for messages.
        manifest: the run's.
        sources: files of the folder by name.

    Raises:
        InputError: a file is not the one that the manifest was written for.
    """
    hashes = manifest.get("files")
    if not isinstance(hashes, dict):
        return
    faults = [
        Fault(name, "is not the file that the manifest was written for (its hash differs)")
        for name, source in sources.items()
        if name in hashes and hashes[name] != source.sha256
    ]
    if faults:
        raise InputError(str(folder), faults, _ADVICE)


def _check_agreement(folder: Place, csv_rows: RawRows, parquet_rows: RawRows) -> None:
    in_csv, in_parquet = _pairs(csv_rows), _pairs(parquet_rows)
    if in_csv == in_parquet:
        return
    if len(in_csv) != len(in_parquet):
        problem = f"holds {len(in_csv):,} rows, {PARQUET_NAME} holds {len(in_parquet):,}"
    else:
        first = next(pair for pair, other in zip(in_csv, in_parquet, strict=True) if pair != other)
        about = shortened(first[0], 40)
        problem = f"disagrees with {PARQUET_NAME}, first about annotation {about}"
    raise InputError(str(folder), [Fault(CSV_NAME, problem)], _ADVICE)


def _pairs(rows: RawRows) -> list[tuple[str, str]]:
    ids = rows.columns[ANNOTATION_ID]
    names = rows.columns.get(CONCEPT_NAME, ids)
    return sorted(zip(map(str, ids), map(str, names), strict=True))


def _check_width(run: RawRun) -> None:
    """Checks that the run says which concept each probability belongs to."""
    if run.rows.probabilities is None:
        return
    width = run.rows.probabilities.shape[1]
    if run.manifest is None:
        problem = f"no {MANIFEST_NAME} beside the file says which concept each of them belongs to"
    elif width != len(run.concepts):
        problem = f"each row holds {width}, {MANIFEST_NAME} lists {len(run.concepts)} concepts"
    else:
        return
    advice = f"Put the run's {MANIFEST_NAME} beside the file, or import the csv."
    raise InputError(run.subject, [Fault("column probabilities", problem)], advice)


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
    }
    if probabilities is not None:
        flat = pa.array(np.ascontiguousarray(probabilities[order], dtype=np.float32).ravel())
        shares = pa.FixedSizeListArray.from_arrays(flat, probabilities.shape[1])
        table = table.append_column(PROBABILITIES, shares)
    sink = io.BytesIO()
    pq.write_table(table, sink)
    contents[PARQUET_NAME] = sink.getvalue()
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
