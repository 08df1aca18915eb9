"""The schema of a COCO file: JSON text -> typed records, each checked by itself.

How records relate to one another (unknown ids, boxes outside their image, ...) is checked by the
catalog. A value that another program wrote in its own way ("16", 214.0, false, no box ids) is read
where it can only mean one thing, with a note a member. Members that the schema does not name stay
with their record, except the outlines of objects; what the file says about itself and about
licences is passed on unchanged.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Final, Generic, TypeVar

from pydantic import ConfigDict, FailFast, Field, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, core_schema

from ..files.faults import FaultList, kind_in_words, value_in_words
from ..files.other_formats import OtherFormat, format_of_object, format_of_text
from ..files.safe_values import LARGEST_ID
from ..text import counted
from .values import is_missing, number_for, number_of, whole_number


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
        whole = text.strip().removeprefix("\ufeff")
        # A text within it may end with a brace, too, where the file was cut off.
        ended = position >= len(text.rstrip()) or not whole.endswith("}")
        ended = ended or problem.startswith("Unterminated string")
        if whole and whole[0] not in '{["' and not whole[0].isspace():
            self.problem = f"the file is no JSON ({problem})"
        else:
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

# Strict everywhere: what another program wrote in its own way is read by ``_REPAIRS`` before.
Id = Annotated[int, Field(strict=True, ge=0, le=LARGEST_ID)]
Side = Annotated[int, Field(strict=True, ge=1, le=LARGEST_SIDE)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Text = Annotated[str, Field(strict=True)]


class _Ignored:
    """A member of which nothing is read, whatever it holds and however large it is."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        nothing = core_schema.none_schema()
        return core_schema.with_default_schema(nothing, default=None, on_error="default")


Ignored = Annotated[Any, _Ignored]


class _WithOthers:
    """A record that keeps the members that its schema does not name, in its ``__dict__``."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="allow")

    @property
    def others(self) -> dict[str, Any]:
        """By name."""
        return vars(self)


@dataclass(slots=True)
class RawImage(_WithOthers):
    id: Id
    file_name: Text
    # None: the file does not say.
    width: Side | None = None
    height: Side | None = None
    coco_url: Text | None = None
    flickr_url: Text | None = None
    date_captured: Any = None
    license: Any = None


@dataclass(slots=True)
class RawBox(_WithOthers):
    id: Id
    image_id: Id
    bbox: Annotated[list[Number], Field(strict=True, min_length=4, max_length=4)]
    category_id: Id | None = None
    area: Annotated[Number, Field(ge=0)] | None = None
    iscrowd: Annotated[int, Field(strict=True, ge=0, le=1)] | None = None
    segmentation: Ignored = None
    rle: Ignored = None
    keypoints: Ignored = None


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
        unnumbered: places of the records to which the file gives no id.
    """

    records: list[Record | None] = field(default_factory=list)
    refused_ids: set[int | None] = field(default_factory=set)
    present: bool = False
    unnumbered: set[int] = field(default_factory=set)

    def certainly_lacks(self, record_id: int) -> bool:
        """Whether no refused or unread item can have had this id."""
        return bool(self.records) and self.refused_ids.isdisjoint((record_id, None))


@dataclass(slots=True)
class CocoFile:
    """The lists, which are checked, and two members as they stand; None where the file has none.

    Attributes:
        images: the images.
        annotations: the boxes.
        categories: the concepts.
        licenses: as it stands.
        info: as it stands.
        texts: by the number that was made of it, an id that the file writes as a text.
        numbered: whether the boxes got their ids here, because the file's tell none from another.
    """

    images: Section[RawImage] = field(default_factory=Section)
    annotations: Section[RawBox] = field(default_factory=Section)
    categories: Section[RawCategory] = field(default_factory=Section)
    licenses: Any = None
    info: Any = None
    texts: dict[int, str] = field(default_factory=dict)
    numbered: bool = False

    def written(self, record_id: int) -> str:
        """An id as the file writes it."""
        return repr(self.texts[record_id][:80]) if record_id in self.texts else str(record_id)


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


def parse_coco(
    text: str, faults: FaultList, notes: FaultList, box_faults: FaultList | None = None
) -> CocoFile | None:
    """Reads the three lists of a COCO file, checking the type of every value that is used.

    Args:
        text: the file's text.
        faults: takes every fault, with its place.
        notes: takes what is read differently from how it is written, once a member.
        box_faults: takes the faults of single boxes; by default ``faults`` does.

    Returns:
        The records; None if the text is not one complete JSON object, because then nobody can
        tell which record refers to which.
    """
    by_section = {"annotations": faults if box_faults is None else box_faults}
    coco = _parse_sound(text) or _parse_carefully(text, faults, notes, by_section)
    if coco is not None:
        _number_boxes(coco, notes)
    return coco


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


def _other_kind(other: OtherFormat) -> str:
    return f"is {other.name}, not COCO JSON: {other.as_annotations}"


def _parse_carefully(
    text: str, faults: FaultList, notes: FaultList, by_section: dict[str, FaultList]
) -> CocoFile | None:
    """Reads a file record by record, and says what is wrong with each."""
    try:
        content, repeated = parse_json(text)
    except JsonSyntaxError as error:
        other = format_of_text(text)
        if other is None:
            faults.add(error.place, error.problem)
        else:
            faults.add("file", _other_kind(other))
        return None
    other = format_of_object(content)
    if other is not None:
        faults.add("file", _other_kind(other))
        return None
    if isinstance(content, dict) and content and not content.keys() & {"images", "annotations"}:
        others = counted(len(content), "other member", "other members")
        faults.add("top level", f"has neither images nor annotations, but {others}")
        return None
    if not isinstance(content, dict):
        problem = f"should be an object with images and annotations, not {kind_in_words(content)}"
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
            repairs = _Repairs(name, coco)
            _read_section(content[name], repairs, section, by_section.get(name, faults))
            repairs.tell(notes)
        else:
            faults.add(name, f"should be a list, not {value_in_words(content[name])}")
    return coco


def place_of(section: str, index: int, record_id: int | str | None) -> str:
    """Where a record stands, for example ``annotations[12] (id 13)``.

    Args:
        section: the list's name.
        index: its place in the list.
        record_id: its id, as the file writes it (``CocoFile.written``); None where it has none.

    Examples:
        >>> place_of("annotations", 12, 13)
        'annotations[12] (id 13)'
    """
    place = f"{section}[{index}]"
    return place if record_id is None else f"{place} (id {record_id})"


_SIDES: Final = ("left", "top", "width", "height")

_OPTIONAL: Final = {
    "images": ("width", "height", "coco_url", "flickr_url"),
    "annotations": ("category_id", "area", "iscrowd"),
    "categories": (),
}
"""Members without which a record is sound."""

_Reader = Callable[[Any], tuple[Any, str]]
"""Gives what a value means and, where that is not how it is written, how it was read."""


class _Repairs:
    """Reads the values of a list that another program wrote in its own way, and counts them.

    Args:
        section: the list's name.
        coco: takes the texts that are ids.
    """

    def __init__(self, section: str, coco: CocoFile) -> None:
        self.section = section
        self.coco = coco
        self._counts: Counter[tuple[str, str]] = Counter()
        self._examples: dict[tuple[str, str], object] = {}
        readers: dict[str, dict[str, _Reader]] = {
            "images": {"id": self._id, "width": _side, "height": _side},
            "annotations": {
                "id": self._id,
                "image_id": self._id,
                "category_id": self._id,
                "iscrowd": _flag,
                "area": _area,
                "bbox": _rectangle,
            },
            "categories": {"id": self._id},
        }
        self._readers = readers[section]
        self._optional = _OPTIONAL[section]

    def repaired(self, item: object, index: int) -> object:
        """The record with its values as they are meant; what may mean anything stays."""
        if not isinstance(item, dict):
            return item
        changed = dict(item)
        for member, value in item.items():
            if member in self._optional and is_missing(value):
                changed[member] = None
                self._count(member, "of no use, read as missing", value)
        for member, read in self._readers.items():
            if changed.get(member) is None:
                continue
            changed[member], how = read(item[member])
            if how:
                self._count(member, how, item[member])
        if self.section == "images" and item.get("file_name") is None and _is_url(item):
            changed["file_name"] = item["coco_url"]
        if self.section == "annotations" and item.get("id") is None:
            changed["id"] = 0
            self.coco.annotations.unnumbered.add(index)
        return changed

    def tell(self, notes: FaultList) -> None:
        """Notes what was read otherwise, once a member and way."""
        for (member, how), number in self._counts.items():
            value = self._examples[member, how]
            example = value_in_words(value[0] if isinstance(value, list) else value)
            values = counted(number, "value", "values")
            notes.add(f"{self.section}.{member}", f"{values} {how}, such as {example}")

    def _count(self, member: str, how: str, value: object) -> None:
        self._counts[member, how] += 1
        self._examples.setdefault((member, how), value)

    def _id(self, value: object) -> tuple[Any, str]:
        number = whole_number(value)
        if number is not None and abs(number) <= LARGEST_ID:
            return number, "" if type(value) is int else "read as a whole number"
        if not isinstance(value, str) or not value.strip():
            return value, ""
        text = value.strip()
        number = number_for(text)
        self.coco.texts[number] = text
        return number, "in text, each given a number"


def _is_url(image: dict[str, object]) -> bool:
    url = image.get("coco_url")
    return isinstance(url, str) and url.casefold().startswith(("http://", "https://"))


def _side(value: object) -> tuple[Any, str]:
    number = whole_number(value)
    if number is None or type(value) is int:
        return value, ""
    return number, "read as a whole number"


def _flag(value: object) -> tuple[Any, str]:
    words = value.strip().casefold() if isinstance(value, str) else ""
    number = int(value) if isinstance(value, bool) else whole_number(value)
    if words in ("true", "false"):
        number = int(words == "true")
    if number not in (0, 1) or type(value) is int:
        return value, ""
    return number, "read as 0 or 1"


def _area(value: object) -> tuple[Any, str]:
    number = number_of(value)
    if number is not None and number >= 0:
        return number, "read as a number" if isinstance(value, str) else ""
    if number is not None or isinstance(value, str | float):
        return None, "of no use, and reckoned from the box instead"
    return value, ""


def _rectangle(value: object) -> tuple[Any, str]:
    """The list that a text holds, and the numbers that its texts are."""
    if isinstance(value, str):
        parts: list[Any] = value.strip().strip("[]()").replace(",", " ").split()
    elif isinstance(value, list) and any(isinstance(one, str) for one in value):
        parts = value
    else:
        return value, ""
    numbers = [number_of(one) for one in parts]
    if parts is not value and (len(parts) != len(_SIDES) or None in numbers):
        return value, ""
    read = [one if number is None else number for one, number in zip(parts, numbers, strict=True)]
    return read, "" if None in numbers else "read as numbers"


def _number_boxes(coco: CocoFile, notes: FaultList) -> None:
    """Numbers the boxes of a file whose ids are missing, or begin anew in every image."""
    section = coco.annotations
    boxes = [(place, box) for place, box in enumerate(section.records) if box is not None]
    ids = {box.id for _, box in boxes}
    if not section.unnumbered and len(ids) == len(boxes):
        return
    known = [box.id for place, box in boxes if place not in section.unnumbered]
    if known and section.unnumbered:
        after = max(known) + 1
        for number, place in enumerate(sorted(section.unnumbered), start=after):
            if (box := section.records[place]) is not None:
                box.id = number
        missing = counted(len(section.unnumbered), "box has none", "boxes have none")
        notes.add("annotations.id", f"{missing}: numbered in order from {after:,}")
    elif known and not _ids_begin_anew(coco, [box for _, box in boxes]):
        return  # some box has another's id, which is a fault
    else:
        for place, box in boxes:
            box.id = place + 1
        why = "begin anew in every image" if known else "are missing"
        notes.add("annotations.id", f"ids {why}: the boxes were numbered in their order, from 1")
    coco.numbered = True


def _ids_begin_anew(coco: CocoFile, boxes: list[RawBox]) -> bool:
    """Whether ids tell only the boxes of one image apart, of which most have a first one."""
    if not {box.image_id for box in boxes} <= {one.id for one in coco.images.records if one}:
        return False
    first = min(box.id for box in boxes)
    of_images = {(box.image_id, box.id) for box in boxes}
    firsts = sum(box.id == first for box in boxes)
    return len(of_images) == len(boxes) and 2 * firsts > len({box.image_id for box in boxes})


def _read_section(
    items: list[object], repairs: _Repairs, section: Section[Any], faults: FaultList
) -> None:
    validate = _SCHEMAS[repairs.section].validator.validate_python
    for index, item in enumerate(items):
        try:
            section.records.append(validate(item))
        except ValidationError:
            # Only then: most records of most files need no repair.
            repaired = repairs.repaired(item, index)
            try:
                section.records.append(validate(repaired))
            except ValidationError as error:
                section.records.append(None)
                written = repaired.get("id") if isinstance(repaired, dict) else None
                number = written if type(written) is int and abs(written) <= LARGEST_ID else None
                record_id = None if index in section.unnumbered else number
                _refuse(repairs, index, record_id, error, section, faults)


def _refuse(
    repairs: _Repairs,
    index: int,
    record_id: int | None,
    error: ValidationError,
    section: Section[Any],
    faults: FaultList,
) -> None:
    section.refused_ids.add(record_id)
    if faults.full:
        faults.count_only(error.error_count())
        return
    written = None if record_id is None else repairs.coco.written(record_id)
    place = place_of(repairs.section, index, written)
    for detail in error.errors(include_url=False):
        # A location such as ("bbox", 3) as .bbox[3].
        steps = (f"[{one}]" if isinstance(one, int) else f".{one}" for one in detail["loc"])
        kind = detail["type"]
        if kind == "missing":
            problem = "is missing"
        elif kind in _BOUNDS:
            words, limit = _BOUNDS[kind]
            given = value_in_words(detail["input"])
            problem = f"should be {words} {detail['ctx'][limit]:,}, not {given}"
        elif kind in _EXPECTED:
            problem = f"should be {_EXPECTED[kind]}, not {value_in_words(detail['input'])}"
        else:
            problem = detail["msg"]
        faults.add(place + "".join(steps), problem)
