"""Where everything of one size lies, so that a run which was killed finds it again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.measure import BOXES, IMAGES

DATASET: Final = "scaled"
MOST_WITH_PIXELS: Final = 10.0
"""Times the real size up to which there are images; beyond, only what needs none is measured."""


@dataclass(frozen=True, slots=True)
class Place:
    """The files of one size.

    Attributes:
        folder: holds them all; the database and the home folder too.
        size: multiple of the real dataset's size, or the number of crops.
        of_crops: whether these are crops, with one label each, in place of images with boxes.
    """

    folder: Path
    size: float
    of_crops: bool = False

    @classmethod
    def below(cls, folder: Path, size: float, of_crops: bool = False) -> Place:
        return cls(folder / (f"{size:.0f}-crops" if of_crops else f"{size:g}x"), size, of_crops)

    @property
    def images(self) -> int:
        return round(self.size if self.of_crops else IMAGES * self.size)

    @property
    def boxes(self) -> int:
        return round(self.size if self.of_crops else BOXES * self.size)

    @property
    def has_pixels(self) -> bool:
        return self.size <= MOST_WITH_PIXELS and not self.of_crops

    @property
    def catalog(self) -> Path:
        return self.folder / "catalog.json"

    @property
    def predictions(self) -> Path:
        return self.folder / "predictions.csv"

    @property
    def table(self) -> Path:
        """Lists the crops."""
        return self.folder / "annotations.csv"

    @property
    def vectors(self) -> Path:
        """Of the crops."""
        return self.folder / "vectors.parquet"

    @property
    def pack(self) -> Path:
        """The images before they are uploaded, in one file."""
        return self.folder / "images.pack"

    @property
    def port(self) -> Path:
        """Says at which port the images are served: it is part of their URLs."""
        return self.folder / "port"

    @property
    def media(self) -> Path:
        return self.folder / "media"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def card(self) -> Path:
        return self.folder / "card"

    @property
    def made_of_stages(self) -> tuple[Path, ...]:
        """What stages write beside the database."""
        return self.media, self.home, self.card
