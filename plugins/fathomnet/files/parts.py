"""Tells whether a partly written file belongs to a live process."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

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
