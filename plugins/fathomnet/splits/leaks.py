"""What two sides of a split share: dives, near-duplicates, and images that are on both.

First what images belong together: those of a dive, or of a day, a folder or part of a name.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import PurePosixPath
from posixpath import dirname
from typing import Any, ClassVar, Final, Literal

from ..catalog.dives import dive_name
from ..dataset.columns import dataset_of, image_columns
from ..dataset.records import read_record
from ..errors import Fault, InputError
from ..garbage_collector import collector_paused
from ..names import DUPLICATE_GROUP, TEST_TAG, TRAIN_TAG, VALIDATION_TAG
from ..text import listed

By = Literal["dive", "day", "folder", "field", "pattern"]

NOTHING_KNOWN: Final = "unknown"
"""The group of the images of which nothing is known: together they leak nothing."""

RUN_KEY: Final = "split_by_dive"

_OF_ONE_IMAGE: Final = frozenset(
    {
        *("id", "filepath", "image_id", "file_name", "external_id", "media_uri", "media_status"),
        *("created_at", "last_modified_at", "split"),
    }
)
"""Fields that put no images together, or all of a split."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """How images are put together.

    Attributes:
        by: ``dive``, ``day`` (of capture, of one vehicle where it is known), ``folder``, ``field``
            or ``pattern``.
        pattern: a regular expression; what its groups match in an image's file name or URL names
            the group of the image, or all that it matches if it has no groups.
        field: of the images, whose value names the group.
    """

    METHOD: ClassVar[str] = RUN_KEY

    by: By = "dive"
    pattern: str = ""
    field: str = ""

    @property
    def noun(self) -> str:
        """What a group is called."""
        return self.field or self.by

    @classmethod
    def checked(cls, dataset: Any, by: By, pattern: str, field: str) -> Grouping:
        """A grouping that can be carried out.

        Raises:
            InputError: the pattern is missing, superfluous or no regular expression, or the field
                is missing, superfluous or holds nothing that could name a group.
        """
        import fiftyone as fo

        numbers, times = (fo.IntField, fo.FloatField), (fo.DateField, fo.DateTimeField)
        kinds = (fo.StringField, fo.BooleanField, *numbers, *times)
        fields = dataset.get_field_schema(ftype=kinds)
        problem = ""
        if by == "field" and field not in fields:
            known = listed(sorted(fields.keys() - _OF_ONE_IMAGE)) or "none"
            problem = f"{field[:80]!r} names no group: choose one of {known}" if field else ""
            problem = problem or f"name one; there are {known}"
        elif by != "field" and field:
            problem = f"is of no use by {by}: choose by field, or leave it empty"
        if problem:
            raise InputError(RUN_KEY, [Fault("field", problem)])
        try:
            re.compile(pattern)
        except re.error as error:
            problem = f"is no regular expression: {error}"
        if by == "pattern" and not pattern:
            problem = r"name one, such as (cruise\d+): what it matches in a file name is the group"
        elif by != "pattern" and pattern:
            problem = f"is of no use by {by}: choose by pattern, or leave it empty"
        if problem:
            raise InputError(RUN_KEY, [Fault("pattern", problem)])
        return cls(by, pattern, field)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of an image that its group is named by."""
        if self.by == "dive":
            return ("vehicle", "dive", "source_url")
        if self.by == "field":
            return (self.field,)
        return ("file_name", "source_url", "filepath", "vehicle", "date_captured")

    def names(self, columns: Mapping[str, Sequence[Any]]) -> list[str]:
        """The name of each image's group, by the columns of ``fields``; see ``NOTHING_KNOWN``."""
        if self.by == "dive":
            origins = zip(*(columns[name] for name in self.fields), strict=True)
            return [dive_name(*origin) or NOTHING_KNOWN for origin in origins]
        if self.by == "field":
            values = columns[self.field]
            return [NOTHING_KNOWN if one in (None, "") else str(one) for one in values]
        groups = []
        for row in zip(*(columns[name] for name in self.fields), strict=True):
            image = dict(zip(self.fields, row, strict=True))
            # Where it is or was, as far as that is known; what the annotations say comes first.
            known = (image[name] for name in ("file_name", "source_url", "filepath"))
            places = [str(place).split("?", 1)[0] for place in known if place]
            if self.by == "folder":
                group = next(filter(None, map(dirname, places)), "")
            elif self.by == "day":
                moment = image["date_captured"]
                day = moment.date().isoformat() if moment else ""
                group = f"{image['vehicle']} {day}" if day and image["vehicle"] else day
            else:
                matches = (re.search(self.pattern, place) for place in places)
                match = next(filter(None, matches), None)
                group = (" ".join(filter(None, match.groups())) or match.group()) if match else ""
            groups.append(group or NOTHING_KNOWN)
        return groups


def grouping_of(dataset: Any) -> Grouping:
    """How the images of a dataset were put together when they were last divided; else by dive."""
    return read_record(dataset_of(dataset), RUN_KEY, Grouping) or Grouping()


_SHOWN: Final = 20

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_COUNTER: Final = re.compile(r"[a-z]*[ _-]*[0-9]{0,6}")
"""Stems that any set may use, such as ``frame_000123`` or ``image``: alone they say nothing."""


@dataclass(frozen=True, slots=True)
class Leak:
    """What two sides share.

    Attributes:
        sides: the tags of the sides.
        dives: the number of dives on both sides.
        images: the number of images of these dives on the two sides together.
        examples: the first of these dives, by name.
        near_duplicates: groups of near-duplicates on both sides, which ``find_duplicates`` found.
        same_images: images of the second side that the first has too, by their URL or file name.
        same_examples: the names of the first of these.
    """

    sides: tuple[str, str]
    dives: int
    images: int
    examples: tuple[str, ...]
    near_duplicates: int = 0
    same_images: int = 0
    same_examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Name:
    """What an image is called, and what else tells it from others of that name.

    Attributes:
        name: of its file, without folders.
        url: where it was published, without the query; empty if unknown.
        size: width and height in pixels; None if unknown.
        date: when it was taken; None if unknown.
    """

    name: str
    url: str
    size: tuple[int, int] | None
    date: Any

    @property
    def keys(self) -> list[str]:
        """What the same image may share with this one: the URL, and the name or the UUID in it."""
        name = self.name.casefold()
        found = _UUID.search(name)
        keys = [found.group() if found else name, self.url]
        return [key for key in keys if key]

    def is_same(self, other: Name) -> bool:
        """Whether both are one image; a UUID or a URL is believed, other names are held against.

        Examples:
            >>> one = Name("plume-east.png", "", (1920, 1080), None)
            >>> one.is_same(Name("plume-east.png", "", (1920, 1080), None))
            True
            >>> one.is_same(Name("plume-east.png", "", (640, 480), None))
            False
        """
        if self.url and self.url == other.url:
            return True
        own, others = (_UUID.search(one.name.casefold()) for one in (self, other))
        if own and others:
            return own.group() == others.group()
        if self.name.casefold() != other.name.casefold():
            return False
        known = [
            (one, another)
            for one, another in (
                (self.url, other.url),
                (self.size, other.size),
                (self.date, other.date),
            )
            if one and another
        ]
        if any(one != another for one, another in known):
            return False
        is_counter = _COUNTER.fullmatch(PurePosixPath(self.name.casefold()).stem)
        return not is_counter or bool(self.date and other.date)


@dataclass(frozen=True, slots=True)
class Images:
    """The relevant columns, with one entry per image of the dataset."""

    ids: list[str]
    tags: list[frozenset[str]]
    dives: list[str]
    duplicates: list[int | None]
    names: list[Name]
    keys: list[list[str]]

    def leaks(self, tags: Sequence[frozenset[str]] | None = None) -> tuple[Leak, ...]:
        """What each two sides share, by these tags or else those that the images have."""
        sides = (TRAIN_TAG, VALIDATION_TAG, TEST_TAG)
        places: dict[str, list[int]] = {side: [] for side in sides}
        for place, some in enumerate(self.tags if tags is None else tags):
            for side in some.intersection(sides):
                places[side].append(place)
        dives = {side: Counter(self.dives[place] for place in places[side]) for side in sides}
        groups = {
            side: {self.duplicates[place] for place in places[side]} - {None} for side in sides
        }
        leaks = []
        for one, other in combinations(sides, 2):
            both = sorted(dives[one].keys() & dives[other].keys())
            images = sum(dives[one][dive] + dives[other][dive] for dive in both)
            same = self._same(places[one], places[other])
            leak = Leak(
                sides=(one, other),
                dives=len(both),
                images=images,
                examples=tuple(both[:_SHOWN]),
                near_duplicates=len(groups[one] & groups[other]),
                same_images=len(same),
                same_examples=tuple(sorted(same)[:_SHOWN]),
            )
            if leak.dives or leak.near_duplicates or leak.same_images:
                leaks.append(leak)
        return tuple(leaks)

    def _same(self, first: Sequence[int], second: Sequence[int]) -> list[str]:
        """The names of the images of one side that are on another side too."""
        by_key: dict[str, list[int]] = defaultdict(list)
        for place in first:
            for key in self.keys[place]:
                by_key[key].append(place)
        found = []
        for place in second:
            own = self.names[place]
            alike = {other for key in self.keys[place] for other in by_key.get(key, ())} - {place}
            if any(own.is_same(self.names[other]) for other in alike):
                found.append(own.name)
        return found


def find_leaks(dataset: Any) -> tuple[Leak, ...]:
    """What two sides of a split share, whoever made it with the tags train, val and test.

    That is dives (or what ``split_by_dive`` last took for them), images by their URL or file name
    and, if ``find_duplicates`` has run, groups of near-duplicates.

    Args:
        dataset: a FiftyOne dataset or view.
    """
    return read_images(dataset, grouping_of(dataset)).leaks()


@collector_paused()
def read_images(dataset: Any, grouping: Grouping) -> Images:
    """Ids, tags, dives and names of the images of a dataset or view."""
    of_names = ("filepath", "file_name", "source_url", "date_captured")
    wanted = ("tags", DUPLICATE_GROUP, *of_names, "metadata.width", "metadata.height")
    columns = image_columns(dataset, (*wanted, *grouping.fields))
    names = [
        Name(
            str(name or path).replace("\\", "/").rsplit("/", 1)[-1],
            (url or "").split("?", 1)[0],
            (width, height) if width and height else None,
            date,
        )
        for path, name, url, date, width, height in zip(
            *(columns[name] for name in wanted[2:]), strict=True
        )
    ]
    return Images(
        columns["id"],
        [frozenset(some or ()) for some in columns["tags"]],
        grouping.names(columns),
        columns[DUPLICATE_GROUP],
        names,
        [name.keys for name in names],
    )
