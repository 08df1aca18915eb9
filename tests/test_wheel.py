"""What reaches a user who installs the wheel, rather than works in a checkout."""

from __future__ import annotations

import shutil
import site
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

SOURCES = ("LICENSE", "README.md", "data", "plugins", "pyproject.toml")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the wheel is made of: leftovers of an earlier build would get into it."""
    folder = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copy
        copy(REPOSITORY / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    _pip("wheel", source, "--no-deps", "--no-build-isolation", "--wheel-dir", folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a clean environment with the wheel, which borrows our dependencies."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / "bin" / "python"
    _pip("--python", python, "install", "--no-deps", "--no-index", wheel)
    (packages,) = environment.glob("lib/python*/site-packages")
    # A folder that a .pth file names is searched, but its own .pth files, such as the one by which
    # this checkout is installed, are not followed.
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    return python


def _pip(*arguments: str | Path) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *arguments], check=True)


def _run(*command: str | Path, folder: Path) -> str:
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return run.stdout.strip()


def test_the_wheel_carries_every_module_and_data_file(source: Path, wheel: Path) -> None:
    package = source / "plugins/fathomnet"
    modules = {path.relative_to(package).as_posix() for path in package.rglob("*.py")}
    patterns = ("*.csv", "needles/*.yaml", "models/*/*")
    files = [path for pattern in patterns for path in (source / "data").glob(pattern)]
    data = {path.relative_to(source).as_posix() for path in files}
    folder = "fathomnet_voxel51/"
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith(folder)]
    assert {name.removeprefix(folder) for name in names} == modules | data | {"data/__init__.py"}


def test_the_taxonomy_travels_with_the_wheel(python: Path, tmp_path: Path) -> None:
    program = (
        "import fathomnet_voxel51; from fathomnet_voxel51.taxonomy import load_taxonomy; "
        "print(fathomnet_voxel51.__file__, len(load_taxonomy().concepts))"
    )
    file, concepts = _run(python, "-I", "-c", program, folder=tmp_path).split()
    assert Path(file).is_relative_to(python.parents[1])
    assert int(concepts) == 79


def test_the_demo_model_travels_with_the_wheel(python: Path, tmp_path: Path) -> None:
    program = (
        "from fathomnet_voxel51.models import load_embedder; "
        "print(load_embedder('demo-clip').embed_prompts(['a sea pig']).shape)"
    )
    assert _run(python, "-I", "-c", program, folder=tmp_path) == "(1, 64)"


def test_the_command_is_installed_with_the_wheel(python: Path, tmp_path: Path) -> None:
    command = python.with_name("fathomnet-voxel51")
    assert "ingest-dataset" in _run(command, "--help", folder=tmp_path)
