"""Keeps what an annotations file says about itself and its images' licences in its ingest's record.

COCO gives every image a licence. A dataset keeps how many images of each split have which licence,
so no sample needs a field for it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from ..catalog import Catalog

SHOWN: Final = 20
"""The most ids of undescribed licences that are kept."""


@dataclass(frozen=True, slots=True)
class LicenceCount:
    """A licence that the file describes, and the number of the split's images that have it.

    Either ``name`` or ``url`` may be empty, but not both.
    """

    name: str
    url: str
    images: int


@dataclass(frozen=True, slots=True)
class SplitLicences:
    """The licences of a split's images.

    Attributes:
        described: the licences that the file lists, in its order.
        undescribed: images whose licence the file names but does not list.
        undescribed_ids: the ids of these licences, sorted, the first ``SHOWN``.
        unnamed: images for which the file names no licence.
        statements: names and values of what the file says about itself, in its order.
    """

    described: tuple[LicenceCount, ...]
    undescribed: int
    undescribed_ids: tuple[str, ...]
    unnamed: int
    statements: tuple[tuple[str, str], ...]

    @property
    def images(self) -> int:
        """The number of images that were counted."""
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
