"""Files that get their name when they are whole, and text that no spreadsheet obeys.

Until then a file is a part, hidden beside its final place.
"""

import errno
import os
import re
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
    while True:
        part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
        file = part.open("xb")
        # Between the two calls another writer may have taken it for one that nobody holds.
        if lock_file(file.fileno()) is not False and os.fstat(file.fileno()).st_nlink:
            break
        file.close()
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


_PART: Final = re.compile(r"\..+\.[0-9a-f]{16}\.part", re.DOTALL)
_NAME_KEPT: Final = 24
"""Characters of the final name that a part's name shows; with all of them, the name could be too
long for the file system."""

_NO_LINKS: Final = frozenset(
    {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}
)

# macOS has only the stricter of the two.
_sync = getattr(os, "fdatasync", os.fsync)

Version = tuple[int, int]
"""The version of a file: its size, and its modification time in nanoseconds."""


class OtherVersionError(Exception):
    """Something unexpected has the final name."""


def is_part(name: str) -> bool:
    """Whether a file's name, without its folder, is that of a part.

    Examples:
        >>> is_part(".a.png.0123456789abcdef.part"), is_part("a.png")
        (True, False)
    """
    return name.endswith(".part") and _PART.fullmatch(name) is not None


def version_of(status: os.stat_result) -> Version:
    """The version of a file, from its ``stat`` result."""
    return status.st_size, status.st_mtime_ns


class PartFile:
    """One file on its way to its final name.

    It is locked while this process writes it, so that other processes can tell it from one that a
    killed run left behind.

    Attributes:
        size: bytes written so far.
    """

    def __init__(self) -> None:
        self.size = 0
        self._descriptor: int | None = None
        self._path: Path | None = None

    def create(self, target: Path) -> None:
        """Creates a part beside its final name; the folder must exist.

        Raises:
            OSError: it cannot be created.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        while True:
            name = f".{target.name[:_NAME_KEPT]}.{secrets.token_hex(8)}.part"
            path = target.with_name(name)
            descriptor = os.open(path, flags, 0o666)
            # Between the two calls a sweep may have taken it for one that nobody holds.
            if lock_file(descriptor) is not False and os.fstat(descriptor).st_nlink:
                self._descriptor, self._path = descriptor, path
                return
            os.close(descriptor)

    def write(self, chunk: bytes) -> None:
        """Appends bytes to the page cache; this takes microseconds and needs no thread.

        Raises:
            OSError: they cannot be written.
        """
        assert self._descriptor is not None
        left = memoryview(chunk)
        while left:
            left = left[os.write(self._descriptor, left) :]
        self.size += len(chunk)

    def publish(self, target: Path, expected: Version | None, durable: bool = True) -> Version:
        """Gives the complete part its final name, in one step.

        Args:
            target: the final name, in the part's folder.
            expected: the version that is replaced; None if nothing may exist.
            durable: whether the bytes reach the disk before the name does, so that not even a
                crash of the machine leaves a truncated file under it.

        Raises:
            OtherVersionError: something else has the name; it is left untouched.
            OSError: the bytes cannot be written, or the file cannot be renamed.
        """
        assert self._descriptor is not None and self._path is not None
        if durable:
            _sync(self._descriptor)
        version = version_of(os.fstat(self._descriptor))
        if expected is not None:
            with alone_in(target.parent):
                try:
                    found = version_of(target.lstat())
                except FileNotFoundError:
                    raise OtherVersionError from None
                if found != expected:
                    raise OtherVersionError
                self._path.replace(target)
        else:
            _name_if_free(self._path, target)
        self._path = None
        # Closing may wait for a network file system, which is better done here, in a thread.
        self._close()
        return version

    def discard(self) -> None:
        """Removes the part; does nothing if it has its final name, or was never created."""
        self._close()
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink()
            self._path = None

    def _close(self) -> None:
        if self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Lets only one writer of this project at a time check a name in a folder and then act on it.

    On a file system without locks, another program could act on the same name between the two
    steps.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        lock_file(descriptor, wait=True)
        yield
    finally:
        os.close(descriptor)


def _name_if_free(part: Path, target: Path) -> None:
    try:
        os.link(part, target)
    except FileExistsError:
        raise OtherVersionError from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # FAT and some network file systems know no links, and a rename overwrites.
        with alone_in(target.parent):
            if os.path.lexists(target):
                raise OtherVersionError from None
            part.rename(target)
    else:
        part.unlink()
