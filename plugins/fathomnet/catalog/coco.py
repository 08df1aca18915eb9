"""The schema of a COCO file: JSON text -> typed records, each checked by itself.

How records relate to one another (unknown ids, boxes outside their image, ...) is checked by the
catalog. Members that the schema does not name, such as segmentation, are ignored whatever they
hold; what the file says about itself and about licences is passed on unchanged.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Generic, TypeVar

from pydantic import FailFast, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from ..files.faults import FaultList, value_in_words
from ..files.safe_values import LARGEST_ID


class JsonSyntaxError(ValueError):
    """The text is not JSON from some position on.

    Attributes:
        place: line and column, both from 1.
        problem: what is wrong there.
    """

    def __init__(self, text: str, position: int, problem: str) -> None:
        line = text.count("\n", 0, position) + 1
        column = position - text.rfind("\n", 0, position)
        self.place = f"line {line:,}, column {column:,}"
        ended = position >= len(text.rstrip()) or not text.rstrip().endswith("}")
        self.problem = f"the file looks cut off ({problem})" if ended else problem
        super().__init__(f"{self.place}: {self.problem}")


def parse_json(text: str) -> tuple[object, frozenset[str]]:
    """Reads a JSON text to its end.

    Args:
        text: the text.

    Returns:
        The value, and the names that the outermost object uses more than once: of their values
        only the last one is kept.

    Raises:
        JsonSyntaxError: the text is not one JSON value, with the place.

    Examples:
        >>> parse_json('{"images": [], "images": [1]}')
        ({'images': [1]}, frozenset({'images'}))
    """
    repeated: frozenset[str] = frozenset()

    def members(pairs: list[tuple[str, object]]) -> dict[str, object]:
        # The outermost object ends last, so that its names are the ones that remain.
        nonlocal repeated
        value = dict(pairs)
        repeated = frozenset()
        if len(value) < len(pairs):
            repeated = frozenset(
                name for name, times in Counter(name for name, _ in pairs).items() if times > 1
            )
        return value

    try:
        return json.loads(text, object_pairs_hook=members), repeated
    except json.JSONDecodeError as error:
        problem = error.msg
        if problem == "Extra data":
            problem = "more text follows the end of the object"
        raise JsonSyntaxError(text, error.pos, problem) from None
    except RecursionError:
        raise JsonSyntaxError(text, 0, "is nested too deeply") from None
    except ValueError:
        raise JsonSyntaxError(text, 0, "holds an endless number") from None


LARGEST_SIDE: Final = 1_000_000
"""Pixels; more than any camera has, but few enough to catch a number that is not a size."""

# Strict everywhere: "12", 12.0 and true are faults where a whole number is due.
Id = Annotated[int, Field(strict=True, ge=0, le=LARGEST_ID)]
Side = Annotated[int, Field(strict=True, ge=1, le=LARGEST_SIDE)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Text = Annotated[str, Field(strict=True)]


@dataclass(slots=True)
class RawImage:
    id: Id
    file_name: Text
    width: Side
    height: Side
    coco_url: Text | None = None
    flickr_url: Text | None = None
    date_captured: Any = None
    license: Any = None


@dataclass(slots=True)
class RawBox:
    id: Id
    image_id: Id
    bbox: Annotated[list[Number], Field(strict=True, min_length=4, max_length=4)]
    category_id: Id | None = None
    area: Annotated[Number, Field(ge=0)] | None = None
    iscrowd: Annotated[int, Field(strict=True, ge=0, le=1)] | None = None


@dataclass(slots=True)
class RawCategory:
    id: Id
    name: Text


Record = TypeVar("Record")


@dataclass(slots=True)
class Section(Generic[Record]):
    """One list of the file.

    Attributes:
        records: one entry per item of the list; None where the item was refused.
        refused_ids: ids of the refused items; None stands for an id that could not be read.
        present: whether the file has this list at all.
    """

    records: list[Record | None] = field(default_factory=list)
    refused_ids: set[int | None] = field(default_factory=set)
    present: bool = False

    def certainly_lacks(self, record_id: int) -> bool:
        """Whether no refused or unread item can have had this id."""
        return bool(self.records) and self.refused_ids.isdisjoint((record_id, None))


@dataclass(slots=True)
class CocoFile:
    """The lists, which are checked, and two members as they stand; None where the file has none."""

    images: Section[RawImage] = field(default_factory=Section)
    annotations: Section[RawBox] = field(default_factory=Section)
    categories: Section[RawCategory] = field(default_factory=Section)
    licenses: Any = None
    info: Any = None


@dataclass(slots=True)
class _SoundFile:
    """A file without faults, as pydantic reads it in one go.

    It gives up at the first fault of a list, so that a faulty file of millions costs little here.
    """

    images: Annotated[list[RawImage], FailFast()]
    annotations: Annotated[list[RawBox], FailFast()]
    categories: Annotated[list[RawCategory], FailFast()] = field(default_factory=list)
    licenses: Any = None
    info: Any = None


_SOUND_FILE: Final = TypeAdapter(_SoundFile)
_SCHEMAS: Final[dict[str, TypeAdapter[Any]]] = {
    "images": TypeAdapter(RawImage),
    "annotations": TypeAdapter(RawBox),
    "categories": TypeAdapter(RawCategory),
}
_EXPECTED: Final = {
    "int_type": "a whole number without quotes or a decimal point",
    "int_from_float": "a whole number without quotes or a decimal point",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "list_type": "a list of 4 numbers",
    "too_short": "a list of 4 numbers",
    "too_long": "a list of 4 numbers",
    "dataclass_type": "an object",
}
_BOUNDS: Final = {"greater_than_equal": ("at least", "ge"), "less_than_equal": ("at most", "le")}


def parse_coco(text: str, faults: FaultList) -> CocoFile | None:
    """Reads the three lists of a COCO file, checking the type of every value that is used.

    Args:
        text: the file's text.
        faults: takes every fault, with its place.

    Returns:
        The records; None if the text is not one complete JSON object, because then nobody can
        tell which record refers to which.
    """
    return _parse_sound(text) or _parse_carefully(text, faults)


def _parse_sound(text: str) -> CocoFile | None:
    """Reads a file that has no faults, three times as fast as item by item.

    Returns:
        The records; None if anything is wrong, which ``_parse_carefully`` then reports.
    """
    if any(text.count(f'"{name}"') > 1 for name in _SCHEMAS):
        return None  # the file may hold a list twice, and pydantic would drop the first
    try:
        file = _SOUND_FILE.validate_json(text)
    except ValidationError:
        return None
    return CocoFile(
        images=Section(list(file.images), present=True),
        annotations=Section(list(file.annotations), present=True),
        categories=Section(list(file.categories), present=True),
        licenses=file.licenses,
        info=file.info,
    )


def _parse_carefully(text: str, faults: FaultList) -> CocoFile | None:
    """Reads a file record by record, and says what is wrong with each."""
    try:
        content, repeated = parse_json(text)
    except JsonSyntaxError as error:
        faults.add(error.place, error.problem)
        return None
    if not isinstance(content, dict):
        problem = f"should be an object with images and annotations, not {value_in_words(content)}"
        faults.add("top level", problem)
        return None
    coco = CocoFile(licenses=content.get("licenses"), info=content.get("info"))
    for name in (name for name in content if name in _SCHEMAS):
        section: Section[Any] = getattr(coco, name)
        section.present = True
        if name in repeated:
            faults.add(name, "stands in the file twice")
            section.refused_ids.add(None)  # what the other list held is not known
        if isinstance(content[name], list):
            _read_section(content[name], name, section, faults)
        else:
            faults.add(name, f"should be a list, not {value_in_words(content[name])}")
    return coco


def place_of(section: str, index: int, record_id: int | None) -> str:
    """Where a record stands, for example ``annotations[12] (id 13)``.

    Examples:
        >>> place_of("annotations", 12, 13)
        'annotations[12] (id 13)'
    """
    place = f"{section}[{index}]"
    return place if record_id is None else f"{place} (id {record_id})"


def _read_section(items: list[object], name: str, section: Section[Any], faults: FaultList) -> None:
    validate = _SCHEMAS[name].validator.validate_python
    for index, item in enumerate(items):
        try:
            section.records.append(validate(item))
        except ValidationError as error:
            section.records.append(None)
            _refuse(name, index, item, error, section, faults)


def _refuse(
    name: str,
    index: int,
    item: object,
    error: ValidationError,
    section: Section[Any],
    faults: FaultList,
) -> None:
    written = item.get("id") if isinstance(item, dict) else None
    readable = type(written) is int and abs(written) <= LARGEST_ID
    record_id = written if readable else None
    section.refused_ids.add(record_id)
    if faults.full:
        faults.count_only(error.error_count())
        return
    place = place_of(name, index, record_id)
    for detail in error.errors(include_url=False):
        faults.add(place + _path(detail), _problem(detail))


def _path(detail: ErrorDetails) -> str:
    """A location such as ``("bbox", 3)`` as ``.bbox[3]``."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in detail["loc"])


def _problem(detail: ErrorDetails) -> str:
    kind = detail["type"]
    if kind == "missing":
        return "is missing"
    if kind in _BOUNDS:
        words, limit = _BOUNDS[kind]
        return f"should be {words} {detail['ctx'][limit]:,}, not {value_in_words(detail['input'])}"
    expected = _EXPECTED.get(kind)
    return (
        f"should be {expected}, not {value_in_words(detail['input'])}"
        if expected
        else detail["msg"]
    )
