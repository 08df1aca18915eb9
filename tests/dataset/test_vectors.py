"""Vectors on boxes and images: FiftyOne's own form, read and written fast."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from fathomnet_voxel51.dataset.door import PUBLIC_API
from fathomnet_voxel51.dataset.vectors import (
    VectorRows,
    declare_vectors,
    read_vectors,
    write_vectors,
)
from fathomnet_voxel51.errors import DatasetError

BOXES = "ground_truth.detections"
FIELD = "clip_embedding"


@pytest.fixture(params=["collection", "public API"], autouse=True)
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test is run both ways of writing."""
    monkeypatch.setenv(PUBLIC_API, "1" if request.param == "public API" else "0")
    return str(request.param)


@pytest.fixture
def dataset() -> Iterator[Any]:
    """Four images with 0, 1, 2 and 3 boxes; each box's label is its number."""
    made = fo.Dataset(persistent=True)
    number = iter(range(6))
    made.add_samples(
        [
            fo.Sample(
                filepath=f"/{image}.png",
                ground_truth=fo.Detections(
                    detections=[
                        fo.Detection(label=str(next(number)), bounding_box=[0.1, 0.1, 0.5, 0.5])
                        for _ in range(image)
                    ]
                ),
            )
            for image in range(4)
        ]
    )
    yield made
    made.delete()


def vectors(count: int, dimensions: int = 8) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(count).normal(size=(count, dimensions)).astype(np.float32)


def box_ids(dataset: Any) -> tuple[list[str], list[str]]:
    """Sample ids and box ids, flat, by FiftyOne's objects."""
    pairs = [(s.id, box.id) for s in dataset for box in s.ground_truth.detections]
    return [sample_id for sample_id, _ in pairs], [id_ for _, id_ in pairs]


def write(dataset: Any, matrix: Any, which: list[int] | None = None) -> None:
    sample_ids, ids = box_ids(dataset)
    which = list(range(len(ids))) if which is None else which
    declare_vectors(dataset, "ground_truth", FIELD)
    rows = VectorRows(
        ids=[ids[i] for i in which],
        sample_ids=[sample_ids[i] for i in which],
        fingerprints=[{"made of": str(i)} for i in which],
        matrix=matrix,
    )
    write_vectors(dataset, "ground_truth", FIELD, rows)


def test_fiftyone_reads_what_was_written(dataset: Any) -> None:
    matrix = vectors(6)
    write(dataset, matrix)
    dataset.reload()
    assert isinstance(dataset.get_field(f"{BOXES}.{FIELD}"), fo.VectorField)
    stored = [one for image in dataset.values(f"{BOXES}.{FIELD}") for one in image]
    assert all(one.dtype == np.float32 for one in stored)
    np.testing.assert_array_equal(np.stack(stored), matrix)
    np.testing.assert_array_equal(
        dataset.last().ground_truth.detections[2][FIELD], matrix[5], strict=True
    )
    assert dataset.values(f"{BOXES}.{FIELD}_source", unwind=True) == [
        {"made of": str(i)} for i in range(6)
    ]
    assert dataset.values(f"{BOXES}.label", unwind=True) == list("012345")


def test_samples_in_memory_see_what_was_written_and_that_they_changed(dataset: Any) -> None:
    held = dataset.last()
    before = dataset.values("last_modified_at")
    write(dataset, vectors(1), which=[4])
    assert held.ground_truth.detections[1][FIELD] is not None
    changed = [a != b for a, b in zip(before, dataset.values("last_modified_at"), strict=True)]
    assert changed == [False, False, False, True]


def test_vectors_come_back_with_their_boxes_and_without_the_boxes_that_have_none(
    dataset: Any,
) -> None:
    matrix = vectors(3)
    write(dataset, matrix, which=[0, 2, 5])
    sample_ids, ids = box_ids(dataset)
    there = read_vectors(dataset, "ground_truth", FIELD)
    assert there.ids == [ids[0], ids[2], ids[5]]
    assert there.sample_ids == [sample_ids[0], sample_ids[2], sample_ids[5]]
    np.testing.assert_array_equal(there.matrix, matrix, strict=True)
    assert there.matrix.flags.c_contiguous


def test_vectors_that_fiftyone_wrote_are_read_as_float32(dataset: Any) -> None:
    matrix = np.random.default_rng(0).normal(size=(6, 5))
    dataset.add_sample_field(f"{BOXES}.{FIELD}", fo.VectorField)
    dataset.set_values(f"{BOXES}.{FIELD}", [[], matrix[:1], matrix[1:3], matrix[3:]])
    there = read_vectors(dataset, "ground_truth", FIELD)
    np.testing.assert_array_equal(there.matrix, matrix.astype(np.float32), strict=True)


def test_a_view_gives_its_own_boxes_in_its_own_order(dataset: Any) -> None:
    write(dataset, vectors(6))
    view = dataset.sort_by("filepath", reverse=True).filter_labels(
        "ground_truth", fo.ViewField("label") != "4"
    )
    there = read_vectors(view, "ground_truth", FIELD)
    labels = [box.label for sample in view for box in sample.ground_truth.detections]
    assert labels == ["3", "5", "1", "2", "0"]
    assert there.ids == [box.id for sample in view for box in sample.ground_truth.detections]
    np.testing.assert_array_equal(there.matrix, vectors(6)[[3, 5, 1, 2, 0]])


def test_a_view_of_patches_gives_the_boxes_that_it_shows(dataset: Any) -> None:
    write(dataset, vectors(6))
    patches = dataset.to_patches("ground_truth").match(
        fo.ViewField("ground_truth.label").is_in(["1", "5", "2"])
    )
    there = read_vectors(patches, "ground_truth", FIELD)
    assert there.ids == patches.values("ground_truth.id")
    assert there.sample_ids == patches.values("sample_id")
    np.testing.assert_array_equal(there.matrix, vectors(6)[[1, 2, 5]])


def test_whole_images_have_vectors_of_their_own(dataset: Any) -> None:
    declare_vectors(dataset, "", FIELD)
    ids = dataset.values("id")
    matrix = vectors(2)
    rows = VectorRows(
        ids=ids[1:3], sample_ids=ids[1:3], fingerprints=[{"a": ""}, {"b": ""}], matrix=matrix
    )
    write_vectors(dataset, "", FIELD, rows)
    np.testing.assert_array_equal(dataset[ids[2]][FIELD], matrix[1], strict=True)
    assert dataset.values(f"{FIELD}_source") == [None, {"a": ""}, {"b": ""}, None]
    there = read_vectors(dataset, "", FIELD)
    assert there.ids == there.sample_ids == ids[1:3]
    np.testing.assert_array_equal(there.matrix, matrix)
    last = read_vectors(dataset.to_patches("ground_truth"), "", FIELD)
    assert last.ids == ids[1:3]


def test_a_box_that_was_deleted_since_is_left_out(dataset: Any) -> None:
    sample_ids, ids = box_ids(dataset)
    declare_vectors(dataset, "ground_truth", FIELD)
    last = dataset.last()
    del last.ground_truth.detections[1]
    last.save()
    dataset.delete_samples([sample_ids[0]])
    matrix = vectors(6)
    rows = VectorRows(ids=ids, sample_ids=sample_ids, fingerprints=[{}] * 6, matrix=matrix)
    write_vectors(dataset, "ground_truth", FIELD, rows)
    there = read_vectors(dataset, "ground_truth", FIELD)
    assert there.ids == [ids[1], ids[2], ids[3], ids[5]]
    np.testing.assert_array_equal(there.matrix, matrix[[1, 2, 3, 5]])
    assert dataset.values(f"{BOXES}.label") == [[], ["1", "2"], ["3", "5"]]


def test_no_vector_is_an_empty_matrix(dataset: Any) -> None:
    declare_vectors(dataset, "ground_truth", FIELD)
    there = read_vectors(dataset, "ground_truth", FIELD)
    assert (there.ids, there.sample_ids, there.matrix.shape) == ([], [], (0, 0))


def test_a_field_that_is_not_there_or_holds_something_else_is_named(dataset: Any) -> None:
    with pytest.raises(DatasetError, match=r"no vectors in 'ground_truth.detections.clip_"):
        read_vectors(dataset, "ground_truth", FIELD)
    with pytest.raises(DatasetError, match="'nothing' is no field"):
        read_vectors(dataset, "nothing", FIELD)
    dataset.add_sample_field(f"{BOXES}.{FIELD}", fo.StringField)
    with pytest.raises(DatasetError, match=r"clip_embedding' .* holds StringField"):
        declare_vectors(dataset, "ground_truth", FIELD)


def test_vectors_of_different_lengths_are_not_one_matrix(dataset: Any) -> None:
    write(dataset, vectors(1, dimensions=8), which=[0])
    write(dataset, vectors(1, dimensions=9), which=[3])
    with pytest.raises(DatasetError, match=r"shape \(9,\) stands beside others of 8"):
        read_vectors(dataset, "ground_truth", FIELD)
