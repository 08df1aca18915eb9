"""Reads an input only once for a form that is redrawn at every keystroke."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

LARGEST_PREVIEWED = 64 * 1024 * 1024
"""Bytes; larger files would make the form wait, so they are checked only when they are used."""


def once_a_version(read: Callable[[str], T]) -> Callable[[str], T]:
    """Caches what is read from a file until the file changes.

    Args:
        read: reads the file at a path; the few newest results are kept, so it should return a
            summary rather than the content.
    """

    @lru_cache(maxsize=8)
    def cached(path: str, modified: int, size: int) -> T:
        return read(path)

    def lookup(path: str) -> T:
        try:
            state = Path(path).stat()
        except OSError:
            return read(path)
        return cached(path, state.st_mtime_ns, state.st_size)

    return lookup


def too_large(path: str) -> bool:
    """Whether a file is too large to be read for a preview."""
    try:
        return Path(path).stat().st_size > LARGEST_PREVIEWED
    except OSError:
        return False
