"""Reads the rows of a predictions file as they are written: csv or parquet -> raw columns.

``predictions`` decides what the values mean; this module refuses only files that are not tables of
predictions at all.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..errors import Fault, InputError
from ..files.other_formats import other_format
from ..files.reading import PARQUET_MARK, SourceFile, decode, parquet_of
from ..names import ANNOTATION_ID, OWN_RANK, PROBABILITIES
from ..text import counted, listed, shortened
from .layout import (
    CATEGORY_ID,
    CATEGORY_NAMES,
    CONCEPT_NAME,
    PATHS,
    SECOND_BEST,
    boxes_by_name,
    detection_columns,
    find_columns,
    named_beside,
)

CONFIDENCE: Final = "confidence"
REQUIRED: Final = (ANNOTATION_ID, CONCEPT_NAME)
KNOWN: Final = (*REQUIRED, CONFIDENCE, OWN_RANK, PROBABILITIES)

IDENTITY: Final[tuple[str, ...]] = (
    "image_id",
    "file_name",
    "bbox",
    "bbox_x",
    "bbox_y",
    "bbox_width",
    "bbox_height",
)
"""Columns that say which box a row is about, beside its number."""

MOST_ROWS: Final = 10_000_000
"""Four hundred times the boxes of FathomNet 2025. Repeated rows take hardly any room in a file, but
a hundred bytes each in memory."""
MOST_PROBABILITIES: Final = 100 * MOST_ROWS

_SEPARATORS: Final = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
LONGEST_KIND: Final = 80
"""Characters of a column's type: that of a table in a table names all its columns."""

_OWN_BOXES: Final = "The rows bring boxes of their own: import them as detections."
ADVICE: Final = "Expected is a csv or parquet file with the columns annotation_id,concept_name."


@dataclass(frozen=True, slots=True)
class RawRows:
    """A table whose values have not been checked yet.

    Attributes:
        unit: what a row's number counts: ``line`` of a csv, whose header is line 1, or ``row`` of
            a parquet file, which begins with row 1.
        numbers: number of each row.
        columns: cells of each known column of the file, one for each of ``numbers``.
        misshapen: the problem of each row that does not fit the header, by its number; such rows
            are not among ``numbers``.
        probabilities: (rows, concepts) float32 if the file has them; a row whose list is missing
            or shorter than the others is all NaN.
        identity: cells of each column of ``IDENTITY`` that the file has, and what the names of
            crops say of their boxes.
        header: names of the file's columns, as written.
        place: where the header stands, for messages.
        by: the header of the column that says which box a row is about.
        named: cells of that column as written.
        further: cells of columns that have no meaning by themselves, by their headers.
        unread: the headers of all such columns, read or not.
    """

    unit: str
    numbers: Sequence[int]
    columns: Mapping[str, Sequence[object]]
    misshapen: Mapping[int, str] = field(default_factory=dict)
    probabilities: npt.NDArray[np.float32] | None = None
    identity: Mapping[str, Sequence[object]] = field(default_factory=dict)
    header: tuple[str, ...] = ()
    place: str = ""
    by: str = ANNOTATION_ID
    named: Sequence[object] = ()
    further: Mapping[str, Sequence[object]] = field(default_factory=dict)
    unread: tuple[str, ...] = ()


def read_rows(source: SourceFile, ids: Sequence[str] = ()) -> RawRows:
    r"""Reads a csv file or, judging by its content, a parquet file.

    Args:
        source: the file.
        ids: see ``layout.find_columns``.

    Raises:
        InputError: the file is neither of these, lacks a column, or has no rows.

    Examples:
        >>> content = b"annotation_id,concept_name\n7,Sebastes\n"
        >>> rows = read_rows(SourceFile("run.csv", "run.csv", content, sha256=""))
        >>> rows.unit, rows.numbers, rows.columns["concept_name"]
        ('line', [2], ['Sebastes'])
    """
    other = other_format(source.content)
    if other is not None:
        problem = f"holds {other.name}, not a table of predictions"
        raise InputError(source.subject, [Fault("file", problem)], other.as_predictions)
    is_parquet = source.content.startswith(PARQUET_MARK)
    rows = _read_parquet(source, ids) if is_parquet else _read_csv(source, ids)
    if not rows.numbers and not rows.misshapen:
        raise _refused(source, "file", "has a header but no rows")
    cells, further = rows.columns[ANNOTATION_ID], dict(rows.further)
    numbers, said = boxes_by_name(cells, always=rows.by != ANNOTATION_ID)
    identity, beside = dict(rows.identity), ""
    if not said:
        beside, said = named_beside(numbers, {**identity, **further})
        for columns in (identity, further):
            columns.pop(beside, None)
    return replace(
        rows,
        columns={**rows.columns, ANNOTATION_ID: numbers},
        identity={**identity, **said},
        named=cells,
        further=further,
        unread=tuple(name for name in rows.unread if name != beside),
    )


def _read_csv(source: SourceFile, ids: Sequence[str]) -> RawRows:
    lines = csv_lines(source)
    header_line, header = next(lines, (1, []))
    columns = _find_columns(source, f"line {header_line}", header, ids)
    numbers: list[int] = []
    rows: list[list[str]] = []
    misshapen: dict[int, str] = {}
    width = len(header)
    for line, cells in lines:
        if len(cells) == width:
            numbers.append(line)
            rows.append(cells)
        else:
            misshapen[line] = f"has {len(cells)} fields where the header has {width}"
    cells_of = {header[at]: [row[at] for row in rows] for at in range(width)}
    return _arranged("line", numbers, header, f"line {header_line}", columns, cells_of, misshapen)


def _arranged(
    unit: str,
    numbers: Sequence[int],
    header: Sequence[str],
    place: str,
    columns: Mapping[str, int],
    cells_of: Mapping[str, Sequence[object]],
    misshapen: Mapping[int, str],
) -> RawRows:
    """The cells of a table by what their columns mean."""
    names = [name.strip().lower() for name in header]
    by = names[columns[ANNOTATION_ID]]
    identity = [name for name in IDENTITY if name in names and name != by]
    used = {*columns.values(), *(names.index(name) for name in identity)}
    return RawRows(
        unit=unit,
        numbers=numbers,
        columns={meaning: cells_of[header[at]] for meaning, at in columns.items()},
        misshapen=misshapen,
        identity={name: cells_of[header[names.index(name)]] for name in identity},
        header=tuple(header),
        place=place,
        by=by,
        further={
            name: cells_of[name]
            for at, name in enumerate(header)
            if at not in used and name in cells_of and header.count(name) == 1
        },
        unread=tuple(
            name for at, name in enumerate(header) if at not in used and names[at] != PROBABILITIES
        ),
    )


def csv_lines(
    source: SourceFile, advice: str = ADVICE, delimiters: str = ","
) -> Iterator[tuple[int, list[str]]]:
    """Rows with the number of the line on which each begins; empty lines are skipped.

    Args:
        source: a csv file.
        advice: what the error of a row that cannot be read says that the file should be.
        delimiters: signs of which the one that the header has most of is between the fields.

    Raises:
        InputError: the file is no text, or a row of it cannot be read.
    """
    text = decode(source)
    header = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max(delimiters, key=header.count)
    # Universal newlines, so that lines are counted as an editor counts them.
    reader = csv.reader(io.StringIO(text, newline=None), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        problem = f"the row that begins here cannot be read ({error}); is a quote left open?"
        raise InputError(source.subject, [Fault(f"line {line}", problem)], advice) from None


def _find_columns(
    source: SourceFile, place: str, header: Sequence[str], ids: Sequence[str]
) -> dict[str, int]:
    """Position of each known column; names are compared ignoring case and white space."""
    names = [name.strip().lower() for name in header]
    found = find_columns(names, ids)
    further = [name for name in names if name not in (*found.values(), *KNOWN, *IDENTITY)]
    is_wide = ANNOTATION_ID in found and len(further) > 1
    if ANNOTATION_ID not in found or not (found.keys() & {CONCEPT_NAME, CATEGORY_ID} or is_wide):
        problem = missing_columns([name for name in REQUIRED if name not in found], header)
        if detection_columns(header) is not None:
            raise InputError(source.subject, [Fault(place, problem)], _OWN_BOXES)
        raise _refused(source, place, problem)
    known = found | {name: name for name in KNOWN if name in names and name not in found}
    twice = sorted({name for name in known.values() if names.count(name) > 1})
    if twice:
        raise _refused(source, place, f"more than one column named {', '.join(twice)}")
    return {meaning: names.index(name) for meaning, name in known.items()}


def missing_columns(missing: Sequence[str], header: Sequence[str]) -> str:
    """Says which columns a table lacks, and which it has, if it is one of predictions at all.

    Of a file that was not meant, such as one of passwords, not a word is repeated.
    """
    known = find_columns([name.strip().lower() for name in header])
    columns = counted(len(header), "column", "columns")
    found = (listed(header) or "nothing") if known else f"{columns} of other names"
    problem = f"no column named {' or '.join(missing)}; found {found}"
    separator = next((mark for mark in _SEPARATORS if mark in "".join(header)), None)
    if separator:
        problem += f". The fields seem to be separated by {_SEPARATORS[separator]}, not commas"
    elif CONCEPT_NAME in missing and len(missing) == 1:
        problem += f". Call the column of the names {CONCEPT_NAME}"
    return problem


def _read_parquet(source: SourceFile, ids: Sequence[str]) -> RawRows:
    with parquet_of(source, ADVICE) as file:
        header = file.schema_arrow.names
        found = _find_columns(source, "columns", header, ids)
        check_extent(source, file.metadata)
        names = [name.strip().lower() for name in header]
        wanted = [
            name
            for at, name in enumerate(header)
            if header.count(name) == 1
            and (
                at in found.values()
                or names[at] in (*IDENTITY, *PATHS, *CATEGORY_NAMES, *chain(*SECOND_BEST.values()))
                or pa.types.is_floating(file.schema_arrow.field(at).type)
            )
        ]
        table = file.read(columns=wanted)
        table.validate(full=True)
    typed = {name: table.column(header[at]) for name, at in found.items()}
    _check_types(source, typed, bool(ids) and names[found[ANNOTATION_ID]] != ANNOTATION_ID)
    lists = found.pop(PROBABILITIES, None)
    cells_of = {
        name: table.column(name).to_pylist()
        for name in wanted
        if lists is None or name != header[lists]
    }
    rows = _arranged(
        "row", range(1, table.num_rows + 1), header, "columns", found, cells_of, misshapen={}
    )
    matrix = None if lists is None else _matrix(table.column(header[lists]))
    return replace(rows, probabilities=matrix)


def check_extent(source: SourceFile, metadata: pq.FileMetaData) -> None:
    """Refuses a small file whose content would not fit in memory."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    values = max(
        (
            sum(group.column(column).num_values for group in groups)
            for column in range(metadata.num_columns)
        ),
        default=0,
    )
    if metadata.num_rows > MOST_ROWS or values > MOST_PROBABILITIES:
        problem = f"holds {metadata.num_rows:,} rows and up to {values:,} values in a column"
        limits = f"at most {MOST_ROWS:,} and {MOST_PROBABILITIES:,} are read"
        raise _refused(source, "file", f"{problem}; {limits}")


def _check_types(
    source: SourceFile, columns: Mapping[str, pa.ChunkedArray], of_crops: bool
) -> None:
    faults = []
    for name, column in columns.items():
        expected = _wrong_type(name, column.type)
        # Names of crops are texts; that not all are names of crops is a fault of their rows.
        is_named = name == ANNOTATION_ID and not _wrong_type(CONCEPT_NAME, column.type)
        named = is_named and (of_crops or boxes_by_name(column.to_pylist(), always=False)[1])
        if expected and not named:
            kind = shortened(str(column.type), LONGEST_KIND)
            faults.append(Fault(f"column {name}", f"holds {kind}, expected {expected}"))
    if faults:
        raise InputError(source.subject, faults, ADVICE)


def _wrong_type(name: str, kind: pa.DataType) -> str:
    """What a column should hold; "" if it holds that."""
    if name == ANNOTATION_ID:
        return "" if pa.types.is_integer(kind) else "whole numbers (int64)"
    if name == CATEGORY_ID:
        good = pa.types.is_integer(kind) or pa.types.is_floating(kind)
        return "" if good else "whole numbers (int64)"
    if name == CONFIDENCE:
        good = pa.types.is_floating(kind) or pa.types.is_integer(kind)
        return "" if good else "numbers (float32)"
    if name == PROBABILITIES:
        is_list = pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind)
        good = is_list and pa.types.is_floating(kind.value_type)
        return "" if good else "lists of numbers (fixed-size list of float32)"
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return "" if pa.types.is_string(kind) or pa.types.is_large_string(kind) else "text (string)"


def _matrix(lists: pa.ChunkedArray) -> npt.NDArray[np.float32]:
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    width = int(lengths.max(initial=0))
    whole = lengths == width
    matrix = np.full((len(lengths), width), np.nan, dtype=np.float32)
    values = pc.list_flatten(lists.filter(pa.array(whole))).to_numpy()
    matrix[whole] = values.reshape(-1, width)
    return matrix


def _refused(source: SourceFile, place: str, problem: str) -> InputError:
    return InputError(source.subject, [Fault(place, problem)], ADVICE)
