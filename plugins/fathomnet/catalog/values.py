"""What the values of a COCO file mean: dates, names, rectangles, and members COCO does not name.

A function for one value gives its meaning or raises ``ValueError`` with the problem in plain words;
its type is known to be right, and the caller knows the place.
"""

import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from ..files.faults import FaultList
from ..files.safe_values import LARGEST_ID, PLAIN_PATH
from ..names import RANKS
from ..taxonomy.table import one_spelling
from ..text import shortened

if sys.version_info >= (3, 11):
    from_iso = datetime.fromisoformat
else:  # its own reads hardly more than what isoformat() writes
    from backports.datetime_fromisoformat import datetime_fromisoformat as from_iso

SMALLEST_SIDE = 1e-6
"""Pixels; a thinner box could vanish when it is expressed as a share of its image."""

PixelBox = Sequence[float]
"""Four numbers: left, top, width, height in pixels."""


_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,20}(?:\.0*)?")
_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_YEAR_FIRST: Final = re.compile(r"([0-9]{4})([:/.-])([0-9]{1,2})\2([0-9]{1,2})(?![0-9])")
_OF_COCO: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3}|\.[0-9]{6})?"
)
_ZONE: Final = re.compile(
    r"\s*\[?(?:UTC|GMT|Z)\]?$|\s*(?:UTC|GMT)?(?=[+-][0-9]{2}(?::?[0-9]{2})?$)", re.IGNORECASE
)
_SHORT_HOUR: Final = re.compile(r"(?<=[ T])([0-9])(?=:[0-9]{2})")
_MADE_UP: Final = 2**53
"""Numbers below it are the same in every program, JavaScript's included."""


def is_missing(value: object) -> bool:
    """Whether a value says that there is none, as tables write it: NaN or a blank text.

    Examples:
        >>> is_missing(" "), is_missing(math.nan), is_missing(0)
        (True, True, False)
    """
    if isinstance(value, str):
        return not value.strip()
    return isinstance(value, float) and math.isnan(value)


def whole_number(value: object) -> int | None:
    """The whole number that a value can only mean, however a program wrote it.

    Examples:
        >>> whole_number("16"), whole_number(214.0), whole_number("1920.0"), whole_number(1.5)
        (16, 214, 1920, None)
    """
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value.strip().partition(".")[0])
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if type(value) is int else None


def number_of(value: object) -> float | None:
    """The number that a value can only mean.

    Examples:
        >>> number_of("976.0"), number_of(" 1e3"), number_of("9,5"), number_of(True)
        (976.0, 1000.0, None, None)
    """
    if isinstance(value, str) and _DECIMAL.fullmatch(value.strip()):
        return float(value)
    return float(value) if type(value) in (int, float) and abs(value) < 1e300 else None  # type: ignore[arg-type]


def number_for(text: str) -> int:
    """A number for an id that is a text, such as a UUID: the same one wherever the text stands.

    Examples:
        >>> number_for("0d84d2f3-8b4c-4c4e-9f0a-5b7d1d0d6f11") < 2**53
        True
    """
    return int.from_bytes(sha256(text.encode("utf-8", "replace")).digest()[:8], "big") % _MADE_UP


def parse_date(text: object) -> datetime | None:
    """Reads a date with the year first: COCO's, EXIF's, with slashes, or ISO 8601.

    One without a zone is taken as UTC. Where the day or the month stands first, nobody can tell
    which it is.

    Returns:
        The time in UTC as a naive datetime; None where the file gives none.

    Raises:
        ValueError: the value is not such a date.

    Examples:
        >>> parse_date("2014:06:12 08:30:00"), parse_date("2014-06-12T08:30:00-07:00")
        (datetime.datetime(2014, 6, 12, 8, 30), datetime.datetime(2014, 6, 12, 15, 30))
        >>> parse_date("2014/6/12 08:30:00 UTC")
        datetime.datetime(2014, 6, 12, 8, 30)
    """
    if text is None or text == 0 or is_missing(text):  # CVAT writes 0
        return None
    if not isinstance(text, str):
        raise ValueError("is not a date in text form and was left out")
    if _OF_COCO.fullmatch(text):  # nearly all are
        with suppress(ValueError):
            return from_iso(text)
    # A blank before an offset goes, and so does a zone that is UTC by name.
    written = _ZONE.sub("", text.strip()[:100].replace("\N{MINUS SIGN}", "-"), count=1)
    found = _YEAR_FIRST.match(written)
    if found:
        of_day = _SHORT_HOUR.sub(r"0\1", written[found.end() :], count=1)
        written = f"{found[1]}-{found[3]:0>2}-{found[4]:0>2}{of_day}"
    try:
        time = from_iso(written)
        return time.astimezone(timezone.utc).replace(tzinfo=None) if time.tzinfo else time
    except (ValueError, OverflowError):
        problem = f"{shortened(text, 80)!r} is not a date (YYYY-MM-DD HH:MM:SS) and was left out"
        raise ValueError(problem) from None


def category_name(name: str) -> str:
    """A category's name, trimmed and with single spaces, without signs that have no width.

    Letters with accents are one sign each, however they are written (Unicode's form NFC).

    Raises:
        ValueError: it is blank, or holds characters that cannot be seen.

    Examples:
        >>> category_name(" Sebastes   diploproa ")
        'Sebastes diploproa'
    """
    trimmed = one_spelling(name)
    if not trimmed:
        raise ValueError("is empty")
    if not trimmed.isprintable():
        raise ValueError(f"{name[:80]!r} holds a character that cannot be printed")
    return trimmed


_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/{1,3}")


def image_name(name: str) -> tuple[str, str | None]:
    r"""The path of an image below the images' folder, and its URL where its name is one.

    Raises:
        ValueError: the name is the address of something else.

    Examples:
        >>> image_name(r"reef\a.png"), image_name("https://host.org/reef/a%20b.png?size=9")
        (('reef/a.png', None), ('a b.png', 'https://host.org/reef/a%20b.png?size=9'))
    """
    if PLAIN_PATH.fullmatch(name):
        return name, None
    shown = repr(shortened(name, 80))
    scheme = _SCHEME.match(name)
    if scheme and scheme[1].casefold() in ("http", "https"):
        last = unquote(PurePosixPath(urlsplit(name).path).name)
        if not last:
            raise ValueError(f"{shown} is the URL of no file: write the image's name")
        return last, name
    if scheme and len(scheme[1]) > 1:  # one letter is a drive
        raise ValueError(
            f"{shown} is an address ({scheme[1]}://), not the name of a file: write the image's "
            "path below the images' folder, and name the bucket or the folder as media_root"
        )
    path = name.replace("\\", "/")
    served = re.match(r"/data/(local-files|upload|cloud)\b", path)
    if served:
        following, _, below = path.partition("?d=")
        problem = f"{shown} is where a Label Studio server shows the image, not the name of a file"
        better = unquote(below) or PurePosixPath(following).name
        raise ValueError(f"{problem}: write its path below the images' folder ({better[:80]!r}?)")
    if not (path[:1] == "/" or path[-1:] == "/" or "://" in path):  # "./a.png", "reef//a.png"
        path = "/".join(one for one in path.split("/") if one not in ("", "."))
    return path, None


def clip_to_image(box: PixelBox, width: int, height: int) -> tuple[PixelBox, float]:
    """The part of a box that lies in its image.

    Args:
        box: left, top, width, height in pixels, all finite.
        width: the image's width in pixels.
        height: the image's height in pixels.

    Returns:
        The part inside, and the largest number of pixels by which the box exceeds the image on
        one side (0.0 for a box that lies inside, which is returned unchanged).

    Raises:
        ValueError: the box has no width or height, or no part of it is inside.

    Examples:
        A box that exceeds the image by 10 pixels on the left and at the bottom:

        >>> clip_to_image((-10, 20, 30, 40), width=100, height=50)
        ((0.0, 20, 20.0, 30), 10)
    """
    left, top, box_width, box_height = box
    if min(box_width, box_height) < SMALLEST_SIDE:
        raise ValueError(f"has no area: width {box_width:g}, height {box_height:g}")
    right, bottom = left + box_width, top + box_height
    excess = max(-left, -top, right - width, bottom - height)
    if excess <= 0:
        return box, 0.0
    left, top = max(left, 0.0), max(top, 0.0)
    inside = (left, top, min(right, width) - left, min(bottom, height) - top)
    if min(inside[2:]) < SMALLEST_SIDE:
        raise ValueError(f"lies wholly outside its image of {width} x {height} pixels")
    return inside, excess


Value = bool | int | float | str
Members = tuple[tuple[str, Value], ...]
"""Names and values, in the order of the file."""

LONGEST_TEXT: Final = 500
"""Characters of a text that are kept."""
MOST_FIELDS: Final = 40
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
        names, kinds = self.names, self.kinds
        return tuple(
            (names[member], kinds[names[member]](value))
            for member, value in _scalars(others)
            if member in names
        )


def read_fields(
    section: str,
    records: Iterable[Mapping[str, Any]],
    notes: FaultList,
    most: int = MOST_FIELDS,
) -> Fields:
    """The fields for the members that the records of a list have beside COCO's own.

    Args:
        section: the list's name, for notes.
        records: of each record its further members.
        notes: takes what is kept under another name, or not at all.
        most: fields that the list may add.

    Examples:
        >>> boxes = [{"depth": 871, "attributes": {"sex": "f"}}, {"depth": 871.5, "order": "3"}]
        >>> read_fields("annotations", boxes, FaultList()).kinds
        {'depth': <class 'float'>, 'sex': <class 'str'>, 'file_order': <class 'str'>}
    """
    types: dict[str, set[type]] = {}
    for others in records:
        for name, value in _scalars(others):
            types.setdefault(name, set()).add(type(value))
    return _fields_of(section, types, notes, most)


def read_columns(
    section: str,
    columns: Mapping[str, Sequence[object]],
    notes: FaultList,
    most: int,
) -> tuple[dict[str, type], dict[str, list[Value | None]]]:
    """The fields for the further columns of a table, as ``read_fields`` finds them for a list.

    Args:
        section: what notes call the columns.
        columns: the cells of each.
        notes: see ``read_fields``.
        most: see ``read_fields``.

    Returns:
        Of each field its type, and its values; None where a cell says nothing.

    Examples:
        >>> kinds, values = read_columns("columns", {"depth": [871, 0.5, " "]}, FaultList(), 9)
        >>> kinds, values
        ({'depth': <class 'float'>}, {'depth': [871.0, 0.5, None]})
    """
    scalars = {name: list(map(_scalar, cells)) for name, cells in columns.items()}
    types = {name: {*map(type, values)} - {type(None)} for name, values in scalars.items()}
    fields = _fields_of(section, {name: one for name, one in types.items() if one}, notes, most)
    values: dict[str, list[Value | None]] = {}
    for member, name in fields.names.items():
        kind = fields.kinds[name]
        values[name] = scalars[member]
        if types[member] != {kind}:
            values[name] = [None if one is None else kind(one) for one in scalars[member]]
    return dict(fields.kinds), values


def _fields_of(section: str, types: Mapping[str, set[type]], notes: FaultList, most: int) -> Fields:
    """The fields for members of which each has values of certain types."""
    kinds: dict[str, type] = {}
    names: dict[str, str] = {}
    for member, seen in types.items():
        name = re.sub(r"\W+", "_", member, flags=re.ASCII).strip("_")
        if not name or not name[0].isalpha() or name.casefold() in _TAKEN:
            name = f"file_{name}"
        if name in kinds or len(kinds) == most or len(name) > 60:
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
        elif (scalar := _scalar(value)) is not None:
            yield name, scalar


def _scalar(value: object) -> Value | None:
    """A text in one line, or a number or truth that a database can hold; None for all else."""
    if isinstance(value, str):
        return one_line(value) or None
    is_whole = isinstance(value, int) and abs(value) <= LARGEST_ID
    if is_whole or (isinstance(value, float) and math.isfinite(value)):
        return value  # type: ignore[return-value]
    return None


def one_line(text: str) -> str:
    r"""A text with single spaces, no unprintable characters and a bounded length.

    Examples:
        >>> one_line("Monterey Bay\n  Aquarium")
        'Monterey Bay Aquarium'
    """
    if len(text) <= LONGEST_TEXT and text.isprintable():
        return " ".join(text.split())
    printable = "".join(sign if sign.isprintable() else " " for sign in text[: 2 * LONGEST_TEXT])
    return shortened(" ".join(printable.split()), LONGEST_TEXT)
