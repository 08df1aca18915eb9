"""The operator of CONTRIBUTING.md, added to a copy of the plugin by its text and nothing else."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import fiftyone as fo
import pytest
import yaml

from tests.conftest import REPOSITORY

NAME: Final = "tag_crowded_images"
BLOCK: Final = re.compile(r"^```\w+\n(?:# |<!-- )(\S+\.\w+)(?: -->)?\n(.*?)^```$", re.M | re.S)
"""A file that the page shows whole. Its Python is marked ``py``, because a block marked ``python``
is one that can be run in the project as it is."""
COPIED: Final = ("plugins", "data", "docs", "scripts", "inference", "demo", "tests/support")
FILES: Final = (
    "fiftyone.yml",
    "README.md",
    "pyproject.toml",
    "tests/conftest.py",
    "tests/__init__.py",
)

IN_THE_APP: Final = """
import json, sys
import fiftyone as fo, fiftyone.operators as foo
from fiftyone.operators.executor import ExecutionContext, Executor
known = [one.name for one in foo.list_operators() if one.plugin_name == "@fathomnet/voxel51"]
told = {"known": known}
if sys.argv[2] in known:
    door = foo.get_operator("@fathomnet/voxel51/" + sys.argv[2])
    form = door.resolve_type(ExecutionContext({"dataset_name": sys.argv[1], "params": {"boxes": 2}},
        executor=Executor()), "inputs").type.to_json()
    told["form"] = json.dumps(form)
    told["result"] = foo.execute_operator(door.uri, {"params": {"boxes": 2}},
        dataset=fo.load_dataset(sys.argv[1])).result
    whole = foo.get_operator("@fathomnet/voxel51/run_workflow").model
    told["workflow"] = sys.argv[2] in whole.model_fields
print(json.dumps(told))
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A copy of the plugin."""
    folder = tmp_path / "plugin"
    for name in COPIED:
        ignored = shutil.ignore_patterns("__pycache__", "*.png")
        shutil.copytree(REPOSITORY / name, folder / name, ignore=ignored)
    for name in FILES:
        shutil.copy(REPOSITORY / name, folder / name)
    return folder


@pytest.fixture
def dataset(dataset_name: str) -> Any:
    dataset = fo.Dataset(dataset_name, persistent=True)
    for number in (3, 0, 2):
        boxes = [fo.Detection(label="Sebastes", bounding_box=[0, 0, 1, 1]) for _ in range(number)]
        field = fo.Detections(detections=boxes)
        dataset.add_sample(fo.Sample(f"/{number}.png", ground_truth=field))
    return dataset


def run(plugin: Path, *arguments: str) -> str:
    """What Python says in the copy, whose package it imports under the usual name."""
    packages = plugin.parent / "packages"
    packages.mkdir(exist_ok=True)
    if not (packages / "fathomnet_voxel51").exists():
        (packages / "fathomnet_voxel51").symlink_to(plugin / "plugins" / "fathomnet")
    environment = {
        **os.environ,
        "PYTHONPATH": f"{packages}:{plugin}",
        "FIFTYONE_PLUGINS_DIR": str(plugin),
    }
    command = [sys.executable, *arguments]
    finished = subprocess.run(
        command, cwd=plugin, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return finished.stdout


def texts(plugin: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(plugin)): path.read_bytes()
        for path in sorted(plugin.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def in_the_app(plugin: Path, dataset: Any) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(
        run(plugin, "-c", IN_THE_APP, dataset.name, NAME).splitlines()[-1]
    )
    return told


def test_the_operator_of_the_page_works_everywhere_and_goes_again(
    plugin: Path, dataset: Any
) -> None:
    run(plugin, "-m", "scripts.write_reference")
    before = texts(plugin)
    blocks = dict(BLOCK.findall((REPOSITORY / "CONTRIBUTING.md").read_text()))
    assert len(blocks) == 5 and not [name for name in blocks if name in before]
    for name, text in blocks.items():
        (plugin / name).write_text(text)
    run(plugin, "-m", "scripts.write_reference")

    changed = {name for name, text in texts(plugin).items() if before.get(name) != text}
    assert changed == {*blocks, "fiftyone.yml", "README.md", "docs/reference.md"}
    assert NAME in yaml.safe_load((plugin / "fiftyone.yml").read_text())["operators"]
    reference = (plugin / "docs" / "reference.md").read_text()
    assert f"\n## {NAME}\n" in reference and "| `crowded` | whole number |" in reference
    assert f"(docs/operators/{NAME}.md) | Tag the images" in (plugin / "README.md").read_text()

    told = in_the_app(plugin, dataset)
    assert NAME in told["known"] and told["workflow"]
    assert "2 images are crowded" in told["form"]
    assert told["result"] == {"crowded": 2, "images": 3}
    dataset.reload()
    assert dataset.match_tags("crowded").values("filepath") == ["/3.png", "/2.png"]

    command = ("-m", "fathomnet_voxel51.command_line.main", NAME.replace("_", "-"))
    said = run(plugin, *command, "--dataset", dataset.name, "--boxes", "3", "--json")
    assert json.loads(said) == {"crowded": 1, "images": 3}
    run(plugin, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_crowds.py")

    for name in blocks:
        (plugin / name).unlink()
    run(plugin, "-m", "scripts.write_reference")
    assert texts(plugin) == before
    assert NAME not in in_the_app(plugin, dataset)["known"]
