"""Crops, which are images that show one thing each and have one label -> Catalog.

They are listed in a table, a row a crop, or lie in folders, one a class. In the catalog each is an
image whose only box is the whole of it.
"""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from math import isnan
from pathlib import Path
from posixpath import commonpath, dirname
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from ..errors import Fault, InputError
from ..files import FaultList, SourceFile, read_source, safe_file_name
from ..files.other_formats import other_format
from ..files.places import GCS, CloudPath, Place, place
from ..files.reading import PARQUET_MARK, parquet_of
from ..files.safe_values import LARGEST_ID, folded_name, web_url
from ..garbage_collector import collector_paused
from ..names import ANNOTATION_ID, MARGIN, SECOND_CONFIDENCE, SECOND_LABEL
from ..prediction_files.layout import (
    CONCEPT_NAME,
    LABELS,
    PATHS,
    SECOND_BEST,
    boxes_by_name,
)
from ..prediction_files.rows import CONFIDENCE, MOST_ROWS, csv_lines
from ..text import counted, listed, shortened
from .catalog import BoxRecord, Catalog, ImageRecord
from .coco import LARGEST_SIDE
from .dives import parse_dive, parse_time
from .values import (
    Members,
    Value,
    category_name,
    image_name,
    number_of,
    parse_date,
    read_columns,
    whole_number,
)

EXTERNAL_ID: Final = "external_id"

HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "path": (*PATHS, "image", "image_path", "url"),
    "label": (CONCEPT_NAME, *(name for name in LABELS if "predict" not in name)),
    CONFIDENCE: (CONFIDENCE,),
    "label_2": SECOND_BEST[SECOND_LABEL],
    "confidence_2": SECOND_BEST[SECOND_CONFIDENCE],
    EXTERNAL_ID: (EXTERNAL_ID,),
}
"""What a column may mean, and the headers by which it is found where nobody names it."""

_OF_IMAGE: Final[tuple[str, ...]] = (
    "width",
    "height",
    "date_captured",
    "vehicle",
    "dive",
    "source_url",
)
"""Headers of what samples have a field for; ``url`` beside paths is a source too."""

MOST_COLUMNS: Final = 200
"""Columns that become fields: programs of plankton write a hundred measures of a crop."""

_PICTURES: Final = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp")
_WHOLE_IMAGE: Final = (0.0, 0.0, 1.0, 1.0)
_WHOLE: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_ABSOLUTE: Final = re.compile(r"/|[A-Za-z]:/")
_ADVICE: Final = (
    "Expected is a csv or parquet file with a row for each crop: its path or URL, and its label. "
    "Where the headers are others, name them: columns path=roi_file, label=species."
)
_NO_COLUMNS: Final[Mapping[str, str]] = {}


Origin = tuple[int, int, str | None, datetime | None, str | None, str | None]
"""Width and height, 0 if unknown; source URL, date, vehicle and dive."""


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows as they are written.

    Attributes:
        subject: the file or folder, for messages.
        name: the same without what is above it.
        sha256: hash of the content.
        unit: what is counted: ``line``, ``row`` or ``file``.
        numbers: number of each row.
        cells: by header, one for each of ``numbers``.
        misshapen: the problem of each row that does not fit the header, by its number.
        unfit: by header, the type of each column that holds neither texts nor numbers.
    """

    subject: str
    name: str
    sha256: str
    unit: str
    numbers: Sequence[int]
    cells: Mapping[str, Sequence[object]]
    misshapen: Mapping[int, str] = field(default_factory=dict)
    unfit: Mapping[str, str] = field(default_factory=dict)


def read_crop_table(
    path: str,
    columns: Mapping[str, str] = _NO_COLUMNS,
    known_concepts: Iterable[str] = (),
    canonical: Callable[[str], str | None] | None = None,
) -> tuple[Catalog, str]:
    """Reads and checks a table of crops.

    Labels are compared with ``known_concepts`` ignoring case and white space, and take the known
    spelling; other names are accepted too, and an empty cell is a crop without a label. A crop has
    the number of its ``annotation_id``, or the one in its name (``<image>_<annotation>.png``) where
    all have one, or else that of its row. Columns without a meaning become fields.

    Args:
        path: a csv, whose header is line 1, with commas, semicolons or tabs between its fields, or
            a parquet file.
        columns: by the meanings of ``HEADERS``, the header of the column that has it; others are
            found by their usual headers.
        known_concepts: names in their canonical spelling.
        canonical: gives the spelling of a name that says just the same as a known one.

    Returns:
        The catalog, and the folder below which its file names are; empty where all are URLs.

    Raises:
        InputError: the file has faults; the error carries them with their rows, the first 1,000
            listed and the others counted.
    """
    with collector_paused():
        table = _read_table(read_source(path))
        if columns:
            # The same file read by other columns is another set.
            read_as = f"{table.sha256} {sorted(columns.items())}"
            table = replace(table, sha256=hashlib.sha256(read_as.encode()).hexdigest())
        catalog, above = _catalog_of(table, columns, known_concepts, canonical)
    if above is None:
        return catalog, ""
    beside = path.rpartition("/")[0] if "://" in path else str(Path(path).absolute().parent)
    return catalog, above if above and Path(above).is_dir() else beside


def read_class_folders(
    folder: str,
    known_concepts: Iterable[str] = (),
    canonical: Callable[[str], str | None] | None = None,
) -> tuple[Catalog, str]:
    """Reads the names of the images in folders, one a class, whose name is the label.

    Args:
        folder: what holds these folders, of this machine or of a bucket (``gs://``); a class may
            have further folders below its own.
        known_concepts: see ``read_crop_table``.
        canonical: see ``read_crop_table``.

    Returns:
        The catalog, and the folder below which its file names are.

    Raises:
        InputError: it is no folder or cannot be read, holds no images, or some lie beside the
            classes' folders.
    """
    root = place(folder) if folder.startswith(GCS) else Path(folder).absolute()
    try:
        if not folder or not root.is_dir():
            raise _refused(folder or "(no folder)", "folder", "there is no such folder")
        seen = _names_below(root)
    except OSError as error:
        raise _refused(folder, "folder", f"cannot be read: {error.strerror}") from None
    paths = [name for name in seen if name.lower().endswith(_PICTURES)]
    others = len(seen) - len(paths)
    if not paths:
        raise _refused(folder, "folder", "holds no images")
    faults = FaultList()
    for path in paths:
        if "/" not in path:
            faults.add(path, "lies beside the folders of the classes: which is it?")
    faults.raise_if_any(folder, "Put each image into the folder of its class.")
    digest = hashlib.sha256("\n".join(paths).encode("utf-8", "surrogateescape")).hexdigest()
    labels = [path.partition("/")[0] for path in paths]
    table = _Table(
        subject=folder,
        name=root.name,
        sha256=digest,
        unit="file",
        numbers=range(1, len(paths) + 1),
        cells={"path": paths, "label": labels},
    )
    left = counted(others, "file is", "files are")
    notes = (f"{left} no image, and left out",) if others else ()
    with collector_paused():
        catalog, _ = _catalog_of(table, _NO_COLUMNS, known_concepts, canonical, notes)
    return catalog, str(root)


def _names_below(root: Place) -> list[str]:
    """The files below a folder by their paths from there, sorted, without hidden ones."""
    if isinstance(root, CloudPath):
        names = root.names_below()
        return [name for name in names if not any(part[:1] == "." for part in name.split("/"))]
    found = []
    for above, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (Path(above, name) for name in files if not name.startswith("."))
        found += [path.relative_to(root).as_posix() for path in paths]
    return sorted(found)


def _refused(subject: str, place: str, problem: str) -> InputError:
    return InputError(subject, [Fault(place, problem)], _ADVICE)


def _read_table(source: SourceFile) -> _Table:
    other = other_format(source.content)
    if other is not None:
        raise _refused(source.subject, "file", f"holds {other.name}, not a table of crops")
    misshapen: dict[int, str] = {}
    unfit: dict[str, str] = {}
    numbers: Sequence[int]
    cells: Mapping[str, Sequence[object]]
    if source.content.startswith(PARQUET_MARK):
        header, columns, unfit = _parquet_columns(source)
        cells = dict(zip(header, columns, strict=True))
        unit, place, numbers = "row", "columns", range(1, 1 + max(map(len, columns), default=0))
    else:
        lines = csv_lines(source, _ADVICE, ",;\t")
        first, header = next(lines, (1, []))
        rows = list(lines)
        unit, place, width = "line", f"line {first}", len(header)
        misshapen = {
            line: f"has {len(row)} fields where the header has {width}"
            for line, row in rows
            if len(row) != width
        }
        if misshapen:
            rows = [(line, row) for line, row in rows if len(row) == width]
        numbers = [line for line, _ in rows]
        in_columns = zip(*(row for _, row in rows), strict=True) if rows else ((),) * width
        cells = dict(zip(header, in_columns, strict=True))
    twice = [name for name, times in Counter(map(_folded, header)).items() if times > 1]
    if twice:
        raise _refused(source.subject, place, f"more than one column is named {listed(twice)}")
    if not numbers and not misshapen:
        raise _refused(source.subject, "file", "has a header but no rows")
    return _Table(
        source.subject, source.name, source.sha256, unit, numbers, cells, misshapen, unfit
    )


def _parquet_columns(
    source: SourceFile,
) -> tuple[list[str], list[list[object]], dict[str, str]]:
    """The headers, the cells of each column, and the types of those that are no texts or numbers.

    The cells of such a column are all None.
    """
    import pyarrow.types as kinds

    unfit: dict[str, str] = {}
    columns: list[list[object]] = []
    with parquet_of(source, _ADVICE) as file:
        rows = file.metadata.num_rows
        if rows > MOST_ROWS:
            problem = f"holds {rows:,} rows, and at most {MOST_ROWS:,} are read"
            raise _refused(source.subject, "file", problem)
        table = file.read()
        table.validate(full=True)
        for name, column in zip(table.column_names, table.columns, strict=True):
            kind = column.type.value_type if kinds.is_dictionary(column.type) else column.type
            is_decimal = kinds.is_decimal(kind)
            is_fit = kinds.is_primitive(kind) and not kinds.is_duration(kind)
            if is_fit or kinds.is_null(kind) or is_decimal or _is_text(kind):
                columns.append((column.cast("float64") if is_decimal else column).to_pylist())
            else:
                unfit[name] = shortened(str(kind), 80)
                columns.append([None] * len(column))
        return table.column_names, columns, unfit


def _is_text(kind: Any) -> bool:
    return str(kind) in ("string", "large_string", "string_view")


def _as_text(cell: object) -> str:
    """A cell as text; a number that is whole without a point, as pandas writes one beside gaps.

    Examples:
        >>> _as_text(7.0), _as_text(" 7.0 "), _as_text(0.5)
        ('7', '7.0', '0.5')
    """
    is_whole = isinstance(cell, float) and cell.is_integer()
    return f"{cell:.0f}" if is_whole else str(cell).strip()


def _folded(header: str) -> str:
    return header.strip().casefold()


def _headers(table: _Table, columns: Mapping[str, str], there: Mapping[str, str]) -> dict[str, str]:
    """The header of each meaning that a column has; ``there`` has headers as they are compared."""
    wrong = FaultList()
    for meaning in columns.keys() - HEADERS.keys():
        known = ", ".join(HEADERS)
        wrong.add("columns", f"{shortened(meaning, 80)!r} is no meaning; there are: {known}")
    wrong.raise_if_any("parameters of ingest_crops")
    # Of a file that was not meant, such as one of passwords, not a word is repeated.
    usual_ones = {one for usual in HEADERS.values() for one in usual}
    seen = f"{counted(len(there), 'column', 'columns')} of other names"
    if usual_ones & there.keys():
        seen = listed(there)
    found: dict[str, str] = {}
    taken = {_folded(header) for header in columns.values()}
    for meaning, usual in HEADERS.items():
        named = columns.get(meaning, "")
        header = next((there[one] for one in usual if one in there and one not in taken), None)
        if named:
            header = there.get(_folded(named))
            if header is None:
                problem = f"no column is named {shortened(named, 80)!r}"
                wrong.add(f"column of {meaning}", f"{problem}; found {seen}")
        if header is not None:
            found[meaning] = header
        if header is not None and header in table.unfit:
            problem = f"holds {table.unfit[header]}, expected text or numbers"
            wrong.add(f"column {shortened(header, 80)}", problem)
        elif header is not None and list(found.values()).count(header) > 1:
            wrong.add(f"column {shortened(header, 80)}", "is named for more than one meaning")
    if "path" not in found and not wrong:
        names = f"{', '.join(HEADERS['path'][:3])} or url"
        wrong.add("columns", f"none is named {names}; found {seen}")
    wrong.raise_if_any(table.subject, _ADVICE)
    return found


class _Reader:
    """The columns of a table by what they mean, and what is wrong with their cells.

    Args:
        table: the rows.
        columns: see ``read_crop_table``.

    Raises:
        InputError: a meaning is unknown, or a column that is named or needed is not there.
    """

    def __init__(self, table: _Table, columns: Mapping[str, str]) -> None:
        self.table = table
        self.faults, self.notes = FaultList(), FaultList()
        for number, problem in table.misshapen.items():
            self.faults.add(f"{table.unit} {number}", problem)
        there = {_folded(header): header for header in table.cells}
        self.headers = _headers(table, columns, there)
        used = set(self.headers.values())
        self.of_image = {
            name: there[name] for name in _OF_IMAGE if name in there and there[name] not in used
        }
        if "url" in there and there["url"] not in used:
            self.of_image.setdefault("source_url", there["url"])
        self.number_header = there.get(ANNOTATION_ID, "")
        used |= {*self.of_image.values(), self.number_header}
        self.further = [header for header in table.cells if header not in used]

    def place(self, row: int) -> str:
        """Where a row stands, for messages."""
        return f"{self.table.unit} {self.table.numbers[row]}"

    def texts(self, header: str | None) -> list[str]:
        """The cells of a column as texts without white space around them; empty without one."""
        if header is None:
            return [""] * len(self.table.numbers)
        cells = self.table.cells[header]
        if self.table.unit != "row":
            return [str(cell).strip() for cell in cells]
        return [
            "" if cell is None or (isinstance(cell, float) and isnan(cell)) else _as_text(cell)
            for cell in cells
        ]

    def once(self, values: Sequence[object], what: str) -> None:
        """Finds values that an earlier row has, except for empty ones."""
        given = [value for value in values if value not in ("", None)]
        if len(set(given)) == len(given):
            return
        first: dict[object, int] = {}
        for row, value in enumerate(values):
            if value not in ("", None) and first.setdefault(value, row) != row:
                where = self.place(first[value])
                self.faults.add(self.place(row), f"{what} is already on {where}")

    def paths(self) -> tuple[list[str], list[str], str]:
        """The file name and the URL of each crop, and the folder that absolute paths have above."""
        names, urls = [], []
        for row, text in enumerate(self.texts(self.headers["path"])):
            name, url = "", None
            try:
                name, url = image_name(text)
                if url:
                    web_url(url)
                elif not text:
                    raise ValueError(f"has no path in the column {self.headers['path']}")
            except ValueError as error:
                self.faults.add(self.place(row), str(error))
            names.append(name)
            urls.append(url or "")
        of_urls = [name for name, url in zip(names, urls, strict=True) if url]
        if len(set(of_urls)) < len(of_urls):
            # Files of equal names in several folders of the host keep these folders.
            names = [
                unquote(urlsplit(url).path).lstrip("/") if url else name
                for name, url in zip(names, urls, strict=True)
            ]
        absolute = [name for name in names if _ABSOLUTE.match(name)]
        above = ""
        if absolute and min(absolute)[0] == max(absolute)[0]:
            # Of sorted texts the first and the last have in common what all have.
            above = commonpath([dirname(min(absolute)), dirname(max(absolute))])
            number = counted(len(absolute), "path is", "paths are")
            problem = f"{number} absolute: read as below {shortened(above, 80)}"
            self.notes.add(f"column {self.headers['path']}", problem)
            names = [name.removeprefix(f"{above.rstrip('/')}/") for name in names]
        self.refuse_unsafe(names)
        self.once([folded_name(name) for name in names], "the same file")
        return names, urls, above

    def refuse_unsafe(self, names: Sequence[str]) -> None:
        """Finds the file names that no folder or bucket may be given."""
        for row, name in enumerate(names):
            try:
                if name:
                    safe_file_name(name)
            except ValueError as error:
                self.faults.add(self.place(row), str(error))

    def labels(self, meaning: str, spell: Callable[[str], str | None]) -> Sequence[str | None]:
        """The names in a column; None for an empty cell."""
        header = self.headers.get(meaning)
        if header is None:
            return [None] * len(self.table.numbers)
        judged: dict[str, str | None] = {"": None}
        found = []
        for row, text in enumerate(self.texts(header)):
            if text not in judged:
                try:
                    name = category_name(text)
                    judged[text] = spell(name) or name
                except ValueError as error:
                    judged[text] = None
                    self.faults.add(f"{self.place(row)}, {header}", str(error))
                if judged[text] not in (text, None):
                    problem = f"{shortened(text, 80)!r} was read as {judged[text]!r}"
                    self.notes.add(f"{self.place(row)}, {header}", problem, "labels respelt")
            found.append(judged[text])
        return found

    def shares(self, meaning: str) -> list[float | None]:
        """The numbers from 0 to 1 in a column; None for an empty cell."""
        header = self.headers.get(meaning)
        if header is None:
            return [None] * len(self.table.numbers)
        found: list[float | None] = []
        for row, text in enumerate(self.texts(header)):
            value = number_of(text) if text else None
            if text and not (value is not None and 0 <= value <= 1):
                problem = f"should be a number in 0..1, not {shortened(text, 40)!r}"
                self.faults.add(f"{self.place(row)}, {header}", problem)
            found.append(value)
        return found

    def crop_numbers(self, names: Sequence[str]) -> list[int]:
        """The number of each crop, by which predictions find it."""
        header = self.number_header
        if header:
            numbers = []
            for row, text in enumerate(self.texts(header)):
                number = whole_number(text)
                if number is None or not 0 <= number <= LARGEST_ID:
                    problem = f"should be a whole number, not {shortened(text, 40)!r}"
                    self.faults.add(f"{self.place(row)}, {header}", problem)
                numbers.append(number or 0)
            self.once(numbers, f"the number in {header}")
            return numbers
        named = [int(str(one)) for one in boxes_by_name(names, always=True)[0] if one is not None]
        if len(set(named)) == len(names) and max(named, default=0) <= LARGEST_ID:
            return named
        return list(range(1, len(names) + 1))

    def origins(self, urls: Sequence[str]) -> list[Origin]:
        """What of a crop does not concern its label, in the order of ``ImageRecord``."""
        columns = {name: self.texts(self.of_image.get(name)) for name in _OF_IMAGE}
        found: list[Origin] = []
        for row, (url, width, height, date, vehicle, dive, source_url) in enumerate(
            zip(urls, *columns.values(), strict=True)
        ):
            wide = self._side(row, "width", width) if width else 0
            high = self._side(row, "height", height) if height else 0
            source = captured = stamp = of_vehicle = of_dive = None
            try:
                source, stamp, of_vehicle, of_dive = _said_by(url or source_url)
            except ValueError as error:
                if not url:  # what is wrong with the path itself is told there
                    place = f"{self.place(row)}, {self.of_image['source_url']}"
                    self.faults.add(place, str(error))
            try:
                captured = parse_date(date) if date else None
            except ValueError as error:
                place = f"{self.place(row)}, {self.of_image['date_captured']}"
                self.notes.add(place, str(error), "dates left out")
            # One side alone is no size.
            size = (wide, high) if wide and high else (0, 0)
            where = vehicle or of_vehicle, dive or of_dive
            found.append((*size, source, captured or stamp, *where))
        return found

    def _side(self, row: int, name: str, text: str) -> int:
        """A width or a height in pixels; 0 where it is none, which is a fault."""
        side = whole_number(text) or 0
        if not 0 < side <= LARGEST_SIDE:
            problem = f"should be pixels, not {shortened(text, 40)!r}"
            self.faults.add(f"{self.place(row)}, {self.of_image[name]}", problem)
            return 0
        return side


@lru_cache(maxsize=256)  # an image has many crops, on rows that follow each other
def _said_by(url: str) -> tuple[str | None, datetime | None, str | None, str | None]:
    """A URL, and the time, the vehicle and the dive that it names; see ``web_url``."""
    source = web_url(url)
    named = parse_dive(source)
    return source, parse_time(source), named.vehicle, named.dive


def _typed(cells: Sequence[object], has_types: bool) -> list[object]:
    """The cells of a column: texts of a csv as numbers or truths where all of them are such."""
    if has_types:
        return [cell.isoformat() if hasattr(cell, "isoformat") else cell for cell in cells]
    texts = [str(cell).strip() for cell in cells]
    given = {text for text in texts if text}
    if given and all(map(_WHOLE.fullmatch, given)):
        return [int(text) if text else None for text in texts]
    if given and all(number_of(text) is not None for text in given):
        # 007 is a name, not a number.
        if not any(re.match(r"-?0[0-9]", text) for text in given):
            return [number_of(text) if text else None for text in texts]
    elif given and {text.casefold() for text in given} <= {"true", "false"}:
        return [text.casefold() == "true" if text else None for text in texts]
    return list(texts)


def _note(reader: _Reader, shares: Sequence[float | None]) -> None:
    """Notes what of a table is odd as a whole."""
    given = [share for share in shares if share is not None]
    if len(given) > 1 and len(set(given)) == 1:
        problem = f"all {len(given):,} are {given[0]:g}: they tell no crop from another"
        reader.notes.add(f"column {CONFIDENCE}", problem)
    for header, kind in reader.table.unfit.items():
        reader.notes.add("columns", f"{shortened(header, 80)!r} was left out: it holds {kind}")
    if "label" not in reader.headers:
        number = len(reader.table.numbers)
        reader.notes.add("columns", f"none is of labels: all {number:,} crops are without one")


def _catalog_of(
    table: _Table,
    columns: Mapping[str, str],
    known_concepts: Iterable[str],
    canonical: Callable[[str], str | None] | None,
    notes: Sequence[str] = (),
) -> tuple[Catalog, str | None]:
    """The catalog of a table's rows, and the folder that was above absolute paths.

    The folder is None where all paths are URLs.
    """
    reader = _Reader(table, columns)
    spelling = {name.casefold(): name for name in known_concepts}

    def spell(name: str) -> str:
        better = spelling.get(name.casefold()) or (canonical and canonical(name)) or name
        # Names that differ by case alone are one concept, spelt as on the first row.
        return spelling.setdefault(better.casefold(), better)

    names, urls, above = reader.paths()
    numbers = reader.crop_numbers(names)
    labels = reader.labels("label", spell)
    shares, second = reader.shares(CONFIDENCE), reader.shares("confidence_2")
    margins = [
        None if one is None or other is None else one - other
        for one, other in zip(shares, second, strict=True)
    ]
    beside: dict[str, Sequence[Any]] = {
        CONFIDENCE: shares,
        SECOND_LABEL: reader.labels("label_2", spell),
        SECOND_CONFIDENCE: second,
        MARGIN: margins,
    }
    given = {
        name: cells for name, cells in beside.items() if any(cell is not None for cell in cells)
    }
    external = reader.texts(reader.headers.get(EXTERNAL_ID))
    reader.once(external, f"the {EXTERNAL_ID}")
    origins = reader.origins(urls)
    reader.faults.raise_if_any(table.subject, "Correct the rows, then try again.")
    _note(reader, shares)
    # A Parquet file says itself what is a number.
    typed = {header: _typed(table.cells[header], table.unit == "row") for header in reader.further}
    kinds, further = read_columns("columns", typed, reader.notes, MOST_COLUMNS)
    if any(external):
        further = {EXTERNAL_ID: [text or None for text in external], **further}
    boxes = [
        BoxRecord(number, label, _WHOLE_IMAGE, 0.0, 0, own)
        for number, label, own in zip(numbers, labels, _rows_of(given, names), strict=True)
    ]
    rows = zip(numbers, names, origins, boxes, _rows_of(further, names), strict=True)
    images = [
        ImageRecord(number, name, *origin, None, (box,), others)
        for number, name, origin, box, others in rows
    ]
    of_boxes = {name: str if name == SECOND_LABEL else float for name in given}
    of_boxes.pop(CONFIDENCE, None)
    catalog = Catalog(
        source=table.name,
        sha256=table.sha256,
        images=tuple(images),
        concepts=tuple(sorted({label for label in labels if label is not None})),
        licences=(),
        statements=(),
        notes=reader.notes.all(),
        told=(*notes, *reader.notes.told()),
        image_fields={**({EXTERNAL_ID: str} if any(external) else {}), **kinds},
        box_fields=of_boxes,
    )
    return catalog, None if all(urls) else above


def _rows_of(
    columns: Mapping[str, Sequence[Value | None]], rows: Sequence[object]
) -> Iterable[Members]:
    """Of each row the names and values that it has, of columns by name."""
    if not columns:
        return ((),) * len(rows)
    named = (
        [None if cell is None else (name, cell) for cell in cells]
        for name, cells in columns.items()
    )
    return [tuple(filter(None, pairs)) for pairs in zip(*named, strict=True)]
