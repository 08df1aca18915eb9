"""Debris that lies in no box is found by the stages that a user runs, on images never seen."""

from __future__ import annotations

import json

import fiftyone as fo
from fathomnet_voxel51.embeddings import compute_embeddings
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.names import TILES
from fathomnet_voxel51.needles import find_needles
from fathomnet_voxel51.similarity import build_similarity_index
from fathomnet_voxel51.tiles import add_tiles

from tests.support.drawn import UNSEEN, Drawn

FIRST = 20


def test_every_planted_piece_is_in_the_first_hits_of_its_pack(
    drawn: Drawn, dataset_name: str
) -> None:
    made = drawn(UNSEEN)
    ingest_dataset(
        train_annotations=str(made.train),
        dataset_name=dataset_name,
        media_root=str(made.media_root),
    )
    dataset = fo.load_dataset(dataset_name)
    add_tiles(dataset)
    compute_embeddings(dataset, "demo-clip", TILES, method="none")
    index = build_similarity_index(dataset, "demo-clip", TILES)
    view = dataset.load_saved_view(find_needles(dataset, index.brain_key, "debris").view)
    found = view.limit(FIRST)
    names = dict(zip(dataset.values("id"), dataset.values("file_name"), strict=True))
    tiles = [
        (names[sample_id], box)
        for sample_id, box in zip(
            found.values("sample_id"), found.values("tiles.bounding_box"), strict=True
        )
    ]
    sizes = {
        name: (metadata.width, metadata.height)
        for name, metadata in zip(*dataset.values(["file_name", "metadata"]), strict=True)
    }
    pieces = [
        item for item in json.loads(made.truth.read_text())["objects"] if item["kind"] == "debris"
    ]
    assert len(pieces) >= 8
    missed = [
        item
        for item in pieces
        if not any(
            name == item["file_name"] and _seen(item["bbox"], box, sizes[name]) >= 0.5
            for name, box in tiles
        )
    ]
    assert not missed


def _seen(bbox: list[float], tile: list[float], size: tuple[int, int]) -> float:
    """The share of a piece that lies in a tile."""
    share = 1.0
    for axis in (0, 1):
        start, extent = bbox[axis] / size[axis], bbox[axis + 2] / size[axis]
        low, high = max(start, tile[axis]), min(start + extent, tile[axis] + tile[axis + 2])
        share *= max(0.0, high - low) / extent
    return share
