"""Data files are found in every way that the package gets onto a machine."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fathomnet_voxel51.errors import SetupError
from fathomnet_voxel51.resources import data_file

REPOSITORY = Path(__file__).parents[1]
MODULES = ("__init__.py", "errors.py", "resources.py", "text.py")


def _install(package: Path, data: Path) -> None:
    package.mkdir(parents=True)
    for module in MODULES:
        shutil.copy(REPOSITORY / "plugins/fathomnet" / module, package)
    data.mkdir(parents=True)
    (data / "taxonomy.csv").write_text("the right one")


def _found(folder: Path, package: str) -> Path:
    """Where a fresh interpreter that sees only ``folder`` finds the taxonomy."""
    script = f"from {package}.resources import data_file; print(data_file('taxonomy.csv'))"
    run = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); {script}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(run.stdout.strip())


def test_an_installed_wheel_uses_its_own_copy(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    _install(site / "fathomnet_voxel51", site / "fathomnet_voxel51/data")
    expected = site / "fathomnet_voxel51/data/taxonomy.csv"
    assert _found(site, "fathomnet_voxel51") == expected.resolve()


def test_a_plugin_folder_loaded_under_another_name_uses_the_repositorys(tmp_path: Path) -> None:
    _install(tmp_path / "plugins/another_name", tmp_path / "data")
    expected = tmp_path / "data/taxonomy.csv"
    assert _found(tmp_path / "plugins", "another_name") == expected.resolve()


def test_this_checkout_uses_its_own_table() -> None:
    assert data_file("taxonomy.csv") == REPOSITORY.resolve() / "data/taxonomy.csv"


def test_a_file_that_did_not_travel_is_named_with_the_places_looked_at() -> None:
    with pytest.raises(SetupError, match=r"'absent\.csv' is in neither .*data and .*data"):
        data_file("absent.csv")
