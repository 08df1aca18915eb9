"""The overlapping tiles of an image: their places, and which of them overlap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, ClassVar

from bson import ObjectId

from ..fields import tiles_run_key
from .hits import Hit
from .run_records import read_record


@dataclass(frozen=True, slots=True)
class TileGrid:
    """Tiles that overlap their neighbours by half, so that one of them contains any small thing.

    Attributes:
        columns: the number of tiles side by side.
        rows: the number of tiles one above another.
    """

    METHOD: ClassVar[str] = "add_tiles"

    columns: int
    rows: int

    @property
    def tiles(self) -> int:
        """The number of tiles per image."""
        return self.columns * self.rows

    def boxes(self) -> list[list[float]]:
        """Each tile as FiftyOne's [x, y, width, height], relative to the image, row by row.

        Examples:
            >>> TileGrid(columns=3, rows=1).boxes()
            [[0.0, 0.0, 0.5, 1.0], [0.25, 0.0, 0.5, 1.0], [0.5, 0.0, 0.5, 1.0]]
        """
        width, height = 2 / (self.columns + 1), 2 / (self.rows + 1)
        return [
            [column * width / 2, row * height / 2, width, height]
            for row in range(self.rows)
            for column in range(self.columns)
        ]

    def ids(self, sample_id: str) -> list[str]:
        """The lasting ids of an image's tiles, row by row; the same grid gives the same ids."""
        stem = f"fathomnet tile {self.columns}x{self.rows} {sample_id}"
        return [sha256(f"{stem} {place}".encode()).hexdigest()[:24] for place in range(self.tiles)]

    def documents(self, sample_id: str) -> Iterator[dict[str, Any]]:
        """An image's tiles as FiftyOne stores them: detections without a label."""
        for id_, box in zip(self.ids(sample_id), self.boxes(), strict=True):
            yield {
                "_id": ObjectId(id_),
                "_cls": "Detection",
                "attributes": {},
                "tags": [],
                "bounding_box": box,
            }

    def without_overlaps(self, hits: Sequence[Hit]) -> tuple[Hit, ...]:
        """The hits without those that overlap a better one.

        Otherwise one thing would be found four times, once for each tile that contains it.

        Args:
            hits: tiles, best first.
        """
        places: dict[str, dict[str, int]] = {}
        taken: dict[str, list[tuple[int, int]]] = {}
        kept = []
        for hit in hits:
            if hit.sample_id not in places:
                ids = self.ids(hit.sample_id)
                places[hit.sample_id] = {id_: place for place, id_ in enumerate(ids)}
            place = places[hit.sample_id].get(hit.id)
            if place is not None:
                row, column = divmod(place, self.columns)
                others = taken.setdefault(hit.sample_id, [])
                if any(abs(row - r) < 2 and abs(column - c) < 2 for r, c in others):
                    continue
                others.append((row, column))
            kept.append(hit)
        return tuple(kept)


def tile_grid(dataset: Any, field: str) -> TileGrid | None:
    """The grid that the boxes of a field are tiles of; None where they are something else."""
    return read_record(dataset, tiles_run_key(field), TileGrid) if field else None
