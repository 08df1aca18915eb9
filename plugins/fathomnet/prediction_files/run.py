"""The files of one prediction run: a bare csv or parquet, or a folder with its manifest."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

from ..errors import Fault, InputError
from ..files.faults import kind_in_words, value_in_words
from ..files.other_formats import LOOKED_AT, other_format
from ..files.places import Place, place
from ..files.reading import SourceFile, decode, read_source
from ..names import ANNOTATION_ID
from ..text import shortened
from .layout import CONCEPT_NAME
from .rows import RawRows, read_rows

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


def read_run(path: str | Place) -> RawRun:
    """Reads the file or folder that ``import_predictions`` was given.

    For a parquet file with probabilities, the manifest beside it is read too, because only the
    manifest says which concept each probability belongs to.

    Raises:
        InputError: a file is missing, damaged or not a table of predictions, or the files of the
            folder contradict one another.
    """
    if str(path) and (folder := _folder_at(path)):
        return _read_folder(folder)
    source = read_source(path)
    rows = read_rows(source)
    manifest_path = place(path).with_name(MANIFEST_NAME)
    manifest = None
    if rows.probabilities is not None and manifest_path.is_file():
        manifest = read_manifest(read_source(manifest_path))
    run = RawRun(source.subject, source.name, source.sha256, rows, manifest)
    _check_width(run)
    return run


def _folder_at(path: str | Place) -> Place | None:
    """The folder of that name, if it is one and can be asked; whoever reads it says why not."""
    try:
        return found if (found := place(path)).is_dir() else None
    except OSError:
        return None


def _read_folder(folder: Place) -> RawRun:
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
    tables = {name: read_rows(sources[name]) for name in names if name != MANIFEST_NAME}
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
    faults = list(_manifest_faults(manifest))
    if faults:
        raise InputError(source.subject, faults, _ADVICE)
    return dict(manifest)


def _manifest_faults(manifest: object) -> list[Fault]:
    if not isinstance(manifest, dict):
        return [Fault("top level", f"should be an object, not {kind_in_words(manifest)}")]
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
    return faults


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


def _check_agreement(folder: Place, csv: RawRows, parquet: RawRows) -> None:
    in_csv, in_parquet = _pairs(csv), _pairs(parquet)
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
