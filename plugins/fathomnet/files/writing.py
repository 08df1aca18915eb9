"""Files that get their name when they are whole, and text that no spreadsheet obeys."""

import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import Any, BinaryIO, Final

from .places import CloudPath, Place, is_there, place

_BEGINS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""owasp.org/www-community/attacks/CSV_Injection"""


def spreadsheet_cell(value: Any) -> Any:
    """A value as a cell that no spreadsheet takes for a formula.

    A text that would be a formula gets an apostrophe in front, which marks it as text to a
    spreadsheet; any other value is returned unchanged.

    Examples:
        >>> spreadsheet_cell("=1+1"), spreadsheet_cell("Sebastes"), spreadsheet_cell(-1)
        ("'=1+1", 'Sebastes', -1)
    """
    is_formula = isinstance(value, str) and value.startswith(_BEGINS_A_FORMULA)
    return f"'{value}" if is_formula else value


def folder_problem(name: str | Place) -> str:
    """Why no file can be written into a folder that may not be there yet; empty where one can."""
    folder = place(name)
    if isinstance(folder, CloudPath):
        return folder.problem()
    if "://" in str(name):
        return f"{name} is not a place on this machine; name a folder"
    there = next(one for one in (folder, *folder.absolute().parents) if is_there(one))
    if not there.is_dir():
        return f"{folder} cannot be written: {there} is not a folder"
    if not os.access(there, os.W_OK | os.X_OK):
        return f"{folder} cannot be written: you may not write into {there}"
    return ""


UNLOCKABLE_PART_SECONDS: Final = 24 * 3600.0
"""On a file system without locks, a part that nobody touched for this long is abandoned."""


def remove_if_abandoned(path: Path) -> bool:
    """Removes a part that no living process holds.

    Returns:
        Whether it was removed by this call.

    Raises:
        OSError: it is abandoned, but cannot be removed.
    """
    try:
        # Windows has neither of the two, and no links that a user without rights could lay.
        flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        descriptor = os.open(path, os.O_RDWR | flags)
    except (FileNotFoundError, PermissionError):
        return False
    try:
        locked = lock_file(descriptor)
        if locked is None:
            locked = time.time() - os.fstat(descriptor).st_mtime > UNLOCKABLE_PART_SECONDS
        if locked:
            path.unlink()
        return locked
    except FileNotFoundError:
        return False
    finally:
        os.close(descriptor)


def lock_file(descriptor: int, wait: bool = False) -> bool | None:
    """Locks a file or folder for this descriptor.

    Returns:
        Whether it is locked now; None where the system or the file system does not support locks.
    """
    try:
        import fcntl
    except ImportError:  # on Windows
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Opens a file for writing that gets its name at the end, replacing any file of that name.

    Until then it has an unpredictable name: in a folder that others may write to, a link that
    somebody has planted is replaced, not followed. Remains of killed writers of the same file are
    removed.

    Args:
        path: its final name; the folder must exist.

    Raises:
        OSError: it cannot be written; a file that had the name before is untouched.
    """
    for abandoned in path.parent.glob(f".{escape(path.name)}.*.part"):
        with suppress(OSError):
            remove_if_abandoned(abandoned)
    part, file = _begun(path)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if sys.platform == "win32":
                file.close()  # Windows cannot rename an open file
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_whole(path: Place, content: bytes) -> None:
    """Writes a file whose name always stands for complete content; see ``whole_file``."""
    if isinstance(path, CloudPath):
        path.write_bytes(content)
        return
    with whole_file(path) as file:
        file.write(content)


def _begun(path: Path) -> tuple[Path, BinaryIO]:
    """Makes a part beside its final name, and locks it where locks are supported."""
    while True:
        part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
        file = part.open("xb")
        # Between the two calls another writer may have taken it for one that nobody holds.
        if lock_file(file.fileno()) is not False and os.fstat(file.fileno()).st_nlink:
            return part, file
        file.close()
