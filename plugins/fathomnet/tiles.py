"""Tiles: overlapping parts of images as boxes, so that what lies in no box can be found."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, ClassVar, Final

from bson import ObjectId

from .dataset import columns as stored
from .dataset import writes
from .dataset.app_defaults import untick_new_fields
from .dataset.documents import ImageChange
from .dataset.hit_views import Hit
from .dataset.records import bring_up_to_date, read_record, write_record
from .dataset.schema import boxes_schema, declare, require_writable
from .errors import DatasetError, Fault, InputError
from .names import MOST_TILES, TILE_COLUMNS, TILE_ROWS, TILES, tiles_run_key
from .progress import Progress, silent
from .text import counted


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


BATCH: Final = 500
"""Images that are written at once."""


@dataclass(frozen=True, slots=True)
class TilesResult:
    """The outcome of ``add_tiles``.

    Attributes:
        images: all images of the dataset.
        tiles: the tiles of all images together.
        changed: images that did not have these tiles before.
    """

    images: int
    tiles: int
    changed: int


def add_tiles(
    dataset: Any,
    field: str = TILES,
    columns: int = TILE_COLUMNS,
    rows: int = TILE_ROWS,
    progress: Progress = silent,
) -> TilesResult:
    """Covers every image with overlapping tiles, which are boxes without a label.

    Once embedded and indexed like other boxes, they make small things searchable that nobody has
    annotated and that are too few pixels of the whole image for a model. Images that already have
    these tiles keep them and their vectors; another grid replaces all.

    Args:
        dataset: a FiftyOne dataset.
        field: the field for the tiles; created if it does not exist.
        columns: tiles side by side, each overlapping the next by half.
        rows: tiles one above the other.
        progress: called with the share done and a label.

    Raises:
        InputError: ``field`` is not a valid field name, or there are no or too many tiles.
        DatasetError: ``field`` holds something other than tiles; nothing was changed.
    """
    faults = [
        Fault(name, f"should be from 1 to {MOST_TILES}, not {count}")
        for name, count in (("columns", columns), ("rows", rows))
        if not 1 <= count <= MOST_TILES
    ]
    if faults:
        raise InputError("add_tiles", faults)
    bring_up_to_date(dataset)
    require_tiles_field(dataset, field)
    grid = TileGrid(columns, rows)
    # Before the tiles: half of them must be known for what they are.
    write_record(dataset, tiles_run_key(field), grid)
    if dataset.get_field(field) is None:
        # They would be a net over every image.
        untick_new_fields(dataset)
    declare(dataset, boxes_schema(field))
    ids = dataset.values("id")
    changed = 0
    for done, batch in enumerate(writes.batched(ids, BATCH)):
        progress(done * BATCH / len(ids), f"adding tiles {done * BATCH:,}/{len(ids):,} images")
        changed += sum(writes.change_images(dataset, _wanting(dataset, field, grid, batch)))
    progress(1.0, f"{len(ids) * grid.tiles:,} tiles on {counted(len(ids), 'image', 'images')}")
    return TilesResult(len(ids), len(ids) * grid.tiles, changed)


def require_tiles_field(dataset: Any, field: str) -> None:
    """Refuses a field that cannot take tiles.

    Raises:
        InputError: the name is not valid for a field.
        DatasetError: the field holds something else, for example annotated boxes.
    """
    import fiftyone as fo

    require_writable(dataset, field, fo.Detections)
    if dataset.get_field(field) is None or tile_grid(dataset, field) is not None:
        return
    boxes = dataset.count(f"{field}.detections")
    if boxes:
        raise DatasetError(
            f"field {field!r} of dataset {dataset.name!r} holds "
            f"{counted(boxes, 'box that is no tile', 'boxes that are no tiles')}; "
            "choose another name"
        )


def _wanting(
    dataset: Any, field: str, grid: TileGrid, sample_ids: Sequence[str]
) -> Iterator[ImageChange]:
    """Images that lack any of these tiles, as an id tells image, grid and place."""
    path = f"{field}.detections"
    for image in stored.read_images(dataset.select(list(sample_ids)), boxes={path: ()}):
        sample_id = str(image["_id"])
        tiles = list(grid.documents(sample_id))
        there = {tile["_id"] for tile in stored.boxes_in(image, path)}
        if not there.issuperset(tile["_id"] for tile in tiles):
            value = {"_cls": "Detections", "detections": tiles}
            yield ImageChange(sample_id, fields={field: value})
