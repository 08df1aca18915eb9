"""Whoever looks for a thing finds it where its name says: one noun, one folder."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from pathlib import Path
from typing import Final

import pytest
import tomllib

from tests.conftest import REPOSITORY

PLUGIN: Final = REPOSITORY / "plugins" / "fathomnet"
TESTS: Final = REPOSITORY / "tests"

TOP_ENTRIES: Final = 42
MODULES_A_FOLDER: Final = 15
ANY_NUMBER: Final = ("operators", "parameters")
"""Folders of many files that are all alike."""

NO_MIRROR: Final = ("demo", "e2e", "enterprise", "faults", "inference", "pages", "support", "whole")
"""What is tested there is no one package of the plugin."""


def modules(root: Path) -> list[Path]:
    found = sorted(path.relative_to(root) for path in root.rglob("*.py"))
    assert len(found) > 150, "the modules were not found"
    return found


def siblings() -> dict[Path, set[str]]:
    """The names of the modules and packages of each folder."""
    names: dict[Path, set[str]] = defaultdict(set)
    for path in modules(PLUGIN):
        if path.name != "__init__.py":
            names[path.parent].add(path.stem)
        elif path.parent.name:
            names[path.parent.parent].add(path.parent.name)
    return names


def test_the_top_is_seen_at_a_glance() -> None:
    entries = [path for path in PLUGIN.iterdir() if path.name != "__pycache__"]
    assert len(entries) <= TOP_ENTRIES, sorted(path.name for path in entries)


def test_a_folder_holds_no_more_than_a_reader_keeps_in_mind() -> None:
    counts = Counter(path.parent for path in modules(PLUGIN) if path.name != "__init__.py")
    many = {str(folder): count for folder, count in counts.items() if count > MODULES_A_FOLDER}
    assert {folder for folder in many if folder not in ANY_NUMBER} == set(), many


def test_no_module_stands_beside_a_package_of_its_name() -> None:
    twice = [path for path in modules(PLUGIN) if (PLUGIN / path).with_suffix("").is_dir()]
    assert twice == []


def plurals(names: set[str]) -> set[tuple[str, str]]:
    return {(one, other) for one in names for other in names if other in (f"{one}s", f"{one}es")}


def test_no_two_names_differ_by_a_plural() -> None:
    found = {str(folder): plurals(names) for folder, names in siblings().items()}
    assert {folder: pairs for folder, pairs in found.items() if pairs} == {}


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        ({"embedding", "embeddings", "label"}, {("embedding", "embeddings")}),
        ({"box", "boxes"}, {("box", "boxes")}),
        ({"labels", "label_errors", "names"}, set()),
    ],
)
def test_a_plural_is_known_by_its_end(names: set[str], pairs: set[tuple[str, str]]) -> None:
    assert plurals(names) == pairs


def test_every_package_has_its_place_in_one_of_eight_layers() -> None:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = [one["layers"] for one in contracts if one["type"] == "layers"]
    assert len(layers) == 8
    placed = [name.strip() for row in layers for name in row.replace("|", ":").split(":")]
    assert sorted(placed) == sorted(siblings()[Path()])


def test_a_face_shows_its_own_package_and_says_all_that_it_shows() -> None:
    for path in modules(PLUGIN):
        if path.name != "__init__.py" or path.parent.name in ("", "operators", "panels"):
            continue
        tree = ast.parse((PLUGIN / path).read_text())
        shown = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
        names = {
            alias.asname or alias.name
            for node in shown
            if node.module != "__future__"
            for alias in node.names
        }
        assert all(node.level == 1 or node.module == "__future__" for node in shown), path
        listed = next((n for n in tree.body if "__all__" in ast.dump(n)), None)
        said = set(ast.literal_eval(listed.value)) if isinstance(listed, ast.Assign) else set()
        assert names <= said, path


def test_a_test_stands_where_what_it_tests_stands() -> None:
    found = [
        path
        for path in sorted(one.relative_to(TESTS) for one in TESTS.rglob("test_*.py"))
        if path.parts[0] not in NO_MIRROR
    ]
    assert len(found) > 50, "the tests were not found"
    mirrored = [path for path in found if is_mirrored(path)]
    astray = sorted(str(path) for path in set(found) - set(mirrored))
    assert len(mirrored) >= 0.9 * len(found), astray


def is_mirrored(path: Path) -> bool:
    """Whether a test's folder is a package or a module of the plugin; at the top, its name."""
    if path.parent == Path():
        return (PLUGIN / f"{path.stem.removeprefix('test_')}.py").is_file()
    folder = PLUGIN / path.parent
    return folder.is_dir() or folder.with_suffix(".py").is_file()
