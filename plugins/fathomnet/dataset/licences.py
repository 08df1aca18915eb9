"""What an annotations file says of itself and of its images' licences, kept in its ingest's record.

COCO gives every image a licence. A dataset keeps how many images have which, a split, so that no
sample needs a field for it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from ..catalog import Catalog

SHOWN: Final = 20
"""Ids of licences that no list describes."""


@dataclass(frozen=True, slots=True)
class LicenceCount:
    """A licence that the file describes, and how many of the split's images have it.

    ``name`` or ``url`` may be empty, never both.
    """

    name: str
    url: str
    images: int


@dataclass(frozen=True, slots=True)
class SplitLicences:
    """The licences of a split's images.

    Attributes:
        described: those that the file lists, in its order.
        undescribed: images whose licence the file names, but does not list.
        undescribed_ids: what it calls them, the first ``SHOWN`` in the order of their names.
        unnamed: images of which it names no licence.
        statements: name and value of what the file says of itself, in its order.
    """

    described: tuple[LicenceCount, ...]
    undescribed: int
    undescribed_ids: tuple[str, ...]
    unnamed: int
    statements: tuple[tuple[str, str], ...]

    @property
    def images(self) -> int:
        """All that were counted."""
        return sum(one.images for one in self.described) + self.undescribed + self.unnamed


def count_licences(catalog: Catalog) -> SplitLicences:
    """Counts the images of a catalog by their licences."""
    counts = Counter(image.licence for image in catalog.images)
    unnamed = counts.pop(None, 0)
    described = tuple(
        LicenceCount(one.name, one.url, counts.pop(one.licence_id, 0)) for one in catalog.licences
    )
    return SplitLicences(
        described=described,
        undescribed=counts.total(),
        undescribed_ids=tuple(sorted(map(str, counts))[:SHOWN]),
        unnamed=unnamed,
        statements=tuple((one.name, one.value) for one in catalog.statements),
    )
