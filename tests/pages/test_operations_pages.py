"""What the pages for operators and reviewers say of the project is so."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.support.manifest import PROJECT

DEPLOYMENT = (REPOSITORY / "docs/deployment.md").read_text()
THREATS = (REPOSITORY / "docs/threat-model.md").read_text()


def names_in(file: str) -> set[str]:
    """The tests of a file, as pytest names them."""
    found = set()
    for node in ast.parse((REPOSITORY / file).read_text()).body:
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        found |= {f"{prefix}{one.name}" for one in inside if isinstance(one, ast.FunctionDef)}
    return found


def test_every_threat_names_tests_and_they_are_there() -> None:
    threats = THREATS.split("## Threats\n")[1].split("\n## ")[0].split("### ")[1:]
    assert len(threats) == 9
    for threat in threats:
        cited = re.findall(r"^- `(tests/[\w/]+\.py)::([\w:]+)`$", threat, re.MULTILINE)
        assert cited and len(cited) == threat.count("\n- "), threat.splitlines()[0]
        for file, name in cited:
            assert name in names_in(file), f"{file}::{name}"


def test_the_image_gets_what_the_models_need() -> None:
    block = re.search(r"```dockerfile\n(.*?)```", DEPLOYMENT, re.DOTALL)
    assert block is not None
    line = next(line for line in block[1].splitlines() if "torchvision" in line)
    wanted = [re.split(r"[><=]", name)[0] for name in PROJECT["optional-dependencies"]["models"]]
    assert line.removesuffix("\\").split() == wanted


def test_the_lock_of_the_image_is_one_that_pip_can_satisfy(tmp_path: Path) -> None:
    """This environment was made by the lock: pip must find nothing left to install."""
    lock = tmp_path / "lock.txt"
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    lock.write_text("\n".join(line for line in lines if not line.startswith("fiftyone")))
    models = [re.split(r"[><=]", name)[0] for name in PROJECT["optional-dependencies"]["models"]]
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index"]
    options = ["--constraint", lock, "--requirement", REPOSITORY / "requirements.txt"]
    done = subprocess.run([*pip, *options, *models], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Would install" not in done.stdout


@pytest.mark.parametrize("variable", re.findall(r"`(FATHOMNET_[A-Z_]+)`", DEPLOYMENT))
def test_every_variable_is_one_that_the_code_reads(variable: str) -> None:
    code = "".join(path.read_text() for path in (REPOSITORY / "plugins").rglob("*.py"))
    assert f'"{variable}"' in code


def test_the_secrets_are_those_that_the_plugin_declares() -> None:
    import yaml

    declared = yaml.safe_load((REPOSITORY / "fiftyone.yml").read_text())["secrets"]
    assert all(f"`{name}`" in DEPLOYMENT for name in declared)
