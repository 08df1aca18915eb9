"""What ``make demo`` and earlier releases install, and where torch comes from.

By the Makefile's own recipes.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.support.manifest import PROJECT

NOWHERE = "http://127.0.0.1:9/simple"
"""Nothing listens at the port of "discard"."""
EARLIER = sorted(
    lock.stem.removeprefix("fiftyone-") for lock in REPOSITORY.glob(".ci/fiftyone-*.txt")
)
"""The releases of FiftyOne whose tests have locked versions of what they need."""


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    """An index of wheels for processors, of the versions that the constraints name."""
    for name, version in locked_torch().items():
        write_wheel(tmp_path / "simple" / name, name, f"{version}+cpu")
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()
        thread.join()


def test_without_a_gpu_torch_comes_from_the_index_of_wheels_for_processors(
    index: str, tmp_path: Path
) -> None:
    done = install_torch(index, tmp_path / "there")
    assert done.returncode == 0, done.stderr
    expected = {name: f"{version}+cpu" for name, version in locked_torch().items()}
    assert expected == installed(tmp_path / "there")


def test_where_that_index_cannot_be_reached_the_rest_is_installed_without_it(
    tmp_path: Path,
) -> None:
    done = install_torch(NOWHERE, tmp_path / "there")
    assert done.returncode == 0, done.stderr
    assert "default index" in done.stdout
    assert NOWHERE in done.stdout
    assert installed(tmp_path / "there") == {}


def test_where_that_index_has_other_versions_the_rest_is_installed_without_it(
    index: str, tmp_path: Path
) -> None:
    for wheel in (tmp_path / "simple" / "torch").iterdir():
        wheel.rename(wheel.with_name("torch-1.0.0+cpu-py3-none-any.whl"))
    done = install_torch(index, tmp_path / "there")
    assert done.returncode == 0, done.stderr
    assert "default index" in done.stdout
    assert installed(tmp_path / "there") == {}


def test_with_an_nvidia_gpu_or_an_empty_variable_torch_comes_from_the_default_index(
    tmp_path: Path,
) -> None:
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\n")
    driver.chmod(0o755)
    with_gpu = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    assert make("@echo '[$(TORCH_INDEX)]'", environment=with_gpu).stdout == "[]\n"
    assert make("@echo '[$(TORCH_INDEX)]'", TORCH_INDEX="").stdout == "[]\n"
    for target in ("demo", "test"):
        assert "--index-url" not in plan(target, tmp_path / "v", TORCH_INDEX="")
        assert "--index-url http://x/cpu" in plan(
            target, tmp_path / "v", TORCH_INDEX="http://x/cpu"
        )


def test_the_demo_installs_no_tools_of_developers(tmp_path: Path) -> None:
    extras = {*re.findall(r"'\.\[(.*?)\]'", plan("demo", tmp_path / "v"))[0].split(",")}
    assert extras == {"fiftyone", "models", "demo"}
    assert "./inference" not in plan("demo", tmp_path / "v")
    assert extras == {*re.findall(r"'\.\[(.*?)\]'", plan("app", tmp_path / "v"))[0].split(",")}


def test_the_tests_add_the_rest_in_the_same_environment(tmp_path: Path) -> None:
    folder = tmp_path / "v"
    folder.mkdir()
    (folder / ".installed-demo").touch()
    assert "pip install" not in plan("demo", folder)
    text = plan("test", folder)
    extras = {*re.findall(r"'\.\[(.*?)\]'", text)[0].split(",")}
    assert extras == PROJECT["optional-dependencies"].keys()
    assert f"{folder}/bin/python -m pip install" in text
    (folder / ".installed").touch()
    (folder / ".installed-demo").touch()
    assert "pip install" not in plan("test", folder) + plan("demo", folder)


@pytest.mark.parametrize("release", EARLIER)
def test_an_earlier_release_has_an_environment_of_its_own_and_the_suites_that_need_fiftyone(
    release: str, tmp_path: Path
) -> None:
    text = plan("test", tmp_path / "v", FIFTYONE=release)
    assert f"{tmp_path}/v-fiftyone-{release}/bin/python -m pytest" in text
    assert f"--constraint .ci/fiftyone-{release}.txt" in text
    assert f"'fiftyone=={release}'" in text
    assert "--index-url" not in plan("test", tmp_path / "v", FIFTYONE=release, TORCH_INDEX="")
    runs = (REPOSITORY / ".ci/releases").read_text()
    assert f"with_fiftyone {release} " in runs
    tests = [word for word in text.split() if word.startswith("tests/") and "::" not in word]
    assert [test for test in tests if not (REPOSITORY / test).is_file()] == []
    for suite in ("operators", "dataset", "evaluation", "similarity", "embeddings", "panels"):
        assert [test for test in tests if test.startswith(f"tests/{suite}/")], suite
    assert {"tests/test_delegation.py", "tests/e2e/test_main_job.py"} <= set(tests)


def install_torch(index: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs the Makefile's own recipe with this Python; what it installs goes to a folder."""
    variables = {"BIN": Path(sys.executable).parent, "TORCH_INDEX": index}
    return make("$(INSTALL_TORCH)", {"PIP_TARGET": str(folder)}, **variables)


def make(
    recipe: str, environment: dict[str, str] | None = None, **variables: object
) -> subprocess.CompletedProcess[str]:
    """Runs a recipe with the Makefile's variables."""
    command = ["make", "--silent", "--eval", f"only:\n\t{recipe}", "only"]
    given = [f"{name}={value}" for name, value in variables.items()]
    return run([*command, *given], environment)


def plan(target: str, folder: Path, **variables: str) -> str:
    """What ``make`` would run."""
    given = [f"{name}={value}" for name, value in variables.items()]
    return run(["make", "--dry-run", target, f"VENV={folder}", *given], None).stdout


def run(command: list[str], environment: dict[str, str] | None) -> subprocess.CompletedProcess[str]:
    # A make that runs the tests hands its own variables down.
    own = {
        name: value
        for name, value in os.environ.items()
        if name not in ("MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "VENV", "TORCH_INDEX", "FIFTYONE")
    }
    own["PIP_NO_CACHE_DIR"] = "1"
    return subprocess.run(
        command,
        check=False,
        cwd=REPOSITORY,
        env=own | (environment or {}),
        capture_output=True,
        text=True,
        timeout=300,
    )


def locked_torch() -> dict[str, str]:
    text = (REPOSITORY / "constraints.txt").read_text()
    return {
        name: re.findall(rf"^{name}==(\S+)", text, re.M)[0] for name in ("torch", "torchvision")
    }


def write_wheel(folder: Path, name: str, version: str) -> None:
    folder.mkdir(parents=True)
    information = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(
            f"{information}/METADATA",
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Dist: not-there\n",
        )
        wheel.writestr(
            f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{information}/RECORD", "")


def installed(folder: Path) -> dict[str, str]:
    """The versions of torch and torchvision in a folder of packages."""
    found = (
        re.fullmatch(r"(torch|torchvision)-(.+)\.dist-info", one.name) for one in folder.glob("*")
    )
    return {match[1]: match[2] for match in found if match}
