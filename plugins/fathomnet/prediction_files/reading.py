"""The predictions of a model: read, checked row by row, or written."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..errors import Fault, InputError
from ..files.faults import FaultList
from ..files.places import Place
from ..files.reading import SourceFile
from ..files.safe_values import LARGEST_ID
from ..names import ANNOTATION_ID, OWN_RANK, SECOND_CONFIDENCE, SECOND_LABEL
from ..text import shortened
from .layout import (
    CATEGORY_ID,
    CONCEPT_NAME,
    CROP_IDS,
    NAMED_IMAGE,
    SECOND_BEST,
    matrix_of,
    number_or_nan,
    probability_columns,
    runners_up,
    whole_number,
)
from .rows import ADVICE, CONFIDENCE, RawRows, missing_columns
from .run import MANIFEST_NAME, RawRun, read_run, write_predictions

__all__ = ["Predictions", "read_predictions", "write_predictions"]

SUM_TOLERANCE: Final = 0.01
"""How far the sum of a box's probabilities may be from 1: half precision loses about this."""

ROUNDING: Final = 1e-6
"""How far a confidence may exceed 1: single precision rounds by about this."""

LONGEST_ID: Final = 30
"""The most characters of an id, leading zeros included, that are converted to a number."""

_NAMES_OF_CATEGORIES: Final = ("category_name", "class_name")
"""Headers that say what a category's id is to mean; others may be anything beside annotation ids,
such as true labels."""

_ADVICE: Final = "Correct these rows, or skip them when importing."

Names = Callable[[str], str | None]
"""Maps a name to another name, or to None."""

Second = tuple[list[str | None], npt.NDArray[np.float32], npt.NDArray[np.float32]]
"""Second-best names, their probabilities, and how much less these are, row by row."""

_Problems = defaultdict[int, list[str]]
"""What is wrong with a row, by its index."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """A predictions file, checked; every column has one entry per row, in the file's order.

    Attributes:
        annotation_id: (rows,) int64, without repeats.
        concept_name: (rows,) str, in canonical spelling.
        confidence: (rows,) float32 in 0..1, or None if the file gives none.
        rank: (rows,) str or None, or None if the file gives none.
        probabilities: (rows, concepts) float32, or None if the file gives none.
        lines: (rows,) int64; the line of each row in a csv (its header is line 1), or the number
            of the row in a parquet file, from 1.
        unit: what ``lines`` counts: ``line`` or ``row``.
        concepts: canonical names in the order of the probabilities; () without probabilities.
        source: name of the file or folder, without the path above it.
        sha256: hash of the file; for a folder see ``prediction_files.run.RawRun``.
        manifest: the run's manifest, or None.
        rejected: one fault for each row that was left out, with its line.
        identity: what the file says of the box of each row beside its number: a column for each
            of ``prediction_files.rows.IDENTITY`` that it has, as written, and for what the names
            of crops say.
        ignored: headers of the columns that were not read.
        second_label: (rows,) str or None, the second-best concept; None if the file gives none.
        second_confidence: (rows,) float32, NaN where a row has none; None likewise.
        margin: (rows,) float32, how much more probable the row's own concept is; None likewise.
    """

    annotation_id: npt.NDArray[np.int64]
    concept_name: npt.NDArray[np.object_]
    confidence: npt.NDArray[np.float32] | None
    rank: npt.NDArray[np.object_] | None
    probabilities: npt.NDArray[np.float32] | None
    lines: npt.NDArray[np.int64]
    unit: str
    concepts: tuple[str, ...]
    source: str
    sha256: str
    manifest: dict[str, Any] | None
    rejected: tuple[Fault, ...] = ()
    identity: Mapping[str, npt.NDArray[np.object_]] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    second_label: npt.NDArray[np.object_] | None = None
    second_confidence: npt.NDArray[np.float32] | None = None
    margin: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.annotation_id)


def read_predictions(
    path: str | Place | SourceFile,
    canonical: Names,
    suggest: Names | None = None,
    skip_bad_rows: bool = False,
    categories: Mapping[int, str] | None = None,
    crop: Callable[[str], int | None] | None = None,
    box: Callable[[str], int | None] | None = None,
) -> Predictions:
    """Reads and checks a csv, a parquet file, or the folder of a run.

    Boxes may also be named by their crops (``<image>_<annotation>.png``), and concepts by
    ``category_id`` or by a column of probabilities for each.

    Args:
        path: of the file or folder; or the file, where it has been read already.
        canonical: gives the canonical spelling of a concept's name, None if it is unknown.
        suggest: gives the known name that is closest to an unknown one.
        skip_bad_rows: leave out faulty rows and list them, instead of refusing the file. Of the
            rows that share an annotation id the first is kept.
        categories: names of the catalog's categories by their ids.
        crop: gives the number of a crop that is an image of its own by what a row calls it: its
            path, name or an id; None where it is none. Without it the rows are about boxes.
        box: gives the number of a box to which its file gives a text as id, such as a UUID; None
            where it is none.

    Raises:
        InputError: the file as a whole is unusable, has faulty rows (the first 1,000 are listed,
            the others counted), or has no row without faults.
    """
    run = read_run(path, CROP_IDS if crop else ())
    rows, problems = run.rows, _Problems(list)
    if find := crop if rows.by != ANNOTATION_ID else box:
        rows = _numbered(rows, find, keeps_others=rows.by == ANNOTATION_ID)
    ids = _annotation_ids(rows, problems, crop is not None)
    names, matrix, wide = _names(run, canonical, suggest, categories or {}, problems)
    concepts = tuple(wide.values()) or _canonical_concepts(run, canonical, suggest)
    confidence = _confidences(rows, problems)
    if confidence is None and wide and matrix is not None:
        confidence = matrix.max(axis=1).tolist()
    ranks = _ranks(rows)
    _check_probabilities(matrix, problems)
    told = {
        meaning: header
        for meaning, headers in SECOND_BEST.items()
        for header in rows.further
        if header.strip().lower() in headers
    }
    second: Second | None
    if matrix is not None:
        second = runners_up(names, matrix, concepts)
    else:
        second = _second_best(rows, told, confidence, canonical)

    rejected = _rejected(rows, problems)
    sound = np.ones(len(ids), dtype=bool)
    sound[list(problems)] = False
    if rejected and not (skip_bad_rows and sound.any()):
        faults = FaultList()
        for fault in rejected:
            faults.add(fault.place, fault.problem)
        raise InputError(run.subject, faults.all(), _ADVICE)
    return Predictions(
        annotation_id=np.array(ids, dtype=np.int64)[sound],
        concept_name=_objects(names)[sound],
        confidence=None if confidence is None else np.array(confidence, dtype=np.float32)[sound],
        rank=None if ranks is None else _objects(ranks)[sound],
        probabilities=None if matrix is None else matrix[sound],
        lines=np.array(rows.numbers, dtype=np.int64)[sound],
        unit=rows.unit,
        concepts=concepts,
        source=run.name,
        sha256=run.sha256,
        manifest=run.manifest,
        rejected=rejected,
        identity={name: _objects(cells)[sound] for name, cells in rows.identity.items()},
        ignored=tuple(
            name
            for name in rows.unread
            if name not in (*wide, *told.values(), _name_beside_category(rows))
        ),
        second_label=None if second is None else _objects(second[0])[sound],
        second_confidence=None if second is None else second[1][sound],
        margin=None if second is None else second[2][sound],
    )


def _second_best(
    rows: RawRows,
    told: Mapping[str, str],
    confidence: Sequence[float] | None,
    canonical: Names,
) -> Second | None:
    """The second-best concepts that a table gives in columns of their own, as ``runners_up``."""
    if SECOND_LABEL not in told:
        return None
    cells = rows.further[told[SECOND_LABEL]]
    names = [None if cell in (None, "") else canonical(str(cell)) for cell in cells]
    share = np.full(len(names), np.nan, dtype=np.float32)
    if SECOND_CONFIDENCE in told:
        values = np.array([number_or_nan(cell) for cell in rows.further[told[SECOND_CONFIDENCE]]])
        has_one = np.array([name is not None for name in names])
        share = np.where(has_one & (values >= 0) & (values <= 1), values, np.nan).astype(np.float32)
    own = np.nan if confidence is None else np.array(confidence, dtype=np.float32)
    return names, share, own - share


def _names(
    run: RawRun,
    canonical: Names,
    suggest: Names | None,
    categories: Mapping[int, str],
    problems: _Problems,
) -> tuple[list[str], npt.NDArray[np.float32] | None, dict[str, str]]:
    """The concept of each row, the probabilities, and the concepts of columns of probabilities."""
    rows, matrix = run.rows, run.rows.probabilities
    wide = probability_columns(tuple(rows.further), canonical, categories)
    if matrix is None and len(wide) > 1:
        matrix = matrix_of([rows.further[header] for header in wide])
        # Beside names, columns that are called like concepts may be anything else.
        unlikely = _Problems(list)
        _check_probabilities(matrix, unlikely)
        if CONCEPT_NAME in rows.columns and unlikely:
            matrix, wide = None, {}
    else:
        wide = {}
    if len(set(wide.values())) < len(wide):
        twice = Fault(rows.place, "two columns of probabilities are of one concept")
        raise InputError(run.subject, [twice], ADVICE)
    if CONCEPT_NAME in rows.columns:
        names = _concept_names(rows, canonical, suggest, problems)
    elif CATEGORY_ID in rows.columns:
        names = _category_names(run, canonical, categories, problems)
    elif wide and matrix is not None:
        concepts = list(wide.values())
        names = [concepts[best] for best in matrix.argmax(axis=1)]
    else:
        missing = Fault(rows.place, missing_columns([CONCEPT_NAME], rows.header))
        raise InputError(run.subject, [missing], ADVICE)
    return names, matrix, wide


def _numbered(rows: RawRows, find: Callable[[str], int | None], keeps_others: bool) -> RawRows:
    """The rows with the numbers of what they name by a whole text, not by the numbers in it."""
    numbers: list[object] = [
        find(str(cell).strip()) if cell is not None else None for cell in rows.named
    ]
    if keeps_others:
        if all(number is None for number in numbers):
            return rows
        written = rows.columns[ANNOTATION_ID]
        numbers = [cell if one is None else one for one, cell in zip(numbers, written, strict=True)]
    columns = {**rows.columns, ANNOTATION_ID: numbers}
    said = {key: cells for key, cells in rows.identity.items() if key != NAMED_IMAGE}
    return replace(rows, columns=columns, identity=said)


def _annotation_ids(rows: RawRows, problems: _Problems, of_crops: bool) -> list[int]:
    first: dict[int, int] = {}
    ids = []
    for index, cell in enumerate(rows.columns[ANNOTATION_ID]):
        number = _whole_number(cell)
        if number is None:
            named = rows.named[index]
            if of_crops and rows.by != ANNOTATION_ID and named not in (None, ""):
                problem = f"{rows.by} {shortened(str(named)[-60:], 60)!r} is no crop of the split"
            else:
                problem = _id_problem(named, rows.by)
            problems[index].append(problem)
        elif first.setdefault(number, index) != index:
            where = f"{rows.unit} {rows.numbers[first[number]]}"
            problems[index].append(f"annotation_id {number} is already on {where}")
        ids.append(number or 0)
    return ids


def _whole_number(cell: object) -> int | None:
    """The id in a cell, a number or digits in 0..LARGEST_ID; None for anything else."""
    if isinstance(cell, str):
        digits = cell.strip()
        # int() alone would take "1_000" and digits of other scripts.
        if not (digits.isascii() and digits.isdigit() and len(digits) <= LONGEST_ID):
            return None
        cell = int(digits)
    return cell if isinstance(cell, int) and 0 <= cell <= LARGEST_ID else None


def _id_problem(cell: object, by: str) -> str:
    text = str(cell if cell is not None else "").strip()
    if not text:
        return f"{by} is empty"
    if by != ANNOTATION_ID:
        return f"{by} should end with <image>_<annotation>, not {shortened(text[-60:], 60)!r}"
    problem = f"annotation_id should be a whole number of at most 2^63 - 1, not {text[:40]!r}"
    whole, _, zeros = text.partition(".")
    if whole.isdigit() and zeros and not zeros.strip("0"):
        problem += (
            f"; write {whole} (spreadsheets and data frames add the '.{zeros}' to gappy columns)"
        )
    return problem


def _concept_names(
    rows: RawRows, canonical: Names, suggest: Names | None, problems: _Problems
) -> list[str]:
    # A file names few concepts many times: each spelling is judged once.
    judged: dict[object, tuple[str, str]] = {}
    names = []
    for index, cell in enumerate(rows.columns[CONCEPT_NAME]):
        verdict = judged.get(cell)
        if verdict is None:
            verdict = judged[cell] = judge_name(cell, canonical, suggest)
        name, problem = verdict
        if problem:
            problems[index].append(problem)
        names.append(name)
    return names


def _name_beside_category(rows: RawRows) -> str:
    """The header of the names that stand beside ids of categories; empty where none do."""
    named = (one for one in rows.further if one.strip().lower() in _NAMES_OF_CATEGORIES)
    return next(named, "") if CATEGORY_ID in rows.columns else ""


def _category_names(
    run: RawRun, canonical: Names, categories: Mapping[int, str], problems: _Problems
) -> list[str]:
    if not categories:
        problem = "names concepts by category_id, but the catalog has no categories"
        raise InputError(run.subject, [Fault(run.rows.place, problem)], ADVICE)
    span = f"the catalog's are {min(categories)}..{max(categories)}"
    names = []
    further, beside = run.rows.further, _name_beside_category(run.rows)
    for index, cell in enumerate(run.rows.columns[CATEGORY_ID]):
        name = categories.get(whole_number(cell))  # type: ignore[arg-type]  # None is no id
        shown = shortened(str("" if cell is None else cell), 40)
        if name is None:
            problems[index].append(f"category_id {shown!r} is of no category; {span}")
        names.append(canonical(name or "") or name or "")
        said = str(further[beside][index] or "") if beside else ""
        # Programs number their classes as they like.
        if name and said and (canonical(said) or said) != names[-1]:
            said = shortened(said, 60)
            problems[index].append(f"category_id {shown} is {name!r}, but {beside} is {said!r}")
    return names


def judge_name(cell: object, canonical: Names, suggest: Names | None) -> tuple[str, str]:
    """A concept's canonical name and "", or "" and what is wrong with the name."""
    written = str(cell if cell is not None else "")
    if not written.strip():
        return "", "concept_name is empty"
    name = canonical(written)
    if name is not None:
        return name, ""
    closest = suggest(written) if suggest else None
    hint = f"; did you mean {shortened(closest, 80)!r}?" if closest else ""
    return "", f"unknown concept {written[:80]!r}{hint}"


def _confidences(rows: RawRows, problems: _Problems) -> list[float] | None:
    if CONFIDENCE not in rows.columns:
        return None
    values = []
    for index, cell in enumerate(rows.columns[CONFIDENCE]):
        value = number_or_nan(cell)
        if not 0 <= value <= 1 + ROUNDING:
            shown = "empty" if cell is None or cell == "" else shortened(repr(cell), 80)
            problems[index].append(f"confidence should be a number in 0..1, not {shown}")
        values.append(min(value, 1.0))
    return values


def _ranks(rows: RawRows) -> list[str | None] | None:
    if OWN_RANK not in rows.columns:
        return None
    cells = (str(cell).strip() if cell is not None else "" for cell in rows.columns[OWN_RANK])
    return [cell or None for cell in cells]


def _check_probabilities(matrix: npt.NDArray[np.float32] | None, problems: _Problems) -> None:
    if matrix is None:
        return
    totals = matrix.sum(axis=1, dtype=np.float64)
    for index in np.flatnonzero(~np.isfinite(matrix).all(axis=1)):
        problems[int(index)].append("probabilities are missing, too few, or not finite")
    for index in np.flatnonzero((matrix < 0).any(axis=1)):
        problems[int(index)].append("probabilities should not be negative")
    for index in np.flatnonzero(np.abs(totals - 1) > SUM_TOLERANCE):
        problems[int(index)].append(f"probabilities should sum to 1, not {totals[index]:.4g}")


def _canonical_concepts(run: RawRun, canonical: Names, suggest: Names | None) -> tuple[str, ...]:
    """The manifest's concepts in canonical spelling, in the order of the probabilities.

    Raises:
        InputError: some are unknown or repeated.
    """
    if run.rows.probabilities is None:
        return ()
    names, faults = [], []
    for index, written in enumerate(run.concepts):
        name, problem = judge_name(written, canonical, suggest)
        if name and name in names:
            problem = f"{shortened(name, 80)!r} is listed twice"
        if problem:
            faults.append(Fault(f"{MANIFEST_NAME}: concepts[{index}]", problem))
        names.append(name)
    if faults:
        raise InputError(run.subject, faults, "Correct the manifest, or import the csv.")
    return tuple(names)


def _rejected(rows: RawRows, problems: _Problems) -> tuple[Fault, ...]:
    """One fault for each faulty row, in the order of the file."""
    by_number = {rows.numbers[index]: "; ".join(found) for index, found in problems.items()}
    by_number.update(rows.misshapen)
    return tuple(Fault(f"{rows.unit} {number}", by_number[number]) for number in sorted(by_number))


def _objects(values: Sequence[object]) -> npt.NDArray[np.object_]:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
