"""What other programs build on is a package's face, and each face shows only what is used."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import REPOSITORY

PLUGIN: Final = "fathomnet_voxel51"
INFERENCE: Final = REPOSITORY / "inference" / "fathomnet_inference"

FOUNDATIONS: Final = (
    "catalog",
    "command_line",
    "files",
    "media",
    "pictures",
    "prediction_files",
    "taxonomy",
)
"""The packages of the plugin that the inference package builds on."""

GROUND: Final = ("errors", "garbage_collector", "hardware", "names", "progress", "text")
"""Modules without a package: each is its own face."""

AS_MODULES: Final = ("dataset", "parameters")
"""Packages without a face of single things, which are used as modules."""

MEASURED_INSIDE: Final = {
    ("embeddings", "compute"),
    ("embeddings.patches", "default_batch_size"),
    ("label_errors.from_neighbours", "nearest_elsewhere"),
    ("label_errors.signals", "find_sources"),
    ("label_errors.signals", "read_labelled"),
    ("label_errors.signals", "read_looks"),
    ("label_errors.weighing", "Case"),
    ("label_errors.weighing", "weigh_labels"),
    ("labels.ranks", "rank_attributes"),
    ("pictures.decoding", "cut_patch"),
    ("pictures.decoding", "window_of"),
    ("pictures.decoding", "open_picture"),
    ("relabelling.journal", "acting_as"),
    ("relabelling.relabel", "ChosenBoxes"),
    ("review.progress", "progress_of"),
}
"""What a benchmark takes from behind a face, as it measures a part of a stage by itself."""


def imported(folder: Path) -> Iterator[tuple[str, str, str]]:
    """What a program imports from the plugin: its file, the module, the name."""
    files = sorted(folder.rglob("*.py"))
    assert files, folder
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PLUGIN}."):
                module = str(node.module).removeprefix(f"{PLUGIN}.")
                for name in node.names:
                    yield path.name, module, name.name


def test_the_inference_package_imports_the_faces_of_few_packages_only() -> None:
    uses = list(imported(INFERENCE))
    assert len(uses) > 40
    deep = [use for use in uses if use[1] not in (*FOUNDATIONS, *GROUND, "parameters.media")]
    assert deep == []
    assert {module for _, module, _ in uses} >= set(FOUNDATIONS), "one is no longer needed"
    for file, module, name in uses:
        if module in FOUNDATIONS:
            face = importlib.import_module(f"{PLUGIN}.{module}")
            assert name in face.__all__, (file, module)


@pytest.mark.parametrize("program", ["demo", "benchmarks"])
def test_demo_and_benchmarks_import_faces_but_for_what_is_measured_by_itself(program: str) -> None:
    for file, module, name in imported(REPOSITORY / program):
        package, _, inside = module.partition(".")
        if package in AS_MODULES or (program == "benchmarks" and (module, name) in MEASURED_INSIDE):
            continue
        assert not inside, (file, module, name)
        face = importlib.import_module(f"{PLUGIN}.{package}")
        if hasattr(face, "__path__"):
            assert name in face.__all__, (file, module, name)


def test_what_a_benchmark_takes_from_behind_a_face_is_still_taken() -> None:
    taken = {(module, name) for _, module, name in imported(REPOSITORY / "benchmarks")}
    assert taken >= MEASURED_INSIDE


def test_the_page_on_the_architecture_names_them() -> None:
    page = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    (line,) = [one for one in page.split("\n\n") if one.startswith("The inference package builds")]
    assert [name for name in FOUNDATIONS if f"`{name}/`" not in line] == []


@pytest.mark.parametrize("package", FOUNDATIONS)
def test_a_face_shows_what_somebody_outside_uses(package: str) -> None:
    """The programs beside the plugin, the tests, or other packages of the plugin itself."""
    folder = REPOSITORY / "plugins" / "fathomnet"
    face = importlib.import_module(f"{PLUGIN}.{package}")
    text = "\n".join(
        path.read_text(encoding="utf-8")
        for root in ("plugins", "inference", "demo", "benchmarks", "scripts")
        for path in (REPOSITORY / root).rglob("*.py")
        if not path.is_relative_to(folder / package)
    )
    assert [name for name in face.__all__ if name not in text] == []


def test_a_face_that_inference_builds_on_needs_neither_fiftyone_nor_a_database() -> None:
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import {', '.join(f'{PLUGIN}.{name}' for name in FOUNDATIONS)}, sys\n"
            "print([one for one in ('fiftyone', 'pymongo', 'torch', 'transformers')"
            " if one in sys.modules])",
        ],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    assert loaded.strip() == "[]"
