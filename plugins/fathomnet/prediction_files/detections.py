"""A detector's own boxes, read and checked row by row, whichever form their file has.

Read are COCO's results, tables with a rectangle in each row (such as the submissions of FathomNet
2026), folders of YOLO's labels, and the JSON of MegaDetector and SpeciesNet.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import yaml

from ..errors import Fault, InputError
from ..files.faults import FaultList, kind_in_words
from ..files.other_formats import LOOKED_AT, other_format
from ..files.places import Place, place
from ..files.reading import PARQUET_MARK, SourceFile, decode, parquet_of, read_source
from ..text import counted, listed, shortened
from .layout import (
    CATEGORY_ID,
    CATEGORY_NAMES,
    Columns,
    detection_columns,
    number_or_nan,
    numbers_in,
    whole_number,
)
from .reading import ROUNDING, Names, judge_name
from .rows import MOST_ROWS, check_extent, csv_lines
from .run import CSV_NAME, PARQUET_NAME

CAMERA_TRAPS: Final = "MegaDetector"
COCO_RESULTS: Final = "COCO results"
TABLE: Final = "table"
YOLO: Final = "YOLO"

EXPECTED: Final = (
    "A detector's boxes are read from COCO's results (JSON); a CSV or Parquet file with image_id "
    "or file_name, category_id or concept_name, bbox_x, bbox_y, bbox_width, bbox_height and score; "
    "a folder of YOLO's labels with data.yaml or classes.txt; and the JSON of MegaDetector or "
    "SpeciesNet."
)

_CORRECT: Final = "Correct these rows, or choose to skip bad rows."
_CLASS_FILES: Final = ("classes.txt", "obj.names", "labels.txt")
_SETTINGS: Final = ("data.yaml", "dataset.yaml", "data.yml")
_YOLO_FIELDS: Final = (5, 6)
_LOOKED_INTO: Final = 20
"""Files of a folder that are looked into until one is found to hold labels."""

_ANIMALS: Final = {"1": "animal", "2": "person", "3": "vehicle"}
"""MegaDetector's own categories, for a file that does not repeat them."""

Rectangles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DetectedBoxes:
    """A detector's boxes; every column has one entry a box, in the order of the file.

    Attributes:
        images: the image of each: its id, or the name of its file.
        labels: names of concepts.
        rectangles: (boxes, 4) left, top, width, height.
        confidences: in 0..1; None for a box without one.
        places: where each box stands in the file.
        is_relative: whether the rectangles are shares of the image's sides, not pixels.
        form: ``COCO_RESULTS``, ``TABLE``, ``YOLO`` or ``CAMERA_TRAPS``.
        source: name of the file or folder, without the path above it.
        sha256: hash of the file; of a folder, of the lines ``<sha256>  <name>`` of its files.
        looked_at: images that the file names without any box.
        rejected: a fault for each row that was left out.
        rows: rows of the file.
        ignored: headers of the columns that were not read.
        notes: what was noticed.
    """

    images: Sequence[int | str]
    labels: Sequence[str]
    rectangles: Rectangles
    confidences: Sequence[float | None]
    places: Sequence[str]
    is_relative: bool
    form: str
    source: str
    sha256: str
    looked_at: tuple[str, ...] = ()
    rejected: tuple[Fault, ...] = ()
    rows: int = 0
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)


@dataclass(slots=True)
class _Rows:
    """The rows of a file while they are read and judged."""

    subject: str
    name_of: Callable[[object], tuple[str, str]]
    images: list[int | str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    rectangles: list[list[float]] = field(default_factory=list)
    confidences: list[float | None] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    looked_at: list[str] = field(default_factory=list)
    rejected: list[Fault] = field(default_factory=list)
    rows: int = 0

    def add(
        self,
        where: str,
        image: object,
        concept: object,
        rectangle: object,
        score: object,
        needs_score: bool = True,
    ) -> None:
        """Judges one row, and keeps it if nothing is wrong with it."""
        self.count(where)
        label, problem = self.name_of(concept)
        problems = [problem] if problem else []
        number = whole_number(image)
        named = image.strip() if isinstance(image, str) else number
        if named in (None, ""):
            problems.append(f"the image is {_shown(image)}; it should be an id or a file's name")
        sides = [number_or_nan(side) for side in rectangle] if isinstance(rectangle, list) else []
        if len(sides) != 4:
            width = f"has {len(sides)} numbers" if sides else f"is {_shown(rectangle)}"
            problems.append(f"the rectangle {width}; it should have 4")
        elif not all(map(math.isfinite, sides)):
            cells = ", ".join(shortened(str(side), 20) for side in rectangle)  # type: ignore[attr-defined]  # a list, see above
            problems.append(f"the rectangle should be 4 finite numbers, not {cells}")
        elif min(sides[2:]) <= 0:
            problems.append(f"the rectangle has no area: {sides[2]:g} wide, {sides[3]:g} high")
        confidence = None if score in (None, "") else number_or_nan(score)
        if confidence is None and needs_score:
            problems.append("the score is empty; it should be a number in 0..1")
        elif confidence is not None and not 0 <= confidence <= 1 + ROUNDING:
            problems.append(f"the score should be a number in 0..1, not {_shown(score)}")
        if problems or named is None:
            self.reject(where, "; ".join(problems))
            return
        self.images.append(named)
        self.labels.append(label)
        self.rectangles.append(sides)
        self.confidences.append(None if confidence is None else min(confidence, 1.0))
        self.places.append(where)

    def count(self, where: str) -> None:
        """Counts a row, and refuses the file once there are more than can be held."""
        self.rows += 1
        if self.rows > MOST_ROWS:
            problem = f"at most {MOST_ROWS:,} boxes are read"
            raise InputError(self.subject, [Fault(where, problem)], "Divide it into several files.")

    def reject(self, where: str, problem: str) -> None:
        self.rejected.append(Fault(where, problem))


def detections_form(path: str | Place) -> tuple[str, SourceFile | None]:
    """The form of a file of a detector's boxes, from what it holds; "" for any other file.

    A table that has annotation ids too may be about annotated boxes: ``TABLE`` says only that it
    can be read as boxes of its own.

    Args:
        path: a file or folder; one that cannot be read has no form.

    Returns:
        Also the file, so that it need not be read again; None for a folder, and for what cannot be
        read.
    """
    try:
        if str(path) and place(path).is_dir():
            return (YOLO if _is_yolo(place(path)) else ""), None
        source = read_source(path)
    except (InputError, OSError):
        return "", None
    return form_of_source(source), source


def form_of_source(source: SourceFile) -> str:
    r"""The form of a file of detections, as ``detections_form``.

    Examples:
        >>> table = b"image_id,concept_name,bbox_x,bbox_y,bbox_width,bbox_height,score\n"
        >>> form_of_source(SourceFile("a.csv", "a.csv", table, sha256=""))
        'table'
        >>> results = b'[{"image_id": 1, "bbox": [0, 0, 9, 9], "score": 0.8}]'
        >>> form_of_source(SourceFile("a.json", "a.json", results, sha256=""))
        'COCO results'
    """
    other = other_format(source.content)
    if other is not None:
        return other.detections if other.detections != YOLO else ""
    with suppress(InputError, OSError, ValueError):
        if source.content.startswith(PARQUET_MARK):
            with parquet_of(source, EXPECTED) as file:
                header = file.schema_arrow.names
        else:
            beginning = SourceFile(source.subject, source.name, source.content[:LOOKED_AT], "")
            header = next(csv_lines(beginning), (1, list[str]()))[1]
        return TABLE if detection_columns(header) is not None else ""
    return ""


def read_detections(
    path: str | Place | SourceFile,
    canonical: Names,
    suggest: Names | None = None,
    skip_bad_rows: bool = False,
    categories: Mapping[int, str] | None = None,
) -> DetectedBoxes:
    """Reads and checks a file or folder of a detector's boxes.

    Args:
        path: of the file or folder; or the file, where it has been read already.
        canonical: gives the canonical spelling of a concept's name, None if it is unknown.
        suggest: gives the known name that is closest to an unknown one.
        skip_bad_rows: leave out faulty rows and list them, instead of refusing the file.
        categories: names of the catalog's categories by their ids.

    Raises:
        InputError: the file is of no form that holds boxes, has faulty rows (the first 1,000 are
            listed, the others counted), or has no row without faults.
    """
    names = _ClassNames(canonical, suggest, categories or {})
    subject = path.subject if isinstance(path, SourceFile) else str(path)
    if not isinstance(path, SourceFile) and str(path) and place(path).is_dir():
        folder = place(path)
        if not _is_yolo(folder):
            problem = "holds no labels of YOLO (*.txt, or labels/*.txt)"
            raise InputError(subject, [Fault("folder", problem)], EXPECTED)
        found = _read_yolo(folder, names)
    else:
        source = path if isinstance(path, SourceFile) else read_source(path)
        form = form_of_source(source)
        if not form:
            other = other_format(source.content)
            problem = (
                f"holds {other.name}" if other else "is no table with an image and a rectangle"
            )
            advice = (
                "Name the folder of the labels, not one file."
                if other and (other.detections == YOLO)
                else EXPECTED
            )
            raise InputError(source.subject, [Fault("file", problem)], advice)
        readers = {
            COCO_RESULTS: _read_results,
            CAMERA_TRAPS: _read_camera_traps,
            TABLE: _read_table,
        }
        found = readers[form](source, names)
    if found.rejected and not (skip_bad_rows and len(found)):
        faults = FaultList()
        for fault in found.rejected:
            faults.add(fault.place, fault.problem)
        raise InputError(subject, faults.all(), _CORRECT)
    if not found.rows and not found.looked_at:
        raise InputError(subject, [Fault("file", "holds no box")], EXPECTED)
    return found


class _ClassNames:
    """What the classes of a file are called in the dataset."""

    def __init__(
        self, canonical: Names, suggest: Names | None, categories: Mapping[int, str]
    ) -> None:
        self.categories = categories
        self.unknown: dict[str, None] = {}
        self.contradicted = self.unnamed = 0
        self._canonical, self._suggest = canonical, suggest
        self._judged: dict[object, tuple[str, str]] = {}

    def known(self, cell: object) -> tuple[str, str]:
        """The name of a concept that the taxonomy or the dataset knows, or "" and a problem."""
        if not isinstance(cell, str | int | float | None):
            return "", f"concept_name is {kind_in_words(cell)}"
        if cell not in self._judged:
            self._judged[cell] = judge_name(cell, self._canonical, self._suggest)
        return self._judged[cell]

    def of_category(self, cell: object) -> tuple[str, str]:
        """The name of a category of the catalog, or "" and a problem."""
        number = whole_number(cell)
        name = None if number is None else self.categories.get(number)
        if name is None:
            ids = sorted(self.categories)
            span = f"the catalog's are {ids[0]}..{ids[-1]}" if ids else "the catalog has none"
            return "", f"category_id {_shown(cell)} is of no category; {span}"
        return self._canonical(name) or name, ""

    def of_named_category(self, cell: object) -> tuple[str, str]:
        """The name that stands beside a category's id, or the catalog's where none does.

        Programs number their classes as they like, so a name says more than a number.
        """
        category, name = cell if isinstance(cell, tuple) else (cell, None)
        if not isinstance(name, str) or not name.strip() or whole_number(name) is not None:
            self.unnamed += 1
            return self.of_category(category)
        label, problem = self.known(name)
        by_number = self.categories.get(whole_number(category))  # type: ignore[arg-type]
        if by_number and label and (self._canonical(by_number) or by_number) != label:
            self.contradicted += 1
        return label, problem

    def own(self, name: str) -> str:
        """A class that the file itself names, which may be of no taxon, such as ``animal``."""
        known = self._canonical(name)
        if known is None:
            self.unknown.setdefault(name.strip())
        return known or name.strip()

    def notes(self) -> tuple[str, ...]:
        """What is to be told of the classes that were read."""
        notes = []
        if self.unknown:
            names = listed(list(self.unknown))
            notes = [
                f"classes that neither the taxonomy nor the dataset knows, as written: {names}"
            ]
        if self.contradicted:
            boxes = counted(self.contradicted, "box has", "boxes have")
            notes.append(
                f"{boxes} a category_id that the catalog gives another name: the name in the file "
                "was taken"
            )
        return tuple(notes)


def _read_results(source: SourceFile, names: _ClassNames) -> DetectedBoxes:
    """COCO's results, and those of Ultralytics, which name images by their files' stems."""
    rows = _Rows(source.subject, names.of_named_category)
    content = _json(source)
    for at, one in enumerate(_list(content)):
        where = f"[{at}]"
        if not isinstance(one, dict):
            rows.count(where)
            rows.reject(where, f"should be an object, not {kind_in_words(one)}")
            continue
        image = one.get("image_id", one.get("file_name"))
        name = next((one[member] for member in CATEGORY_NAMES if one.get(member)), None)
        rows.add(where, image, (one.get(CATEGORY_ID), name), one.get("bbox"), one.get("score"))
    notes = list(names.notes())
    if names.unnamed and any(isinstance(image, str) for image in rows.images):
        notes.append(
            "images are named by their files, as Ultralytics does: its category ids are taken for "
            "the catalog's, and programs that number classes from 0 mean others"
        )
    return _columns(rows, source, COCO_RESULTS, False, notes=notes)


def _read_camera_traps(source: SourceFile, names: _ClassNames) -> DetectedBoxes:
    """``images[].detections[]`` of MegaDetector, ``predictions[].detections[]`` of SpeciesNet."""
    members: dict[str, Any] = content if isinstance(content := _json(source), dict) else {}
    listed_in = "images" if "images" in members else "predictions"
    classes = _camera_trap_classes(source, members)

    def name_of(detection: object) -> tuple[str, str]:
        one = detection if isinstance(detection, dict) else {}
        label = one.get("label")
        name = label if isinstance(label, str) else classes.get(str(one.get("category")), "")
        if name.strip():
            return names.own(name), ""
        return "", f"category {_shown(one.get('category'))} is none of detection_categories"

    rows = _Rows(source.subject, name_of)
    failed = 0
    for at, image in enumerate(_list(members.get(listed_in))):
        where = f"{listed_in}[{at}]"
        file = image.get("file", image.get("filepath")) if isinstance(image, dict) else None
        if not isinstance(file, str) or not file.strip():
            rows.count(where)
            rows.reject(where, f"the image is {_shown(file)}; it should be a file's name")
            continue
        detections = image.get("detections")
        # SpeciesNet leaves them out of what it only classified.
        is_none = detections is None and ("detections" in image or listed_in != "images")
        if is_none or image.get("failure") or image.get("failures"):
            failed += 1
        elif not isinstance(detections, list):
            rows.count(where)
            rows.reject(where, f"detections should be a list, not {kind_in_words(detections)}")
        elif not detections:
            rows.looked_at.append(file)
        for number, one in enumerate(_list(detections)):
            box = one if isinstance(one, dict) else {}
            rows.add(f"{where}.detections[{number}]", file, one, box.get("bbox"), box.get("conf"))
    notes = [f"{counted(failed, 'image', 'images')} failed in the detector"] if failed else []
    return _columns(rows, source, CAMERA_TRAPS, True, notes=[*names.notes(), *notes])


def _camera_trap_classes(source: SourceFile, members: Mapping[str, Any]) -> dict[str, str]:
    """The names of the categories by their numbers.

    Raises:
        InputError: they are given, but not as names by numbers.
    """
    written = members.get("detection_categories", _ANIMALS)
    if not isinstance(written, dict):
        problem = f"should be an object of names by their numbers, not {kind_in_words(written)}"
        raise InputError(source.subject, [Fault("detection_categories", problem)], EXPECTED)
    return {str(id_): str(name) for id_, name in written.items()}


def _read_table(source: SourceFile, names: _ClassNames) -> DetectedBoxes:
    """A CSV or Parquet file with a rectangle in each row."""
    is_parquet = source.content.startswith(PARQUET_MARK)
    lines = _parquet_lines(source) if is_parquet else csv_lines(source)
    unit, header = "row" if is_parquet else "line", list(map(str, next(lines)[1]))
    columns = detection_columns(header)
    assert columns is not None, "its form was found before"
    rows = _Rows(source.subject, names.of_named_category if columns.is_category else names.known)
    for number, cells in lines:
        where = f"{unit} {number}"
        if len(cells) != len(header):
            rows.count(where)
            problem = f"has {len(cells)} fields where the header has {len(header)}"
            rows.reject(where, problem)
            continue
        score = None if columns.score is None else cells[columns.score]
        image = cells[columns.image]
        if columns.is_image_id and isinstance(image, str):
            # An id as a number, where a table writes it as a text.
            image = whole_number(image) if whole_number(image) is not None else image
        rectangle = _rectangle(cells, columns)
        concept = cells[columns.concept]
        if columns.category_name is not None:
            concept = (concept, cells[columns.category_name])
        rows.add(where, image, concept, rectangle, score, columns.score is not None)
    sides = np.array(rows.rectangles, np.float64).reshape(-1, 4)
    # No detector finds boxes of a pixel at most: those are shares of the image.
    is_relative = len(sides) > 0 and bool((sides[:, 2:] <= 1).all() and (sides[:, :2] <= 1).all())
    notes = list(names.notes())
    if is_relative:
        notes.append("the rectangles are shares of their images' sides")
    used = columns.used
    ignored = tuple(name for at, name in enumerate(header) if at not in used)
    return _columns(rows, source, TABLE, is_relative, ignored, notes)


def _parquet_lines(source: SourceFile) -> Iterator[tuple[int, Sequence[Any]]]:
    """The header, as row 0, and the rows with their numbers."""
    with parquet_of(source, EXPECTED) as file:
        check_extent(source, file.metadata)
        table = file.read()
        table.validate(full=True)
    cells = [column.to_pylist() for column in table.columns]
    return enumerate(chain([table.column_names], zip(*cells, strict=True)))


def _rectangle(cells: Sequence[object], columns: Columns) -> object:
    """Left, top, width and height of a row, as far as they can be read."""
    written: object = [cells[at] for at in columns.rectangle]
    if len(columns.rectangle) == 1:
        written = cells[columns.rectangle[0]]
        if isinstance(written, str):
            written = numbers_in(written) or written
    if columns.has_corners and isinstance(written, list) and len(written) == 4:
        left, top, right, bottom = map(number_or_nan, written)
        return [left, top, right - left, bottom - top]
    return written


def _is_yolo(folder: Place) -> bool:
    """Whether a folder of this machine holds YOLO's labels, and no table of predictions."""
    if not isinstance(folder, Path) or any(
        (folder / name).exists() for name in (CSV_NAME, PARQUET_NAME)
    ):
        return False
    for file in islice(_label_files(folder), _LOOKED_INTO):
        with file.open("rb") as opened:
            beginning = opened.read(LOOKED_AT)
        if beginning.strip():
            other = other_format(beginning)
            is_known = other is not None and other.detections == YOLO
            # Beside a list of classes damaged lines are labels too, and are told with their places.
            return is_known or any(
                (folder / name).is_file() for name in (*_SETTINGS, *_CLASS_FILES)
            )
    return False


def _label_files(folder: Path) -> list[Path]:
    """The files of labels in a folder, or in its folder ``labels``, by their names."""
    for where in (folder, folder / "labels"):
        found = sorted(one for one in where.glob("*.txt") if one.name not in _CLASS_FILES)
        if found:
            return found
    return []


def _read_yolo(folder: Place, names: _ClassNames) -> DetectedBoxes:
    assert isinstance(folder, Path), "only folders of this machine are recognised"
    classes = {number: names.own(name) for number, name in _class_names(folder).items()}

    def name_of(cell: object) -> tuple[str, str]:
        name = classes.get(whole_number(cell))  # type: ignore[arg-type]  # None is no class
        if name is not None:
            return name, ""
        return "", f"class {_shown(cell)} is none of the {len(classes)} of the class list"

    rows = _Rows(str(folder), name_of)
    listing = []
    for file in _label_files(folder):
        try:
            content = file.read_bytes()
        except OSError as error:
            fault = Fault(file.name, f"cannot be read: {error.strerror}")
            raise InputError(str(folder), [fault], "Check its rights.") from None
        digest = hashlib.sha256(content).hexdigest()
        listing.append(f"{digest}  {file.name}\n")
        text = decode(SourceFile(str(file), file.name, content, digest))
        lines = [(at, line.split()) for at, line in enumerate(text.splitlines(), 1) if line.strip()]
        if not lines:
            rows.looked_at.append(file.stem)
        for at, cells in lines:
            where = f"{shortened(file.name, 100)}, line {at}"
            if len(cells) not in _YOLO_FIELDS:
                rows.count(where)
                wanted = "class, centre x, centre y, width, height and perhaps a confidence"
                rows.reject(where, f"has {len(cells)} fields; it should have {wanted}")
                continue
            x, y, width, height = map(number_or_nan, cells[1:5])
            rectangle = [x - width / 2, y - height / 2, width, height]
            score = cells[5] if len(cells) > _YOLO_FIELDS[0] else None
            rows.add(where, file.stem, cells[0], rectangle, score, needs_score=False)
    whole = SourceFile(
        str(folder),
        folder.resolve().name,
        b"",
        hashlib.sha256("".join(listing).encode()).hexdigest(),
    )
    return _columns(rows, whole, YOLO, True, notes=names.notes())


def _class_names(folder: Path) -> dict[int, str]:
    """The names of YOLO's classes by their numbers, from the folder or the one above it.

    Raises:
        InputError: nothing says them, or the file that should cannot be read.
    """
    for where in (folder, folder / "labels", folder.resolve().parent):
        for file in (where / name for name in (*_SETTINGS, *_CLASS_FILES)):
            if not file.is_file():
                continue
            text = decode(read_source(file))
            listed_names: object = [line.strip() for line in text.splitlines() if line.strip()]
            if file.name in _SETTINGS:
                try:
                    settings = yaml.safe_load(text)
                except (yaml.YAMLError, RecursionError, ValueError):
                    fault = Fault(shortened(file.name, 80), "is no YAML")
                    raise InputError(str(folder), [fault], "Write it again.") from None
                listed_names = settings.get("names") if isinstance(settings, dict) else None
            pairs = (
                listed_names.items()
                if isinstance(listed_names, dict)
                else (enumerate(listed_names) if isinstance(listed_names, list) else ())
            )
            numbered = [(whole_number(number), name) for number, name in pairs]
            if not numbered or not all(
                number is not None and isinstance(name, str) and name.strip()
                for number, name in numbered
            ):
                fault = Fault(f"{file.name}: names", "should be a list of the classes' names")
                raise InputError(str(folder), [fault], "Write the names of the classes.")
            return {number: name for number, name in numbered if number is not None}
    problem = f"neither {_SETTINGS[0]} nor {_CLASS_FILES[0]} says what the classes are called"
    advice = f"Put the {_SETTINGS[0]} of the training into the folder."
    raise InputError(str(folder), [Fault("folder", problem)], advice)


def _columns(
    rows: _Rows,
    source: SourceFile,
    form: str,
    is_relative: bool,
    ignored: tuple[str, ...] = (),
    notes: Sequence[str] = (),
) -> DetectedBoxes:
    return DetectedBoxes(
        images=rows.images,
        labels=rows.labels,
        rectangles=np.array(rows.rectangles, np.float64).reshape(-1, 4),
        confidences=rows.confidences,
        places=rows.places,
        is_relative=is_relative,
        form=form,
        source=source.name,
        sha256=source.sha256,
        looked_at=tuple(rows.looked_at),
        rejected=tuple(rows.rejected),
        rows=rows.rows,
        ignored=ignored,
        notes=tuple(notes),
    )


def _json(source: SourceFile) -> Any:
    try:
        return json.loads(decode(source))
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        advice = "The file looks cut off or damaged: write it again."
        raise InputError(source.subject, [Fault(where, error.msg)], advice) from None
    except (RecursionError, ValueError) as error:
        fault = Fault("file", f"is no JSON: {shortened(str(error), 200)}")
        raise InputError(source.subject, [fault], EXPECTED) from None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _shown(cell: object) -> str:
    """A cell as a message shows it."""
    if cell is None or cell == "":
        return "empty"
    if isinstance(cell, str | int | float) and not isinstance(cell, bool):
        return shortened(repr(cell), 60)
    return kind_in_words(cell)
