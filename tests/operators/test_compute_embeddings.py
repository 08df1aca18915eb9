"""Embeddings from the App's side: on what is shown or selected, from Python, from a shell."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from fathomnet_voxel51.dataset.records import write_record
from fathomnet_voxel51.dataset.vectors import EmbeddingRecord
from fathomnet_voxel51.names import PLUGIN_NAME, embedding_run_key
from fathomnet_voxel51.operators import forms
from fathomnet_voxel51.parameters import Parameters
from fathomnet_voxel51.parameters.embeddings import ComputeEmbeddings
from fathomnet_voxel51.parameters.similarity import BuildSimilarityIndex
from fiftyone.operators.executor import ExecutionContext

from demo.stand_in_models import write_stand_in
from tests.embeddings.tiny import sample, write_images
from tests.similarity.embedded import give_vectors, offset_vectors

URI = f"{PLUGIN_NAME}/compute_embeddings"
BOXES = "ground_truth.detections"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_stand_in("clip", tmp_path_factory.mktemp("models") / "tiny", small=True))


@pytest.fixture
def dataset(tmp_path: Path) -> Iterator[Any]:
    """Three images with 1, 2 and 3 boxes."""
    made = fo.Dataset(persistent=True)
    made.add_samples(write_images(tmp_path, [1, 2, 3]))
    yield made
    made.delete()


def embedded(dataset: Any) -> list[list[bool]]:
    dataset.reload()
    vectors = dataset.values(f"{BOXES}.tiny_embedding")
    return [[vector is not None for vector in image] for image in vectors]


def test_the_app_embeds_the_view_that_is_shown(dataset: Any, model: str) -> None:
    view = dataset.limit(2).filter_labels("ground_truth", fo.ViewField("label") == "0")
    params = {"model": model, "method": "none"}
    result = foo.execute_operator(URI, {"view": view, "params": params}).result
    assert (result["embedded"], result["brain_key"]) == (2, "")
    assert embedded(dataset) == [[True], [True, False], [False] * 3]


def test_the_app_embeds_what_is_selected(dataset: Any, model: str) -> None:
    context = {
        "dataset": dataset,
        "selected": [dataset.last().id],
        "params": {"model": model, "method": "none", "view_target": "SELECTED_SAMPLES"},
    }
    assert foo.execute_operator(URI, context).result["embedded"] == 3
    assert embedded(dataset) == [[False], [False] * 2, [True] * 3]


def test_a_view_is_embedded_from_python(dataset: Any, model: str) -> None:
    operator = foo.get_operator(URI)
    assert operator(dataset.limit(1), model=model, method="none")["embedded"] == 1
    result = operator(dataset, model=model, method="pca")
    assert (result["embedded"], result["present"], result["brain_key"]) == (5, 1, "tiny_pca")


def test_a_view_is_embedded_from_the_queue(dataset: Any, model: str) -> None:
    from bson import ObjectId
    from fiftyone.operators.delegated import DelegatedOperationService

    queued = foo.get_operator(URI)(dataset.limit(2), delegate=True, model=model, method="none")
    service = DelegatedOperationService()
    operation = service.get(ObjectId(queued))
    service.execute_operation(operation)
    operation = service.get(ObjectId(queued))
    assert operation.run_state == "completed", operation.result.error
    assert embedded(dataset) == [[True], [True] * 2, [False] * 3]


def form(dataset: Any, **params: Any) -> dict[str, Any]:
    request = {"dataset_name": dataset.name, "params": params, "view": []}
    context = ExecutionContext(request, operator_uri=URI)
    answer: dict[str, Any] = foo.get_operator(URI).resolve_type(context, "inputs").to_json()
    return answer


def test_the_form_says_what_will_happen(dataset: Any, model: str) -> None:
    text = json.dumps(form(dataset, model=model))
    assert "6 boxes are embedded by tiny" in text
    assert "their map is" in text
    text = json.dumps(form(dataset, model=model, patches_field="", method="none"))
    assert "3 images are embedded" in text
    assert "is no field" in json.dumps(form(dataset, model=model, patches_field="nothing"))
    assert "is no known model" in json.dumps(form(dataset, model="no such model"))


def test_a_shell_is_told_what_was_skipped(dataset: Any, model: str, tmp_path: Path) -> None:
    dataset.add_sample(sample(tmp_path / "nowhere.png", [(1, 1, 20, 20)]))
    command = [
        str(Path(sys.executable).parent / "fathomnet-voxel51"),
        "compute-embeddings",
        *("--dataset", dataset.name, "--model", model, "--method", "pca", "--json"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 3, done.stderr
    result = json.loads(done.stdout)
    assert (result["embedded"], result["skipped"], result["dimensions"]) == (6, 1, 32)
    assert "nowhere.png: no such file" in done.stderr


def test_forms_begin_with_the_model_that_has_vectors_on_the_dataset(dataset_name: str) -> None:
    dataset = fo.Dataset(dataset_name)
    dataset.add_sample(
        fo.Sample(filepath="/1.png", ground_truth=fo.Detections(detections=[fo.Detection()]))
    )

    def begins_with(model: type[Parameters]) -> str:
        form = forms.build(model, {}, dataset, forms.Preview())
        return str(form.properties["model"].default)

    models = (BuildSimilarityIndex, ComputeEmbeddings)
    assert {begins_with(one) for one in models} == {"clip"}
    give_vectors(dataset, offset_vectors(1), model="bioclip")
    record = EmbeddingRecord(
        *("complete", "bioclip", "", "ground_truth", "bioclip_embedding", 32, "cpu", {}, 1, 1, 0),
        *(None, 0, 0, (), ()),
    )
    write_record(dataset, embedding_run_key("bioclip", "ground_truth"), record)
    assert {begins_with(one) for one in models} == {"bioclip"}
    clip = replace(record, model="clip")
    write_record(dataset, embedding_run_key("clip", "ground_truth"), clip)
    assert {begins_with(one) for one in models} == {"clip"}
