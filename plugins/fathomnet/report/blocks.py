"""The blocks of a data card, independent of its format."""

from __future__ import annotations

from dataclasses import dataclass

Cell = str | int | float | None


class Hash(str):
    """A hash, set apart from texts for people to read."""


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of values below their headings."""

    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Whether each column holds only numbers.

        Examples:
            >>> Table(("concept", "boxes"), (("Sebastes", 12), ("Elpidia", 7))).numeric
            (False, True)
        """
        return tuple(
            bool(self.rows) and all(isinstance(row[place], int | float) for row in self.rows)
            for place in range(len(self.headings))
        )


@dataclass(frozen=True, slots=True)
class Bars:
    """Counts, drawn as bars.

    Attributes:
        what: heading of the names.
        unit: heading of the counts.
        counts: names and counts, in the order to draw.
    """

    what: str
    unit: str
    counts: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Crop:
    """The picture of a box.

    Attributes:
        concept: its label.
        jpeg: the picture.
    """

    concept: str
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Crops:
    """Pictures of boxes, grouped by concept."""

    pictures: tuple[Crop, ...]


Block = Note | Table | Bars | Crops


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the card with its own heading."""

    heading: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """A whole data card."""

    title: str
    sections: tuple[Section, ...]


def in_words(cell: Cell) -> str:
    """A value in words, on one line; unprintable characters become spaces.

    Examples:
        >>> in_words(24_487), in_words(0.5), in_words(None)
        ('24,487', '0.500', '')
    """
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.3f}"
    text = f"{cell:,}" if isinstance(cell, int) else cell
    return "".join(sign if sign.isprintable() else " " for sign in text)
