"""The exact index as FiftyOne uses it: by example and vector, in views, while boxes come and go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import fiftyone as fo
import fiftyone.brain as fob
import numpy as np
import numpy.typing as npt
import pytest
from fathomnet_voxel51.similarity import build_similarity_index
from fathomnet_voxel51.similarity.exact import ExactSimilarityConfig
from fathomnet_voxel51.similarity.mapped import HOME_VARIABLE

from tests.similarity.embedded import (
    FIELD,
    boxes_dataset,
    brute_force,
    cosine,
    give_vectors,
    offset_vectors,
)

KEY = "clip_similarity"
Matrix = npt.NDArray[np.float32]


class Built:
    """A dataset with an index of all its boxes, and what was stored on them."""

    def __init__(self, name: str, matrix: Matrix) -> None:
        self.matrix = matrix
        self.dataset, self.ids = boxes_dataset(name, matrix)
        build_similarity_index(self.dataset)

    @property
    def index(self) -> Any:
        return self.dataset.load_brain_results(KEY)

    def found(self, query: Any, view: Any = None, **settings: Any) -> list[str]:
        """Ids of the boxes in a sorted view of patches."""
        patches = (self.dataset if view is None else view).to_patches(FIELD)
        ids: list[str] = patches.sort_by_similarity(query, brain_key=KEY, **settings).values("id")
        return ids

    def expected(self, query: Any, k: int | None = None) -> list[str]:
        return [self.ids[row] for row in brute_force(self.matrix, query)[:k]]


@pytest.fixture
def built(dataset_name: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Built:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    return Built(dataset_name, offset_vectors(301))


def test_neighbours_by_vector_and_by_example_are_those_of_brute_force(
    built: Built, either_way: str
) -> None:
    query = offset_vectors(1, seed=9)[0]
    assert built.found(query, k=25) == built.expected(query, 25)
    assert built.found(built.ids[250], k=25) == built.expected(built.matrix[250], 25)
    assert built.found(query) == built.expected(query)


def test_what_was_asked_before_changes_nothing(built: Built) -> None:
    # FiftyOne's own backend centres its vectors at the first question by id.
    query = offset_vectors(1, seed=9)[0]
    before = built.found(query, k=25)
    built.found(built.ids[3], k=25)
    built.found(built.ids[:5], k=25, reverse=True)
    built.found(built.ids[7], view=built.dataset.limit(20), k=5)
    assert built.found(query, k=25) == before == built.expected(query, 25)


def test_an_example_is_found_first_among_its_equals(dataset_name: str) -> None:
    matrix = offset_vectors(60)
    matrix[[5, 20, 40, 59]] = matrix[5]
    built = Built(dataset_name, matrix)
    for row in (59, 20):
        others = [other for other in (5, 20, 40, 59) if other != row]
        assert built.found(built.ids[row], k=4) == [built.ids[one] for one in (row, *others)]


def test_several_examples_are_asked_for_by_their_mean(built: Built) -> None:
    rows = [10, 200, 31]
    mean = built.matrix[rows].astype(np.float64).mean(axis=0)
    assert built.found([built.ids[row] for row in rows], k=10) == built.expected(mean, 10)
    assert built.found(built.matrix[rows], k=10) == built.expected(mean, 10)


def test_the_least_similar_come_in_the_opposite_order(built: Built) -> None:
    query = built.matrix[40]
    assert built.found(query, k=25, reverse=True) == built.expected(query)[::-1][:25]
    assert built.index.config.supports_least_similarity


def test_distances_are_written_where_they_are_wanted(built: Built) -> None:
    query = offset_vectors(1, seed=9)[0]
    nearest = brute_force(built.matrix, query)[:7]
    view = built.dataset.to_patches(FIELD)
    sorted_view = view.sort_by_similarity(query, k=7, brain_key=KEY, dist_field="far")
    expected = [1 - cosine(built.matrix[row], query) for row in nearest]
    assert sorted_view.values("far") == pytest.approx(expected, abs=1e-12)
    view = built.dataset.sort_by_similarity(query, k=7, brain_key=KEY, dist_field="off")
    written = dict(
        zip(
            built.dataset.values(f"{FIELD}.detections.id", unwind=True),
            built.dataset.values(f"{FIELD}.detections.off", unwind=True),
            strict=True,
        )
    )
    assert {one for one, far in written.items() if far is not None} == {
        built.ids[row] for row in nearest
    }
    assert sorted(far for far in written.values() if far is not None) == pytest.approx(expected)


def test_images_are_sorted_by_their_nearest_box_and_show_the_hits(built: Built) -> None:
    query = built.matrix[100]
    view = built.dataset.sort_by_similarity(query, k=9, brain_key=KEY)
    shown = [one for ids in view.values(f"{FIELD}.detections.id") for one in ids]
    assert sorted(shown) == sorted(built.expected(query, 9))
    first = built.dataset.match_labels(ids=[built.ids[100]]).first().id
    assert view.first().id == first


def test_a_view_is_searched_alone_and_an_example_may_be_outside_it(
    built: Built, either_way: str
) -> None:
    view = built.dataset.skip(20).limit(30)
    inside = set(view.values(f"{FIELD}.detections.id", unwind=True))
    query = built.matrix[2]
    assert built.ids[2] not in inside
    expected = [one for one in built.expected(query) if one in inside][:12]
    assert built.found(built.ids[2], view=view, k=12) == expected
    assert built.found(built.ids[2], view=built.dataset.limit(0), k=12) == []


def test_deleted_boxes_do_not_eat_hits(built: Built, either_way: str) -> None:
    query = built.matrix[50]
    built.index.reload()
    gone = built.expected(query, 40)
    built.dataset.delete_labels(ids=gone)
    left = [one for one in built.expected(query) if one not in gone]
    assert built.found(query, k=25) == left[:25]
    with_distances = built.index._kneighbors(query, k=25, return_dists=True)
    assert with_distances[1] == left[:25]
    assert built.index._kneighbors(query)[1] == left
    built.index.reload()
    assert built.index.total_index_size == 301 - 40
    assert built.found(query, k=25) == left[:25]


def test_deleted_images_do_not_eat_hits(built: Built) -> None:
    query = built.matrix[50]
    gone = built.dataset.match_labels(ids=built.expected(query, 5))
    lost = set(gone.values(f"{FIELD}.detections.id", unwind=True))
    built.index.reload()
    built.dataset.delete_samples(gone)
    left = [one for one in built.expected(query) if one not in lost]
    assert built.found(query, k=25) == left[:25]


def test_changed_vectors_are_seen_after_a_reload(built: Built, either_way: str) -> None:
    query = offset_vectors(1, seed=9)[0]
    assert built.found(query, k=5) == built.expected(query, 5)
    built.matrix = offset_vectors(301, seed=77)
    give_vectors(built.dataset, built.matrix)
    built.index.reload()
    assert built.found(query, k=5) == built.expected(query, 5)


def test_boxes_can_join_and_leave(built: Built) -> None:
    image = built.dataset.first()
    box = fo.Detection(label="Beroe", bounding_box=[0.5, 0.5, 0.1, 0.1])
    image[FIELD].detections.append(box)
    image.save()
    vector = offset_vectors(1, seed=5)
    index = built.index
    index.add_to_index(vector, [image.id], [box.id])
    assert index.total_index_size == 302
    assert built.found(vector[0], k=1) == [box.id]
    stored, samples, labels = index.get_embeddings(label_ids=[box.id])
    assert (stored[0] == vector[0]).all()
    assert (samples.tolist(), labels.tolist()) == ([image.id], [box.id])
    with pytest.raises(ValueError, match="in the index already"):
        index.add_to_index(vector, [image.id], [box.id], overwrite=False, allow_existing=False)
    index.remove_from_index(label_ids=[box.id])
    assert built.found(vector[0], k=1) == built.expected(vector[0], 1)
    with pytest.raises(ValueError, match="not in the index"):
        index.remove_from_index(label_ids=[box.id], allow_missing=False)
    built.dataset.clear_cache()
    assert built.index.total_index_size == 301, "the database knows who left"
    assert image.reload() is None
    assert (image[FIELD].detections[-1].clip_embedding == vector[0]).all(), "its vector stays"


def test_vectors_are_given_back_as_they_are_stored(built: Built) -> None:
    asked = [built.ids[200], built.ids[3]]
    vectors, _, labels = built.index.get_embeddings(label_ids=[asked[0], "0" * 24, asked[1]])
    assert labels.tolist() == asked
    assert (vectors == built.matrix[[200, 3]]).all()
    everything, _, labels = built.index.get_embeddings()
    assert (everything == built.matrix).all() and labels.tolist() == built.ids
    first = built.dataset.first()
    vectors, samples, _ = built.index.get_embeddings(sample_ids=first.id)
    assert (vectors == built.matrix[:3]).all() and set(samples.tolist()) == {first.id}


def test_unknown_ids_and_wrong_vectors_are_refused(built: Built) -> None:
    with pytest.raises(ValueError, match=r"not in the index: 0{24}"):
        built.found("0" * 24, k=3)
    with pytest.raises(ValueError, match="vectors of 32 numbers"):
        built.found(np.ones(31), k=3)
    with pytest.raises(ValueError, match="not a finite number"):
        built.found(np.full(32, np.nan), k=3)


def test_whole_images_are_searched_too(dataset_name: str) -> None:
    dataset, _ = boxes_dataset(dataset_name, offset_vectors(120))
    matrix = offset_vectors(40, seed=3)
    ids = give_vectors(dataset, matrix, patches_field="")
    result = build_similarity_index(dataset, patches_field="")
    query = offset_vectors(1, seed=4)[0]
    view = dataset.sort_by_similarity(query, k=6, brain_key=result.brain_key)
    assert view.values("id") == [ids[row] for row in brute_force(matrix, query)[:6]]


def test_the_brain_s_own_function_takes_the_backend(built: Built) -> None:
    index = fob.compute_similarity(
        built.dataset,
        patches_field=FIELD,
        embeddings="clip_embedding",
        brain_key="by_the_brain",
        backend=ExactSimilarityConfig,
    )
    assert index.total_index_size == 301
    built.dataset.clear_cache()
    view = built.dataset.to_patches(FIELD)
    found = view.sort_by_similarity(built.ids[9], k=8, brain_key="by_the_brain")
    assert found.values("id") == built.expected(built.matrix[9], 8)


def test_duplicates_are_found_as_with_the_brain_s_own_backend(dataset_name: str) -> None:
    matrix = np.random.default_rng(0).normal(size=(60, 16)).astype(np.float32)
    matrix[40:50] = matrix[:10] + 1e-3
    built = Built(dataset_name, matrix)
    index = built.index
    index.find_duplicates(thresh=0.01)
    assert sorted(index.duplicate_ids) == sorted(built.ids[40:50])
    neighbours = {near: [one for one, _ in found] for near, found in index.neighbors_map.items()}
    assert neighbours == {built.ids[row]: [built.ids[40 + row]] for row in range(10)}
    inds, dists = index._kneighbors(k=1, return_dists=True)
    assert [int(inds[row][0]) for row in (3, 43)] == [43, 3]
    assert dists[3][0] == pytest.approx(1 - cosine(matrix[3], matrix[43]))


@pytest.fixture
def count_reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    from fathomnet_voxel51.similarity import rows as copies

    reads: list[int] = []
    read_rows = copies.read_rows
    monkeypatch.setattr(copies, "read_rows", lambda *a: (reads.append(1), read_rows(*a))[1])
    yield lambda: len(reads)


def test_a_copy_is_made_once_and_anew_where_the_dataset_changed(
    built: Built, count_reads: Callable[[], int], tmp_path: Any
) -> None:
    query = built.matrix[0]
    for _ in range(3):
        built.dataset.clear_cache()
        built.found(query, k=3)
    assert count_reads() == 0, "the build itself left the copy"
    built.dataset.limit(1).tag_samples("seen")
    built.dataset.clear_cache()
    assert built.found(query, k=3) == built.expected(query, 3)
    assert count_reads() == 1
    versions = list((tmp_path / str(built.dataset._doc.id) / KEY).iterdir())
    assert len(versions) == 1
    built.dataset.delete_brain_run(KEY)
    assert not list(tmp_path.glob(f"*/{KEY}"))


def test_without_a_place_for_copies_the_index_works_from_the_database(
    dataset_name: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "file"))
    built = Built(dataset_name, offset_vectors(40))
    built.dataset.clear_cache()
    assert built.found(built.ids[4], k=3) == built.expected(built.matrix[4], 3)


def test_a_renamed_index_works_under_its_new_name(built: Built, tmp_path: Any) -> None:
    built.dataset.rename_brain_run(KEY, "renamed")
    built.dataset.clear_cache()
    view = built.dataset.to_patches(FIELD).sort_by_similarity(
        built.ids[9], k=2, brain_key="renamed"
    )
    assert view.values("id") == built.expected(built.matrix[9], 2)


def test_a_copied_dataset_has_an_index_of_its_own(built: Built) -> None:
    copy = built.dataset.clone()
    try:
        view = copy.to_patches(FIELD).sort_by_similarity(built.ids[9], k=4, brain_key=KEY)
        assert view.values("id") == built.expected(built.matrix[9], 4)
    finally:
        copy.delete()
