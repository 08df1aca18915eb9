"""An index in other processes: with the package, with the plugin alone, after another's build."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.similarity import build_similarity_index
from fathomnet_voxel51.similarity.mapped import HOME_VARIABLE

from tests.conftest import REPOSITORY
from tests.similarity.embedded import FIELD, boxes_dataset, brute_force, offset_vectors

KEY = "clip_similarity"

# The checkout is installed by a finder that this removes: what is left is a machine on which only
# FiftyOne's plugin folder has the code.
WITHOUT_PACKAGE = """
import sys
sys.meta_path = [f for f in sys.meta_path if "__editable__" not in getattr(f, "__module__", "")
                 and "__editable__" not in getattr(f, "__name__", "")]
sys.path = [p for p in sys.path if "plugins" not in p]
import importlib.util
assert importlib.util.find_spec("fathomnet_voxel51") is None
"""
WITH_PLUGIN = """
import fiftyone.operators as foo
foo.list_operators()
"""
SEARCH = """
import json, sys
import fiftyone as fo
name, example = sys.argv[1:]
view = fo.load_dataset(name).to_patches("ground_truth")
found = view.sort_by_similarity(example, k=10, brain_key="clip_similarity").values("id")
index = fo.load_dataset(name).load_brain_results("clip_similarity")
print(json.dumps({"found": found, "module": type(index).__module__, "file":
    sys.modules["fathomnet_voxel51"].__file__}))
"""
BUILD = """
import sys
import fiftyone as fo, fiftyone.operators as foo
stage = foo.get_operator("@fathomnet/voxel51/add_taxonomy_ranks")
module = type(stage).__module__
assert module.startswith("fathomnet_voxel51."), module
import importlib
similarity = importlib.import_module(module.rsplit(".", 2)[0] + ".similarity")
similarity.build_similarity_index(fo.load_dataset(sys.argv[1]))
"""


def run(program: str, *arguments: str, **environment: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, **environment},
        cwd="/",
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return finished.stdout


@pytest.fixture
def stored(dataset_name: str) -> tuple[Any, list[str], list[str]]:
    """A dataset with vectors, its boxes' ids, and the neighbours of the fifth."""
    matrix = offset_vectors(60)
    dataset, ids = boxes_dataset(dataset_name, matrix)
    return dataset, ids, [ids[row] for row in brute_force(matrix, matrix[4])[:10]]


@pytest.mark.parametrize("searcher", ["package", "plugin"])
@pytest.mark.parametrize("builder", ["package", "plugin"])
def test_an_index_built_either_way_is_searched_either_way(
    stored: tuple[Any, list[str], list[str]], builder: str, searcher: str
) -> None:
    dataset, ids, expected = stored
    if builder == "package":
        build_similarity_index(dataset)
    else:
        run(WITHOUT_PACKAGE + WITH_PLUGIN + BUILD, dataset.name)
    prelude = "" if searcher == "package" else WITHOUT_PACKAGE + WITH_PLUGIN
    answer = json.loads(run(prelude + SEARCH, dataset.name, ids[4]).splitlines()[-1])
    assert answer["found"] == expected
    assert answer["module"] == "fathomnet_voxel51.similarity.exact"
    assert Path(answer["file"]).is_relative_to(REPOSITORY)


def test_another_machine_makes_its_own_copy_from_the_database(
    stored: tuple[Any, list[str], list[str]], tmp_path: Path
) -> None:
    dataset, ids, expected = stored
    build_similarity_index(dataset)
    settings = {HOME_VARIABLE: str(tmp_path)}
    answer = json.loads(run(SEARCH, dataset.name, ids[4], **settings).splitlines()[-1])
    assert answer["found"] == expected
    assert list(tmp_path.glob(f"*/{KEY}/*/matrix.npy"))


def test_what_the_database_keeps_is_small(stored: tuple[Any, list[str], list[str]]) -> None:
    dataset, ids, _ = stored
    build_similarity_index(dataset)
    run_document = dataset._doc.brain_methods[KEY]
    assert run_document.results.length < 100 * len(ids) + 1_000
    config = run_document.config
    assert config["cls"] == "fathomnet_voxel51.stored_classes.ExactSimilarityConfig"
    assert (config["model"], config["supports_prompts"]) == ("fathomnet-clip", True)
    assert (config["patches_field"], config["embeddings_field"]) == (FIELD, "clip_embedding")
    assert fo.load_dataset(dataset.name).get_brain_info(KEY).config.type == "similarity"
