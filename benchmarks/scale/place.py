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
        size: multiple of the real dataset's size.
    """

    folder: Path
    size: float

    @classmethod
    def below(cls, folder: Path, size: float) -> Place:
        return cls(folder / f"{size:g}x", size)

    @property
    def images(self) -> int:
        return round(IMAGES * self.size)

    @property
    def boxes(self) -> int:
        return round(BOXES * self.size)

    @property
    def has_pixels(self) -> bool:
        return self.size <= MOST_WITH_PIXELS

    @property
    def catalog(self) -> Path:
        return self.folder / "catalog.json"

    @property
    def predictions(self) -> Path:
        return self.folder / "predictions.csv"

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
