"""What reaches a user who installs the wheel, rather than works in a checkout."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.support.clean_environment import environment_with, output_of, pip

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
    pip("wheel", source, "--no-deps", "--no-build-isolation", "--wheel-dir", folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a clean environment with the wheel, which borrows our dependencies."""
    return environment_with(tmp_path_factory.mktemp("environment"), wheel)


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
    file, concepts = output_of(python, "-I", "-c", program, folder=tmp_path).split()
    assert Path(file).is_relative_to(python.parents[1])
    assert int(concepts) == 79


def test_the_demo_model_travels_with_the_wheel(python: Path, tmp_path: Path) -> None:
    program = (
        "from fathomnet_voxel51.models import load_embedder; "
        "print(load_embedder('demo-clip').embed_prompts(['a sea pig']).shape)"
    )
    assert output_of(python, "-I", "-c", program, folder=tmp_path) == "(1, 64)"


def test_the_command_is_installed_with_the_wheel(python: Path, tmp_path: Path) -> None:
    command = python.with_name("fathomnet-voxel51")
    assert "ingest-dataset" in output_of(command, "--help", folder=tmp_path)
