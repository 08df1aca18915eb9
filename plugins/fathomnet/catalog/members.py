"""Members of images and boxes that COCO does not name, such as depth: fields of one type each."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..files.faults import FaultList
from ..files.safe_values import LARGEST_ID
from ..names import RANKS
from .licences import one_line

Value = bool | int | float | str
Members = tuple[tuple[str, Value], ...]
"""Names and values, in the order of the file."""

MOST: Final = 40
"""Fields that a list may add: more are no list of properties, and would fill the App's sidebar."""

_OF_FIFTYONE: Final = """
id filepath tags metadata created_at last_modified_at label bounding_box mask mask_path confidence
index attributes instance dataset sample_id
"""
_OURS: Final = """
split image_id file_name source_url media_uri media_status date_captured vehicle dive ground_truth
primary_label model_predictions tiles annotation_id area iscrowd rank
"""
_TAKEN: Final = frozenset((*_OF_FIFTYONE.split(), *_OURS.split(), *RANKS))
_NESTED: Final = "attributes"
"""The member in which CVAT and others keep what an annotator says of an object."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields that the further members of a list become.

    Attributes:
        kinds: of each field its type: bool, int, float or str.
        names: by the member's name, the field's.
    """

    kinds: Mapping[str, type]
    names: Mapping[str, str]

    def of(self, others: Mapping[str, Any]) -> Members:
        """The values of a record, each of its field's type."""
        members = ((self.names.get(name), value) for name, value in _scalars(others))
        return tuple((name, self.kinds[name](value)) for name, value in members if name)


def read_fields(section: str, records: Iterable[Mapping[str, Any]], notes: FaultList) -> Fields:
    """The fields for the members that the records of a list have beside COCO's own.

    Args:
        section: the list's name, for notes.
        records: of each record its further members.
        notes: takes what is kept under another name, or not at all.

    Examples:
        >>> boxes = [{"depth": 871, "attributes": {"sex": "f"}}, {"depth": 871.5, "order": "3"}]
        >>> read_fields("annotations", boxes, FaultList()).kinds
        {'depth': <class 'float'>, 'sex': <class 'str'>, 'file_order': <class 'str'>}
    """
    types: dict[str, set[type]] = {}
    for others in records:
        for name, value in _scalars(others):
            types.setdefault(name, set()).add(type(value))
    kinds: dict[str, type] = {}
    names: dict[str, str] = {}
    for member, seen in types.items():
        name = re.sub(r"\W+", "_", member, flags=re.ASCII).strip("_")
        if not name or not name[0].isalpha() or name.casefold() in _TAKEN:
            name = f"file_{name}"
        if name in kinds or len(kinds) == MOST or len(name) > 60:
            notes.add(section, f"{member[:80]!r} was left out", f"{section}: members left out")
            continue
        if name != member:
            notes.add(
                section, f"{member[:80]!r} is kept as {name!r}", f"{section}: members renamed"
            )
        names[member] = name
        kinds[name] = common_type(seen)
    return Fields(kinds, names)


def common_type(types: set[type]) -> type:
    """The type in which values of several are kept.

    Examples:
        >>> common_type({int, float}), common_type({bool, int})
        (<class 'float'>, <class 'str'>)
    """
    if len(types) == 1:
        return next(iter(types))
    return float if types == {int, float} else str


def _scalars(others: Mapping[str, Any]) -> Iterator[tuple[str, Value]]:
    """The texts and numbers among a record's further members, what is nested as its own."""
    for name, value in others.items():
        if name == _NESTED and isinstance(value, Mapping):
            yield from _scalars({key: one for key, one in value.items() if key != _NESTED})
        elif isinstance(value, str):
            if text := one_line(value):
                yield name, text
        elif _fits(value):
            yield name, value


def _fits(value: object) -> bool:
    """Whether a value is a number, or true or false, that a database can hold."""
    is_whole = isinstance(value, int) and abs(value) <= LARGEST_ID
    return is_whole or (isinstance(value, float) and math.isfinite(value))
