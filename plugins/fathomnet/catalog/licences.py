"""What a COCO file says about itself and its images' licences, made safe to keep and to show.

Images and boxes can be read without any of this. So malformed entries are left out with a note, as
malformed dates are, and no file is refused because of them.
"""

from dataclasses import dataclass
from typing import Final

from ..files.faults import FaultList, value_in_words
from ..files.safe_values import LARGEST_ID
from .coco import place_of
from .values import one_line

MOST_LICENCES: Final = 1_000
MOST_STATEMENTS: Final = 50
"""Items that are kept of either list: far more than a file needs, and few enough to store."""

LicenceId = int | str
"""COCO uses whole numbers; some programs write the licence's name instead."""


@dataclass(frozen=True, slots=True)
class Licence:
    """One item of the file's list of licences.

    Attributes:
        licence_id: what its images call it.
        name: as the file writes it, on one line; may be empty.
        url: likewise; any text is accepted, because it is only shown.
    """

    licence_id: LicenceId
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that the file says about itself, such as who contributed to it."""

    name: str
    value: str


def licence_id(value: object) -> LicenceId | None:
    """The id by which a record names a licence; None where it names none.

    Raises:
        ValueError: the value is neither a whole number nor a text.

    Examples:
        >>> licence_id(4), licence_id(" CC  BY-NC-ND 4.0")
        (4, 'CC BY-NC-ND 4.0')
    """
    if value is None:
        return None
    if type(value) is int and abs(value) <= LARGEST_ID:
        return value
    if isinstance(value, str):
        return one_line(value) or None
    raise ValueError(f"should be a whole number, not {value_in_words(value)}, and was left out")


def read_licences(value: object, notes: FaultList) -> tuple[Licence, ...]:
    """The licences that a file lists, in its order.

    Args:
        value: the file's member ``licenses``; None where it has none.
        notes: takes what was left out, with its place.

    Examples:
        >>> notes = FaultList()
        >>> read_licences([{"id": 4, "name": "CC BY-NC-ND 4.0"}, {"name": "unnumbered"}], notes)
        (Licence(licence_id=4, name='CC BY-NC-ND 4.0', url=''),)
        >>> print(*notes.all())
        licenses[1]: has no id that an image could name, and was left out
    """
    if value is None:
        return ()
    if not isinstance(value, list):
        notes.add("licenses", f"should be a list, not {value_in_words(value)}, and was left out")
        return ()
    if len(value) > MOST_LICENCES:
        notes.add("licenses", f"has {len(value):,} items, of which {MOST_LICENCES:,} were read")
    found: dict[LicenceId, Licence] = {}
    for index, item in enumerate(value[:MOST_LICENCES]):
        try:
            licence = _licence(item)
        except ValueError as error:
            notes.add(place_of("licenses", index, None), str(error))
            continue
        if found.setdefault(licence.licence_id, licence) is not licence:
            problem = f"{licence.licence_id!r} is another licence's id, so that it was left out"
            notes.add(place_of("licenses", index, None) + ".id", problem)
    return tuple(found.values())


def read_statements(value: object, notes: FaultList) -> tuple[Statement, ...]:
    """The texts and numbers that a file says about itself, in its order.

    Args:
        value: the file's member ``info``; None where it has none.
        notes: takes what was left out, with its place.

    Examples:
        >>> read_statements({"year": 2025, "contributors": ["MBARI"]}, FaultList())
        (Statement(name='year', value='2025'),)
    """
    if value is None:
        return ()
    if not isinstance(value, dict):
        notes.add("info", f"should be an object, not {value_in_words(value)}, and was left out")
        return ()
    texts = ((name, _text(member)) for name, member in value.items())
    found = [Statement(one_line(name), text) for name, text in texts if name and text]
    if len(found) > MOST_STATEMENTS:
        notes.add("info", f"has {len(found):,} members, of which {MOST_STATEMENTS:,} were kept")
    return tuple(found[:MOST_STATEMENTS])


def _licence(item: object) -> Licence:
    if not isinstance(item, dict):
        raise ValueError(f"should be an object, not {value_in_words(item)}, and was left out")
    name, url = (_text(item.get(member)) for member in ("name", "url"))
    known_as = licence_id(item.get("id"))
    if known_as is None:
        raise ValueError("has no id that an image could name, and was left out")
    if not (name or url):
        raise ValueError("has neither a name nor a URL, and was left out")
    return Licence(known_as, name, url)


def _text(value: object) -> str:
    """A text or a number as a text; empty for anything else."""
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    return str(value) if abs(value) <= LARGEST_ID else ""
