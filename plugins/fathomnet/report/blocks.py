"""The blocks of a data card, independent of its format, and the columns that they are made from."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ..dataset import columns
from ..dataset.ingest_record import labels_field
from ..dataset.label_map import special_names
from ..dataset.schema import labels_path_if_any
from ..garbage_collector import collector_paused
from ..labels.verdicts import is_example
from ..names import REVIEW_STATE, REVIEWED_LABEL, SUGGESTED_LABEL

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


IMAGE: Final = (
    "filepath", "tags", "split", "vehicle", "dive", "date_captured", "media_status",
    "metadata.width", "metadata.height",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Content:
    """The images and boxes of a dataset; every list has one entry per image.

    Attributes:
        ids: ids of the images.
        columns: values by the names of ``IMAGE``; None for an image without a value.
        labels: labels of the boxes, or crops, that the dataset was made with.
        rectangles: rectangles of the same boxes, relative to the image.
        special: how many boxes have each name that is no taxon; they are not among the labels.
        examples: whether each of them may be shown as an example of its label.
    """

    ids: list[str]
    columns: dict[str, list[Any]]
    labels: list[Sequence[str | None]]
    rectangles: list[Sequence[Sequence[float]]]
    examples: list[Sequence[bool]]
    special: Mapping[str, int] = field(default_factory=dict)

    def boxes(self) -> Iterator[tuple[int, str | None, Sequence[float]]]:
        """Each box: the position of its image, its label and its rectangle."""
        for place, (labels, rectangles) in enumerate(
            zip(self.labels, self.rectangles, strict=True)
        ):
            for label, rectangle in zip(labels, rectangles, strict=True):
                yield place, label, rectangle


def _column(documents: Sequence[Any], name: str, *below: str) -> list[Any]:
    """What is at a path of each document, such as metadata.width; any part may be missing."""
    values = [document.get(name) for document in documents]
    return _column([value or {} for value in values], *below) if below else values


@collector_paused()
def read_content(dataset: Any) -> Content:
    """Reads everything that a data card counts, in the order of the dataset."""
    path = labels_path_if_any(dataset, labels_field(columns.dataset_of(dataset)))
    attributes = ("label", "bounding_box", SUGGESTED_LABEL, REVIEW_STATE, REVIEWED_LABEL)
    wanted = {path: attributes} if path else {}
    images: list[Any] = list(columns.read_images(dataset, IMAGE, wanted))
    every = [columns.boxes_in(image, path) if path else () for image in images]
    no_taxa = special_names(dataset)
    boxes = [[box for box in some if box.get("label") not in no_taxa] for some in every]
    labels = (box.get("label") for some in every for box in some)
    return Content(
        [str(image["_id"]) for image in images],
        {name: _column(images, *name.split(".")) for name in IMAGE},
        [[box.get("label") for box in some] for some in boxes],
        [[box.get("bounding_box") or () for box in some] for some in boxes],
        [[is_example(box) for box in some] for some in boxes],
        Counter(label for label in labels if label in no_taxa),
    )
