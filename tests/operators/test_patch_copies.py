"""Patches that are shown follow their boxes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset.door import PUBLIC_API
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.operators.patch_copies import update_patches, view_of_boxes
from fathomnet_voxel51.relabelling import relabel_boxes, undo_relabel

from demo.synthetic import write_catalog
from tests.support.releases import number

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


@pytest.mark.parametrize("edited", ["the original", "the clone"])
def test_a_dataset_and_its_clone_have_patches_of_their_own_once_one_is_edited(
    dataset: Any, edited: str
) -> None:
    dataset.save_view("all", dataset.to_patches("ground_truth"))
    # The earliest releases make anew what a saved view shows, so that a clone has its own anyway.
    kept = dataset.load_saved_view("all")._dataset.persistent
    assert kept or number(fo.__version__) < (1, 13)
    dataset.save_view("few", dataset.load_saved_view("all").limit(4))
    clone = dataset.clone(f"{dataset.name}-clone")
    try:
        both = [dataset, clone]
        for one in both:
            one.load_saved_view("all")  # from here on both show one copy, where it is kept
        mine, other = both if edited == "the original" else both[::-1]
        before = other.to_patches("ground_truth").values(SHOWN[:2])
        some = mine.load_saved_view("few")
        relabel_boxes(some, NEW)
        shown = update_patches(some)
        assert shown.values("ground_truth.label") == [NEW] * 4
        assert not kept or shown._dataset.name != some._dataset.name
        for one in both:
            one.reload()
        assert other.load_saved_view("all").values(SHOWN[:2]) == before
        for name in ("all", "few"):
            saved = mine.load_saved_view(name)
            assert saved.limit(4).values("ground_truth.label") == [NEW] * 4
            if kept:
                assert saved._dataset.name == shown._dataset.name and saved._dataset.persistent
        if kept:
            # Once they have parted nothing is made anew.
            again = update_patches(mine.load_saved_view("all"))
            assert again._dataset.name == shown._dataset.name
    finally:
        fo.delete_dataset(clone.name)


@pytest.mark.parametrize("patches", [True, False], ids=["patches", "images"])
def test_boxes_are_shown_as_what_was_shown_before(dataset: Any, patches: bool) -> None:
    chosen = dataset.to_patches("ground_truth").values(["sample_id", "id"])
    boxes = [(str(sample), box) for sample, box in zip(*chosen, strict=True)][3:17:5]
    before = dataset.to_patches("ground_truth").skip(2) if patches else dataset.limit(3)
    view = view_of_boxes(before, "ground_truth", boxes)
    path = "ground_truth.id" if patches else "ground_truth.detections.id"
    assert sorted(view.values(path, unwind=True)) == sorted(box for _, box in boxes)
