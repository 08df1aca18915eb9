"""Maps: of exactly the boxes that have vectors, reproducible, replaced cleanly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.brain as fob
import numpy as np
import pytest
from fathomnet_voxel51.dataset.records import why_outdated
from fathomnet_voxel51.dataset.vectors import VectorRows, declare_vectors, write_vectors
from fathomnet_voxel51.embeddings import compute_embeddings, maps
from fathomnet_voxel51.embeddings.maps import MapMade, check_map, make_map
from fathomnet_voxel51.errors import DatasetError
from fathomnet_voxel51.labels import add_taxonomy_ranks
from sklearn.decomposition import PCA

from .tiny import TinyEmbedder, random_rectangles, sample, write_images

FIELD = "clip_embedding"
Make = Callable[[Any], Any]


@pytest.fixture
def dataset(make_dataset: Make) -> Any:
    """Images with 4, 0, 30 and 6 boxes; all but the first box of each have a vector."""
    made = make_dataset([sample(f"/{n}.png", random_rectangles(n, n)) for n in (4, 0, 30, 6)])
    declare_vectors(made, "ground_truth", FIELD)
    pairs = [(s.id, box.id) for s in made for box in s.ground_truth.detections[1:]]
    matrix = np.random.default_rng(0).normal(size=(len(pairs), 60)).astype(np.float32)
    ids, boxes = zip(*pairs, strict=True)
    rows = VectorRows(ids=boxes, sample_ids=ids, fingerprints=[{}] * len(ids), matrix=matrix)
    write_vectors(made, "ground_truth", FIELD, rows)
    return made


def boxes_of(view: Any) -> list[str]:
    boxes = (box for shown in view for box in shown.ground_truth.detections)
    return [box.id for box in boxes if box.has_field(FIELD) and box[FIELD] is not None]


@pytest.mark.parametrize("method", ["umap", "pca", "tsne"])
def test_a_map_holds_the_boxes_that_have_vectors_and_is_the_same_each_time(
    method: str, dataset: Any
) -> None:
    made = make_map(dataset, "ground_truth", FIELD, method, "map")
    assert made == MapMade(37, method, "")
    first = dataset.load_brain_results("map")
    assert list(first.label_ids) == boxes_of(dataset)
    points = np.array(first.points)
    assert points.shape == (37, 2)
    assert np.isfinite(points).all()
    make_map(dataset, "ground_truth", FIELD, method, "map")
    np.testing.assert_array_equal(dataset.load_brain_results("map").points, points)
    assert dataset.list_brain_runs() == ["map"]


def test_the_plane_of_pca_is_that_of_its_library(dataset: Any) -> None:
    make_map(dataset, "ground_truth", FIELD, "pca", "map")
    vectors = [v for image in dataset.values(f"ground_truth.detections.{FIELD}") for v in image]
    matrix = np.stack([v for v in vectors if v is not None])
    expected = PCA(2, svd_solver="full").fit_transform(matrix)
    points = dataset.load_brain_results("map").points
    correlation = [abs(np.corrcoef(points[:, i], expected[:, i])[0, 1]) for i in (0, 1)]
    assert min(correlation) > 0.99


def test_a_map_of_a_view_holds_its_boxes(dataset: Any) -> None:
    view = dataset.skip(2).filter_labels("ground_truth", fo.ViewField("label") != "7")
    assert make_map(view, "ground_truth", FIELD, "pca", "map").points == 28 + 5
    assert list(dataset.load_brain_results("map").label_ids) == boxes_of(view)


@pytest.mark.parametrize("method", ["umap", "tsne"])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 9, 10, 16])
def test_few_vectors_have_a_map_all_the_same(method: str, count: int, dataset: Any) -> None:
    labels = [str(number) for number in range(1, count + 1)]
    image = dataset.skip(2).limit(1)
    view = image.filter_labels("ground_truth", fo.ViewField("label").is_in(labels))
    made = make_map(view, "ground_truth", FIELD, method, "map")
    if count < 2:
        assert made == MapMade(0, method, f"{count} vectors are too few for a map")
        assert dataset.list_brain_runs() == []
        return
    assert made.points == len(dataset.load_brain_results("map").points) == count
    assert made.method == (method if count >= 10 else "pca")
    assert ("too few for" in made.remark) == (count < 10)


def test_a_map_that_fails_leaves_the_old_one_and_no_key(
    dataset: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_map(dataset, "ground_truth", FIELD, "pca", "map")
    points = np.array(dataset.load_brain_results("map").points)
    monkeypatch.setattr(maps, "NEIGHBOURS", -5)
    with pytest.raises(Exception, match="n_neighbors"):
        make_map(dataset, "ground_truth", FIELD, "umap", "map")
    dataset.reload()
    assert dataset.list_brain_runs() == ["map"]
    np.testing.assert_array_equal(dataset.load_brain_results("map").points, points)


@pytest.mark.fault(
    operator="compute_embeddings",
    happens="it is killed while the map is made",
    end="run again, one map under its key and no other run",
)
def test_what_a_killed_run_left_is_replaced(dataset: Any) -> None:
    fob.compute_visualization(
        dataset,
        patches_field="ground_truth",
        embeddings=FIELD,
        brain_key="map_being_made",
        method="pca",
    )
    make_map(dataset, "ground_truth", FIELD, "pca", "map")
    assert dataset.list_brain_runs() == ["map"]


def test_a_key_of_another_kind_of_result_is_refused(dataset: Any) -> None:
    fob.compute_similarity(
        dataset, patches_field="ground_truth", embeddings=FIELD, brain_key="taken"
    )
    with pytest.raises(DatasetError, match=r"'taken' .* belongs to a run of another kind"):
        check_map(dataset, "umap", "taken")
    make_map(dataset, "ground_truth", FIELD, "pca", "map")
    check_map(dataset, "umap", "map")


def test_whole_images_have_a_map(make_dataset: Make, use: Any, tmp_path: Path) -> None:
    use(TinyEmbedder())
    dataset = make_dataset(write_images(tmp_path, [0] * 12))
    result = compute_embeddings(dataset, patches_field="")
    assert result.brain_key == "clip_umap_images"
    assert list(dataset.load_brain_results("clip_umap_images").sample_ids) == dataset.values("id")


def test_the_apps_panel_offers_every_rank_as_a_colour(dataset: Any) -> None:
    from fiftyone.server.routes.embeddings import ColorByChoices

    add_taxonomy_ranks(dataset)
    make_map(dataset, "ground_truth", FIELD, "pca", "map")
    request = {"datasetName": dataset.name, "view": [], "slices": None}
    endpoint = ColorByChoices({"type": "http", "method": "POST"}, None, None)
    answer = endpoint._post_sync({**request, "patchesField": "ground_truth"})
    ranks = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
    assert {f"ground_truth.detections.{rank}" for rank in ranks} <= set(answer["fields"])
    assert not [path for path in answer["fields"] if FIELD in path]


def test_a_map_is_out_of_date_once_boxes_of_it_moved_and_not_by_another_name(
    make_dataset: Make, use: Callable[[TinyEmbedder], TinyEmbedder], tmp_path: Path
) -> None:
    use(TinyEmbedder())
    dataset = make_dataset(write_images(tmp_path, [3, 4]))
    made = compute_embeddings(dataset, method="pca").brain_key
    image = dataset.first()
    image.ground_truth.detections[0].label = "another"
    image.save()
    assert why_outdated(dataset, "map", made) == ""
    image.ground_truth.detections[0].bounding_box[2] /= 2
    image.save()
    assert why_outdated(dataset, "map", made) == "boxes of ground_truth were moved"
    assert compute_embeddings(dataset, method="pca").embedded == 1
    assert why_outdated(dataset, "map", made) == ""
