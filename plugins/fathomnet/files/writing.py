"""Writes files that get their names only once they are complete."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import BinaryIO

from .parts import lock_file, remove_if_abandoned


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


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file whose name always stands for complete content; see ``whole_file``."""
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
