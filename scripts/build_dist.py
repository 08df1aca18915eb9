"""Builds what is published into dist/: the plugin's zip, both wheels, the lock, their digests.

It is made of what is committed, so that the same commit gives the same bytes everywhere that the
same build tools are installed, and nothing that merely lies in a checkout gets into it.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from fathomnet_voxel51.errors import Fault, InputError

from .check_dist import PLUGIN_ROOT, SHIPPED, check, plugin_files, wheel_files

REPOSITORY: Final = Path(__file__).resolve().parents[1]
_FILE_MODE: Final = 0o644


def build(repository: Path, destination: Path) -> tuple[Path, ...]:
    """Builds everything, checks it, and only then puts it where it belongs.

    Args:
        repository: a git repository.
        destination: a folder, made where it is not there; what lies in it is replaced.

    Returns:
        The files.

    Raises:
        InputError: something is not committed, or a distribution is not what it is to be.
    """
    _refuse_uncommitted(repository)
    with tempfile.TemporaryDirectory(prefix="fathomnet-dist-") as scratch:
        source, made = Path(scratch, "source"), Path(scratch, "made")
        made.mkdir()
        _export(repository, source)
        moment = _moment(repository)
        _build_plugin(source, made, moment)
        for project in (source, source / "inference"):
            _build_wheel(project, made, moment)
        shutil.copy(source / "constraints.txt", made)
        _write_digests(made)
        if destination.exists():
            shutil.rmtree(destination)
        shutil.copytree(made, destination)
    return tuple(sorted(destination.iterdir()))


def _refuse_uncommitted(repository: Path) -> None:
    changed = _git(repository, "status", "--porcelain", "--", *SHIPPED).decode().splitlines()
    if changed:
        faults = [Fault(line[3:], "not committed") for line in changed]
        raise InputError("what is published", faults, "commit it, or take it away, and build again")


def _export(repository: Path, folder: Path) -> None:
    """What is committed of what is shipped, without regard to this checkout's modes and times."""
    archive = _git(repository, "archive", "--format=tar", "HEAD", "--", *SHIPPED)
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        members = [member for member in opened if not member.isdir()]
        links = [member.name for member in members if not member.isreg()]
        if links:
            raise InputError("what is published", [Fault(name, "a link") for name in links])
        for member in members:
            path, content = folder / member.name, opened.extractfile(member)
            assert content is not None  # it is a file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.read())
            path.chmod(_FILE_MODE)
    # A wheel takes the licence that lies beside its pyproject.toml.
    shutil.copy(folder / "LICENSE", folder / "inference")


def _moment(repository: Path) -> int:
    """The time of every entry, in seconds since 1970: the commit's, or what the builder says."""
    said = os.environ.get("SOURCE_DATE_EPOCH")
    return int(said or _git(repository, "log", "-1", "--format=%ct"))


def _build_plugin(source: Path, folder: Path, moment: int) -> None:
    found = [path for name in ("plugins", "skills", "data") for path in (source / name).rglob("*")]
    names = [path.relative_to(source).as_posix() for path in found if not path.is_dir()]
    path = folder / f"fathomnet-voxel51-{_version(source)}-plugin.zip"
    time = datetime.fromtimestamp(moment, UTC)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted((*PLUGIN_ROOT, *names)):
            entry = zipfile.ZipInfo(name, time.timetuple()[:6])
            entry.external_attr = (stat.S_IFREG | _FILE_MODE) << 16
            entry.create_system = 3  # Unix, on whatever system it is built
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, (source / name).read_bytes())
    check(path, plugin_files(source))


def _build_wheel(project: Path, folder: Path, moment: int) -> None:
    before = set(folder.iterdir())
    command: list[str | Path] = [
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"),
        *("--no-deps", "--no-build-isolation", "--wheel-dir", folder, project),
    ]
    expected = wheel_files(project)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(moment)}
    subprocess.run(command, check=True, env=environment, umask=0o022)
    (wheel,) = set(folder.iterdir()) - before
    name, version = wheel.name.split("-")[:2]
    check(wheel, expected, f"{name}-{version}.dist-info")


def _write_digests(folder: Path) -> None:
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(folder.iterdir())
    ]
    (folder / "SHA256SUMS").write_text("".join(lines))


def _version(source: Path) -> str:
    settings = tomllib.loads((source / "pyproject.toml").read_text())
    return str(settings["project"]["version"])


def _git(repository: Path, *arguments: str) -> bytes:
    command: list[str | Path] = ["git", "-C", repository, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def main() -> None:
    try:
        files = build(REPOSITORY, REPOSITORY / "dist")
    except InputError as error:
        sys.exit(str(error))
    for path in files:
        sys.stdout.write(f"{path.stat().st_size:>10,}  {path.relative_to(REPOSITORY)}\n")
    if "<owner>" in (REPOSITORY / "fiftyone.yml").read_text(encoding="utf-8"):
        sys.stdout.write("the manifest has no address yet: see docs/deployment.md\n")


if __name__ == "__main__":
    main()
