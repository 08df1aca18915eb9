"""A disk of a megabyte, which fills up: a file system in memory that one process alone sees."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from tests.faults.held import Held

_NEW_MOUNTS: Final = 0x00020000
_NEW_USER: Final = 0x10000000
_REMOUNT: Final = 32
_RECURSIVE_PRIVATE: Final = 16384 | 1 << 18
_libc = ctypes.CDLL(None, use_errno=True)


class SmallDisk:
    """Mounted on a folder, for this process, until it ends; to be made in a process of its own.

    Root may mount; everybody else may where the kernel lets users have name spaces of their own.

    Args:
        place: the folder; what is in it is hidden.
        kilobytes: that it takes.

    Raises:
        OSError: this machine lets nobody but its administrator mount.
    """

    def __init__(self, place: Path, kilobytes: int = 1024) -> None:
        self.place = place
        self._ballast = place / "ballast"
        place.mkdir(parents=True, exist_ok=True)
        user, group = os.getuid(), os.getgid()
        _check(_libc.unshare(_NEW_MOUNTS if user == 0 else _NEW_MOUNTS | _NEW_USER))
        if user != 0:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"0 {user} 1")
            Path("/proc/self/gid_map").write_text(f"0 {group} 1")
        _check(_libc.mount(b"none", b"/", None, _RECURSIVE_PRIVATE, None))
        options = f"size={kilobytes}k".encode()
        _check(_libc.mount(b"none", bytes(place), b"tmpfs", 0, options))

    def fill(self, leaving: int = 0) -> Path:
        """A file that takes all that is free, but for so many bytes."""
        state = os.statvfs(self.place)
        file = self._ballast
        # Whoever else writes meanwhile takes a part of it.
        with contextlib.suppress(OSError):
            file.write_bytes(bytes(max(0, state.f_bavail * state.f_bsize - leaving)))
        return file

    def empty(self) -> None:
        """Takes that file away."""
        self._ballast.unlink()

    def grow(self, kilobytes: int) -> None:
        """Makes room."""
        options = f"size={kilobytes}k".encode()
        _check(_libc.mount(b"none", bytes(self.place), b"tmpfs", _REMOUNT, options))


def on_small_disk(work: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns that mounts a small disk in a process of its own."""
    ended = Held(work, *arguments).end()
    if isinstance(ended, PermissionError):
        pytest.skip("neither root nor a user with name spaces of their own: no disk can be mounted")
    if isinstance(ended, BaseException):
        raise ended
    return ended


def _check(status: int) -> None:
    if status != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
