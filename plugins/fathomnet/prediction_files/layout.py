"""What the columns of a table of predictions mean.

The competition's own columns are ``annotation_id`` and ``concept_name``. Others name a box by the
file of its crop, a concept by its category's id, or have one column of probabilities a concept.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..names import ANNOTATION_ID, SECOND_CONFIDENCE, SECOND_LABEL

CONCEPT_NAME: Final = "concept_name"
CATEGORY_ID: Final = "category_id"
NAMED_IMAGE: Final = "named_image"
NAMED_BOX: Final = "named_box"
"""Columns of ``RawRows.identity``: the image and the box that the name of a crop's file gives."""

PATHS: Final = (
    *("path", "file_path", "filepath", "file", "filename", "file_name"),
    *("roi", "roi_path", "roi_file", "crop", "crop_path", "crop_name"),
    *("image", "image_path", "image_name", "image_file", "img_path"),
)
"""Headers of the files of crops, in a table that has no ``annotation_id``."""

LABELS: Final = (
    *("label", "concept", "class", "class_name", "category", "category_name", "name"),
    *("prediction", "predicted_label", "predicted_class"),
)
"""Headers of concepts in a table of crops' files."""

SECOND_BEST: Final[Mapping[str, tuple[str, ...]]] = {
    SECOND_LABEL: (SECOND_LABEL, "label_2", "concept_name_2", "concept_2"),
    SECOND_CONFIDENCE: (SECOND_CONFIDENCE, "confidence_2"),
}
"""Headers of the second-best concept and of its confidence."""

_CROP: Final = re.compile(
    r"\s*(?:.*[/\\])?(?P<image>[^/\\]+)_(?P<box>[0-9]{1,19})(?:\.[A-Za-z]\w{0,4})?\s*", re.DOTALL
)
"""``<image>_<annotation>``, as the competition's downloader names crops."""

_PREFIX: Final = re.compile(r"(?:p|prob|probability|pred|score)[_ .:-]\s*", re.IGNORECASE)

_ROWS_AT_ONCE: Final = 100_000


CROP_IDS: Final = ("external_id", "sample_id", "label_id", "id")
"""Headers by which a row may also name a crop that is an image of its own."""


def find_columns(names: Sequence[str], ids: Sequence[str] = ()) -> dict[str, str]:
    """Which column has which meaning; a meaning is left out if no column has it.

    Args:
        names: the headers, without white space around them and in lower case.
        ids: further headers of the column that says which box or crop a row is about.

    Returns:
        Headers by ``ANNOTATION_ID``, and by ``CONCEPT_NAME`` or ``CATEGORY_ID``.

    Examples:
        >>> find_columns(["path", "label"])
        {'annotation_id': 'path', 'concept_name': 'label'}
        >>> find_columns(["annotation_id", "category_id"])
        {'annotation_id': 'annotation_id', 'category_id': 'category_id'}
    """
    box = next((name for name in (ANNOTATION_ID, *PATHS, *ids) if name in names), "")
    # With an annotation id, a column of another name may be anything, such as the true label.
    labels = (CONCEPT_NAME,) if box == ANNOTATION_ID else (CONCEPT_NAME, *LABELS)
    concept = next((name for name in labels if name in names), "")
    found = {ANNOTATION_ID: box, CONCEPT_NAME: concept}
    if not concept and CATEGORY_ID in names:
        found[CATEGORY_ID] = CATEGORY_ID
    return {meaning: name for meaning, name in found.items() if name}


_IMAGES: Final = (
    *("image_id", "file_name", "filename", "image", "image_name", "image_file", "image_path"),
    *("filepath", "file_path", "path", "file"),
)
CATEGORY_NAMES: Final = ("category_name", "class_name", "label", "concept")
"""Headers and members that name the category whose id stands beside them."""
_SCORES: Final = ("score", "confidence", "conf", "probability")
_RECTANGLES: Final = (
    ("bbox_x", "bbox_y", "bbox_width", "bbox_height"),
    ("bbox_x", "bbox_y", "bbox_w", "bbox_h"),
    ("left", "top", "width", "height"),
    ("x", "y", "w", "h"),
    ("x", "y", "width", "height"),
    ("bbox",),
)
"""Headers of left, top, width and height, or of a list of all four."""
_CORNERS: Final = (
    ("xmin", "ymin", "xmax", "ymax"),
    ("x_min", "y_min", "x_max", "y_max"),
    ("bbox_xmin", "bbox_ymin", "bbox_xmax", "bbox_ymax"),
    ("x1", "y1", "x2", "y2"),
    ("left", "top", "right", "bottom"),
)
"""Headers of left, top, right and bottom."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a table of a detector's boxes has what; positions of columns.

    Attributes:
        image: of the image's id or file.
        concept: of the concept's name or category.
        category_name: of the name beside a category; None where there is none.
        rectangle: of its four numbers, or of the one list of them.
        score: None where there is none.
        is_image_id: whether the image is told by its id.
        is_category: whether the concept is told by the id of a category.
        has_corners: whether the numbers are left, top, right and bottom.
        used: positions of all of these.
    """

    image: int
    concept: int
    category_name: int | None
    rectangle: tuple[int, ...]
    score: int | None
    is_image_id: bool
    is_category: bool
    has_corners: bool

    @property
    def used(self) -> set[int]:
        others = {one for one in (self.score, self.category_name) if one is not None}
        return {self.image, self.concept, *self.rectangle, *others}


def detection_columns(header: Sequence[str]) -> Columns | None:
    """Where a table has a detector's boxes; None for any table that brings no boxes of its own.

    A rectangle beside an annotation id may describe an annotated box: such a table brings its own
    only if it also has a score, as the submissions of FathomNet 2026 do.

    Args:
        header: as written.

    Examples:
        >>> columns = detection_columns(["file_name", "label", "x1", "y1", "x2", "y2", "conf"])
        >>> columns.rectangle, columns.has_corners, columns.score
        ((2, 3, 4, 5), True, 6)
        >>> detection_columns(["annotation_id", "concept_name", "image_id", "bbox"]) is None
        True
    """
    names = [name.strip().lower() for name in header]

    def first(among: Sequence[str]) -> int | None:
        return next((names.index(name) for name in among if name in names), None)

    rectangle = next((one for one in (*_CORNERS, *_RECTANGLES) if {*one} <= {*names}), None)
    image, score = first(_IMAGES), first(_SCORES)
    concept = first((CONCEPT_NAME, CATEGORY_ID, *LABELS))
    if rectangle is None or image is None or concept is None:
        return None
    if ANNOTATION_ID in names and not {"score", "conf"} & {*names}:
        return None
    return Columns(
        image=image,
        concept=concept,
        category_name=first(CATEGORY_NAMES) if names[concept] == CATEGORY_ID else None,
        rectangle=tuple(names.index(name) for name in rectangle),
        score=score,
        is_image_id=names[image] == "image_id",
        is_category=names[concept] == CATEGORY_ID,
        has_corners=rectangle in _CORNERS,
    )


def boxes_by_name(
    cells: Sequence[object], always: bool
) -> tuple[list[object], dict[str, list[object]]]:
    """Takes the box and the image out of names such as ``rois/12_345.png``.

    Args:
        cells: names of crops, or ids.
        always: whether every cell must be such a name; else the cells are as they were, unless
            most are such names.

    Returns:
        The annotation ids as texts, None for a name that gives none; and what else the names say.

    Examples:
        >>> boxes_by_name(["rois/12_345.png", "cam_2_7"], always=True)
        (['345', '7'], {'named_image': ['12', 'cam_2']})
        >>> boxes_by_name([345, 346], always=False)
        ([345, 346], {})
    """
    found = [_CROP.fullmatch(cell) if isinstance(cell, str) else None for cell in cells]
    if not always and 2 * sum(one is not None for one in found) <= len(cells):
        return list(cells), {}
    ids: list[object] = [
        one["box"] if one else None if always else cell
        for one, cell in zip(found, cells, strict=True)
    ]
    return ids, {NAMED_IMAGE: [one["image"] if one else None for one in found]}


def named_beside(
    ids: Sequence[object], columns: Mapping[str, Sequence[object]]
) -> tuple[str, dict[str, list[object]]]:
    """The column of crops' names beside the annotation ids, and the image and box that it gives.

    A column is taken for one if most of its names end with the annotation id of their row.

    Args:
        ids: annotation ids, as written.
        columns: by their headers; those that are not among ``PATHS`` are passed over.

    Examples:
        >>> named_beside(["7", "8"], {"path": ["1_7.png", "1_8.png"]})
        ('path', {'named_image': ['1', '1'], 'named_box': ['7', '8']})
    """
    for name in (name for name in PATHS if name in columns):
        boxes, named = boxes_by_name(columns[name], always=True)
        same = (
            box is not None and str(id_).strip().lstrip("0") == str(box).lstrip("0")
            for id_, box in zip(ids, boxes, strict=True)
        )
        if 2 * sum(same) > len(ids):
            return name, named | {NAMED_BOX: boxes}
    return "", {}


def probability_columns(
    headers: Sequence[str],
    canonical: Callable[[str], str | None],
    categories: Mapping[int, str],
) -> dict[str, str]:
    """The concept of each column of probabilities, by its header; headers of no concept are absent.

    Args:
        headers: of the columns that have no other meaning.
        canonical: gives the canonical spelling of a concept's name, None if it is unknown.
        categories: the catalog's; headers may be their ids, if they are all of them.

    Examples:
        >>> probability_columns(["p_Sebastes", "note"], {"Sebastes": "Sebastes"}.get, {})
        {'p_Sebastes': 'Sebastes'}
        >>> probability_columns(["1", "2"], {}.get, {1: "Sebastes", 2: "Caridea"})
        {'1': 'Sebastes', '2': 'Caridea'}
    """
    numbers = {header: whole_number(header) for header in headers}
    by_id = {
        header: categories[id_]
        for header, id_ in numbers.items()
        if id_ is not None and id_ in categories
    }
    if by_id and len(by_id) == len(categories):
        return by_id
    found = {}
    for header in headers:
        bare = _PREFIX.sub("", header.strip(), count=1)
        spellings = (header, bare, header.replace("_", " "), bare.replace("_", " "))
        name = next(filter(None, map(canonical, spellings)), None)
        if name is not None:
            found[header] = name
    return found


def runners_up(
    names: Sequence[str], matrix: npt.NDArray[np.float32], concepts: Sequence[str]
) -> tuple[list[str | None], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The most probable concept of each row but the one that it has got.

    Args:
        names: the concept of each row, which another rule than the greatest probability may have
            chosen.
        matrix: (rows, concepts).
        concepts: in the order of the probabilities.

    Returns:
        The second names, None where there are no others; their probabilities; and how much more
        probable the row's own concept is, which is negative where that is not the most probable
        one. Probabilities are NaN where there is none.

    Examples:
        >>> share = np.array([[0.5, 0.25, 0.25], [0.25, 0.25, 0.5]], dtype=np.float32)
        >>> runners_up(["Sebastes", "Caridea"], share, ["Sebastes", "Caridea", "Elpidia"])[0]
        ['Caridea', 'Elpidia']
    """
    place = {name: at for at, name in enumerate(concepts)}
    seconds: list[str | None] = []
    share = np.full(len(names), np.nan, dtype=np.float32)
    margin = np.full(len(names), np.nan, dtype=np.float32)
    for begin in range(0, len(names), _ROWS_AT_ONCE):
        own = np.array([place.get(name, -1) for name in names[begin : begin + _ROWS_AT_ONCE]])
        others = matrix[begin : begin + _ROWS_AT_ONCE].copy()
        rows = np.arange(len(own))
        known = np.flatnonzero(own >= 0)
        mine = np.full(len(own), np.nan, dtype=np.float32)
        mine[known] = others[known, own[known]]
        others[known, own[known]] = -1
        best = others.argmax(axis=1)
        there = others[rows, best] >= 0
        seconds += [
            concepts[at] if is_there else None for at, is_there in zip(best, there, strict=True)
        ]
        share[begin : begin + len(own)] = np.where(there, others[rows, best], np.nan)
        margin[begin : begin + len(own)] = np.where(there, mine - others[rows, best], np.nan)
    return seconds, share, margin


def whole_number(cell: object) -> int | None:
    """The whole number that a category's id is, also written as 12.0; None for anything else.

    Examples:
        >>> whole_number("12"), whole_number(12.0), whole_number("12.5"), whole_number("")
        (12, 12, None, None)
    """
    text = str(cell).strip().removesuffix(".0")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 19 else None


def number_or_nan(cell: object) -> float:
    """A cell as a finite number; NaN for anything else, wherever a table or a JSON file has it.

    Nothing, an empty text, yes or no, "nan" and "inf" are no numbers, and neither is what only a
    programming language reads as one, such as "1_000" or digits of another script.

    Examples:
        >>> number_or_nan("0.5"), number_or_nan(""), number_or_nan("inf"), number_or_nan(True)
        (0.5, nan, nan, nan)
    """
    if isinstance(cell, bool):
        return math.nan
    written = cell if isinstance(cell, int | float) else str(cell)
    if isinstance(written, str) and (not written.isascii() or "_" in written):
        return math.nan
    try:
        number = float(written)
    except (ValueError, OverflowError):
        return math.nan
    return number if math.isfinite(number) else math.nan


def numbers_in(text: str) -> list[str] | None:
    """The numbers of a list in a text, however a program writes one; None for any other text.

    Examples:
        >>> numbers_in("[1, 2.5, 3, 4]"), numbers_in("[1.  2.5 3.  4. ]"), numbers_in("a box")
        (['1', '2.5', '3', '4'], ['1.', '2.5', '3.', '4.'], None)
    """
    parts = text.strip().strip("[]()").replace(",", " ").split()
    return None if not parts or any(math.isnan(number_or_nan(part)) for part in parts) else parts


def matrix_of(columns: Sequence[Sequence[Any]]) -> npt.NDArray[np.float32]:
    """Columns of numbers, or of texts that are numbers, side by side, as ``number_or_nan``.

    Examples:
        >>> matrix_of([["0.5", "inf"], [0.25, None]]).tolist()
        [[0.5, 0.25], [nan, nan]]
    """
    matrix = np.empty((len(columns[0]), len(columns)), dtype=np.float32)
    with np.errstate(over="ignore"):
        for place, column in enumerate(columns):
            try:
                cells = np.asarray(column)
                letters = "".join(column) if cells.dtype.kind == "U" else ""
                if cells.dtype.kind not in "fiuU" or not letters.isascii() or "_" in letters:
                    raise ValueError
                # Many times as fast as cell by cell, and the same.
                matrix[:, place] = cells.astype(np.float32)
            except ValueError:
                matrix[:, place] = [number_or_nan(cell) for cell in column]
    matrix[~np.isfinite(matrix)] = np.nan
    return matrix
