"""Covers images with tiles, which are boxes, so that what nobody has annotated can be found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.collection import Collection

from .dataset.app_defaults import untick_new_fields
from .dataset.collection import batched, now, reload_samples, sample_collection
from .dataset.documents import Document
from .dataset.label_fields import require_writable
from .dataset.public_writes import ImageChange, write_changes
from .dataset.run_records import write_record
from .dataset.schema import boxes_schema, declare
from .dataset.schema_version import bring_up_to_date
from .dataset.tile_grid import TileGrid, tile_grid
from .errors import DatasetError, Fault, InputError
from .fields import MOST_TILES, TILE_COLUMNS, TILE_ROWS, TILES, tiles_run_key
from .plain import counted
from .progress import Progress, silent

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
    _require_size(columns, rows)
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
    collection = sample_collection(dataset)
    write = partial(_store, collection) if collection is not None else partial(_set, dataset)
    changed = 0
    for done, batch in enumerate(batched(ids, BATCH)):
        progress(done * BATCH / len(ids), f"adding tiles {done * BATCH:,}/{len(ids):,} images")
        changed += write(field, grid, batch)
    reload_samples(dataset)
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


def _require_size(columns: int, rows: int) -> None:
    faults = [
        Fault(name, f"should be from 1 to {MOST_TILES}, not {count}")
        for name, count in (("columns", columns), ("rows", rows))
        if not 1 <= count <= MOST_TILES
    ]
    if faults:
        raise InputError("add_tiles", faults)


def _store(
    collection: Collection[Document], field: str, grid: TileGrid, sample_ids: Sequence[str]
) -> int:
    updates = list(_updates(field, grid, sample_ids))
    written: int = collection.bulk_write(updates, ordered=False).modified_count
    return written


def _updates(field: str, grid: TileGrid, sample_ids: Sequence[str]) -> Iterator[UpdateOne]:
    """Images that have all these tiles do not match, as an id tells image, grid and place."""
    moment = now()
    for sample_id in sample_ids:
        tiles = list(grid.documents(sample_id))
        there = [tile["_id"] for tile in tiles]
        yield UpdateOne(
            {"_id": ObjectId(sample_id), f"{field}.detections._id": {"$not": {"$all": there}}},
            {
                "$set": {
                    field: {"_cls": "Detections", "detections": tiles},
                    "last_modified_at": moment,
                }
            },
        )


def _set(dataset: Any, field: str, grid: TileGrid, sample_ids: Sequence[str]) -> int:
    view = dataset.select(list(sample_ids), ordered=True)
    there = view.values(f"{field}.detections.id")
    wanting = (
        ImageChange(
            sample_id,
            fields={field: {"_cls": "Detections", "detections": list(grid.documents(sample_id))}},
        )
        for sample_id, ids in zip(sample_ids, there, strict=True)
        if ids != grid.ids(sample_id)
    )
    return sum(written for written, _ in write_changes(dataset, wanting))
