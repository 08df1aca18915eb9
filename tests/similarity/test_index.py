"""Similarity indexes: built from stored vectors with any backend, opened, searched by text."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.brain as fob
import numpy as np
import pytest
from fathomnet_voxel51.errors import DatasetError, InputError, SetupError
from fathomnet_voxel51.models import load_embedder
from fathomnet_voxel51.similarity import SimilarityResult, build_similarity_index
from fathomnet_voxel51.similarity.index import open_index
from fathomnet_voxel51.similarity.mapped import HOME_VARIABLE
from fiftyone.brain.internal.core.sklearn import SklearnSimilarityConfig

from demo.stand_in_models import write_stand_in
from tests.similarity.embedded import FIELD, boxes_dataset, brute_force, cosine, offset_vectors
from tests.support.forking import forking

KEY = "clip_similarity"
KILLS = 8
MATRIX = offset_vectors(90)

SEARCH = """
import json, sys
import fiftyone as fo
name, key, query = sys.argv[1:]
view = fo.load_dataset(name).to_patches("ground_truth")
print(json.dumps(view.sort_by_similarity(query, k=10, brain_key=key).values("id")))
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "copies"))
    return tmp_path / "copies"


@pytest.fixture
def stored(dataset_name: str) -> tuple[Any, list[str]]:
    return boxes_dataset(dataset_name, MATRIX)


def found(dataset: Any, query: Any, key: str = KEY, k: int = 10) -> list[str]:
    view = dataset.to_patches(FIELD).sort_by_similarity(query, k=k, brain_key=key)
    ids: list[str] = view.values("id")
    return ids


def found_by_another(dataset: Any, query: str, key: str = KEY) -> list[str]:
    """The same in a fresh process."""
    finished = subprocess.run(
        [sys.executable, "-c", SEARCH, dataset.name, key, query],
        env=os.environ,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    ids: list[str] = json.loads(finished.stdout.splitlines()[-1])
    return ids


def expected(ids: list[str], query: Any, k: int = 10) -> list[str]:
    return [ids[row] for row in brute_force(MATRIX, query)[:k]]


@pytest.mark.parametrize("backend", ["sklearn", "sklearn-brain", "lancedb"])
def test_an_index_of_stored_vectors_is_found_by_a_fresh_process(
    stored: tuple[Any, list[str]], backend: str
) -> None:
    # CLIP's weights are nowhere on the machine of the tests: nothing can have loaded them.
    dataset, ids = stored
    result = build_similarity_index(dataset, backend=backend)
    assert result == SimilarityResult(indexed=90, supports_prompts=True, brain_key=KEY)
    config = dataset.get_brain_info(KEY).config
    assert (config.model, config.supports_prompts) == ("fathomnet-clip", True)
    nearest = expected(ids, MATRIX[7])
    if backend == "sklearn-brain":
        # It centres its vectors, so only what is nearest by far is the same.
        assert len(found(dataset, MATRIX[7])) == 10
    else:
        assert found(dataset, MATRIX[7]) == nearest
        assert found_by_another(dataset, ids[7]) == nearest


def test_what_sklearn_means_in_fiftyone_stays_selectable(stored: tuple[Any, list[str]]) -> None:
    dataset, _ = stored
    build_similarity_index(dataset, backend="sklearn-brain")
    assert isinstance(dataset.get_brain_info(KEY).config, SklearnSimilarityConfig)


@pytest.mark.parametrize("backend", ["sklearn", "sklearn-brain", "lancedb"])
def test_only_what_a_view_shows_is_indexed(stored: tuple[Any, list[str]], backend: str) -> None:
    dataset, ids = stored
    view = dataset.skip(10).limit(5)
    inside = view.values(f"{FIELD}.detections.id", unwind=True)
    assert build_similarity_index(view, backend=backend).indexed == len(inside) == 15
    assert sorted(found(dataset, MATRIX[0], k=40)) == sorted(inside)
    patches = dataset.to_patches(FIELD).limit(7)
    assert build_similarity_index(patches, backend=backend).indexed == 7
    assert sorted(found(dataset, MATRIX[0], k=40)) == sorted(ids[:7])


def test_a_rerun_takes_the_place_of_an_index_of_any_backend(
    stored: tuple[Any, list[str]], home: Path
) -> None:
    dataset, ids = stored
    for backend in ("sklearn", "sklearn", "lancedb", "lancedb", "sklearn-brain", "sklearn"):
        build_similarity_index(dataset.limit(2), backend=backend)
        build_similarity_index(dataset, backend=backend)
        assert dataset.list_brain_runs() == [KEY]
        assert len(open_index(dataset, KEY).ids) == 90
    assert not list((home / "lancedb").iterdir()), "what nobody uses any more is removed"
    assert found_by_another(dataset, ids[1]) == expected(ids, MATRIX[1])


def test_a_dozen_lancedb_indexes_are_all_found(stored: tuple[Any, list[str]], home: Path) -> None:
    # FiftyOne alone sees ten tables of a folder at most.
    dataset, ids = stored
    for number in range(12):
        build_similarity_index(dataset, brain_key=f"index_{number}", backend="lancedb")
    dataset.clear_cache()
    for number in range(12):
        assert found(dataset, MATRIX[3], f"index_{number}") == expected(ids, MATRIX[3])
    dataset.delete_brain_runs()
    assert not list((home / "lancedb").iterdir())


def test_no_vectors_is_an_error_that_says_what_to_run(dataset_name: str) -> None:
    dataset, _ = boxes_dataset(dataset_name, MATRIX)
    with pytest.raises(DatasetError, match="run compute_embeddings with model 'dinov2'"):
        build_similarity_index(dataset, model="dinov2")
    with pytest.raises(DatasetError, match="run compute_embeddings with model 'clip'"):
        build_similarity_index(dataset.limit(0))
    with pytest.raises(DatasetError, match="on the images"):
        build_similarity_index(dataset, patches_field="")
    with pytest.raises(DatasetError, match="'absent' is no field"):
        build_similarity_index(dataset, patches_field="absent")
    assert dataset.list_brain_runs() == []


def test_a_vector_that_is_no_number_is_named(dataset_name: str) -> None:
    matrix = MATRIX.copy()
    matrix[40, 3] = np.nan
    dataset, ids = boxes_dataset(dataset_name, matrix)
    with pytest.raises(DatasetError, match=ids[40]):
        build_similarity_index(dataset)


def test_a_key_of_another_kind_of_run_is_refused(stored: tuple[Any, list[str]]) -> None:
    dataset, _ = stored
    points = np.zeros((len(dataset), 2))
    fob.compute_visualization(dataset, points=points, brain_key="a_map")
    with pytest.raises(InputError, match="'a_map' is the key of a visualization run"):
        build_similarity_index(dataset, brain_key="a_map")
    with pytest.raises(InputError, match="is no key"):
        build_similarity_index(dataset, brain_key="a-b")
    assert dataset.list_brain_runs() == ["a_map"]


def test_backends_that_cannot_be_used_are_refused_first(stored: tuple[Any, list[str]]) -> None:
    dataset, _ = stored
    with pytest.raises(InputError, match=r"no backend 'nearest'; known: sklearn, .*milvus"):
        build_similarity_index(dataset, backend="nearest")
    with pytest.raises(SetupError, match="pip install qdrant-client"):
        build_similarity_index(dataset, backend="qdrant")
    with pytest.raises(InputError, match="whole images only"):
        build_similarity_index(dataset, backend="mongodb")
    assert dataset.list_brain_runs() == []


class RefusingSimilarityConfig(SklearnSimilarityConfig):  # type: ignore[misc]
    """A backend whose server cannot be reached."""

    @property
    def run_cls(self) -> type:
        raise ConnectionError("nobody listens there")


def test_a_backend_that_fails_leaves_the_index_that_was_there(
    stored: tuple[Any, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, ids = stored
    build_similarity_index(dataset)
    backend = {"config_cls": RefusingSimilarityConfig}
    monkeypatch.setitem(fob.brain_config.similarity_backends, "refusing", backend)
    with pytest.raises(SetupError, match="nobody listens there"):
        build_similarity_index(dataset, backend="refusing")
    assert dataset.list_brain_runs() == [KEY]
    assert found(dataset, MATRIX[5]) == expected(ids, MATRIX[5])


@pytest.mark.parametrize("backend", ["sklearn", "lancedb"])
def test_an_opened_index_scores_all_its_boxes(stored: tuple[Any, list[str]], backend: str) -> None:
    dataset, ids = stored
    build_similarity_index(dataset, backend=backend)
    index = open_index(dataset, KEY)
    assert (index.ids, index.model, index.patches_field) == (ids, "clip", FIELD)
    assert index.sample_ids == [one for one in dataset.values("id") for _ in range(3)]
    queries = offset_vectors(2, seed=8)
    scores = index.scores(queries)
    assert scores.shape == (2, 90)
    assert scores[1, 33] == pytest.approx(cosine(queries[1], MATRIX[33]), abs=1e-7)
    assert np.allclose(index.matrix @ index.matrix[4], index.scores(MATRIX[4])[0], atol=1e-6)


def test_an_opened_index_knows_no_deleted_boxes(stored: tuple[Any, list[str]]) -> None:
    dataset, ids = stored
    build_similarity_index(dataset)
    open_index(dataset, KEY)
    dataset.delete_labels(ids=ids[3:5])
    assert open_index(dataset, KEY).ids == ids[:3] + ids[5:]


def test_an_index_that_is_not_there_is_answered_with_those_that_are(
    stored: tuple[Any, list[str]],
) -> None:
    dataset, _ = stored
    build_similarity_index(dataset)
    with pytest.raises(DatasetError, match=r"'other' \(it has: clip_similarity\)"):
        open_index(dataset, "other")


@pytest.mark.parametrize("backend", ["sklearn", "lancedb"])
def test_text_and_pictures_are_embedded_with_the_model_that_made_the_vectors(
    dataset_name: str, tmp_path: Path, backend: str
) -> None:
    import fiftyone.zoo as foz

    folder = write_stand_in("clip", tmp_path / "mine", small=True)
    dataset, ids = boxes_dataset(dataset_name, MATRIX, model=str(folder))
    result = build_similarity_index(dataset, model=str(folder), backend=backend)
    embedder = load_embedder(str(folder))
    text = embedder.embed_prompts(["a sea cucumber"])[0]
    assert result.supports_prompts
    nearest = expected(ids, text)
    assert found(dataset, "a sea cucumber", result.brain_key) == nearest
    assert found_by_another(dataset, "a sea cucumber", result.brain_key) == nearest
    # What the App's search panel does with an uploaded picture.
    model = foz.load_zoo_model(dataset.get_brain_info(result.brain_key).config.model)
    picture = np.random.default_rng(0).integers(0, 255, (80, 120, 3), dtype=np.uint8)
    vector = model.embed(picture)
    assert found(dataset, vector, result.brain_key) == expected(ids, vector)


def build(name: str) -> None:
    build_similarity_index(fo.load_dataset(name))


@pytest.mark.fault(
    operator="build_similarity_index",
    happens="it is killed at random instants",
    end="run again, the index finds what it must",
)
def test_killed_at_any_instant_an_index_is_there_or_can_be_made(
    stored: tuple[Any, list[str]],
) -> None:
    dataset, ids = stored
    rng = np.random.default_rng(2)
    unfinished = 0
    for _ in range(KILLS):
        process = forking.Process(target=build, args=(dataset.name,))
        process.start()
        time.sleep(float(rng.uniform(0.05, 1.0)))
        process.kill()
        process.join()
        unfinished += process.exitcode != 0
        build(dataset.name)
        dataset.clear_cache()
        dataset.reload()
        assert found(dataset, MATRIX[5]) == expected(ids, MATRIX[5])
    assert unfinished, "no build was killed before it was done: the test has lost its point"
