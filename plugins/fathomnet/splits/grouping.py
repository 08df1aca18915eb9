"""What images belong together: those of a dive, or of a day, a folder or part of a name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from posixpath import dirname
from typing import Any, ClassVar, Final, Literal

from ..dataset.columns import dataset_of, field_values, image_dives
from ..dataset.records import read_record
from ..errors import Fault, InputError

By = Literal["dive", "day", "folder", "pattern"]

NOTHING_KNOWN: Final = "unknown"
"""The group of the images of which nothing is known: together they leak nothing."""

RUN_KEY: Final = "split_by_dive"


@dataclass(frozen=True, slots=True)
class Grouping:
    """How images are put together.

    Attributes:
        by: ``dive``, ``day`` (of capture, of one vehicle where it is known), ``folder`` or
            ``pattern``.
        pattern: a regular expression; what its groups match in an image's file name or URL names
            the group of the image, or all that it matches if it has no groups.
    """

    METHOD: ClassVar[str] = RUN_KEY

    by: By = "dive"
    pattern: str = ""

    @classmethod
    def checked(cls, by: By, pattern: str) -> Grouping:
        """A grouping that can be carried out.

        Raises:
            InputError: the pattern is missing, superfluous or no regular expression.
        """
        problem = ""
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
        return cls(by, pattern)

    def names(self, dataset: Any) -> list[str]:
        """The name of each image's group; see ``NOTHING_KNOWN``."""
        if self.by == "dive":
            return [dive or NOTHING_KNOWN for dive in image_dives(dataset)]
        count = dataset.count()
        columns = {
            name: field_values(dataset, name, count)
            for name in ("file_name", "source_url", "filepath", "vehicle", "date_captured")
        }
        groups = []
        for row in zip(*columns.values(), strict=True):
            image = dict(zip(columns, row, strict=True))
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
