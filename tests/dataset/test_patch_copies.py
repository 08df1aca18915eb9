"""Patches that are shown follow their boxes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset.door import PUBLIC_API
from fathomnet_voxel51.dataset.patch_copies import update_patches
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.relabelling import relabel_boxes, undo_relabel
from fathomnet_voxel51.samples import ingest_dataset

from demo.synthetic import write_catalog

NEW = "Scotoplanes globosa"
SHOWN = ["id", "ground_truth.label", "ground_truth.rank", "ground_truth.family"]


@pytest.fixture(params=["collection", "public"])
def dataset(
    request: pytest.FixtureRequest,
    dataset_name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    if request.param == "public":
        monkeypatch.setenv(PUBLIC_API, "1")
    catalog = write_catalog(tmp_path / "train.json", 20, 50, seed=3)
    ingest_dataset(dataset_name, train_annotations=catalog, media_root=str(tmp_path))
    return fo.load_dataset(dataset_name)


def test_patches_of_before_show_what_their_boxes_are_now(dataset: Any) -> None:
    patches = dataset.to_patches("ground_truth")
    copy = patches._dataset
    add_taxonomy_ranks(dataset)
    update_patches(patches)
    assert patches.values(SHOWN) == dataset.to_patches("ground_truth").values(SHOWN)

    some = patches.limit(9)
    relabel_boxes(some, NEW)
    update_patches(some)
    assert patches.values("ground_truth.label")[:9] == [NEW] * 9
    assert patches.values(SHOWN) == dataset.to_patches("ground_truth").values(SHOWN)

    undo_relabel(dataset)
    update_patches(patches)
    assert patches.values(SHOWN) == dataset.to_patches("ground_truth").values(SHOWN)
    assert patches._dataset is copy and not copy.deleted, "others may look at the same copy"


def test_patches_of_deleted_boxes_and_other_views_are_left_alone(dataset: Any) -> None:
    patches = dataset.to_patches("ground_truth")
    before = patches.values(SHOWN[:2])
    dataset.delete_samples(dataset.limit(3))
    update_patches(patches)
    assert patches.values(SHOWN[:2]) == before
    update_patches(dataset.view())
    update_patches(dataset.limit(2))
