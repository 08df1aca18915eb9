"""What the App loads of the review panel is what its sources give, and their tests pass."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.conftest import REPOSITORY

SOURCES: Final = REPOSITORY / "javascript"
MANIFEST: Final = yaml.safe_load((REPOSITORY / "fiftyone.yml").read_text())


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources with the packages of their lock, where nothing else of this checkout is."""
    if shutil.which("npm") is None:
        pytest.skip("Node.js 20 or newer with npm builds the panel, and is not here")
    folder = tmp_path_factory.mktemp("bundle") / "javascript"
    shutil.copytree(SOURCES, folder, ignore=shutil.ignore_patterns("node_modules"))
    npm(folder, "ci", "--no-audit", "--no-fund")
    return folder


def npm(folder: Path, *arguments: str, **settings: str) -> None:
    ran = subprocess.run(
        ["npm", *arguments],
        cwd=folder,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]


def test_the_bundle_is_what_its_sources_give_to_the_byte(copy: Path, tmp_path: Path) -> None:
    npm(copy, "run", "build", OUT_DIR=str(tmp_path))
    committed = REPOSITORY / MANIFEST["js_bundle"]
    (built,) = tmp_path.iterdir()
    assert built.name == committed.name
    assert built.read_bytes() == committed.read_bytes(), "run make panel, and commit what it builds"


def test_its_own_tests_pass(copy: Path) -> None:
    npm(copy, "test")


def test_the_lock_names_no_place_to_download_from() -> None:
    lock = (SOURCES / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert '"integrity"' in lock


def test_the_bundle_brings_no_react_of_its_own_and_fetches_nothing_from_elsewhere() -> None:
    bundle = (REPOSITORY / MANIFEST["js_bundle"]).read_text()
    assert "(React)" in bundle
    assert "react.production" not in bundle
    assert "http://" not in bundle
    assert "https://" not in bundle
    assert "innerHTML" not in bundle
    assert "dangerouslySetInnerHTML" not in bundle
