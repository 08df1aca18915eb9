"""Embeddings that several executors divide among themselves, where FiftyOne offers it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import numpy as np
import pytest
from fathomnet_voxel51.dataset.records import read_record
from fathomnet_voxel51.dataset.vectors import EmbeddingRecord, read_vectors
from fathomnet_voxel51.embeddings import compute as embeddings
from fathomnet_voxel51.embeddings import compute_embeddings
from fathomnet_voxel51.names import PLUGIN_NAME, embedding_run_key
from fathomnet_voxel51.operators.compute_embeddings import DIVIDE, PER_MINUTE
from fathomnet_voxel51.parameters import OPERATORS
from fathomnet_voxel51.report import report_dataset
from fiftyone.operators.executor import ExecutionContext, Executor

from tests.embeddings.tiny import TinyEmbedder, write_images
from tests.enterprise.conftest import Deploy
from tests.support.cards import read_page, rows, section
from tests.support.forking import forking

NAME = "test-distributed"
URI = f"{PLUGIN_NAME}/compute_embeddings"
COUNTS = (3, 0, 17, 1, 5, 2, 40, 4, 9, 11) * 2
EXECUTORS = 3


@pytest.fixture
def dataset(tmp_path: Path) -> Iterator[Any]:
    made = fo.Dataset(NAME, persistent=True, overwrite=True)
    made.add_samples(write_images(tmp_path / "images", COUNTS))
    yield made
    made.delete()


def tiny(log: Path | None = None) -> Any:
    return lambda name, device, precision, progress: TinyEmbedder(log=log)


def execute_part(which: int, folder: str, log: str, connection: Connection) -> None:
    """What one executor does, in a process of its own."""
    from tests.support.enterprise import Deployment, install

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embeddings, "load_embedder", tiny(Path(log)))
        install(Deployment(folder, part=(which, EXECUTORS)), patch)
        connection.recv()
        request = {"dataset": fo.load_dataset(NAME), "params": {"method": "none", "batch_size": 6}}
        connection.send(foo.execute_operator(URI, request).result)


def test_executors_that_divide_the_boxes_make_the_vectors_of_one(
    dataset: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embeddings, "load_embedder", tiny())
    compute_embeddings(dataset, method="none", batch_size=6)
    ids, expected = vectors(dataset)
    for name in ("clip_embedding", "clip_embedding_source"):
        dataset.delete_sample_field(f"ground_truth.detections.{name}")
    dataset.delete_run(embedding_run_key("clip", "ground_truth"))
    log = tmp_path / "log"
    parts = []
    for which in range(EXECUTORS):
        ours, theirs = forking.Pipe()
        arguments = (which, str(tmp_path / f"cache{which}"), str(log), theirs)
        process = forking.Process(target=execute_part, args=arguments, daemon=True)
        process.start()
        theirs.close()
        parts.append((ours, process))
    for ours, _ in parts:
        ours.send(None)  # all at once
    results = [ours.recv() for ours, _ in parts]
    for _, process in parts:
        process.join()
    assert all(0 < one["embedded"] < sum(COUNTS) for one in results)
    assert sum(one["embedded"] for one in results) == sum(COUNTS)
    assert {one["present"] for one in results} == {0}, "nobody looks at another's part"
    assert set(Counter(log.read_text().split()).values()) == {1}, "each box by one of them, once"
    dataset.reload()
    ids_after, made_in_parts = vectors(dataset)
    assert ids_after == ids
    np.testing.assert_allclose(made_in_parts, expected, atol=1e-5)
    key = embedding_run_key("clip", "ground_truth")
    record = read_record(dataset, key, EmbeddingRecord)
    assert record is not None and record.state == "complete"
    card = read_page(report_dataset(dataset, tmp_path / "card").files[1])
    told = rows(section(card, "Embeddings, maps and indexes").find("table"))[1]
    assert told[3:] == [str(sum(COUNTS)), "complete"], "of all parts together"
    assert dataset.list_brain_runs() == []
    made = compute_embeddings(dataset, method="pca", batch_size=6)
    assert (made.embedded, made.present) == (0, sum(COUNTS)), "what is left to do is the map"
    assert dataset.get_brain_info(made.brain_key).config.method == "pca"


def vectors(dataset: Any) -> tuple[list[str], Any]:
    read = read_vectors(dataset, "ground_truth", "clip_embedding")
    order = np.argsort(read.ids)
    return [read.ids[place] for place in order], read.matrix[order]


def options(dataset: Any, **values: Any) -> Any:
    request = {"dataset_name": dataset.name, "params": values}
    context = ExecutionContext(request, executor=Executor(), operator_uri=URI)
    return foo.get_operator(URI).resolve_execution_options(context)


def test_only_what_is_the_same_in_parts_is_offered_to_be_divided(
    dataset: Any, deploy: Deploy
) -> None:
    assert not options(dataset, method="none").allow_distributed_execution, "nor in open source"
    deploy()
    assert options(dataset, method="none").allow_distributed_execution
    assert not options(dataset, method="umap").allow_distributed_execution
    divided = {
        name
        for name in OPERATORS
        if foo.get_operator(f"{PLUGIN_NAME}/{name}").config.allow_distributed_execution
    }
    assert divided == {"compute_embeddings"}


@pytest.mark.parametrize("method", ["pca", "none"])
def test_the_form_says_how_a_long_run_can_be_divided(
    dataset: Any, deploy: Deploy, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    module = "fathomnet_voxel51.operators.compute_embeddings"
    monkeypatch.setattr(f"{module}.PER_MINUTE", PER_MINUTE / 1e6)
    operator = foo.get_operator(URI)
    params = operator.model.parse({"method": method})
    assert DIVIDE not in operator.preview(params, dataset).warnings
    deploy()
    assert (DIVIDE in operator.preview(params, dataset).warnings) is (method == "pca")
