"""Environments of their own, in which only what a test has installed is installed."""

from __future__ import annotations

import site
import subprocess
import sys
from pathlib import Path


def pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, *arguments], check=True)


def environment_with(folder: Path, *wheels: Path) -> Path:
    """The interpreter of a clean environment with the wheels, which borrows our dependencies."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    pip("--python", python, "install", "--no-deps", "--no-index", *wheels)
    (packages,) = folder.glob("lib/python*/site-packages")
    # A folder that a .pth file names is searched, but its own .pth files, such as the one by which
    # this checkout is installed, are not followed.
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    return python


def output_of(*command: str | Path, folder: Path) -> str:
    """What a command says that runs in a folder."""
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return run.stdout.strip()
