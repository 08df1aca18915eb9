"""Tiles cover every image, keep what was computed of them, and find each thing once."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from fathomnet_voxel51.dataset.door import PUBLIC_API
from fathomnet_voxel51.dataset.hit_views import Hit
from fathomnet_voxel51.errors import DatasetError, InputError
from fathomnet_voxel51.labels import add_primary_label
from fathomnet_voxel51.tiles import TileGrid, TilesResult, add_tiles, tile_grid


@pytest.fixture(params=["collection", "public API"])
def dataset(
    request: pytest.FixtureRequest, dataset_name: str, monkeypatch: pytest.MonkeyPatch
) -> Any:
    if request.param == "public API":
        monkeypatch.setenv(PUBLIC_API, "1")
    made = fo.Dataset(dataset_name, persistent=True)
    made.add_samples([fo.Sample(filepath=f"/{number}.png") for number in range(3)])
    return made


def test_every_point_of_an_image_lies_in_a_tile_and_nearly_all_in_two(dataset: Any) -> None:
    add_tiles(dataset, columns=3, rows=2)
    covered = np.zeros((60, 40), int)
    (boxes,) = dataset.limit(1).values("tiles.detections.bounding_box")
    for x, y, width, height in boxes:
        left, top = round(60 * x), round(40 * y)
        covered[left : left + round(60 * width), top : top + round(40 * height)] += 1
    assert len(boxes) == 6
    assert covered.min() == 1
    assert (covered[15:45] >= 2).all()


def test_the_same_tiles_again_change_nothing(dataset: Any) -> None:
    assert add_tiles(dataset, columns=3, rows=2) == TilesResult(3, 18, 3)
    ids = dataset.values("tiles.detections.id")
    dataset.set_values("tiles.detections.note", [["kept"] * 6] * 3, dynamic=True)
    assert add_tiles(dataset, columns=3, rows=2) == TilesResult(3, 18, 0)
    assert dataset.values("tiles.detections.id") == ids
    assert dataset.values("tiles.detections.note", unwind=True) == ["kept"] * 18


def test_tiles_are_not_ticked_in_the_sidebar_and_predictions_that_come_later_are(
    dataset: Any,
) -> None:
    dataset.add_sample_field("boxes", fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
    add_tiles(dataset, columns=3, rows=2)
    assert dataset.app_config.active_fields.paths == ["boxes"]
    add_primary_label(dataset, source_field="boxes", field="most")
    dataset.reload()
    assert dataset.app_config.active_fields.paths == ["boxes", "most"]


def test_what_somebody_has_ticked_stays(dataset: Any) -> None:
    dataset.app_config.active_fields = fo.ActiveFields(paths=["id"])
    dataset.save()
    add_tiles(dataset, columns=3, rows=2)
    add_tiles(dataset, columns=2, rows=2)
    dataset.reload()
    assert dataset.app_config.active_fields.paths == ["id"]


def test_new_images_get_theirs_and_another_grid_replaces_all(dataset: Any) -> None:
    add_tiles(dataset, columns=3, rows=2)
    dataset.add_samples([fo.Sample(filepath="/new.png")])
    assert add_tiles(dataset, columns=3, rows=2) == TilesResult(4, 24, 1)
    assert add_tiles(dataset, columns=1, rows=2) == TilesResult(4, 8, 4)
    assert tile_grid(dataset, "tiles") == TileGrid(1, 2)


def test_both_ways_of_writing_make_the_same_tiles(
    dataset: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_tiles(dataset, columns=2, rows=2)
    monkeypatch.setenv(PUBLIC_API, "1")
    assert add_tiles(dataset, columns=2, rows=2).changed == 0
    dataset.reload()
    grid = TileGrid(2, 2)
    for sample in dataset:
        tiles = sample.tiles.detections
        assert [tile.id for tile in tiles] == grid.ids(sample.id)
        assert [tile.bounding_box for tile in tiles] == grid.boxes()
        assert {tile.label for tile in tiles} == {None}


def test_annotated_boxes_are_never_overwritten(dataset: Any) -> None:
    boxes = fo.Detections(detections=[fo.Detection(bounding_box=[0, 0, 1, 1])])
    dataset.set_values("ground_truth", [boxes, None, None])
    with pytest.raises(DatasetError, match="1 box that is no tile"):
        add_tiles(dataset, "ground_truth")
    assert dataset.count("ground_truth.detections") == 1
    assert tile_grid(dataset, "ground_truth") is None


@pytest.mark.parametrize(("columns", "rows"), [(0, 5), (7, -1), (51, 5)])
def test_too_few_and_too_many_are_refused(dataset: Any, columns: int, rows: int) -> None:
    with pytest.raises(InputError, match="should be from 1 to 50"):
        add_tiles(dataset, columns=columns, rows=rows)
    assert not dataset.has_field("tiles")


def test_of_tiles_that_share_a_part_the_best_is_kept() -> None:
    grid = TileGrid(4, 3)
    ids = grid.ids("a")
    best, beside, below, across, apart = (ids[place] for place in (0, 1, 4, 5, 2))
    hits = [Hit(id_, "a", 9.0 - n) for n, id_ in enumerate((best, beside, below, across, apart))]
    elsewhere = Hit(grid.ids("b")[1], "b", 1.0)
    kept = grid.without_overlaps([*hits, elsewhere])
    assert [hit.id for hit in kept] == [best, apart, elsewhere.id]
