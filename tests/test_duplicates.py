"""Images that show the same: grouped as FiftyOne groups them, across dives, and shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.brain as fob
import numpy as np
import pytest
from fathomnet_voxel51.duplicates import find_duplicates
from fathomnet_voxel51.errors import DatasetError, InputError
from fathomnet_voxel51.files.credentials import EMULATOR_VARIABLE
from fathomnet_voxel51.similarity import build_similarity_index
from fathomnet_voxel51.similarity.mapped import HOME_VARIABLE
from PIL import Image

from tests.media.sink import BUCKET, Sink
from tests.similarity.embedded import cosine, give_vectors

IMAGES = 60
DIVES = ("D1", "D2", "D3")
# Image -> the one that it nearly repeats; images i and i + 1 are of different dives.
REPEATS = {30: 2, 31: 2, 45: 7, 50: 8}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "copies"))


@pytest.fixture
def matrix() -> np.ndarray:
    rng = np.random.default_rng(4)
    matrix = rng.normal(size=(IMAGES, 24)) + 1
    for image, original in REPEATS.items():
        matrix[image] = matrix[original] + rng.normal(size=24) * 0.02
    return matrix.astype(np.float32)


@pytest.fixture
def dataset(dataset_name: str, matrix: np.ndarray, tmp_path: Path) -> Any:
    dataset = fo.Dataset(dataset_name, persistent=True)
    rng = np.random.default_rng(1)
    samples = []
    for number in range(IMAGES):
        file = tmp_path / f"{number}.png"
        file.write_bytes(rng.bytes(500 + number % 2))
        samples.append(fo.Sample(filepath=str(file), dive=DIVES[number % 3]))
    (tmp_path / "40.png").write_bytes((tmp_path / "10.png").read_bytes())
    (tmp_path / "42.png").write_bytes((tmp_path / "10.png").read_bytes())
    (tmp_path / "59.png").unlink()
    dataset.add_samples(samples)
    give_vectors(dataset, matrix, patches_field="")
    return dataset


def numbers(dataset: Any, ids: list[str]) -> list[int]:
    place = {one: number for number, one in enumerate(dataset.values("id"))}
    return [place[one] for one in ids]


def test_what_was_repeated_is_grouped_and_what_joins_dives_comes_first(
    dataset: Any, matrix: np.ndarray
) -> None:
    result = find_duplicates(dataset, threshold=0.98)
    # 2, 30 and 31 are of D3, D1 and D2; 8 and 50 of D3 both; 7 and 45 of D2 and D1.
    assert (result.images, result.groups, result.near_duplicates) == (60, 3, 4)
    assert (result.across_dives, result.unreadable) == (2, 1)
    view = dataset.load_saved_view("near_duplicates")
    shown = numbers(dataset, view.values("id"))
    others = sorted((30, 31), key=lambda image: -cosine(matrix[image], matrix[2]))
    assert shown == [2, *others, 7, 45, 8, 50]
    assert view.values("duplicate_group") == [1, 1, 1, 2, 2, 3, 3]
    assert view.values("duplicate_dives")[0] == ["D1", "D2", "D3"]
    assert view.values("duplicate_dives")[-1] == ["D3"]
    assert view.values("duplicate_similarity")[4] == pytest.approx(cosine(matrix[7], matrix[45]))


def test_the_groups_are_those_of_the_brain(dataset: Any) -> None:
    threshold = 0.6  # so low that many images are similar to several
    find_duplicates(dataset, threshold=threshold)
    build_similarity_index(dataset, patches_field="", brain_key="images")
    index = fob.compute_near_duplicates(dataset, threshold=1 - threshold, similarity_index="images")
    expected = {
        frozenset((first, *(one for one, _ in others)))
        for first, others in index.neighbors_map.items()
    }
    groups: dict[int, set[str]] = {}
    view = dataset.exists("duplicate_group")
    for one, group in zip(*view.values(["id", "duplicate_group"]), strict=True):
        groups.setdefault(group, set()).add(one)
    assert {frozenset(group) for group in groups.values()} == expected
    assert len(expected) > 3


def test_equal_files_are_shown_whatever_their_vectors(dataset: Any) -> None:
    result = find_duplicates(dataset, threshold=0.98)
    assert result.exact_duplicates == 2
    view = dataset.load_saved_view("exact_duplicates")
    assert numbers(dataset, view.values("id")) == [10, 40, 42]
    assert result.views == ("near_duplicates", "exact_duplicates")


def test_the_derived_threshold_separates_the_repeated_from_the_different(
    dataset: Any, matrix: np.ndarray
) -> None:
    result = find_duplicates(dataset)
    assert result.groups == 3
    different = [one for one in range(IMAGES) if one not in REPEATS]
    closest = max(
        cosine(matrix[one], matrix[other])
        for one in different
        for other in different
        if one < other
    )
    assert (
        closest < result.threshold < min(cosine(matrix[a], matrix[b]) for a, b in REPEATS.items())
    )


def test_a_rerun_replaces_groups_and_views(dataset: Any) -> None:
    find_duplicates(dataset, threshold=0.6)
    find_duplicates(dataset, threshold=0.98)
    assert dataset.count("duplicate_group") == dataset.count("duplicate_similarity") == 7
    result = find_duplicates(dataset.limit(5), threshold=1.0)
    assert (result.groups, result.views) == (0, ())
    assert dataset.count("duplicate_group") == 0
    assert dataset.list_saved_views() == []


def test_only_the_images_of_a_view_are_compared(dataset: Any) -> None:
    result = find_duplicates(dataset.limit(31), threshold=0.98)
    assert (result.images, result.groups, result.near_duplicates) == (31, 1, 1)


def test_the_same_number_of_two_vehicles_is_two_dives(dataset: Any) -> None:
    dataset.set_values("dive", ["443"] * IMAGES)
    dataset.add_sample_field("vehicle", fo.StringField)
    dataset.set_values("vehicle", ["Ventana"] * IMAGES)
    assert find_duplicates(dataset, threshold=0.98).across_dives == 0
    dataset.set_values("vehicle", [("Ventana", "Doc Ricketts")[n % 2] for n in range(IMAGES)])
    assert find_duplicates(dataset, threshold=0.98).across_dives == 1


def test_images_without_dives_have_duplicates_too(dataset: Any) -> None:
    dataset.delete_sample_field("dive")
    result = find_duplicates(dataset)
    assert (result.groups, result.across_dives) == (3, 0)


def test_without_vectors_or_with_a_wrong_threshold_nothing_is_written(dataset: Any) -> None:
    with pytest.raises(DatasetError, match="run compute_embeddings with model 'dinov2'"):
        find_duplicates(dataset, model="dinov2")
    with pytest.raises(InputError, match=r"from 0.5 to 1, not 0\.2"):
        find_duplicates(dataset, threshold=0.2)
    assert not dataset.has_field("duplicate_group")


def in_bucket(dataset: Any, sink: Sink) -> None:
    """Every file becomes an object of a bucket, as FiftyOne Enterprise names it."""
    names = [Path(path).name for path in dataset.values("filepath")]
    for path, name in zip(dataset.values("filepath"), names, strict=True):
        if Path(path).is_file():
            sink.add(f"train_images/{name}", Path(path).read_bytes())
    dataset.set_values("filepath", [f"gs://{BUCKET}/train_images/{name}" for name in names])


def test_equal_objects_of_a_bucket_are_found_without_reading_them(
    dataset: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sink() as sink:
        monkeypatch.setenv(EMULATOR_VARIABLE, sink.url)
        in_bucket(dataset, sink)
        result = find_duplicates(dataset, threshold=0.98)
        assert sink.requests.total() == sink.requests["GET"] == 1, "no more than a listing"
    assert (result.exact_duplicates, result.unreadable) == (2, 1)
    view = dataset.load_saved_view("exact_duplicates")
    assert numbers(dataset, view.values("id")) == [10, 40, 42]
    assert result.notes == ("1 image was not compared as files: it is not in the bucket",)


def test_objects_that_nobody_can_look_at_are_counted_and_the_reason_is_told(
    dataset: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sink() as sink:
        monkeypatch.setenv(EMULATOR_VARIABLE, sink.url)
        in_bucket(dataset, sink)
        sink.refused.add("storage.objects.list")
        refused = find_duplicates(dataset, threshold=0.98)
    dataset.set_values("filepath", [f"s3://elsewhere/{number}.png" for number in range(IMAGES)])
    elsewhere = find_duplicates(dataset, threshold=0.98)
    for result, reason in ((refused, "may not list the bucket"), (elsewhere, "only objects of gs")):
        assert (result.exact_duplicates, result.unreadable) == (0, IMAGES)
        assert f"{IMAGES} images were not compared as files" in result.notes[0]
        assert reason in result.notes[0]


def pictured(
    name: str, folder: Path, waters: np.ndarray, animals: np.ndarray, places: np.ndarray
) -> Any:
    """Images of dark water with one animal each, and the grain of the camera."""
    lot, samples = np.random.default_rng(5), []
    for number, (water, animal, (down, right)) in enumerate(
        zip(waters, animals, places, strict=True)
    ):
        picture = np.ones((120, 160, 3)) * water
        picture[down : down + 30, right : right + 30] += np.kron(animal, np.ones((5, 5)))[..., None]
        picture += lot.normal(0, 1, picture.shape)
        file = folder / f"pictured {number}.png"
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(file)
        samples.append(fo.Sample(filepath=str(file), dive=DIVES[number % 3]))
    dataset = fo.Dataset(name, persistent=True)
    dataset.add_samples(samples)
    return dataset


def grouped(dataset: Any) -> list[list[int]]:
    """The places of the images of each group."""
    groups: dict[int, list[int]] = {}
    for number, group in enumerate(dataset.values("duplicate_group")):
        if group is not None:
            groups.setdefault(group, []).append(number)
    return sorted(groups.values())


def test_pictures_decide_where_all_vectors_are_alike(dataset_name: str, tmp_path: Path) -> None:
    """Dark water with one animal each: a frame and its repeat, moved a little, and all others."""
    lot = np.random.default_rng(2)
    waters = lot.uniform(20, 90, (IMAGES, 3))
    animals = lot.normal(0, 40, (IMAGES, 6, 6))
    places = lot.integers(30, 60, (IMAGES, 2))
    for image, original in REPEATS.items():
        waters[image] = waters[original] * 1.01
        animals[image], places[image] = animals[original], places[original] + (4, -3)
    # The same animal in other water is another picture, and so is another animal in the same.
    animals[11], places[11] = animals[5], places[5]
    waters[22] = waters[6]
    dataset = pictured(dataset_name, tmp_path, waters, animals, places)
    # To the model they are all one: of some different ones it thinks more than of any repeat.
    vectors = 1 + lot.normal(0, 0.01, (IMAGES, 24))
    vectors[11], vectors[22] = vectors[5] + 1e-4, vectors[6] + 1e-4
    for image, original in REPEATS.items():
        vectors[image] = vectors[original] + lot.normal(0, 0.002, 24)
    give_vectors(dataset, vectors.astype(np.float32), patches_field="")
    result = find_duplicates(dataset)
    assert grouped(dataset) == [[2, 30, 31], [7, 45], [8, 50]]
    assert result.told_apart >= 2
    # With a threshold of one's own the vectors alone decide.
    assert find_duplicates(dataset, threshold=0.9999).groups > 3
    assert "duplicate_group" in dataset.app_config.active_fields.paths


def test_pictures_decide_of_more_images_than_each_is_compared_with(
    dataset_name: str, tmp_path: Path
) -> None:
    """A halt of the camera has many repeats, and a model finds many different pictures alike."""
    halt, alike = range(20, 36), range(36, IMAGES)
    lot = np.random.default_rng(3)
    waters = lot.uniform(20, 90, (IMAGES, 3))
    animals = lot.normal(0, 40, (IMAGES, 6, 6))
    places = lot.integers(30, 60, (IMAGES, 2))
    waters[halt], animals[halt], places[halt] = waters[20], animals[20], places[20]
    places[halt] += lot.integers(-3, 4, (len(halt), 2))
    waters[alike] = waters[36]
    dataset = pictured(dataset_name, tmp_path, waters, animals, places)
    # Each of the two is of one dive; the others are of three.
    dives = [DIVES[number % 3] for number in range(20)]
    dataset.set_values("dive", [*dives, *["D4"] * len(halt), *["D5"] * len(alike)])
    vectors = lot.normal(0, 1, (IMAGES, 24))
    vectors[halt] = vectors[20] + lot.normal(0, 0.01, (len(halt), 24))
    vectors[alike] = vectors[36] + lot.normal(0, 0.01, (len(alike), 24))
    give_vectors(dataset, vectors.astype(np.float32), patches_field="")
    result = find_duplicates(dataset)
    pairs_alike = len(alike) * (len(alike) - 1) // 2
    assert result.told_apart == pairs_alike, "the vectors alone would have taken all for the same"
    assert grouped(dataset) == [list(halt)]
