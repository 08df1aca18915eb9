"""Finds the places of files in a folder store, none of which may be outside it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ...files.part_files import is_part
from ...files.safe_values import safe_file_name
from ..outcomes import RejectedError


def located_file(root: str, path: str) -> Path:
    """The place of an image, with its folder's symbolic links followed.

    Raises:
        RejectedError: the place is outside the root, or the name is that of a part.
    """
    try:
        safe_file_name(path)
    except ValueError as error:
        raise RejectedError(str(error), again=False) from None
    if is_part(path.rpartition("/")[2]):
        raise RejectedError(f"{path} is the name of an unfinished file", again=False)
    target = Path(root, path)
    return located_folder(root, str(target.parent)) / target.name


def located_folder(root: str, folder: str) -> Path:
    """The place of a folder of the root, with symbolic links followed.

    Raises:
        RejectedError: the place is outside the root.
    """
    # realpath, unlike resolve, leaves links that go in circles to the call that meets them.
    real = Path(os.path.realpath(Path(root, folder)))
    if not real.is_relative_to(root):
        raise RejectedError(
            f"{folder} leads out of {root}, to {real}. Name the folder that it leads to "
            "as the destination, or make it a real folder.",
            again=False,
        )
    return real


def files_below(folder: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Each file below a folder, with its path relative to it; links are not followed."""
    open_folders = [("", str(folder))]
    while open_folders:
        prefix, place = open_folders.pop()
        try:
            entries = os.scandir(place)
        except (FileNotFoundError, NotADirectoryError):
            continue
        with entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    open_folders.append((f"{prefix}{entry.name}/", entry.path))
                elif entry.is_file(follow_symlinks=False):
                    yield prefix + entry.name, entry


def status_of(target: Path, path: str) -> os.stat_result | None:
    """The status of a file; None if nothing has its name.

    Raises:
        RejectedError: the name does not belong to a file.
    """
    try:
        status = target.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(status.st_mode):
        kind = {stat.S_IFDIR: "a folder", stat.S_IFLNK: "a symbolic link"}
        there = kind.get(stat.S_IFMT(status.st_mode), "something that is no file")
        raise RejectedError(f"{there} lies where {path} should be", again=False)
    return status


def make_folder_of(target: Path, path: str) -> None:
    """Makes the folder for an image.

    Raises:
        RejectedError: a file is in its place.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        problem = f"a file lies where the folder of {path} should be"
        raise RejectedError(problem, again=False) from None
