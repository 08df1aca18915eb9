"""The server that resolves views has no plugins where these have a server of their own.

What it needs for the searches of the App is tried in a second process, whose folder of plugins is
empty: the project's package from the image, and for text the model's weights too.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from fathomnet_voxel51.models.weights import MODELS_FOLDER
from fathomnet_voxel51.similarity import build_similarity_index

from demo.stand_in_models import write_stand_in
from tests.similarity.embedded import boxes_dataset, brute_force, offset_vectors
from tests.similarity.test_processes import WITHOUT_PACKAGE, run

SEARCH = """
import json, sys
import fiftyone as fo, fiftyone.operators as foo, fiftyone.plugins as fop
assert not fop.list_plugins() and not any("fathomnet" in str(o.uri) for o in foo.list_operators())
name, query = sys.argv[1:]
view = fo.load_dataset(name).to_patches("ground_truth")
found = view.sort_by_similarity(query, k=10, brain_key="clip_similarity").values("id")
print(json.dumps({"found": found, "torch": "torch" in sys.modules}))
"""


@pytest.fixture
def indexed(
    dataset_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Any, list[str], Any]:
    """A dataset with an index, its boxes' ids and vectors; the weights are not where it looks."""
    write_stand_in("clip", tmp_path / "models/clip", small=True)
    matrix = offset_vectors(60)
    dataset, ids = boxes_dataset(dataset_name, matrix)
    build_similarity_index(dataset)
    (tmp_path / "plugins").mkdir()
    monkeypatch.setenv("FIFTYONE_PLUGINS_DIR", str(tmp_path / "plugins"))
    monkeypatch.setenv("FIFTYONE_MODEL_ZOO_DIR", str(tmp_path / "zoo"))
    return dataset, ids, matrix


def search(dataset: Any, query: str, prelude: str = "", **environment: str) -> Any:
    return json.loads(run(prelude + SEARCH, dataset.name, query, **environment).splitlines()[-1])


def test_with_the_wheel_the_app_s_server_searches_by_example_without_torch(indexed: Any) -> None:
    dataset, ids, matrix = indexed
    answer = search(dataset, ids[4])
    assert answer["found"] == [ids[row] for row in brute_force(matrix, matrix[4])[:10]]
    assert not answer["torch"]


def test_with_wheel_and_weights_it_searches_by_text(indexed: Any, tmp_path: Path) -> None:
    dataset, ids, _ = indexed
    weights = {MODELS_FOLDER: str(tmp_path / "models")}
    found = search(dataset, "a sea cucumber", **weights)["found"]
    assert len(found) == 10 and set(found) <= set(ids)


@pytest.mark.parametrize("prelude", [WITHOUT_PACKAGE, ""], ids=["no wheel", "no weights"])
def test_without_them_there_is_no_search_by_text(
    indexed: Any, prelude: str, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    monkeypatch.delenv(MODELS_FOLDER, raising=False)
    with pytest.raises(subprocess.CalledProcessError):
        search(indexed[0], "a sea cucumber", prelude)
    told = capfd.readouterr().err
    # FiftyOne falls back to a class of its own that can do nothing, and says only so.
    assert ("subclass must implement method" if prelude else "weights") in told, told[-1500:]
