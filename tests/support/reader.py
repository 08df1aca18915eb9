"""Somebody who follows a page to the letter, on a machine with no model but the demo's."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from typing import Any, Final

import pytest
from fathomnet_voxel51.command_line.main import main as voxel51
from fathomnet_voxel51.command_line.terminal import ITEMS_FAILED

from tests.support.pages import blocks, shell_commands

MODEL: Final = "demo-clip"
"""Its weights come with the project; those of the models in the pages do not."""
STAND_IN: Final = (
    (r"^clip$|(?<=\")dinov2(?=\")", MODEL),
    (r"\bclip_similarity", "demo_clip_similarity"),
    (r"\bclip_embedding", "demo_clip_embedding"),
    # A map by UMAP takes most of a minute, of any dataset.
    (r"^umap$", "pca"),
)
DEFAULTS: Final = {
    "compute-embeddings": {"model": MODEL, "method": "none"},
    "build-similarity-index": {"model": MODEL},
    "find-duplicates": {"model": MODEL},
    "find-needles": {"brain-key": "demo_clip_similarity"},
}
"""What is meant where a page names no model, or no map."""


class Reader:
    """Runs what runs on this machine, and passes over programs of others.

    Args:
        page: the page.
        capture: pytest's, for what commands print.
        names: what the code of the page takes for granted.
        own_hosts: the images are on this machine, which the page does not know.

    Attributes:
        results: of each command of ours, in the page's order.
    """

    def __init__(
        self,
        page: str,
        capture: pytest.CaptureFixture[str],
        names: Mapping[str, Any] | None = None,
        own_hosts: bool = False,
    ) -> None:
        self._blocks = list(blocks(page))
        self._capture = capture
        self._names = dict(names or {})
        self._own_hosts = own_hosts
        self.results: list[dict[str, Any]] = []

    def follow(self, *languages: str) -> None:
        """Goes through the page's blocks in these languages, ``shell`` and ``python``."""
        for block in self._blocks:
            if block.language == "shell" and "shell" in languages:
                for words in shell_commands(block.text):
                    self._run(words)
            elif block.language == "python" and "python" in languages:
                exec(compile(_stood_in(block.text), str(block), "exec"), self._names)

    def _run(self, words: tuple[str, ...]) -> None:
        program, *arguments = words
        if program == "fathomnet-voxel51" and "--help" not in arguments:
            self._capture.readouterr()
            try:
                given = [*_here(arguments), *self._allowed(arguments[0]), "--json"]
                voxel51(given, standalone_mode=False)
            except SystemExit as ended:
                assert ended.code == ITEMS_FAILED, f"{words}\n{self._capture.readouterr().err}"
            self.results.append(json.loads(self._capture.readouterr().out))
        elif program == "export":
            name, _, value = arguments[0].partition("=")
            os.environ[name] = value
        elif program in ("cp", "ln", "mkdir"):
            subprocess.run(words, check=True)

    def _allowed(self, command: str) -> tuple[str, ...]:
        flags = {
            "run-workflow": "--upload-images.allow-private-hosts",
            "upload-images": "--allow-private-hosts",
        }
        return (flags[command],) if self._own_hosts and command in flags else ()


def _here(arguments: list[str]) -> list[str]:
    """A command as it can run here: at once, and with the demo's model."""
    given = [
        _stood_in(word) for word in arguments if word not in ("--delegate", "--wait", "--json")
    ]
    command = given[0]
    for operator, defaults in DEFAULTS.items():
        for name, value in defaults.items():
            if command == operator and f"--{name}" not in given:
                given += [f"--{name}", value]
            elif command == "run-workflow" and f"--{operator}.{name}" not in given:
                given += [f"--{operator}.{name}", value]
    return given


def _stood_in(text: str) -> str:
    for pattern, other in STAND_IN:
        text = re.sub(pattern, other, text)
    return text
