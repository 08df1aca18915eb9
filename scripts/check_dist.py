"""What a distribution must hold, to the file, and what may never be in one."""

from __future__ import annotations

import re
import stat
import sys
import tomllib
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final

from fathomnet_voxel51.errors import Fault, InputError

PLUGIN_ROOT: Final = ("CHANGELOG.md", "LICENSE", "README.md", "fiftyone.yml", "requirements.txt")
"""What lies beside the package and its data in the plugin's zip."""

SHIPPED: Final = (
    *PLUGIN_ROOT, "constraints.txt", "pyproject.toml", "plugins", "skills", "data", "inference"
)  # fmt: skip
"""The files and folders of the repository that distributions are made of."""

LARGEST: Final = 4_000_000
"""Bytes of a distribution: twice what the plugin and the demo's model take today."""

_SUFFIXES: Final = frozenset(
    ("", ".csv", ".js", ".json", ".md", ".py", ".safetensors", ".svg", ".txt", ".yaml", ".yml")
)
_OF_TESTS: Final = re.compile(r"(test_.*|.*_test|conftest)\.py")
_SECRETS: Final = {
    "a private key": re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]"),
    "a service account's key": re.compile(rb'"private_key"\s*:\s*"[^"]{20}'),
    "a Google API key": re.compile(rb"\bAIza[0-9A-Za-z_-]{35}\b"),
    "a GitHub token": re.compile(rb"\b(gh[pousr]_[0-9A-Za-z]{36}|github_pat_\w{40})"),
    "an AWS access key": re.compile(rb"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a Hugging Face token": re.compile(rb"\bhf_[0-9A-Za-z]{30}"),
}


def plugin_files(source: Path) -> set[str]:
    """The names that the plugin's zip has: no fewer and no more.

    Args:
        source: the repository, or a copy of what of it is ``SHIPPED``.
    """
    settings = _setuptools(source)
    folder = settings["package-dir"]["fathomnet_voxel51"]
    found = {*PLUGIN_ROOT, "data/README.md"}
    assets = ("assets/*.svg", "assets/*.js")
    found |= {f"{folder}/{name}" for name in _inside(source / folder, assets)}
    found |= {f"data/{name}" for name in _data_files(source)}
    found |= {f"skills/{name}" for name in _inside(source / "skills", ("*/SKILL.md",))}
    return found | {
        f"{where}/{name}"
        for package in settings["packages"]
        for where in [_folder_of(package, settings["package-dir"])]
        for name in _inside(source / where, ("*.py",))
    }


def wheel_files(source: Path) -> set[str]:
    """The names in a wheel of a project, without those that describe it (``*.dist-info``).

    Args:
        source: the folder of its ``pyproject.toml``.
    """
    settings = _setuptools(source)
    folders = settings.get("package-dir", {})
    found = {
        f"{package.replace('.', '/')}/{name}"
        for package in settings["packages"]
        for name in _inside(source / _folder_of(package, folders), ("*.py",))
    }
    if "package-data" in settings:
        found |= {f"fathomnet_voxel51/data/{name}" for name in _data_files(source)}
    return found


def check(archive: Path, expected: Iterable[str], described: str = "") -> None:
    """Refuses a zip or a wheel that is not exactly what it is to be.

    Args:
        archive: the file.
        expected: the names that it has to have.
        described: folder of a wheel's own description, whose licence is asked for and whose other
            files are not.

    Raises:
        InputError: with every fault.
    """
    faults = []
    if archive.stat().st_size > LARGEST:
        size = f"{archive.stat().st_size:,} bytes; {LARGEST:,} are allowed"
        faults.append(Fault(archive.name, size))
    with zipfile.ZipFile(archive) as opened:
        entries = opened.infolist()
        names = Counter(entry.filename for entry in entries)
        for entry in entries:
            faults += (Fault(entry.filename, problem) for problem in _problems(opened, entry))
    about = {name for name in names if described and name.startswith(f"{described}/")}
    wanted = {*expected, *([f"{described}/licenses/LICENSE"] if described else [])}
    faults += (Fault(name, "twice in the archive") for name, count in names.items() if count > 1)
    faults += (Fault(name, "stray: nothing asks for it") for name in {*names} - wanted - about)
    faults += (Fault(name, "missing") for name in wanted - {*names})
    if faults:
        raise InputError(archive.name, sorted(faults), "see scripts/check_dist.py for what belongs")


def _problems(opened: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[str]:
    path = PurePosixPath(entry.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in entry.filename:
        yield "leads out of the folder that it is unpacked into"
    if entry.is_dir() or not stat.S_ISREG(entry.external_attr >> 16):
        yield "not a regular file"
        return
    if any(part.startswith(".") for part in path.parts):
        yield "hidden"
    is_described = path.parts[0].endswith(".dist-info")
    if path.suffix not in _SUFFIXES and not is_described:
        yield f"of a kind that is not shipped ({path.suffix})"
    if _OF_TESTS.fullmatch(path.name):
        yield "a test"
    content = opened.read(entry)
    yield from (f"holds {what}" for what, pattern in _SECRETS.items() if pattern.search(content))


def _setuptools(source: Path) -> dict[str, Any]:
    settings = tomllib.loads((source / "pyproject.toml").read_text())
    found: dict[str, Any] = settings["tool"]["setuptools"]
    return found


def _folder_of(package: str, folders: dict[str, str]) -> str:
    if package in folders:
        return folders[package]
    parent, _, name = package.rpartition(".")
    return f"{_folder_of(parent, folders)}/{name}" if parent else name


def _data_files(source: Path) -> set[str]:
    patterns = _setuptools(source)["package-data"]["fathomnet_voxel51.data"]
    return {"__init__.py", *_inside(source / "data", patterns)}


def _inside(folder: Path, patterns: Iterable[str]) -> set[str]:
    return {
        path.relative_to(folder).as_posix() for pattern in patterns for path in folder.glob(pattern)
    }


def main() -> None:
    """Checks a plugin's zip that somebody has: ``python -m scripts.check_dist FILE``."""
    try:
        check(Path(sys.argv[1]), plugin_files(Path(__file__).resolve().parents[1]))
    except InputError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
