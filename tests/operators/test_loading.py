"""The plugin loads whole, however it was installed and whatever else is: each time in a fresh home.

Every case is a process of its own, since what a process has imported decides what it imports next.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import REPOSITORY
from tests.operators.test_plugin import BIN, plugin_zip
from tests.similarity.test_processes import WITHOUT_PACKAGE

__all__ = ["plugin_zip"]

MANIFEST = yaml.safe_load((REPOSITORY / "fiftyone.yml").read_text())
CODE = REPOSITORY / "plugins" / "fathomnet"

IMPORT_PACKAGE = "import fathomnet_voxel51.errors as before\n"
LOAD = """
import json, sys
import fiftyone.operators as foo
from fiftyone.plugins.context import PluginContext, build_plugin_contexts
(plugin,) = [one for one in build_plugin_contexts() if one.name == "@fathomnet/voxel51"]
kinds = {"operators": [], "panels": []}
for one in plugin.instances:
    kinds["panels" if isinstance(one, foo.Panel) else "operators"].append(one.name)
files = [sys.modules[type(one).__module__].__file__ for one in plugin.instances]
again = PluginContext(plugin.plugin_definition)
again.register_all()
from fathomnet_voxel51.similarity.exact import ExactSimilarityConfig
from fathomnet_voxel51.errors import InputError
print(json.dumps({**kinds, "files": files, "errors": plugin.errors + again.errors,
    "modules": sorted({type(one).__module__.split(".")[0] for one in plugin.instances}),
    "same": [type(one) for one in again.instances] == [type(one) for one in plugin.instances],
    "stored_as": ExactSimilarityConfig(embeddings_field="x").cls,
    "replaced": "before" in globals() and before.InputError is not InputError}))
"""


def load(
    plugins: Path, home: Path, prelude: str = "", packages: Path | None = None
) -> tuple[dict[str, Any], str]:
    """What FiftyOne makes of the plugin in a fresh process, and what is written meanwhile."""
    environment = {
        **{name: os.environ[name] for name in os.environ if name != "FIFTYONE_MODEL_ZOO_DIR"},
        "HOME": str(home),
        "FIFTYONE_PLUGINS_DIR": str(plugins),
        "PYTHONPATH": str(packages or ""),
    }
    home.mkdir()
    finished = subprocess.run(
        [sys.executable, "-c", prelude + LOAD],
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout.splitlines()[-1]), finished.stderr


def expect_all(loaded: dict[str, Any], log: str, folder: Path) -> None:
    """All that is declared is registered, twice as the same classes, with the code of a folder."""
    assert loaded["errors"] == []
    assert "Failed to register" not in log and "Traceback" not in log, log
    for kind in ("operators", "panels"):
        assert sorted(loaded[kind]) == sorted(MANIFEST[kind])
    assert loaded["modules"] == ["fathomnet_voxel51"]
    assert loaded["same"]
    assert loaded["stored_as"] == "fathomnet_voxel51.stored_classes.ExactSimilarityConfig"
    for file in loaded["files"]:
        assert Path(file).is_relative_to(folder), "another installation's code"


@pytest.fixture(params=["checkout", "downloaded"])
def plugins(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder of plugins: this checkout itself, or one into which FiftyOne has put it."""
    if request.param == "checkout":
        return REPOSITORY
    folder = tmp_path / "plugins"
    folder.mkdir()
    subprocess.run(
        [BIN / "fiftyone", "plugins", "download", request.getfixturevalue("plugin_zip")],
        env={**os.environ, "FIFTYONE_PLUGINS_DIR": str(folder)},
        check=True,
    )
    return folder


@pytest.fixture
def other_version(tmp_path: Path) -> Path:
    """A folder from which another version of the package is imported."""
    packages = tmp_path / "packages"
    shutil.copytree(CODE, packages / "fathomnet_voxel51")
    with (packages / "fathomnet_voxel51" / "errors.py").open("a") as stream:
        stream.write("\nVERSION = 'another'\n")
    return packages


def test_no_package_is_needed(plugins: Path, tmp_path: Path) -> None:
    loaded, log = load(plugins, tmp_path / "home", WITHOUT_PACKAGE)
    expect_all(loaded, log, plugins)


def test_the_plugin_s_own_code_runs_beside_a_package_of_another_version(
    plugins: Path, other_version: Path, tmp_path: Path
) -> None:
    loaded, log = load(plugins, tmp_path / "home", packages=other_version)
    expect_all(loaded, log, plugins)


def test_another_version_that_was_imported_before_is_replaced_and_named(
    other_version: Path, tmp_path: Path
) -> None:
    loaded, log = load(REPOSITORY, tmp_path / "home", IMPORT_PACKAGE, other_version)
    expect_all(loaded, log, REPOSITORY)
    assert loaded["replaced"]
    assert str(other_version) in log and "uninstall" in log


def test_the_same_version_that_was_imported_before_stays(tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    shutil.copytree(CODE, packages / "fathomnet_voxel51")
    (packages / "fathomnet_voxel51" / "data").symlink_to(REPOSITORY / "data")  # as in a wheel
    loaded, log = load(REPOSITORY, tmp_path / "home", IMPORT_PACKAGE, packages)
    expect_all(loaded, log, packages)
    assert not loaded["replaced"]


def test_a_package_that_has_gone_since_it_was_imported_is_replaced(
    other_version: Path, tmp_path: Path
) -> None:
    gone = "import shutil; shutil.rmtree(before.__file__.rsplit('/', 1)[0])\n"
    loaded, log = load(REPOSITORY, tmp_path / "home", IMPORT_PACKAGE + gone, other_version)
    expect_all(loaded, log, REPOSITORY)
